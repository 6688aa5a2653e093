import { describe, expect, it } from 'vitest'
import { hypothesesOf, movedSince } from '../src/lib/hypotheses'
import type { Assessment } from '../src/lib/types'

const HYPOTHESES = [
  { id: 'routine', title: 'Routine' },
  { id: 'training', title: 'Training' },
  { id: 'deployment', title: 'Deployment' },
]
const WARNED = { routine: 0.01, training: 0.01, deployment: 0.98 }

function assessed(deployment: number): Assessment {
  return { hypotheses: HYPOTHESES, probabilities: { routine: 1 - deployment, training: 0, deployment } } as unknown as Assessment
}

describe('hypotheses', () => {
  it('come with the one warned of first, and routine last', () => {
    expect(hypothesesOf(assessed(0.5), WARNED).map((h) => [h.title, h.colour])).toEqual([['Deployment', 'amber'], ['Training', 'blue'], ['Routine', 'grey']])
  })

  it('stand by their ids where the topic is not known', () => {
    expect(hypothesesOf(undefined, { 'all-quiet': 0.2, ring: 0.8 }).map((h) => h.title)).toEqual(['ring', 'all quiet'])
  })
})

describe('what moved since a warning was said', () => {
  it('is said where the figure of what it warned of is another by now', () => {
    expect(movedSince(assessed(0.51), WARNED)).toEqual({ title: 'Deployment', now: 0.51 })
  })

  it('is not said of a hair, nor without an assessment of the same hypothesis', () => {
    expect(movedSince(assessed(0.95), WARNED)).toBeUndefined()
    expect(movedSince(undefined, WARNED)).toBeUndefined()
    expect(movedSince(assessed(0.5), { flood: 0.9 })).toBeUndefined()
  })
})
