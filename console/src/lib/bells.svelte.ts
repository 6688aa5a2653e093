/** Which warnings ring: each once when it is new or rises, and again every half minute until it is answered or silenced for itself alone. */

import { ring, soundAllowed } from './bell'
import type { Warning } from './types'

const AGAIN_MS = 30_000
const HEARD = 'tocsin.heard'

/** Whether `warning` still asks this floor for an answer. */
export function unanswered(warning: Warning, own: string): boolean {
  if (warning.state === 'cancelled') return false
  return !warning.who_knows.some((k) => k.partner === own && (k.state === 'acknowledged' || k.reason === 'held'))
}

export class Bells {
  /** Warnings that arrived or rose since this page was opened: they slide in once. */
  fresh = $state.raw<ReadonlySet<string>>(new Set())
  silenced = $state.raw<ReadonlySet<string>>(new Set())
  ringing = $state.raw<ReadonlySet<string>>(new Set())
  /** A bell was due and the browser kept it silent. */
  muffled = $state(false)
  #timer: ReturnType<typeof setInterval> | undefined

  hear(warnings: Warning[], own: string): void {
    const heard = new Set(JSON.parse(sessionStorage.getItem(HEARD) ?? '[]') as string[])
    const open = warnings.filter((w) => unanswered(w, own))
    const fresh = open.filter((w) => !heard.has(mark(w)))
    this.ringing = new Set(open.map((w) => w.warning).filter((id) => !this.silenced.has(id)))
    if (fresh.length) {
      this.fresh = new Set([...this.fresh, ...fresh.map((w) => w.warning)])
      for (const w of fresh) heard.add(mark(w))
      sessionStorage.setItem(HEARD, JSON.stringify([...heard].slice(-200)))
      if (fresh.some((w) => !this.silenced.has(w.warning))) this.#strike()
    }
    this.#timer ??= setInterval(() => this.ringing.size && this.#strike(), AGAIN_MS)
  }

  silence(warning: Warning): void {
    this.silenced = new Set([...this.silenced, warning.warning])
    this.quiet(warning)
  }

  quiet(warning: Warning): void {
    this.ringing = new Set([...this.ringing].filter((id) => id !== warning.warning))
  }

  /** Sound has become possible: rings once for what was kept silent. */
  unmuffle(): void {
    if (this.muffled && soundAllowed()) {
      this.muffled = false
      if (this.ringing.size) this.#strike()
    }
  }

  forget(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.ringing = new Set()
    this.fresh = new Set()
  }

  #strike(): void {
    this.muffled = !ring()
  }
}

const mark = (w: Warning) => `${w.warning}:${w.level}`
