/** What matters, as features for the map: places, symbols of the tracks in evidence, where they go if nothing changes, and words beside them. Pure. */

import type { Feature, FeatureCollection, Geometry } from 'geojson'
import { flightLevel, knots, minutesTo, zuluMinute } from '../format'
import { ahead, circle, distanceKm } from '../geo'
import { t } from '../messages'
import type { Columns } from '../frames'
import type { EvidenceItem, Micros, Place, Warning } from '../types'

const collect = (features: Feature[]): FeatureCollection => ({ type: 'FeatureCollection', features })
const make = (geometry: Geometry, properties: Record<string, unknown>): Feature => ({ type: 'Feature', geometry, properties })
const swap = ([lat, lon]: readonly [number, number]): [number, number] => [lon, lat]

/** Longest that a course is drawn ahead: beyond, course and speed say nothing. */
const MOST_AHEAD_KM = 250
/** Radius of the ring around an item of evidence: a place is not more exact than that. */
const FOCUS_KM = 8

/** Outlines of places: circles where a radius is given, closed rings for areas, lines as they are. */
export function placeShapes(places: Place[]): FeatureCollection {
  return collect(
    places.flatMap((place) => {
      const [centre] = place.points
      if (!centre) return []
      const { kind } = place
      if (kind === 'line') return [make({ type: 'LineString', coordinates: place.points.map(swap) }, { kind })]
      const ring = place.radius_km && place.points.length === 1 ? circle(centre, place.radius_km) : [...place.points, centre].map(swap)
      return ring.length < 4 ? [] : [make({ type: 'Polygon', coordinates: [ring] }, { kind })]
    }),
  )
}

interface Words {
  text: string
  tone: 'quiet' | 'strong' | 'amber'
  at: [number, number]
  anchor?: string
  offset?: [number, number]
}

export function placeWords(places: Place[]): Words[] {
  return places.flatMap((place): Words[] => {
    const [first] = place.points
    if (!first) return []
    const middle = centreOf(place.points)
    if (place.kind === 'blind') return [{ text: t('map.blind'), tone: 'quiet', at: middle }]
    if (place.kind === 'area') return [{ text: place.name, tone: 'quiet', at: middle }]
    if (place.kind === 'line') return [{ text: t('map.line', { name: place.name }), tone: 'strong', at: middle, anchor: 'left', offset: [1, 0.4] }]
    const below = place.radius_km ? ahead(first, 180, place.radius_km) : first
    return [{ text: t('map.staging', { name: place.name }), tone: 'quiet', at: below, anchor: 'top', offset: [0, 0.5] }]
  })
}

export interface Stream {
  rows: number[]
  lead: number
  text: string
  at: [number, number]
  path: [number, number][]
}

/** The tracks in evidence as one thing: which leads, what to write beside it, where it will be if course and speed hold. */
export function streamOf(columns: Columns, evidence: ReadonlySet<number>, warning: Warning | null, places: Place[], now: Micros): Stream | null {
  const rows: number[] = []
  for (let i = 0; i < columns.n.length; i++) if (evidence.has(columns.n[i] as number)) rows.push(i)
  if (!rows.length || !warning) return null
  const target = places.find((p) => p.name === warning.eta_place)
  const goal = target ? centreOf(target.points) : null
  const point = (i: number): [number, number] => [columns.lat[i] as number, columns.lon[i] as number]
  const lead = goal ? rows.reduce((a, b) => (distanceKm(point(b), goal) < distanceKm(point(a), goal) ? b : a)) : frontOf(columns, rows)
  const heights = median(rows.map((i) => columns.alt[i] as number))
  const speed = median(rows.map((i) => columns.speed[i] as number))
  const left = warning.eta !== null && warning.eta > now ? minutesTo(warning.eta, now) : null
  const second = [
    heights === null ? '' : flightLevel(heights),
    speed === null ? '' : knots(speed),
    left === null ? '' : t('map.toline', { n: left, place: warning.eta_place ?? '' }).trim(),
  ].filter(Boolean)
  const course = columns.course[lead] as number
  const reach = left !== null && speed !== null ? Math.min(MOST_AHEAD_KM, (speed * left * 60) / 1000) : 0
  const path = reach && !Number.isNaN(course) ? [point(lead), ahead(point(lead), course, reach)].map(swap) : []
  return { rows, lead, text: [t('map.stream', { n: rows.length }), second.join(' · ')].filter(Boolean).join('\n'), at: point(lead), path }
}

