/** A banner read back as the label that a form begins with: only to propose a lower one from; the node alone knows the label itself. */

import { blankLabel, type Drafted } from './label'

export interface Known {
  levels: string[]
  partners: string[]
  terms: string[]
}

/** The label that `banner` says, as far as `known` has its words. */
export function readBanner(banner: string, known: Known): Drafted {
  const [before = '', after = ''] = banner.split(' REL TO ')
  const level = [...known.levels].sort((a, b) => b.length - a.length).find((one) => before === one || before.startsWith(`${one} `)) ?? ''
  const [words = '', clause = ''] = before.slice(level.length).split(' COI ')
  const marks = words.split(' ').filter(Boolean)
  const named = new Set(after.split(' UNTIL ')[0]?.split(', ').map((id) => id.toLowerCase()))
  return {
    ...blankLabel(),
    level,
    caveats: marks.filter((word) => !known.terms.includes(word)).join(', '),
    terms: marks.filter((word) => known.terms.includes(word)),
    communities: clause ? clause.split(' OR ') : [],
    release: known.partners.filter((id) => named.has(id.toLowerCase())),
  }
}
