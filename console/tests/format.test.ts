import { expect, test } from 'vitest'
import { age, bearing, count, flightLevel, knots, local, minutesTo, percent, shortDigest, span, times, weightBar, zulu, zuluDate, zuluMinute } from '../src/lib/format'

const T = Date.UTC(2026, 2, 8, 3, 11, 42) * 1000

test('times are UTC with seconds and a Z, and local beside', () => {
  expect(zulu(T)).toBe('03:11:42Z')
  expect(zuluMinute(T)).toBe('03:11Z')
  expect(zuluDate(T)).toBe('2026-03-08 03:11:42Z')
  expect(local(T, 'Europe/Zurich')).toBe('04:11')
  expect(local(T + 15 * 7 * 86400e6, 'Europe/Zurich')).toBe('05:11')
})

test.each([
  [0.4, '0.4 s'],
  [9.96, '10 s'],
  [48, '48 s'],
  [119.6, '1 min'],
  [540, '9 min'],
  [7200, '2 h 00'],
  [12000, '3 h 20'],
  [200000, '2 d'],
  [-3, '0.0 s'],
])('a span of %d seconds reads %s', (seconds, words) => expect(span(seconds)).toBe(words))

test('an age counts back from the clock of the realm', () => expect(age(T - 360e6, T)).toBe('6 min'))

test('minutes left never go below nothing', () => {
  expect(minutesTo(T + 18 * 60e6, T)).toBe(18)
  expect(minutesTo(T - 60e6, T)).toBe(0)
})

test('no probability reads as certain or impossible unless it is', () => {
  expect([0, 0.001, 0.71, 0.999, 1].map(percent)).toEqual(['0 %', '<1 %', '71 %', '>99 %', '100 %'])
})

test('a weight reads as times likelier, below one too', () => {
  expect([9, 3.4, 0.7, 12.4, 500, 0.001].map(times)).toEqual(['9 ×', '3.4 ×', '0.7 ×', '12 ×', '>99 ×', '<0.1 ×'])
})

test('bars of a weight and of its inverse are equally long', () => {
  expect(weightBar(4)).toBeCloseTo(weightBar(0.25))
  expect(weightBar(1)).toBe(0)
  expect(weightBar(1000)).toBe(1)
  expect(weightBar(0)).toBe(1)
})

test('heights, speeds and courses are those of the air', () => {
  expect(flightLevel(5800)).toBe('FL190')
  expect(flightLevel(-20)).toBe('FL000')
  expect(knots(160)).toBe('311 kt')
  expect([52, 359.7, -1, 360].map(bearing)).toEqual(['052°', '000°', '359°', '000°'])
})

test('thousands are apart and digests are short', () => {
  expect(count(1234567)).toBe('1\u2009234\u2009567')
  expect(shortDigest('b1'.repeat(32))).toBe('b1b1b1b1…b1b1b1')
  expect(shortDigest('short')).toBe('short')
})
