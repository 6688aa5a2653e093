/** What the node says of delivery: inbox, ledger, requests, requirements (docs/architecture.md, HTTP). Times are µs UTC. */

import type { Knows, Micros } from './types'

export interface Recalled {
  record: string
  by: string
  at: Micros
  why: string
}

export interface InboxRow {
  index: number | null
  record: string
  kind: string
  origin: string
  author: string
  title: string
  protocol_time: Micros
  banner: string
  read_at: Micros | null
  recalled: Recalled | null
  fits?: string[]
  /** A partner's node asks for a second person: exactly what would be done, and whether somebody here has answered. */
  asks?: Asked
  /** It goes on to others only if this node consents; and what it has consented to. */
  wants_consent?: boolean
  consents?: Consented[]
}

export interface Consented {
  consent: string
  audience: string[]
  until: Micros
  by: string
}

/** A label of this node's to look at again. */
export interface DueRow {
  record: string
  kind: string
  realm: string
  origin: string
  title: string
  banner: string
  /** Its level and caveats; empty where it follows another policy. */
  classification: string
  caveats: string[]
  review: Micros
  overdue: boolean
}

export interface Asked {
  act: string
  what: string
  digest: string
  content: string
  proposed_by: string
  expires: Micros
  answered: boolean
}

/** What is wanted under a name; of each list that is not empty one has to fit. */
export interface Subscribed {
  name: string
  kinds?: string[]
  topics?: string[]
  indicators?: string[]
  area?: [number, number][]
  partner?: string
  by?: string
  at?: Micros
}

export interface Subscriptions {
  mine: Subscribed[]
  ours: Subscribed[]
  theirs: Subscribed[]
}

export interface Fate {
  partner: string
  name: string
  state: 'withheld' | 'queued' | 'sent' | 'delivered' | 'read'
  at: Micros | null
  reason: string
  offered_at: Micros | null
  sent_at: Micros | null
  delivered_at: Micros | null
  read_at: Micros | null
  read_by: string
  recalled_at: Micros | null
  recall_read_at: Micros | null
  recall_read_by: string
}

/** A receiver without a node that fetched a record, and when it fetched the recall. */
export interface Fetched {
  receiver: string
  partner: string
  at: Micros | null
  recalled_at: Micros | null
}

export interface LedgerRow {
  record: string
  kind: string
  author: string
  title: string
  protocol_time: Micros
  banner: string
  recalled: Recalled | null
  partners: Fate[]
  receivers: Fetched[]
}

interface Brief {
  record: string
  kind: string
  origin: string
  author: string
  title: string
  protocol_time: Micros
}

export interface RequestRow {
  record: string
  origin: string
  author: string
  mine: boolean
  question: string
  why: string
  state: 'open' | 'answered' | 'closed'
  topic: string
  indicator: string
  priority: string
  wanted_by: Micros | null
  protocol_time: Micros
  banner: string
  serves: string[]
  answers: Brief[]
  who_knows: Knows[]
}

export interface RequirementRow {
  record: string
  origin: string
  mine: boolean
  number: string
  text: string
  topic: string
  state: 'standing' | 'ended' | 'past'
  valid_from: Micros
  valid_until: Micros
  banner: string
  served_by: Brief[]
}

export const KINDS = ['report', 'claim', 'finding', 'warning', 'request', 'requirement', 'recall', 'rule', 'subscription'] as const
/** The node takes these and no others: the words go further than the record's own label may. */
export const RECALL_REASONS = ['mistaken', 'released in error', 'withdrawn by its source', 'superseded', 'required by law'] as const
export const PRIORITIES = ['routine', 'priority', 'immediate'] as const
