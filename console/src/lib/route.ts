/** What the address says: `#/<realm>/<page>/<item>/<more>`. Everything that can be looked at has an address. */

export const PAGES = ['watch', 'map', 'exchange', 'reports', 'audit', 'partners', 'people', 'indicators', 'say', 'backtests', 'log'] as const
export type Page = (typeof PAGES)[number]

export interface Route {
  realm: string | null
  page: Page
  item: string | null
  /** A part of the item, where a page has such. */
  more?: string | null
}

const REALM = /^(live|(?:exercise|replay):[a-z0-9][a-z0-9-]{0,39})$/

/** The route that a location's hash means; what it does not know becomes the watch page. */
export function parseRoute(hash: string): Route {
  const parts = hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decode)
  const realm = parts[0] && REALM.test(parts[0]) ? (parts.shift() as string) : null
  const page = PAGES.find((name) => name === parts[0]) ?? 'watch'
  return { realm, page, item: parts[1] ?? null, ...(parts[2] === undefined ? {} : { more: parts[2] }) }
}

/** The hash for a route, so that `parseRoute` gives it back. */
export function formatRoute({ realm, page, item, more = null }: Route): string {
  return `#/${[realm, page, item, item === null ? null : more].filter((part) => part !== null).map((part) => encodeURIComponent(part).replaceAll('%3A', ':')).join('/')}`
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
