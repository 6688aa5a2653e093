import { expect, test } from 'vitest'
import { Frames } from '../src/lib/frames'
import type { TrackFrame } from '../src/lib/types'

const T = 1_773_000_000_000_000
const S = 1e6

function frame(time: number, cursor: number, tracks: [number, number, number][], options: Partial<TrackFrame> = {}): TrackFrame {
  const of = <V>(value: V) => tracks.map(() => value)
  return {
    type: 'tracks', full: false, realm: 'live', time, cursor, gone: [],
    n: tracks.map((x) => x[0]), lat: tracks.map((x) => x[1]), lon: tracks.map((x) => x[2]),
    alt: of(5000), speed: of(160), course: of(47), climb: of(0), call: of('X'), what: of('A400'), mil: of(1), sim: of(0), seen: of(time), ...options,
  }
}

test('a full frame replaces what was there, a later one adds and removes', () => {
  const frames = new Frames()
  expect(frames.apply(frame(T, 1, [[1, 46, 7], [2, 47, 8]], { full: true }))).toBe(true)
  expect(frames.apply(frame(T + S, 2, [[3, 48, 9]], { gone: [1] }))).toBe(true)
  expect([...frames.current().n].sort()).toEqual([2, 3])
  frames.apply(frame(T + 2 * S, 3, [[9, 46, 7]], { full: true }))
  expect([...frames.current().n]).toEqual([9])
  expect(frames.row(2)).toBeUndefined()
})

test('a part without its whole, or one that comes late, changes nothing', () => {
  const frames = new Frames()
  expect(frames.apply(frame(T, 5, [[1, 46, 7]]))).toBe(false)
  frames.apply(frame(T, 5, [[1, 46, 7]], { full: true }))
  expect(frames.apply(frame(T - S, 4, [[2, 46, 7]]))).toBe(false)
  expect(frames.size).toBe(1)
})

test('what was not said is not a number', () => {
  const frames = new Frames()
  frames.apply(frame(T, 1, [[1, 46, 7]], { full: true, course: [null], alt: [null] }))
  expect(frames.current().course[0]).toBeNaN()
  expect(frames.row(1)?.alt).toBeNaN()
})

test('a trail is short, oldest first, and ends where the track is', () => {
  const frames = new Frames()
  for (let i = 0; i < 200; i++) frames.apply(frame(T + i * S, i, [[1, 46 + i / 1000, 7]], { full: i === 0 }))
  const trail = frames.trail(1)
  expect(trail.length).toBeLessThanOrEqual(26)
  expect(trail.at(-2)).toBeCloseTo(46.199)
  expect([...trail.filter((_, i) => i % 2 === 0)]).toEqual([...trail.filter((_, i) => i % 2 === 0)].sort())
})

test('a track that stood anew after its clock was set back begins a new trail', () => {
  const frames = new Frames()
  frames.apply(frame(T, 1, [[1, 46, 7]], { full: true }))
  frames.apply(frame(T + 10 * S, 2, [[1, 46.1, 7]]))
  frames.apply(frame(T + 11 * S, 3, [[1, 50, 9]], { seen: [T - 60 * S] }))
  expect(frames.trail(1)).toEqual([50, 9])
})

test('the last half hour is kept in steps, and no more', () => {
  const frames = new Frames()
  for (let i = 0; i <= 45 * 6; i++) frames.apply(frame(T + i * 10 * S, i, [[1, 46 + i / 1000, 7]], { full: i === 0 }))
  const [from, until] = frames.extent() ?? [0, 0]
  expect((until - from) / (60 * S)).toBeCloseTo(30, 0)
  const past = frames.at(until - 10 * 60 * S)
  expect(past?.time).toBe(until - 10 * 60 * S)
  expect(past?.columns.lat[0]).toBeCloseTo(46 + (45 * 6 - 60) / 1000)
  expect(frames.at(0)?.time).toBe(from)
})

test('a realm whose clock goes back begins its history anew', () => {
  const frames = new Frames()
  frames.apply(frame(T, 1, [[1, 46, 7]], { full: true }))
  frames.apply(frame(T - 600 * S, 2, [[1, 46, 7]], { full: true }))
  expect(frames.extent()).toEqual([T - 600 * S, T - 600 * S])
})

test('before the first frame there is nothing, and it says so', () => {
  const frames = new Frames()
  expect(frames.extent()).toBeNull()
  expect(frames.at(T)).toBeNull()
  expect(frames.trail(1)).toEqual([])
  expect(frames.current().n.length).toBe(0)
})
