/** Daily counts as an officer types them: a day and its count on each line. Pure. Days are since 1970-01-01. */

const LINE = /^(\d{4})-(\d\d)-(\d\d)[\s,;]+(\d+(?:\.\d+)?)$/
const DAY_MS = 86_400_000

export type Typed = { days: number[]; counts: number[] } | { line: number; text: string } | { twice: string }

/** The rows, or what is wrong with the first that is none. Empty lines say nothing. */
export function readCounts(text: string): Typed {
  const days: number[] = []
  const counts: number[] = []
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (!line) continue
    const found = LINE.exec(line)
    const date = found ? `${found[1]}-${found[2]}-${found[3]}` : ''
    const time = Date.parse(`${date}T00:00:00Z`)
    // A date that is none (30 February) comes back as another day.
    if (!found || Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== date || time < 0) return { line: i + 1, text: line.slice(0, 60) }
    if (days.includes(time / DAY_MS)) return { twice: date }
    days.push(time / DAY_MS)
    counts.push(Number(found[4]))
  }
  return { days, counts }
}

/** `2026-03-14`. */
export function dayName(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}
