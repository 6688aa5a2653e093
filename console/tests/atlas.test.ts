import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Position } from 'geojson'
import { describe, expect, test } from 'vitest'
import { basemapOf, innermost, unwrapLine, unwrapRing, type Atlas } from '../atlas/atlas'

const widest = (ring: Position[]) => Math.max(...ring.slice(1).map((p, i) => Math.abs((p[0] as number) - (ring[i]?.[0] as number))))

test('a ring across the antimeridian comes out whole, its mean within half a turn', () => {
  const ring = unwrapRing([[178, 60], [-178, 60], [-178, 65], [178, 65], [178, 60]])
  expect(widest(ring)).toBeLessThan(10)
  expect(Math.abs(ring.reduce((sum, p) => sum + (p[0] as number), 0) / ring.length)).toBeLessThanOrEqual(180)
})

test('a ring around a pole is closed along it', () => {
  const around: Position[] = Array.from({ length: 37 }, (_, i) => [((i * 10 + 180) % 360) - 180, -75])
  const ring = unwrapRing(around)
  expect(ring.some((p) => p[1] === -90)).toBe(true)
  expect(ring.at(-1)).toEqual(ring[0])
})

test('a ring that crosses nothing stays as it is', () => {
  const square: Position[] = [[6, 46], [8, 46], [8, 47], [6, 47], [6, 46]]
  expect(unwrapRing(square)).toEqual(square)
  expect(unwrapLine([])).toEqual([])
})

test('the innermost point of a crescent lies in it, where its centroid does not', () => {
  const crescent: Position[] = [[0, 0], [10, 0], [10, 2], [2, 2], [2, 8], [10, 8], [10, 10], [0, 10], [0, 0]]
  const [x, y] = innermost(crescent) as [number, number]
  expect(x < 2 || y < 2 || y > 8).toBe(true)
})

describe('the atlas that ships', () => {
  const file = createRequire(import.meta.url).resolve('world-atlas/countries-50m.json')
  const map = basemapOf(JSON.parse(readFileSync(file, 'utf8')) as Atlas)
  const at = (name: string) => map.labels.features.find((f) => f.properties.name === name)?.geometry.coordinates as [number, number]

  test('no ring has a step of false land', () => {
    for (const polygon of map.land.geometry.coordinates) {
      for (const ring of polygon) {
        const steps = ring.slice(1).map((p, i) => [Math.abs((p[0] as number) - (ring[i]?.[0] as number)), p[1] as number, ring[i]?.[1] as number] as const)
        // A step along the pole itself is how Antarctica is closed.
        expect(steps.filter(([wide, a, b]) => wide > 90 && !(a === -90 && b === -90))).toEqual([])
      }
    }
  })

  test('neither coast nor border runs along the antimeridian', () => {
    const wrong = [...map.coast.geometry.coordinates, ...map.borders.geometry.coordinates].flatMap((line) =>
      line.slice(1).filter(([x], i) => {
        const before = line[i]?.[0] as number
        return (Math.abs(x as number) === 180 && Math.abs(before) === 180) || Math.abs((x as number) - before) >= 180
      }),
    )
    expect(wrong).toEqual([])
  })

  test('each country has one label, in it', () => {
    const names = map.labels.features.map((f) => f.properties.name)
    expect(names.length).toBeGreaterThan(200)
    expect(at('SWITZERLAND')[0]).toBeCloseTo(8, 0)
    expect(at('FRANCE')[1]).toBeGreaterThan(42)
    expect(at('FRANCE')[0]).toBeGreaterThan(-5)
    expect(Math.abs(at('FIJI')[0])).toBeGreaterThan(176)
  })
})
