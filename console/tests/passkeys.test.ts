/** What an address brings to the login page, and what it does not. */

import { describe, expect, test } from 'vitest'
import { arrival } from '../src/lib/passkeys'

describe('an address that brings a login back', () => {
  test('holds what is still to be proven', () => {
    expect(arrival('#pending=abc&ways=totp%2Crecovery&enrol=0').begun).toEqual({ pending: 'abc', second_factor: ['totp', 'recovery'], enrol: false })
    expect(arrival('#pending=abc&ways=&enrol=1').begun).toEqual({ pending: 'abc', second_factor: [], enrol: true })
  })
  test('or why the organisation refused', () => {
    expect(arrival('#refused=none+of+your+groups').refused).toBe('none of your groups')
  })
})

test('an invitation is a token and nothing else', () => {
  expect(arrival(`#/invitation/${'a'.repeat(43)}`).invitation).toBe('a'.repeat(43))
  for (const hash of ['#/invitation/', '#/invitation/short', '#/invitation/<script>alert(1)</script>xxxxxxxx', '#/live/watch']) {
    expect(arrival(hash).invitation).toBe('')
  }
})

test('a page of the console brings nothing', () => {
  expect(arrival('#/live/watch?pending=abc')).toEqual({ begun: null, refused: '', invitation: '' })
  expect(arrival('')).toEqual({ begun: null, refused: '', invitation: '' })
})
