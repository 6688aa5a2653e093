import { expect, test } from 'vitest'
import { formatRoute, PAGES, parseRoute } from '../src/lib/route'

test('every page has an address that gives it back', () => {
  for (const page of PAGES) {
    for (const realm of [null, 'live', 'exercise:night-lantern', 'replay:jura']) {
      for (const item of [null, 'warning--3f6c', 'a/b c%']) {
        expect(parseRoute(formatRoute({ realm, page, item }))).toEqual({ realm, page, item })
      }
    }
  }
})

test('an address that means nothing is the watch page', () => {
  for (const hash of ['', '#', '#/', '#/nowhere', '#/exercise:NOT/watch', '#/%E0%A4%A', '#//live//']) expect(parseRoute(hash).page).toBe('watch')
})

test('a realm is taken only in its own shape', () => {
  expect(parseRoute('#/exercise:night-lantern/audit').realm).toBe('exercise:night-lantern')
  expect(parseRoute('#/exercise:/audit').realm).toBeNull()
  expect(parseRoute('#/live/log').realm).toBe('live')
})
