/** Times, figures and angles as the watch floor writes them. Pure; times in µs UTC. */

import type { Micros } from './types'

const two = (n: number) => String(n).padStart(2, '0')

/** `03:11:42Z`. */
export function zulu(time: Micros): string {
  const d = new Date(time / 1000)
  return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}Z`
}

/** `03:11Z`: to the minute, for what is not more exact than that. */
export function zuluMinute(time: Micros): string {
  return `${zulu(time).slice(0, 5)}Z`
}

/** `05:11`, in the time zone of whoever looks (or the one given, for tests). */
export function local(time: Micros, timeZone?: string): string {
  const options: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
  return new Intl.DateTimeFormat('en-GB', timeZone ? { ...options, timeZone } : options).format(time / 1000)
}

/** `2026-03-08 03:11:42Z`. */
export function zuluDate(time: Micros): string {
  return `${new Date(time / 1000).toISOString().slice(0, 10)} ${zulu(time)}`
}

/** Seconds as the largest unit that says enough: `0.4 s`, `48 s`, `9 min`, `3 h 20`, `2 d`. Negative counts as nothing. */
export function span(seconds: number): string {
  const s = Math.max(0, seconds)
  if (s < 9.95) return `${s.toFixed(1)} s`
  if (s < 119.5) return `${Math.round(s)} s`
  const minutes = Math.floor(s / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${two(minutes % 60)}` : `${Math.floor(hours / 24)} d`
}

/** How long before `now` something was, as `span` says it. */
export function age(time: Micros, now: Micros): string {
  return span((now - time) / 1e6)
}

/** Whole minutes until `time`, never below nothing: the one figure an officer reads first. */
export function minutesTo(time: Micros, now: Micros): number {
  return Math.max(0, Math.round((time - now) / 60e6))
}

/** `71 %`; what is not nothing never reads as `0 %`, what is not sure never as `100 %`. */
export function percent(p: number): string {
  if (p > 0 && p < 0.005) return '<1 %'
  if (p < 1 && p >= 0.995) return '>99 %'
  return `${Math.round(p * 100)} %`
}

/** A likelihood ratio: `9 ×`, `3.4 ×`, `0.7 ×`, `>99 ×`. */
export function times(weight: number): string {
  if (weight > 99) return '>99 ×'
  if (weight < 0.05) return '<0.1 ×'
  return `${weight >= 9.95 || Math.abs(weight - Math.round(weight)) < 0.05 ? Math.round(weight) : weight.toFixed(1)} ×`
}

/** Length of a weight's bar, 0 to 1: logarithmic, full at twenty times (or a twentieth). */
export function weightBar(weight: number): number {
  return Math.min(1, Math.abs(Math.log(Math.max(weight, 1e-3))) / Math.log(20))
}

/** Flight level out of metres: `FL190`. */
export function flightLevel(metres: number): string {
  return `FL${String(Math.max(0, Math.round((metres * 3.28084) / 100))).padStart(3, '0')}`
}

/** Metres a second as knots: `310 kt`. */
export function knots(speed: number): string {
  return `${Math.round(speed * 1.943844)} kt`
}

/** `052°`. */
export function bearing(degrees: number): string {
  return `${String(Math.round(((degrees % 360) + 360) % 360) % 360).padStart(3, '0')}°`
}

/** A whole number with thin spaces between thousands. */
export function count(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, '\u2009')
}

/** The first and last parts of a long digest: enough to compare by eye, the whole stands in the title. */
export function shortDigest(text: string): string {
  return text.length > 20 ? `${text.slice(0, 8)}…${text.slice(-6)}` : text
}
