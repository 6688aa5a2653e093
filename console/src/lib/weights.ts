/** Weights of evidence in words. A weight is how many times an item raises the odds: with everything, against everything but it. Pure. */

import { t } from './messages'

/** `about 4 times likelier`; what hardly moves anything says so. */
export function weightWords(weight: number): string {
  if (!(weight > 0) || weight < 1 / 99) return t('weight.least')
  if (weight > 99) return t('weight.most')
  if (weight < 1.05 && weight > 0.95) return t('weight.none')
  if (weight >= 1) return weight < 1.5 ? t('weight.for.little') : t('weight.for', { n: rounded(weight) })
  return weight > 1 / 1.5 ? t('weight.against.little') : t('weight.against', { n: rounded(1 / weight) })
}

/** The probability if one item of this weight were left out. */
export function without(probability: number, weight: number): number {
  if (probability <= 0 || probability >= 1 || weight <= 0) return probability
  const odds = probability / (1 - probability) / weight
  return odds / (1 + odds)
}

function rounded(n: number): string {
  return n < 2.95 ? String(Math.round(n * 2) / 2) : String(Math.round(n))
}