/** One symbol for each track in evidence; the lead's is always drawn. */
export function markShapes(columns: Columns, stream: Stream | null, iconOf: (n: number) => string): FeatureCollection {
  return collect(
    (stream?.rows ?? []).map((i) =>
      make(
        { type: 'Point', coordinates: [columns.lon[i] as number, columns.lat[i] as number] },
        { icon: iconOf(columns.n[i] as number), lead: i === stream?.lead, n: columns.n[i] },
      ),
    ),
  )
}

/** Where the leader will be if nothing changes, and a ring where the item of evidence that is looked at was. */
export function pathShapes(stream: Stream | null, focus: EvidenceItem | null = null): FeatureCollection {
  const lines = stream?.path.length ? [stream.path] : []
  if (focus && focus.latitude !== null && focus.longitude !== null) lines.push(circle([focus.latitude, focus.longitude], FOCUS_KM))
  return collect(lines.map((coordinates) => make({ type: 'LineString', coordinates }, { kind: 'predicted' })))
}

export function focusWords(focus: EvidenceItem | null): Words[] {
  if (!focus || focus.latitude === null || focus.longitude === null) return []
  const below = ahead([focus.latitude, focus.longitude], 180, FOCUS_KM)
  return [{ text: `${focus.title}\n${zuluMinute(focus.since)}`, tone: 'amber', at: below, anchor: 'top', offset: [0, 0.4] }]
}

export function wordShapes(words: Words[], stream: Stream | null, roomAtLeft = true): FeatureCollection {
  const beside = roomAtLeft ? ({ anchor: 'bottom-right', offset: [-1.6, -1.2] } as const) : ({ anchor: 'top-left', offset: [1.6, 0.6] } as const)
  const all: Words[] = stream ? [...words, { text: stream.text, tone: 'amber', at: stream.at, anchor: beside.anchor, offset: [...beside.offset] }] : words
  return collect(
    all.map(({ text, tone, at, anchor = 'center', offset = [0, 0] }) =>
      make({ type: 'Point', coordinates: swap(at) }, { text, tone, anchor, offset, justify: anchor.includes('right') ? 'right' : 'left', spread: tone === 'amber' ? 0.01 : 0.09 }),
    ),
  )
}

/** Track numbers that a warning's evidence names. */
export function evidenceOf(warning: Warning | null): Set<number> {
  return new Set(warning?.evidence.flatMap((item) => item.identities) ?? [])
}

function centreOf(points: readonly (readonly [number, number])[]): [number, number] {
  const sum = points.reduce<[number, number]>((a, [lat, lon]) => [a[0] + lat, a[1] + lon], [0, 0])
  return [sum[0] / Math.max(1, points.length), sum[1] / Math.max(1, points.length)]
}

function frontOf(columns: Columns, rows: number[]): number {
  const along = (i: number) => {
    const c = ((columns.course[i] as number) || 0) * (Math.PI / 180)
    return (columns.lat[i] as number) * Math.cos(c) + (columns.lon[i] as number) * Math.sin(c) * Math.cos(((columns.lat[i] as number) * Math.PI) / 180)
  }
  return rows.reduce((a, b) => (along(b) > along(a) ? b : a))
}

function median(values: number[]): number | null {
  const sorted = values.filter((v) => !Number.isNaN(v)).sort((a, b) => a - b)
  return sorted.length ? (sorted[Math.floor(sorted.length / 2)] as number) : null
}
