/** Hypotheses in a fixed order and with a fixed colour: the one warned of first (amber), then the other explanation (blue), then routine (grey). */

import type { Assessment, Probabilities } from './types'

export interface Hypothesis {
  id: string
  title: string
  colour: 'amber' | 'blue' | 'grey'
}

/** From how far apart on what a warning said and what is assessed now are two things to say. */
const APART = 0.05

/** What this node assesses now of the hypothesis that a warning warned of, where the warning's own figure does not hold any more. */
export function movedSince(assessment: Assessment | undefined, warned: Probabilities): { title: string; now: number } | undefined {
  const [first] = hypothesesOf(assessment, warned)
  const now = first && assessment?.probabilities[first.id]
  if (!first || now === undefined || Math.abs(now - (warned[first.id] ?? 0)) < APART) return undefined
  return { title: first.title, now }
}

/** A topic names its hypotheses from the quietest to the one it warns of; without the topic the names of `probabilities` stand for themselves. */
export function hypothesesOf(assessment: Assessment | undefined, probabilities: Probabilities): Hypothesis[] {
  const known = assessment?.hypotheses.filter(({ id }) => id in probabilities) ?? []
  const named = new Set(known.map(({ id }) => id))
  const others = Object.keys(probabilities).filter((id) => !named.has(id))
  const all = [...others.map((id) => ({ id, title: id.replaceAll('-', ' ') })), ...known].reverse()
  return all.map(({ id, title }, i) => ({ id, title, colour: i === 0 ? 'amber' : i === all.length - 1 ? 'grey' : 'blue' }))
}
