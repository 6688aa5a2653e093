/**
 * What shows that a record stands in the node's log, recomputed here: the node's answer is taken apart and believed in nothing.
 *
 * Sources: RFC 6962 section 2.1 (hashes), RFC 9162 section 2.1.3.2 (walking a path), C2SP signed-note and tlog-checkpoint.
 */

/** `GET /audit/proof/{record}`; everything after `pending` is there only when that is false. Bytes are base64, `leaf` hexadecimal. */
export interface ProofAnswer {
  record: string
  realm: string
  leaf: string
  pending: boolean
  origin?: string
  index?: number
  size?: number
  signed_at?: number
  salt?: string
  bytes?: string
  path?: string[]
  root?: string
  note?: string
  key?: string
  witnesses?: string[]
}

export type Part = 'record' | 'entry' | 'path' | 'checkpoint' | 'signature'
export type Outcome = 'holds' | 'fails' | 'cannot'

export interface Step {
  part: Part
  outcome: Outcome
  /** What was computed, to be compared by eye. */
  value: string
}

export interface Checked {
  /** `holds` only if every step does. */
  outcome: Outcome
  steps: Step[]
  origin: string
  size: number
  key: string
}

/** What was asked: a record of a realm in the log of `node`, and the leaf that its row in the list shows. */
export interface Wanted {
  record: string
  realm: string
  node: string
  leaf?: string
}

type Bytes = Uint8Array<ArrayBuffer>
const LOG_KEY = 1
const DASH = '\u2014 '
const utf8 = (text: string): Bytes => new Uint8Array(new TextEncoder().encode(text))

/** Checks every step of a proof for the record that was asked for. `subtle` undefined: the browser computes nothing on this page. */
export async function checkProof(answer: ProofAnswer, wanted: Wanted, subtle: SubtleCrypto | undefined): Promise<Checked> {
  const steps: Step[] = []
  const note = noteOf(answer.note ?? '')
  const point = checkpointOf(note?.text ?? '')
  const say = (part: Part, outcome: Outcome | boolean, value = '') => void steps.push({ part, outcome: outcome === true ? 'holds' : outcome === false ? 'fails' : outcome, value })

  const bytes = decoded(answer.bytes)
  say('record', isRecord(bytes, wanted), wanted.record)
  if (!subtle) {
    for (const part of ['entry', 'path', 'checkpoint', 'signature'] as const) say(part, 'cannot')
    return conclude(steps, point, answer)
  }
  const hash = async (...parts: Bytes[]): Promise<Bytes> => new Uint8Array(await subtle.digest('SHA-256', joined(parts)))

  const salt = decoded(answer.salt)
  const entry = bytes && salt ? await hash(salt, bytes) : null
  const leaf = wanted.leaf ?? answer.leaf
  say('entry', entry !== null && salt?.length === 32 && hex(entry) === leaf && hex(entry) === answer.leaf, entry ? hex(entry) : '')

  const path = (answer.path ?? []).map(decoded)
  const root = entry && point && path.every((one) => one?.length === 32) ? await rootOf(await hash(Uint8Array.of(0), entry), answer.index ?? -1, point.size, path as Bytes[], hash) : null
  say('path', root !== null && point !== null && same(root, point.root), root ? hex(root) : '')

  const key = await keyOf(answer.key ?? '', hash)
  const names = key !== null && point !== null && key.name === point.origin && isLogOf(point.origin, wanted)
  say('checkpoint', names && point.origin === answer.origin && point.size === answer.size, point?.origin ?? '')
  say('signature', note && key ? await signed(note, key, subtle) : false, answer.key ?? '')
  return conclude(steps, point, answer)
}

/** RFC 9162: the root that a leaf at `index` of `size` leads to along `path`; null if the path has not the length it must have. */
export async function rootOf(leaf: Bytes, index: number, size: number, path: Bytes[], hash: (...parts: Bytes[]) => Promise<Bytes>): Promise<Bytes | null> {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return null
  const node = Uint8Array.of(1)
  let [fn, sn, found] = [index, size - 1, leaf]
  for (const sibling of path) {
    if (sn === 0) return null
    if (fn % 2 === 1 || fn === sn) {
      found = await hash(node, sibling, found)
      for (; fn % 2 === 0 && fn !== 0; sn = Math.floor(sn / 2)) fn /= 2
    } else found = await hash(node, found, sibling)
    ;[fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)]
  }
  return sn === 0 ? found : null
}

