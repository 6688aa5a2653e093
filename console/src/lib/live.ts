/** The node's live stream, kept up: reconnects with growing pauses, and says since when it is down. */

import type { ChangedFrame, TrackFrame } from './types'

const PAUSES_MS = [500, 1000, 2000, 4000, 8000]

export interface LiveHandlers {
  frame: (frame: TrackFrame | ChangedFrame) => void
  /** `down` is the browser's time in ms since when nothing comes, null while the stream is up. */
  state: (down: number | null) => void
}

export class Live {
  #socket: WebSocket | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #attempt = 0
  #down: number | null = null
  #ended = false

  constructor(
    private readonly url: string,
    private readonly handlers: LiveHandlers,
  ) {
    this.#open()
  }

  close(): void {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#socket?.close()
  }

  #open(): void {
    const socket = new WebSocket(this.url)
    this.#socket = socket
    socket.onopen = () => {
      this.#attempt = 0
      this.#down = null
      this.handlers.state(null)
    }
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      if (!this.#ended) this.handlers.frame(JSON.parse(data) as TrackFrame | ChangedFrame)
    }
    socket.onclose = () => {
      if (this.#ended) return
      this.#down ??= Date.now()
      this.handlers.state(this.#down)
      const pause = PAUSES_MS[Math.min(this.#attempt++, PAUSES_MS.length - 1)] as number
      this.#timer = setTimeout(() => this.#open(), pause)
    }
  }
}

export function liveUrl(location: Location, realm: string): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/live?realm=${encodeURIComponent(realm)}`
}
