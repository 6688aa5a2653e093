/** Every word on screen comes from the catalogue, and every message in it is used. */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'svelte/compiler'
import { describe, expect, test } from 'vitest'
import { messages, t } from '../src/lib/messages'

const SRC = fileURLToPath(new URL('../src', import.meta.url))
const files = (readdirSync(SRC, { recursive: true }) as string[]).filter((name) => /\.(svelte|ts)$/.test(name))
const text = Object.fromEntries(files.map((name) => [name, readFileSync(`${SRC}/${name}`, 'utf8')]))
const WORDS_IN = new Set(['title', 'aria-label', 'placeholder', 'alt', 'label', 'aria-valuetext', 'aria-description'])

interface Node {
  type?: string
  data?: string
  name?: string
  value?: unknown
  [key: string]: unknown
}

/** Prose that stands in a component's markup: bare text, attributes that are read aloud, sentences in expressions. */
export function proseIn(source: string): string[] {
  const found: string[] = []
  walk(parse(source, { modern: true }).fragment as unknown as Node, '', found)
  return found
}

function walk(node: unknown, attribute: string, found: string[]): void {
  if (Array.isArray(node)) return node.forEach((each) => walk(each, attribute, found))
  if (node === null || typeof node !== 'object') return
  const { type, data, name, value } = node as Node
  if (type === 'Comment') return
  if (type === 'RegularElement' && name === 'kbd') return
  if (type === 'Text' && (attribute === '' || WORDS_IN.has(attribute)) && /\p{L}{2,}/u.test(data ?? '')) found.push(String(data).trim())
  if (type === 'Literal' && typeof value === 'string' && /\p{L}{2,}\s+\p{L}|^\p{Lu}\p{Ll}{2,}/u.test(value)) found.push(value)
  const inside = type === 'Attribute' ? String(name) : attribute
  for (const [key, child] of Object.entries(node)) if (key !== 'metadata') walk(child, type === 'Attribute' ? inside : attribute, found)
}

test('every message is used', () => {
  const all = Object.entries(text).filter(([name]) => !name.endsWith('messages.ts')).map(([, source]) => source).join('\n')
  const unused = Object.keys(messages).filter((key) => !all.includes(`'${key}'`) && !all.includes(`"${key}"`) && !all.includes(`messages['${key}']`))
  expect(unused).toEqual([])
})

describe('no component has prose of its own', () => {
  test.each(files.filter((name) => name.endsWith('.svelte')))('%s', (name) => expect(proseIn(text[name] as string)).toEqual([]))
})

test('the check for prose finds prose', () => {
  expect(proseIn('<p>Nothing rings</p>')).toEqual(['Nothing rings'])
  expect(proseIn('<button title="Close it">×</button>')).toEqual(['Close it'])
  expect(proseIn("<p>{ok ? 'All is well' : ''}</p>")).toEqual(['All is well'])
  expect(proseIn('<p class="small quiet">{t("map.never")} · <kbd>Esc</kbd></p>')).toEqual([])
})

test('placeholders are filled, and number chooses the word', () => {
  expect(t('warning.eta', { place: 'EAST' })).toBe('min to EAST')
  expect(t('map.tracks', { n: 1 })).toBe('1 track')
  expect(t('map.tracks', { n: 0 })).toBe('0 tracks')
  expect(t('page.rings', { n: 2 })).toBe('2 warnings ring')
})

test('every call gives what its message asks for', () => {
  for (const [name, source] of Object.entries(text)) {
    for (const [, key, params] of source.matchAll(/\bt\('([\w.]+)'(?:, \{([^{}]*)\})?\)/g)) {
      const message = messages[key as keyof typeof messages]
      const asked = new Set([...message.matchAll(/\{(\w+)/g)].map((m) => m[1] as string))
      const given = new Set((params ?? '').split(',').map((p) => p.split(':')[0]?.trim()).filter(Boolean))
      for (const each of asked) expect.soft([...given], `${name}: ${key}`).toContain(each)
    }
  }
})

test('messages are in sentence case, without exclamation', () => {
  const shouting = Object.entries(messages).filter(([key, value]) => value.includes('!') || (/\b[A-Z]{4,}\b/.test(value) && !/^(strip|slider|app)\./.test(key)))
  expect(shouting).toEqual([])
})
