/**
 * The tracks of one realm as the console holds them: what is current, short trails, and the last half hour.
 *
 * Columns stay columns: no object is made for a track on the way from a frame to the graphics card.
 */

import type { Micros, TrackFrame } from './types'

/** Aircraft as parallel arrays; row i of each is one track. Nulls are NaN. */
export interface Columns {
  n: Int32Array
  lat: Float64Array
  lon: Float64Array
  alt: Float32Array
  speed: Float32Array
  course: Float32Array
  climb: Float32Array
  mil: Uint8Array
  sim: Uint8Array
}

export interface Snapshot {
  time: Micros
  columns: Columns
}

interface Row {
  lat: number
  lon: number
  alt: number
  speed: number
  course: number
  climb: number
  call: string
  what: string
  mil: number
  sim: number
  seen: Micros
}

const KEEP_US = 30 * 60e6
const SNAPSHOT_EVERY_US = 10e6
const TRAIL_POINTS = 12
const TRAIL_EVERY_US = 8e6

export class Frames {
  #rows = new Map<number, Row>()
  #trails = new Map<number, { last: Micros; points: number[] }>()
  #snapshots: Snapshot[] = []
  time: Micros | null = null
  cursor = -1

  /** Takes a frame in. A frame of an older cursor that is not full is out of order and changes nothing: false. */
  apply(frame: TrackFrame): boolean {
    if (!frame.full && (this.cursor < 0 || frame.cursor < this.cursor)) return false
    if (frame.full) this.#forgetAllBut(new Set(frame.n))
    for (const n of frame.gone) this.#forget(n)
    frame.n.forEach((n, i) => {
      const row = rowOf(frame, i)
      this.#rows.set(n, row)
      this.#extendTrail(n, row)
    })
    this.cursor = frame.cursor
    this.time = frame.time
    this.#keep(frame.time)
    return true
  }

  get size(): number {
    return this.#rows.size
  }

  /** What one track says now, for a label or a card. */
  row(n: number): Readonly<Row> | undefined {
    return this.#rows.get(n)
  }

  current(): Columns {
    const columns = emptyColumns(this.#rows.size)
    let i = 0
    for (const [n, row] of this.#rows) writeRow(columns, i++, n, row)
    return columns
  }

  /** [lat, lon, lat, lon, ...], oldest first, ending where the track is now. */
  trail(n: number): readonly number[] {
    return this.#trails.get(n)?.points ?? []
  }

  /** The kept picture nearest before `time`, or the oldest there is. */
  at(time: Micros): Snapshot | null {
    let found: Snapshot | null = this.#snapshots[0] ?? null
    for (const snapshot of this.#snapshots) if (snapshot.time <= time) found = snapshot
    return found
  }

  /** Times of the oldest kept picture and of now; null before the first frame. */
  extent(): [Micros, Micros] | null {
    const first = this.#snapshots[0]
    return first && this.time !== null ? [first.time, this.time] : null
  }

  #keep(time: Micros): void {
    const last = this.#snapshots.at(-1)
    // A realm whose clock was set back begins anew: a later picture must not stand before an earlier one.
    if (last && time < last.time) this.#snapshots = []
    if (!last || time < last.time || time - last.time >= SNAPSHOT_EVERY_US) this.#snapshots.push({ time, columns: this.current() })
    while ((this.#snapshots[0]?.time ?? time) < time - KEEP_US) this.#snapshots.shift()
  }

  #extendTrail(n: number, row: Row): void {
    const trail = this.#trails.get(n) ?? { last: -Infinity, points: [] }
    if (row.seen < trail.last) trail.points = []
    if (row.seen - trail.last >= TRAIL_EVERY_US || trail.points.length < 4) {
      trail.points.push(row.lat, row.lon)
      trail.last = row.seen
      if (trail.points.length > 2 * TRAIL_POINTS) trail.points.splice(0, 2)
    } else {
      trail.points.splice(-2, 2, row.lat, row.lon)
    }
    this.#trails.set(n, trail)
  }

  #forget(n: number): void {
    this.#rows.delete(n)
    this.#trails.delete(n)
  }

  #forgetAllBut(stay: Set<number>): void {
    for (const n of [...this.#rows.keys()]) if (!stay.has(n)) this.#forget(n)
  }
}

function rowOf(frame: TrackFrame, i: number): Row {
  const number = (column: (number | null)[]) => column[i] ?? NaN
  return {
    lat: number(frame.lat),
    lon: number(frame.lon),
    alt: number(frame.alt),
    speed: number(frame.speed),
    course: number(frame.course),
    climb: number(frame.climb),
    call: frame.call[i] ?? '',
    what: frame.what[i] ?? '',
    mil: frame.mil[i] ?? 0,
    sim: frame.sim[i] ?? 0,
    seen: frame.seen[i] ?? frame.time,
  }
}

export function emptyColumns(length: number): Columns {
  const floats = () => new Float32Array(length)
  return {
    n: new Int32Array(length),
    lat: new Float64Array(length),
    lon: new Float64Array(length),
    alt: floats(),
    speed: floats(),
    course: floats(),
    climb: floats(),
    mil: new Uint8Array(length),
    sim: new Uint8Array(length),
  }
}

function writeRow(columns: Columns, i: number, n: number, row: Row): void {
  columns.n[i] = n
  columns.lat[i] = row.lat
  columns.lon[i] = row.lon
  columns.alt[i] = row.alt
  columns.speed[i] = row.speed
  columns.course[i] = row.course
  columns.climb[i] = row.climb
  columns.mil[i] = row.mil
  columns.sim[i] = row.sim
}
