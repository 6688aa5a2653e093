/** What the node says of partners, people and machines (docs/architecture.md, HTTP). Times are µs UTC of protocol time. */

import type { Micros } from './types'

export type KeyState = 'pinned' | 'rotated' | 'recovered' | 'revoked' | 'excluded'

export interface PartnerRow {
  partner: string
  name: string
  fingerprint: string
  clearance: string
  caveats: string[]
  state?: KeyState
  since?: Micros
  reason?: string
  compared?: boolean
  compared_at?: Micros | null
  compared_by?: string
}

export interface Partners {
  own: { partner: string; fingerprint: string; card: string }
  partners: PartnerRow[]
  revocations: { by: string; partner: string; state: string; reason: string; agreed: string[]; time: Micros }[]
}

export interface Tested {
  partner: string
  well: boolean
  side: '' | 'here' | 'there' | 'relay'
  says: string
  steps: { what: string; well: boolean; side: 'here' | 'there' | 'relay'; says: string }[]
}

interface Allowed {
  roles: string[]
  clearance: string
  caveats: string[]
}

export interface UserRow extends Allowed {
  name: string
  second_factor: string[]
}

export interface InvitationRow extends Allowed {
  id: string
  name: string
  invited_by: string
  expires: Micros
  token?: string
  link?: string
}

export interface SessionRow {
  id: string
  user: string
  factor: string
  opened_at: Micros
  seen_at: Micros
  expires: Micros
  this?: boolean
}

export interface People {
  users: UserRow[]
  invitations: InvitationRow[]
  sessions: SessionRow[]
}

export interface Factors {
  factors: { id: string; kind: string; name: string; added_at: Micros; used_at: Micros | null }[]
  recovery_left: number
  fresh: boolean
}

export interface ClientRow extends Allowed {
  name: string
  owner: string
  prefix: string
  certificate: string
  expires: Micros
  used_at: Micros | null
  token?: string
}

export interface ReceiverRow {
  name: string
  kind: string
  address: string
  partner: string
  clearance: string
  caveats: string[]
  added_by: string
  /** Whether this version tells it anything: a feed alone. */
  told: boolean
  prefix: string
  expires: Micros | null
  used_at: Micros | null
  token?: string
}

/** One thing that a receiver was told. */
export interface ToldRow {
  record: string
  kind: string
  realm: string
  at: Micros
  recalled: boolean
}

export interface ProposalRow {
  id: string
  act: string
  what: string
  digest: string
  proposed_by: string
  proposed_at: Micros
  expires: Micros
  state: string
  says: string
  /** Exactly what would be done. */
  content?: unknown
  may: { approve: boolean }
}

export const ROLES = ['watch-officer', 'analyst', 'approver', 'security-officer', 'administrator', 'exercise-controller', 'reader'] as const

/** What stands between commas. */
export const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
