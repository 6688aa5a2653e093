/** APP-6 symbols, cached by code. An unknown stays unknown: the standard identity is never anything else here. */

import { ms, numberair } from 'milsymbol/parts'
import type { RealmKind } from '../types'

ms.addIcons([numberair])

const CONTEXT: Record<RealmKind, string> = { live: '0', exercise: '1', replay: '2' }
/** ICAO type designators of aircraft built to carry: they get the icon of cargo; that says what it is, not whose. */
const CARGO = new Set(['A124', 'A400', 'AN12', 'AN22', 'AN24', 'AN26', 'AN32', 'AN72', 'C130', 'C17', 'C160', 'C2', 'C27J', 'C295', 'C30J', 'C390', 'C5M', 'CN35', 'E390', 'IL76', 'K390', 'Y20'])

/** The 20-digit code of an unknown aircraft: fixed-wing cargo if its type is a carrier's, else nothing said beyond "air". */
export function unknownAir(kind: RealmKind, type: string): string {
  return `10${CONTEXT[kind]}1010000${CARGO.has(type) ? '110107' : '000000'}0000`
}

export interface Drawn {
  image: ImageData
  ratio: number
}

const drawn = new Map<string, Drawn>()

/** The symbol as an image in the colour of evidence. `code` must have 20 digits: the library takes others and draws nonsense. */
export function drawSymbol(code: string, fill: string, ratio: number): Drawn {
  if (!/^\d{20}$/.test(code)) throw new Error(`a symbol code has 20 digits, not ${code.length}`)
  const key = `${code} ${fill} ${ratio}`
  let found = drawn.get(key)
  if (!found) {
    // Frame in the fill's colour, outlined in black: legible on both grounds, and the X of an exercise beside it too.
    const frame = { Civilian: fill, Friend: fill, Hostile: fill, Neutral: fill, Unknown: fill, Suspect: fill }
    const symbol = new ms.Symbol(code, { size: 20, fillColor: fill, frameColor: frame, outlineColor: 'rgb(0,0,0)', outlineWidth: 5 })
    const canvas = symbol.asCanvas(ratio)
    const pen = canvas.getContext('2d') as CanvasRenderingContext2D
    found = { image: pen.getImageData(0, 0, canvas.width, canvas.height), ratio }
    drawn.set(key, found)
  }
  return found
}
