/** How far a rule has come, its one sentence, and times as fields take them. */

import { describe, expect, test } from 'vitest'
import { rowsOf, subjectOf } from '../src/lib/deeds'
import { fieldOf, isRule, ruleSays, stageOf, timeOf, type RuleRow } from '../src/lib/rules'

const DAY = 86_400e6
const BEGIN = Date.parse('2026-11-23T06:30:00Z') * 1000
const ROW: RuleRow = {
  rule: 'rule--1', origin: 'ASTER', name: 'night', state: 'in force', agreed_by: ['mara', 'nia'], mode: '', says: '',
  topic: 'airborne', level: 'HIGH', audience: ['BIRCH', 'CEDAR'], realms: ['live'], valid_from: BEGIN, valid_until: BEGIN + 30 * DAY,
}

describe('a rule', () => {
  test.each([
    [{}, BEGIN, 'inforce'],
    [{}, BEGIN - 1, 'coming'],
    [{}, BEGIN + 30 * DAY, 'ended'],
    [{ agreed_by: ['mara'], state: 'not in force' }, BEGIN, 'proposed'],
    [{ agreed_by: ['mara', 'mara'], state: 'not in force' }, BEGIN, 'proposed'],
    [{ agreed_by: ['mara'], state: 'not in force' }, BEGIN + 30 * DAY, 'ended'],
    [{ agreed_by: ['mara'], mode: 'single' }, BEGIN, 'inforce'],
    [{ state: 'withdrawn' }, BEGIN, 'withdrawn'],
  ] as [Partial<RuleRow>, number, string][])('%j at %i is %s', (more, now, stage) => expect(stageOf({ ...ROW, ...more }, now)).toBe(stage))

  test('says what it lets happen without a person', () => {
    const names = { partner: (id: string) => id.toLowerCase(), topic: () => 'Airborne', realm: () => 'Live' }
    expect(ruleSays(ROW, names)).toBe(
      'From 2026-11-23 06:30:00Z until 2026-12-23 06:30:00Z, warnings of Airborne at HIGH or above in Live go to birch, cedar without anybody pressing a button.',
    )
  })

  test('is known among proposals, its times readable', () => {
    const { topic, level, audience, realms, valid_from, valid_until } = ROW
    const content = { name: 'night', topic, level, audience, realms, valid_from, valid_until }
    expect(subjectOf('rule:agree', 'rule--1', content, (id) => id)).toContain('go to BIRCH, CEDAR without')
    expect(rowsOf(content)).toContainEqual(['valid until', '2026-12-23 06:30:00Z'])
    expect(rowsOf({ label: { review: BEGIN }, count: BEGIN })).toEqual([['label review', '2026-11-23 06:30:00Z'], ['count', String(BEGIN)]])
    expect(isRule({ topic, level })).toBe(false)
    expect(subjectOf('rule:agree', 'rule--1', { topic }, (id) => id)).toBe('rule--1')
  })
})

test('a time is written into a field and read from it in UTC', () => {
  expect(fieldOf(BEGIN)).toBe('2026-11-23T06:30')
  expect(timeOf(fieldOf(BEGIN))).toBe(BEGIN)
  expect(timeOf('2026-11-23T06:30:59')).toBe(BEGIN)
  for (const bad of ['', '2026-11-23', '2026-13-41T06:30', 'soon']) expect(timeOf(bad)).toBeNull()
})