interface Note {
  text: string
  lines: { name: string; id: Bytes; signature: Bytes }[]
}

/** A signed note's text with its last line's end, and the lines that sign it; null for what is none. */
function noteOf(whole: string): Note | null {
  const at = whole.lastIndexOf('\n\n')
  if (at < 1 || !whole.endsWith('\n')) return null
  const lines = []
  for (const line of whole.slice(at + 2, -1).split('\n')) {
    const [, name, coded] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? []
    const data = decoded(coded)
    if (!line.startsWith(DASH) || !name || !data || data.length < 5) return null
    lines.push({ name, id: data.slice(0, 4), signature: data.slice(4) })
  }
  return { text: whole.slice(0, at + 1), lines }
}

interface Checkpoint {
  origin: string
  size: number
  root: Bytes
}

function checkpointOf(text: string): Checkpoint | null {
  const [origin, size, coded] = text.split('\n')
  const root = decoded(coded)
  if (!origin || !size || !/^(0|[1-9][0-9]{0,15})$/.test(size) || root?.length !== 32) return null
  return { origin, size: Number(size), root }
}

interface Key {
  name: string
  id: Bytes
  public: Bytes
}

/** A log's verifier key, `name+id+base64`; null if it is none or its id is another key's. */
async function keyOf(text: string, hash: (...parts: Bytes[]) => Promise<Bytes>): Promise<Key | null> {
  const [, name, id, coded] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text) ?? []
  const data = decoded(coded)
  if (!name || data?.length !== 33 || data[0] !== LOG_KEY) return null
  const found = (await hash(utf8(`${name}\n`), data)).slice(0, 4)
  return hex(found) === id ? { name, id: found, public: data.slice(1) } : null
}

async function signed(note: Note, key: Key, subtle: SubtleCrypto): Promise<Outcome> {
  const mine = note.lines.filter((line) => line.name === key.name && same(line.id, key.id))
  if (mine.length === 0) return 'fails'
  let imported: CryptoKey
  try {
    imported = await subtle.importKey('raw', key.public, { name: 'Ed25519' }, false, ['verify'])
  } catch (error) {
    // A browser without Ed25519 says so by this name; anything else is the key's fault.
    return error instanceof Error && /^(NotSupported|Syntax)Error$/.test(error.name) ? 'cannot' : 'fails'
  }
  for (const line of mine) if (!(await subtle.verify({ name: 'Ed25519' }, imported, line.signature, utf8(note.text)))) return 'fails'
  return 'holds'
}

/** `tocsin/NODE/REALM`, or with the suffix that a log begun anew has. */
function isLogOf(origin: string, { node, realm }: Wanted): boolean {
  const name = `tocsin/${node}/${realm}`
  return origin === name || (origin.startsWith(`${name}/`) && /^[0-9a-f]{16}$/.test(origin.slice(name.length + 1)))
}

function isRecord(bytes: Bytes | null, wanted: Wanted): boolean {
  if (!bytes) return false
  try {
    const said = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Record<string, unknown>
    return said['id'] === wanted.record && said['realm'] === wanted.realm
  } catch {
    return false
  }
}

function conclude(steps: Step[], point: Checkpoint | null, answer: ProofAnswer): Checked {
  const outcome = steps.some((s) => s.outcome === 'fails') ? 'fails' : steps.every((s) => s.outcome === 'holds') ? 'holds' : 'cannot'
  return { outcome, steps, origin: point?.origin ?? '', size: point?.size ?? 0, key: answer.key ?? '' }
}

function decoded(text: string | undefined): Bytes | null {
  if (!text || !/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4) return null
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  } catch {
    return null
  }
}

function joined(parts: Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

const hex = (bytes: Bytes) => [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('')
const same = (a: Bytes, b: Bytes) => hex(a) === hex(b)
