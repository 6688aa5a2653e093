/** What two persons decide, in words; and what stands in a proposal, line by line. Pure. */

import { zulu, zuluDate } from './format'
import { t, type Key } from './messages'
import { isRule, ruleSays } from './rules'

const DEED: Record<string, Key> = {
  'partner:exclude': 'deed.partner:exclude',
  'journal:erase': 'deed.journal:erase',
  'setting:change': 'deed.setting:change',
  'label:lower': 'deed.label:lower',
  'label:tear': 'deed.label:tear',
  'rule:agree': 'deed.rule:agree',
}
const SETTING: Record<string, Key> = {
  second_factor: 'setting.second_factor',
  step_up: 'setting.step_up',
  single_approver: 'setting.single_approver',
  session_hours: 'setting.session_hours',
  idle_minutes: 'setting.idle_minutes',
  invitation_hours: 'setting.invitation_hours',
}
/** The values of a setting that has only a few; others take a number. */
export const CHOICES: Record<string, readonly string[]> = { second_factor: ['optional', 'privileged', 'required'] }

/** An act as people say it: `partner:exclude` is "Exclude a partner". One without words stays as it is. */
export const deed = (act: string): string => (DEED[act] ? t(DEED[act]) : act)

/** What a setting is called, and how its value reads. */
export const settingName = (name: string): string => (SETTING[name] ? t(SETTING[name]) : name)
export function settingValue(value: unknown): string {
  return typeof value === 'boolean' ? t(value ? 'setting.yes' : 'setting.no') : String(value)
}

/** What of a proposal's content is a time, µs UTC. */
const TIMES = /^(valid (from|until)|until|expires|review|.* (expires|review))$/

/** A proposal's content as rows of a name and a value, nothing left out. */
export function rowsOf(content: unknown, name = ''): [string, string][] {
  if (content === null || content === undefined || content === '') return []
  if (Array.isArray(content)) return content.every((one) => typeof one !== 'object') ? (content.length ? [[name, content.join(', ')]] : []) : content.flatMap((one) => rowsOf(one, name))
  if (typeof content === 'number' && TIMES.test(name)) return [[name, zuluDate(content)]]
  if (typeof content !== 'object') return [[name, typeof content === 'boolean' ? settingValue(content) : String(content)]]
  return Object.entries(content).flatMap(([key, value]) => rowsOf(value, [name, key.replaceAll('_', ' ')].filter(Boolean).join(' ')))
}

/** What a proposal is about, in one line. */
export function subjectOf(act: string, what: string, content: unknown, nameOf: (id: string) => string): string {
  const held = (content ?? {}) as Record<string, unknown>
  const reason = typeof held['reason'] === 'string' ? held['reason'] : ''
  if (act === 'partner:exclude') return [nameOf(what), reason].filter(Boolean).join(' · ')
  if (act === 'setting:change' && 'value' in held) return t('deed.change', { name: settingName(what), before: settingValue(held['before']), value: settingValue(held['value']) })
  if (act === 'label:tear') return [(held['report'] as { title?: string } | undefined)?.title, what].filter(Boolean).join(' · ')
  if (act === 'rule:agree' && isRule(held)) return ruleSays(held, { partner: nameOf })
  return [what, reason].filter(Boolean).join(' · ')
}

/** A proposal as the node answers it when it is made. */
export interface Proposal {
  state: string
}

/** What is said after proposing: a second person is awaited, or this node let one person decide. */
export function proposed(row: Proposal, now: number): string {
  return t(row.state === 'open' ? 'deed.proposed' : 'deed.atonce', { time: zulu(now) })
}
