/** A label as a form holds it, and as the node takes it. */

import { listOf } from './standing'
import type { Micros } from './types'

export interface Drafted {
  level: string
  release: string[]
  caveats: string
  /** Names of communities: whoever gets it belongs to one of them. */
  communities: string[]
  /** Calendar days in UTC, `2026-03-08`: from then on nobody is given it; by then somebody looks at it again. */
  expires: string
  review: string
  /** Feed terms that what it says rests on. */
  terms: string[]
}

export interface LabelBody {
  classification: string
  releasable_to: string[]
  caveats: string[]
  communities?: string[][]
  expires?: Micros
  review?: Micros
  terms?: string[]
}

export const blankLabel = (): Drafted => ({ level: '', release: [], caveats: '', communities: [], expires: '', review: '', terms: [] })

/** The start of a day in UTC, µs; null for what is no day. */
export function dayStart(day: string): Micros | null {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN
  return Number.isNaN(ms) ? null : ms * 1000
}

/** What the node takes; conditions are left out where none is set. */
export function labelBody(of: Drafted, lowest: string): LabelBody {
  const [expires, review] = [dayStart(of.expires), dayStart(of.review)]
  return {
    classification: of.level || lowest,
    releasable_to: [...of.release],
    caveats: listOf(of.caveats),
    ...(of.communities.length ? { communities: [[...of.communities]] } : {}),
    ...(expires === null ? {} : { expires }),
    ...(review === null ? {} : { review }),
    ...(of.terms.length ? { terms: [...of.terms] } : {}),
  }
}
