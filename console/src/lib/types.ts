/** What the node's HTTP interface says (docs/architecture.md, HTTP). Times are integers, µs UTC. */

export type Micros = number
export type RealmKind = 'live' | 'exercise' | 'replay'
export type Probabilities = Record<string, number>
export type History = [Micros, Probabilities][]

export interface RealmInfo {
  realm: string
  kind: RealmKind
  title: string
  note: string | null
  banner: string
}

export interface Session {
  user: string
  roles: string[]
  csrf: string
  node: { id: string; name: string }
  realms: RealmInfo[]
  demo: boolean
  notice: string | null
  protocol_time: Micros
  levels: string[]
  policy: string
  partners: string[]
  caveats?: string[]
  communities?: string[]
  /** Feed terms that a label may bear. */
  terms?: string[]
  /** What this user's roles allow, as `subject:action`. */
  may?: string[]
}

export type FeedState = 'ok' | 'late' | 'silent' | 'ended' | 'failed'

export interface Feed {
  name: string
  state: FeedState
  last: Micros | null
  lateness_s: number | null
  observations: number
  says: string | null
  from: string
}

export interface Place {
  name: string
  kind: 'staging' | 'line' | 'area' | 'blind'
  points: [number, number][]
  radius_km: number | null
}

/** Columns of one frame of tracks; `full` replaces everything, else `gone` leaves and the rest is written over. */
export interface TrackFrame {
  type: 'tracks'
  full: boolean
  realm: string
  time: Micros
  cursor: number
  n: number[]
  lat: number[]
  lon: number[]
  alt: (number | null)[]
  speed: (number | null)[]
  course: (number | null)[]
  climb: (number | null)[]
  call: string[]
  what: string[]
  mil: number[]
  sim: number[]
  seen: Micros[]
  gone: number[]
}

export type Topical = 'warnings' | 'feeds' | 'exchange' | 'reports' | 'session'

export interface ChangedFrame {
  type: 'changed'
  what: Topical[]
}

export interface IndicatorState {
  id: string
  title: string
  state: 'seen' | 'not seen' | 'cannot say'
  since: Micros | null
  weight: number | null
  why?: string
  trend?: 'stronger' | 'weaker' | 'steady' | ''
}

export interface Assessment {
  topic: string
  title: string
  realm: string
  time: Micros
  level: string
  levels: { name: string; at: number }[]
  probabilities: Probabilities
  words: Record<string, string>
  confidence: string
  history: History
  hypotheses: { id: string; title: string }[]
  indicators: IndicatorState[]
  cannot_see: string[]
  would_change: string
  was?: string
  since?: Micros
  sentence?: string
  because?: string
  base_rate?: string
  innocent?: string[]
  evidence?: EvidenceItem[]
}

export type KnowState = 'withheld' | 'queued' | 'sent' | 'delivered' | 'read' | 'acknowledged' | 'draft'

export interface Knows {
  partner: string
  name: string
  state: KnowState
  at: Micros | null
  by: string | null
  reason: string | null
}

export interface EvidenceItem {
  indicator: string
  title: string
  finding: string
  text: string
  weight: number
  since: Micros
  feeds: string[]
  latitude: number | null
  longitude: number | null
  identities: number[]
}

export interface Warning {
  warning: string
  record: string
  realm: string
  origin: string
  topic: string
  topic_title: string
  state: 'drafted' | 'updated' | 'approved' | 'issued' | 'cancelled'
  level: string
  was: string
  sentence: string
  probabilities: Probabilities
  words: Record<string, string>
  confidence: string
  innocent: string[]
  base_rate: string
  evidence: EvidenceItem[]
  cannot_see: string[]
  would_change: string
  drafted_at: Micros
  issued_at: Micros | null
  approved_by: string
  eta: Micros | null
  eta_place: string | null
  area: [number, number][]
  version: number
  banner: string
  mine: boolean
  history: History
  who_knows: Knows[]
  may: { approve: boolean; acknowledge: boolean; hold: boolean; cancel: boolean }
  changed_since_read?: boolean
  versions?: { version: number; state: string; level: string; time: Micros; by: string }[]
}

export interface Report {
  record: string
  realm: string
  origin: string
  title: string
  text: string
  source: string
  grade: string
  graded_by: string
  author: string
  protocol_time: Micros
  banner: string
  who_knows: Knows[]
}

export interface Decision {
  partner: string
  name: string
  allowed: boolean
  reason: string
}

export interface PartnerLink {
  id: string
  name: string
  fingerprint: string
  state: 'up' | 'late' | 'down'
  last_heard: Micros | null
  behind_in: number
  behind_out: number
  refused: number
  gaps: number
}

export interface Exchange {
  partners: PartnerLink[]
  refusals: { sender: string; reason: string; protocol_time: Micros; digest: string }[]
  gaps?: { sender: string; first: number; last: number; reason: string }[]
  counters: Record<string, number>
}

export interface JournalRow {
  index: number
  id: string
  kind: string
  origin: string
  author: string
  protocol_time: Micros
  realm_time: Micros
  leaf: string
  banner: string
  understood: boolean
}

export interface LogEntry {
  protocol_time: Micros
  author: string
  text: string
  handed_to?: string
}

export type RehearsalStep = 'quiet' | 'surge' | 'bell' | 'acknowledged' | 'issued' | 'changed'

export interface Rehearsal {
  running: boolean
  realm: string | null
  elapsed_s: number
  of_s: number
  step: number
  steps: { id: RehearsalStep; at_s: number; done: boolean }[]
}

export interface InfoRequest {
  record: string
  question: string
  state: 'open' | 'answered' | 'closed'
  mine: boolean
  protocol_time: Micros
}

export interface ClaimRow {
  record: string
  origin: string
  author: string
  text: string
  source: string
  grade: string
  indicator: string
  root: string
  channel: string
  claimed_at: Micros | null
  latitude: number | null
  longitude: number | null
  protocol_time: Micros
  banner: string
}

export interface Assertable {
  topic: string
  indicator: string
  title: string
  by: 'claims' | 'officers' | 'anybody'
}

export interface CountSeries {
  series: string
  source: string
  days: number[]
  counts: number[]
  banner: string
}

export interface BacktestRow {
  name: string
  title: string
  at: Micros
  bytes: number
  banner: string
}
