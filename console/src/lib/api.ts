/** The node's HTTP interface: one call each way, errors as one line. */

const BASE = '/api/v1'
const PATIENCE_MS = 15_000

/** The node answered no, or did not answer (`status` 0). `line` is what it said, fit for the screen. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly line: string,
  ) {
    super(line)
  }
}

export class Api {
  csrf = ''
  /** Called whenever the node says that nobody is logged in any more. */
  onExpired: () => void = () => undefined

  get<T>(path: string, query: Record<string, string | number> = {}): Promise<T> {
    const text = new URLSearchParams(Object.entries(query).map(([k, v]) => [k, String(v)])).toString()
    return this.#ask<T>('GET', text ? `${path}?${text}` : path)
  }

  /** An answer that is no JSON, as it came. */
  text(path: string): Promise<string> {
    return this.#send('GET', path)
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#ask<T>('POST', path, body)
  }

  change<T>(path: string, body: unknown): Promise<T> {
    return this.#ask<T>('PATCH', path, body)
  }

  remove(path: string): Promise<void> {
    return this.#ask<void>('DELETE', path)
  }

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const text = await this.#send(method, path, body)
    return (text ? JSON.parse(text) : undefined) as T
  }

  async #send(method: string, path: string, body?: unknown): Promise<string> {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (method !== 'GET') headers['x-tocsin-csrf'] = this.csrf
    if (body !== undefined) headers['content-type'] = 'application/json'
    let response: Response
    try {
      response = await fetch(BASE + path, {
        method,
        headers,
        credentials: 'same-origin',
        cache: 'no-store',
        signal: AbortSignal.timeout(PATIENCE_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    } catch {
      throw new ApiError(0, '')
    }
    const text = await response.text()
    if (!response.ok) {
      if (response.status === 401 && !path.startsWith('/session')) this.onExpired()
      throw new ApiError(response.status, lineOf(text))
    }
    return text
  }
}

function lineOf(text: string): string {
  try {
    const said = (JSON.parse(text) as { error?: unknown }).error
    return typeof said === 'string' ? said : ''
  } catch {
    return ''
  }
}
