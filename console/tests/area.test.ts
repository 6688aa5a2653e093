import { expect, test } from 'vitest'
import { readArea } from '../src/lib/area'
import { readBanner } from '../src/lib/banner'
import { deed, rowsOf, subjectOf } from '../src/lib/deeds'

test('an area is read however its corners are written', () => {
  const points = [[46.1, 6.5], [-47, 7.25]]
  for (const text of ['46.1 6.5\n-47 7.25', '46.1, 6.5\n\n-47,7.25\n', '46,1 6,5\n-47 7,25', '46.1;6.5\n-47;7.25']) expect(readArea(text)).toEqual({ points })
  expect(readArea('')).toEqual({ points: [] })
})

test('what is no corner is named with its line', () => {
  expect(readArea('46.1 6.5\nnorth')).toEqual({ line: 2, text: 'north' })
  expect(readArea('91 6')).toEqual({ line: 1, text: '91 6' })
  expect(readArea('1 2 3')).toEqual({ line: 1, text: '1 2 3' })
  expect(readArea('1,')).toEqual({ line: 1, text: '1,' })
})

const known = { levels: ['OPEN', 'OPEN PLUS', 'CLOSED'], partners: ['ASTER', 'BIRCH', 'CEDAR'], terms: ['NON-COMMERCIAL'] }

test('a banner is read back as the label that it says', () => {
  const label = readBanner('OPEN PLUS EYES NON-COMMERCIAL COI air OR sea REL TO ASTER, CEDAR UNTIL 2030-01-01T00:00:00Z', known)
  expect(label).toMatchObject({ level: 'OPEN PLUS', caveats: 'EYES', terms: ['NON-COMMERCIAL'], communities: ['air', 'sea'], release: ['ASTER', 'CEDAR'] })
  expect(readBanner('CLOSED REL TO NOBODY', known)).toMatchObject({ level: 'CLOSED', caveats: '', release: [] })
  expect(readBanner('', known)).toMatchObject({ level: '', caveats: '', release: [] })
})

test('a proposal is shown whole and its subject in words', () => {
  const content = { record: 'r--1', report: { title: 'Lorries', text: 'Two lines\nof it', grade: '' }, label: { releasable_to: ['A', 'B'], classification: 0 }, single: true, area: [] }
  expect(rowsOf(content)).toEqual([['record', 'r--1'], ['report title', 'Lorries'], ['report text', 'Two lines\nof it'], ['label releasable to', 'A, B'], ['label classification', '0'], ['single', 'yes']])
  expect(rowsOf(null)).toEqual([])
  expect(deed('partner:exclude')).toBe('Exclude a partner')
  expect(deed('thing:new')).toBe('thing:new')
  expect(subjectOf('partner:exclude', 'ELM', { reason: 'copied' }, (id) => `node ${id}`)).toBe('node ELM · copied')
  expect(subjectOf('setting:change', 'step_up', { before: false, value: true }, (id) => id)).toBe('Sensitive acts ask for the second factor again: from no to yes')
  expect(subjectOf('label:tear', 'r--1', content, (id) => id)).toBe('Lorries · r--1')
  expect(subjectOf('journal:erase', 'r--1', null, (id) => id)).toBe('r--1')
})
