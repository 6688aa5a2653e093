import { expect, test } from 'vitest'
import { ahead, boundsOf, circle, distanceKm, mercator } from '../src/lib/geo'

test('a degree of latitude is about 111 km, and going there comes back to it', () => {
  expect(distanceKm([46, 7], [47, 7])).toBeCloseTo(111.2, 0)
  const there = ahead([46.1, 6.5], 52, 120)
  expect(distanceKm([46.1, 6.5], there)).toBeCloseTo(120, 3)
})

test('a course across the antimeridian stays within half a turn', () => {
  const [, lon] = ahead([0, 179.9], 90, 100)
  expect(lon).toBeLessThan(-179)
})

test('a circle is closed and everywhere equally far', () => {
  const ring = circle([46.1, 6.5], 22)
  expect(ring[0]?.[0]).toBeCloseTo(ring.at(-1)?.[0] as number, 9)
  for (const [lon, lat] of ring) expect(distanceKm([46.1, 6.5], [lat, lon])).toBeCloseTo(22, 3)
})

test('Mercator puts the equator in the middle and never leaves the world', () => {
  expect(mercator(0, 0)).toEqual([0.5, 0.5])
  expect(mercator(90, 180)[1]).toBeCloseTo(0, 4)
  expect(mercator(-90, 180)[1]).toBeCloseTo(1, 4)
})

test('bounds of nothing are nothing', () => {
  expect(boundsOf([])).toBeNull()
  expect(boundsOf([[46, 7], [47, 6]])).toEqual([6, 46, 7, 47])
})
