/**
 * From the atlas's shared arcs to what the map draws: land, coast, borders and one label point for each country.
 *
 * Rings that cross the antimeridian would draw a band of false land around the globe. Each ring is unwrapped (no step
 * longer than half a turn) and then shifted so that its mean longitude lies within ±180; a ring that goes around a pole
 * is closed along it.
 */

import type { Feature, FeatureCollection, Geometry, MultiLineString, MultiPolygon, Point, Position } from 'geojson'
import { feature, mesh } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'

export type Atlas = Topology<{ countries: GeometryCollection<{ name: string }>; land: GeometryCollection }>

export interface Basemap {
  land: Feature<MultiPolygon>
  coast: Feature<MultiLineString>
  borders: Feature<MultiLineString>
  labels: FeatureCollection<Point, { name: string; size: number }>
}

export function basemapOf(atlas: Atlas): Basemap {
  const { countries } = atlas.objects
  const shapes = feature(atlas, countries).features
  // The atlas's own union: the countries' polygons would draw every inner border twice.
  const land = feature(atlas, atlas.objects.land).features.flatMap(({ geometry }) => polygonsOf(geometry).map((polygon) => polygon.map(unwrapRing)))
  return {
    land: { type: 'Feature', properties: {}, geometry: { type: 'MultiPolygon', coordinates: round(land) } },
    coast: lines(mesh(atlas, countries, (a, b) => a === b)),
    borders: lines(mesh(atlas, countries, (a, b) => a !== b)),
    labels: { type: 'FeatureCollection', features: shapes.flatMap(({ geometry, properties }) => label(geometry, properties.name)) },
  }
}

/** A closed ring without steps over half a turn, its mean longitude within ±180, closed along the pole if it goes around one. */
export function unwrapRing(ring: Position[]): Position[] {
  const flat = unwrapLine(ring)
  const [first, last] = [flat[0], flat.at(-1)]
  if (!first || !last) return flat
  const turn = lon(last) - lon(first)
  if (Math.abs(turn) > 180) {
    const pole = flat.reduce((sum, p) => sum + lat(p), 0) < 0 ? -90 : 90
    flat.push([lon(last), pole], [lon(first), pole], first)
  }
  const shift = -360 * Math.round(mean(flat.map(lon)) / 360)
  return shift === 0 ? flat : flat.map((p) => [lon(p) + shift, lat(p)])
}

/** The same line, each longitude moved by whole turns so that it lies within half a turn of the one before. */
export function unwrapLine(line: Position[]): Position[] {
  let before: number | undefined
  return line.map((p) => {
    const here: number = before === undefined ? lon(p) : lon(p) - 360 * Math.round((lon(p) - before) / 360)
    before = here
    return [here, lat(p)]
  })
}

/** The point inside a polygon's outer ring that lies farthest from the ring, to about a twentieth of its extent. */
export function innermost(ring: Position[]): Position {
  const [west, east] = [Math.min(...ring.map(lon)), Math.max(...ring.map(lon))]
  const [south, north] = [Math.min(...ring.map(lat)), Math.max(...ring.map(lat))]
  const squeeze = Math.cos((((south + north) / 2) * Math.PI) / 180)
  let best: Position = [(west + east) / 2, (south + north) / 2]
  let room = -1
  const steps = 20
  for (let i = 1; i < steps; i++) {
    for (let j = 1; j < steps; j++) {
      const p: Position = [west + ((east - west) * i) / steps, south + ((north - south) * j) / steps]
      if (!contains(ring, p)) continue
      const distance = distanceToRing(ring, p, squeeze)
      if (distance > room) [best, room] = [p, distance]
    }
  }
  return best
}

function label(geometry: Geometry, name: string): Feature<Point, { name: string; size: number }>[] {
  const rings = polygonsOf(geometry).map((polygon) => unwrapRing(polygon[0] ?? []))
  const largest = rings.sort((a, b) => area(b) - area(a))[0]
  if (!largest || !name) return []
  const point = innermost(largest).map((x) => Math.round(x * 100) / 100)
  return [
    {
      type: 'Feature',
      properties: { name: name.toUpperCase(), size: Math.round(area(largest) * 10) / 10 },
      geometry: { type: 'Point', coordinates: point },
    },
  ]
}

function lines(all: MultiLineString): Feature<MultiLineString> {
  // Coast along ±180 is the atlas's own cut, not a shore.
  const onCut = (p: Position) => Math.abs(Math.abs(lon(p)) - 180) < 1e-6
  const parts: Position[][] = []
  for (const line of all.coordinates) {
    let part: Position[] = []
    for (const p of line) {
      const before = part.at(-1)
      if (before && ((onCut(before) && onCut(p)) || Math.abs(lon(p) - lon(before)) > 180)) {
        parts.push(part)
        part = []
      }
      part.push(p)
    }
    parts.push(part)
  }
  const coordinates = parts.filter((part) => part.length > 1).map((part) => part.map(rounded))
  return { type: 'Feature', properties: {}, geometry: { type: 'MultiLineString', coordinates } }
}

function polygonsOf(geometry: Geometry): Position[][][] {
  if (geometry.type === 'Polygon') return [geometry.coordinates]
  return geometry.type === 'MultiPolygon' ? geometry.coordinates : []
}

function contains(ring: Position[], p: Position): boolean {
  let inside = false
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [a, b] = [ring[i] as Position, ring[j] as Position]
    if (lat(a) > lat(p) !== lat(b) > lat(p) && lon(p) < ((lon(b) - lon(a)) * (lat(p) - lat(a))) / (lat(b) - lat(a)) + lon(a)) inside = !inside
  }
  return inside
}

function distanceToRing(ring: Position[], p: Position, squeeze: number): number {
  let least = Infinity
  for (let i = 1; i < ring.length; i++) {
    const [a, b] = [ring[i - 1] as Position, ring[i] as Position]
    const [ax, ay] = [(lon(a) - lon(p)) * squeeze, lat(a) - lat(p)]
    const [dx, dy] = [(lon(b) - lon(a)) * squeeze, lat(b) - lat(a)]
    const along = dx || dy ? Math.min(1, Math.max(0, -(ax * dx + ay * dy) / (dx * dx + dy * dy))) : 0
    least = Math.min(least, Math.hypot(ax + along * dx, ay + along * dy))
  }
  return least
}

/** Square degrees at the equator: enough to rank countries. */
function area(ring: Position[]): number {
  let twice = 0
  for (let i = 1; i < ring.length; i++) {
    const [a, b] = [ring[i - 1] as Position, ring[i] as Position]
    twice += (lon(a) * lat(b) - lon(b) * lat(a)) * Math.cos((lat(a) * Math.PI) / 180)
  }
  return Math.abs(twice) / 2
}

const lon = (p: Position) => p[0] as number
const lat = (p: Position) => p[1] as number
const mean = (xs: number[]) => xs.reduce((a, b) => a + b, 0) / xs.length
const rounded = (p: Position): Position => [Math.round(lon(p) * 1e3) / 1e3, Math.round(lat(p) * 1e3) / 1e3]
const round = (polygons: Position[][][]) => polygons.map((polygon) => polygon.map((ring) => ring.map(rounded)))
