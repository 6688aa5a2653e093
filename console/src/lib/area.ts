/** An area as people type it: a corner on each line, latitude and longitude in degrees. Pure. */

export type Area = { points: [number, number][] } | { line: number; text: string }

export function readArea(text: string): Area {
  const points: [number, number][] = []
  for (const [i, line] of text.split('\n').entries()) {
    if (!line.trim()) continue
    // A comma may part the two, or be the decimal sign of both.
    const spaced = line.trim().split(/[\s;]+/)
    const parts = spaced.length === 2 ? spaced : line.trim().split(/\s*,\s*/)
    const [lat, lon] = parts.map((part) => Number(part.replace(/,$/, '').replace(',', '.')))
    if (parts.length !== 2 || parts.some((part) => part === '') || lat === undefined || lon === undefined || !(Math.abs(lat) <= 90) || !(Math.abs(lon) <= 180)) {
      return { line: i + 1, text: line.trim() }
    }
    points.push([lat, lon])
  }
  return { points }
}
