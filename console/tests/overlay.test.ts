import { beforeAll, expect, test } from 'vitest'
import { emptyColumns, type Columns } from '../src/lib/frames'
import { distanceKm } from '../src/lib/geo'
import { hypothesesOf } from '../src/lib/hypotheses'
import { dartsOf } from '../src/lib/map/darts'
import { evidenceOf, markShapes, pathShapes, placeShapes, placeWords, streamOf, wordShapes } from '../src/lib/map/overlay'
import { unknownAir } from '../src/lib/map/symbols'
import type { Assessment, Place, Warning } from '../src/lib/types'

const NOW = 1_773_000_000_000_000
const PLACES: Place[] = [
  { name: 'RHÔNE', kind: 'staging', points: [[46.1, 6.5]], radius_km: 22 },
  { name: 'EAST', kind: 'line', points: [[48.3, 8.8], [46.7, 10.6]], radius_km: null },
  { name: 'south', kind: 'blind', points: [[46.6, 10.5], [46.4, 11.9], [45.3, 11.8]], radius_km: null },
]
const WARNING = { eta: NOW + 18 * 60e6, eta_place: 'EAST', evidence: [{ identities: [1, 2] }, { identities: [2] }] } as unknown as Warning
let columns: Columns

beforeAll(() => {
  columns = emptyColumns(3)
  columns.n.set([1, 2, 3])
  columns.lat.set([46.5, 46.7, 45])
  columns.lon.set([7.5, 7.8, 5])
  columns.alt.set([5800, 5800, 9000])
  columns.speed.set([160, 160, 220])
  columns.course.set([47, 47, NaN])
})

test('the one nearest the line leads, and its path reaches as far as course and speed take it', () => {
  const stream = streamOf(columns, evidenceOf(WARNING), WARNING, PLACES, NOW)
  expect(stream?.lead).toBe(1)
  expect(stream?.rows).toEqual([0, 1])
  expect(stream?.text).toContain('2 in evidence')
  expect(stream?.text).toContain('18 min to EAST')
  const [from, to] = stream?.path ?? []
  expect(distanceKm([from?.[1] as number, from?.[0] as number], [to?.[1] as number, to?.[0] as number])).toBeCloseTo((160 * 18 * 60) / 1000, 0)
})

test('without an estimate nothing is predicted, without evidence nothing is marked', () => {
  const stream = streamOf(columns, new Set([1]), { ...WARNING, eta: null }, PLACES, NOW)
  expect(stream?.path).toEqual([])
  expect(pathShapes(stream).features).toEqual([])
  expect(streamOf(columns, new Set([99]), WARNING, PLACES, NOW)).toBeNull()
  expect(markShapes(columns, null, () => '').features).toEqual([])
})

test('exactly one symbol is the lead', () => {
  const stream = streamOf(columns, evidenceOf(WARNING), WARNING, PLACES, NOW)
  expect(markShapes(columns, stream, () => 'x').features.filter((f) => f.properties?.['lead']).length).toBe(1)
})

test('places take their shapes, and all have words', () => {
  expect(placeShapes(PLACES).features.map((f) => f.geometry.type)).toEqual(['Polygon', 'LineString', 'Polygon'])
  expect(placeWords(PLACES).map((w) => w.text)).toEqual(['staging RHÔNE', 'watch line EAST', 'no feed sees this'])
  expect(placeShapes([{ name: 'x', kind: 'area', points: [], radius_km: null }]).features).toEqual([])
  expect(wordShapes(placeWords(PLACES), null).features.length).toBe(3)
})

test('darts and trails are flat numbers, one dart for each track', () => {
  const colours = { plain: [0, 0, 0], strong: [1, 1, 1], amber: [1, 0.7, 0.3] } as const
  const { darts, segments } = dartsOf(columns, (n) => (n === 1 ? [46.4, 7.4, 46.45, 7.45, 46.5, 7.5] : []), new Set([1]), colours)
  expect(darts.length).toBe(3 * 8)
  expect(segments.length).toBe(2 * 8)
  expect([...darts.slice(4, 7)].map((x) => Math.round(x * 10) / 10)).toEqual([1, 0.7, 0.3])
  expect(darts[8 * 2 + 2]).toBe(0)
  const busy = dartsOf(columns, () => Array.from({ length: 40 }, (_, i) => (i % 2 ? 7 : 46) + i / 100), new Set(), colours)
  expect(busy.segments.length).toBe(3 * 19 * 8)
})

test('an unknown stays unknown: every code has twenty digits and the identity of an unknown', () => {
  for (const kind of ['live', 'exercise', 'replay'] as const) {
    for (const type of ['', 'A400', 'B738', 'F16']) {
      const code = unknownAir(kind, type)
      expect(code).toMatch(/^10[012]101/)
      expect(code).toHaveLength(20)
    }
  }
  expect(unknownAir('exercise', '')[2]).toBe('1')
})

test('the hypothesis warned of is amber and first, routine is grey and last, names without a topic stand for themselves', () => {
  const topic = { hypotheses: [{ id: 'routine', title: 'routine' }, { id: 'their-training', title: 'their training' }, { id: 'deployment', title: 'deployment' }] } as Assessment
  const p = { deployment: 0.7, routine: 0.1, 'their-training': 0.2 }
  expect(hypothesesOf(topic, p).map((h) => [h.title, h.colour])).toEqual([['deployment', 'amber'], ['their training', 'blue'], ['routine', 'grey']])
  expect(hypothesesOf(undefined, { 'their-training': 1 }).map((h) => h.title)).toEqual(['their training'])
})
