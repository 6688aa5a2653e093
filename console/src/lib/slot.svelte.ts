/** One thing asked of the node: what came last and when, whether it is being waited for, what went wrong. Times are the browser's, ms. */

import { untrack } from 'svelte'
import { ApiError } from './api'

export class Slot<T> {
  data = $state.raw<T | null>(null)
  at = $state<number | null>(null)
  asked = $state<number | null>(null)
  error = $state<string | null>(null)
  #turn = 0

  /** Asks; a later answer never overwrites a newer one, and one that is no longer wanted is dropped. */
  async load(ask: () => Promise<T>, wanted: () => boolean): Promise<void> {
    const turn = ++this.#turn
    // Asking is often done in an effect, which must not run again because it asked.
    untrack(() => (this.asked ??= Date.now()))
    try {
      const data = await ask()
      if (turn !== this.#turn || !wanted()) return
      this.data = data
      this.at = Date.now()
      this.error = null
    } catch (error) {
      if (turn !== this.#turn || !wanted()) return
      this.error = error instanceof ApiError ? error.line : ''
    }
    this.asked = null
  }

  clear(): void {
    this.#turn++
    this.data = this.at = this.asked = this.error = null
  }
}
