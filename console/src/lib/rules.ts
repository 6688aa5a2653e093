/** Rules agreed beforehand: how far one has come, and what it lets happen in one plain sentence. Pure. */

import { zuluDate } from './format'
import { t } from './messages'
import type { Micros } from './types'

/** What a rule says: warnings of `topic` at `level` or above, in `realms`, go to `audience`. Times are protocol time, µs UTC. */
export interface Ruled {
  topic: string
  level: string
  audience: string[]
  realms: string[]
  valid_from: Micros
  valid_until: Micros
}

export interface RuleRow extends Ruled {
  rule: string
  origin: string
  name: string
  state: 'in force' | 'not in force' | 'withdrawn'
  agreed_by: string[]
  /** `single`: its node lets one person approve alone. */
  mode: string
  /** Who stands behind it, in words. */
  says: string
}

/** In the order in which they want a look. */
export const STAGES = ['proposed', 'inforce', 'coming', 'ended', 'withdrawn'] as const
export type Stage = (typeof STAGES)[number]

export function stageOf(row: RuleRow, now: Micros): Stage {
  if (row.state === 'withdrawn') return 'withdrawn'
  if (now >= row.valid_until) return 'ended'
  if (row.mode !== 'single' && new Set(row.agreed_by).size < 2) return 'proposed'
  return now < row.valid_from ? 'coming' : 'inforce'
}

export interface Names {
  partner: (id: string) => string
  topic?: (id: string) => string
  realm?: (id: string) => string
}

/** What the rule lets happen without a person at the time. */
export function ruleSays(rule: Ruled, names: Names): string {
  const { topic = (id) => id, realm = (id) => id, partner } = names
  return t('rules.says', {
    from: zuluDate(rule.valid_from),
    until: zuluDate(rule.valid_until),
    topic: topic(rule.topic),
    level: rule.level,
    realms: rule.realms.map(realm).join(', '),
    audience: rule.audience.map(partner).join(', '),
  })
}

/** Whether a proposal's content is a rule. */
export function isRule(content: object): content is Ruled {
  return ['topic', 'level', 'audience', 'realms', 'valid_from', 'valid_until'].every((name) => name in content)
}

/** `2026-03-08T03:11`: a time as a field for date and time takes it, in UTC. */
export const fieldOf = (time: Micros): string => new Date(time / 1000).toISOString().slice(0, 16)

/** What such a field says, µs UTC; null where it says nothing. */
export function timeOf(field: string): Micros | null {
  const ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(field) ? Date.parse(`${field.slice(0, 16)}:00Z`) : NaN
  return Number.isNaN(ms) ? null : ms * 1000
}
