/** The browser's check of a proof, on one that the node's own code made: `TOCSIN_PROOF` names a fresh one, else the one kept beside. */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { checkProof, rootOf, type Part, type ProofAnswer, type Wanted } from '../src/lib/proof'

const file = process.env['TOCSIN_PROOF'] ?? fileURLToPath(new URL('proof.json', import.meta.url))
const proofs = JSON.parse(readFileSync(file, 'utf8')) as (Required<ProofAnswer> & { node: string })[]
const first = proofs[0] as Required<ProofAnswer> & { node: string }
const subtle = globalThis.crypto.subtle
const wanted = (answer: ProofAnswer): Wanted => ({ record: answer.record, realm: answer.realm, node: first.node, leaf: answer.leaf })
const failing = async (answer: ProofAnswer, asked = wanted(first)): Promise<Part[]> => {
  const found = await checkProof(answer, asked, subtle)
  expect(found.outcome).toBe('fails')
  return found.steps.filter((s) => s.outcome === 'fails').map((s) => s.part)
}
/** The same bytes but for one bit, in base64. */
const bent = (text: string, at = 0): string => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  const where = at < 0 ? bytes.length + at : at
  bytes[where] = (bytes[where] as number) ^ 1
  return btoa(String.fromCharCode(...bytes))
}

test('what the node made holds, step by step', async () => {
  expect(proofs.length).toBeGreaterThan(3)
  for (const answer of proofs) {
    const found = await checkProof(answer, { ...wanted(answer), node: answer.node }, subtle)
    expect(found.steps.map((s) => [s.part, s.outcome])).toEqual(['record', 'entry', 'path', 'checkpoint', 'signature'].map((part) => [part, 'holds']))
    expect(found).toMatchObject({ outcome: 'holds', origin: answer.origin, size: answer.size })
  }
})

describe('one bit is enough for a no', () => {
  test('in the record', async () => expect(await failing({ ...first, bytes: bent(first.bytes, -1) })).toEqual(expect.arrayContaining(['entry', 'path'])))
  test('in the salt', async () => expect(await failing({ ...first, salt: bent(first.salt) })).toEqual(['entry', 'path']))
  test('in the path', async () => {
    for (let i = 0; i < first.path.length; i++) {
      const path = first.path.map((one, n) => (n === i ? bent(one) : one))
      expect(await failing({ ...first, path })).toEqual(['path'])
    }
  })
  test('in the root', async () => {
    const lines = first.note.split('\n')
    const note = [...lines.slice(0, 2), bent(lines[2] as string), ...lines.slice(3)].join('\n')
    expect(await failing({ ...first, note })).toEqual(['path', 'signature'])
  })
  test('in the signature', async () => {
    const lines = first.note.split('\n')
    const [dash, name, coded] = (lines[4] as string).split(' ') as [string, string, string]
    lines[4] = `${dash} ${name} ${bent(coded, 40)}`
    expect(await failing({ ...first, note: lines.join('\n') })).toEqual(['signature'])
  })
  test('in the key', async () => {
    // The second plus begins the key itself, whose base64 may hold others.
    const at = first.key.indexOf('+', first.key.indexOf('+') + 1) + 1
    expect(await failing({ ...first, key: first.key.slice(0, at) + bent(first.key.slice(at), -1) })).toEqual(['checkpoint', 'signature'])
  })
})

describe('a proof of something else is none', () => {
  const other = proofs[1] as Required<ProofAnswer>
  test('another record', async () => expect(await failing(other)).toEqual(['record', 'entry']))
  test('another leaf in the list', async () => expect(await failing(first, { ...wanted(first), leaf: other.leaf })).toEqual(['entry']))
  test('another place', async () => expect(await failing({ ...first, index: first.index ^ 1 })).toEqual(['path']))
  test('another size', async () => expect(await failing({ ...first, size: first.size + 16 })).toEqual(['checkpoint']))
  test('another realm', async () => expect(await failing(first, { ...wanted(first), realm: 'exercise:x' })).toEqual(['record', 'checkpoint']))
  test('another node', async () => expect(await failing(first, { ...wanted(first), node: 'OTHER' })).toEqual(['checkpoint']))
  test('a path that is too short, too long, or none', async () => {
    const extra = first.path[0] as string
    for (const path of [first.path.slice(1), first.path.slice(0, -1), [...first.path, extra], []]) expect(await failing({ ...first, path })).toEqual(['path'])
  })
  test('nothing at all', async () => {
    const { record, realm, leaf } = first
    expect(await failing({ record, realm, leaf, pending: false })).toEqual(['record', 'entry', 'path', 'checkpoint', 'signature'])
    for (const note of ['', '\n\n', 'a\n\nb\n', `${first.note}x`, first.note.replace('\u2014', '-')]) expect(await failing({ ...first, note })).toContain('signature')
  })
})

describe('a browser that cannot says so, and never that it holds', () => {
  test('no cryptography', async () => {
    const found = await checkProof(first, wanted(first), undefined)
    expect(found.outcome).toBe('cannot')
    expect(found.steps.slice(1).every((s) => s.outcome === 'cannot')).toBe(true)
  })
  test('no Ed25519', async () => {
    const without = { digest: subtle.digest.bind(subtle), importKey: () => Promise.reject(new DOMException('', 'NotSupportedError')) } as unknown as SubtleCrypto
    const found = await checkProof(first, wanted(first), without)
    expect(found.outcome).toBe('cannot')
    expect(found.steps.filter((s) => s.outcome === 'cannot').map((s) => s.part)).toEqual(['signature'])
    expect((await checkProof({ ...first, path: [] }, wanted(first), without)).outcome).toBe('fails')
  })
})

test('a path in a tree of every small size leads to its root, and from no other place', async () => {
  const hash = async (...parts: Uint8Array<ArrayBuffer>[]) => new Uint8Array(await subtle.digest('SHA-256', await new Blob(parts).arrayBuffer()))
  type Hash = Uint8Array<ArrayBuffer>
  // RFC 6962 2.1 and 2.1.1, written as they stand there: the largest power of two below n splits n leaves.
  const split = (n: number) => 2 ** Math.ceil(Math.log2(n) - 1)
  const top = async (d: Hash[]): Promise<Hash> => (d.length === 1 ? (d[0] as Hash) : hash(Uint8Array.of(1), await top(d.slice(0, split(d.length))), await top(d.slice(split(d.length)))))
  const path = async (m: number, d: Hash[]): Promise<Hash[]> => {
    if (d.length === 1) return []
    const k = split(d.length)
    return m < k ? [...(await path(m, d.slice(0, k))), await top(d.slice(k))] : [...(await path(m - k, d.slice(k))), await top(d.slice(0, k))]
  }
  for (let size = 1; size <= 17; size++) {
    const leaves = await Promise.all(Array.from({ length: size }, (_, i) => hash(Uint8Array.of(0, i))))
    const root = String(await top(leaves))
    for (let m = 0; m < size; m++) {
      const steps = await path(m, leaves)
      expect(String(await rootOf(leaves[m] as Hash, m, size, steps, hash))).toBe(root)
      if (size > 1) expect(String(await rootOf(leaves[m] as Hash, (m + 1) % size, size, steps, hash))).not.toBe(root)
    }
    expect(await rootOf(leaves[0] as Hash, size, size, [], hash)).toBeNull()
  }
})
