/** What the console knows at this moment, and how it came to know it. One object, made once in main.ts and handed down by context. */

import { getContext, setContext } from 'svelte'
import { Api, ApiError } from './api'
import { Bells } from './bells.svelte'
import { Frames } from './frames'
import { Live, liveUrl } from './live'
import { t } from './messages'
import { formatRoute, parseRoute, type Page, type Route } from './route'
import type { Begun, Entered } from './passkeys'
import { Slot } from './slot.svelte'
import type { Assessment, ChangedFrame, EvidenceItem, Exchange, Feed, LogEntry, Micros, Place, RealmInfo, Rehearsal, Report, Session, Topical, TrackFrame, Warning } from './types'

type Phase = 'starting' | 'login' | 'ready' | 'unreachable'
const REFRESH_MS = 5_000
/** A moment closer to now than this is now, µs. */
const MOMENT = 5e6

export class App {
  readonly api = new Api()
  readonly bells = new Bells()
  phase = $state<Phase>('starting')
  unreachableSince = $state<number | null>(null)
  expired = $state(false)
  /** Recovery codes of a second factor that was just added: shown once, before anything else. */
  recovery = $state.raw<string[]>([])
  session = $state.raw<Session | null>(null)
  /** Somebody waits for the second factor to be proven once more; called with whether it was. */
  proving = $state.raw<((proven: boolean) => void) | null>(null)
  route = $state.raw<Route>(parseRoute(location.hash))
  /** The browser's clock in ms, once a second; with the node's offset it is the protocol clock. */
  tick = $state(Date.now())
  #offset = 0

  /** Not reactive itself: whoever draws it reads `frameVersion` first. */
  frames = new Frames()
  frameVersion = $state(0)
  frameTime = $state<Micros | null>(null)
  /** When the last frame came, by the browser's clock, ms. */
  frameHeard = $state<number | null>(null)
  linkDown = $state<number | null>(null)
  /** The past moment that the map shows, or null: LIVE. */
  shownAt = $state<Micros | null>(null)
  /** A point that the map is asked to look at. */
  lookAt = $state.raw<{ lat: number; lon: number; nonce: number } | null>(null)
  /** The item of evidence that the map shows by itself, or null. */
  focus = $state.raw<EvidenceItem | null>(null)
  /** A rehearsal was started here, so that its end is shown too. */
  rehearsed = $state(false)
  /** What the form on the reports page starts with, when another page asks for it. */
  draft = $state.raw<{ title: string; text: string; corrects?: string } | null>(null)
  /** What the form for a request starts with. */
  question = $state.raw<{ question: string; topic: string; indicator: string } | null>(null)

  readonly warnings = new Slot<Warning[]>()
  readonly assessments = new Slot<Assessment[]>()
  readonly feeds = new Slot<Feed[]>()
  readonly places = new Slot<Place[]>()
  readonly exchange = new Slot<Exchange>()
  readonly reports = new Slot<Report[]>()
  readonly log = new Slot<LogEntry[]>()
  readonly rehearsal = new Slot<Rehearsal>()

  #live: Live | null = null
  #liveRealm: string | null = null

  constructor() {
    this.api.onExpired = () => {
      if (this.phase === 'ready') this.expired = true
      this.#leave()
    }
  }

  /** Begins: timers, address, session. Called once. */
  start(): void {
    addEventListener('hashchange', () => this.#routed())
    setInterval(() => (this.tick = Date.now()), 1000)
    setInterval(() => this.#refresh(), REFRESH_MS)
    void this.enter()
  }

  /** Asks the node who we are, and opens the realm that the address names. */
  async enter(): Promise<void> {
    try {
      this.#take(await this.api.get<Session>('/session'))
      this.phase = 'ready'
      this.expired = false
      this.unreachableSince = null
      this.#routed()
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.phase = 'login'
        this.unreachableSince = null
      } else if (this.phase !== 'ready') {
        this.phase = 'unreachable'
        this.unreachableSince ??= Date.now()
      }
    }
  }

  /** One step of logging in; gives what is still to be proven, or null once the node has let us in. Throws `ApiError`. */
  async logIn(step: string, body: unknown): Promise<Begun | null> {
    const answer = await this.api.post<Begun | Entered>(step, body)
    if ('pending' in answer) return answer
    this.api.csrf = answer.csrf
    this.recovery = answer.recovery ?? []
    if (this.recovery.length === 0) await this.enter()
    return null
  }

  /** The recovery codes were written down: go on. */
  async kept(): Promise<void> {
    this.recovery = []
    await this.enter()
  }

  async logOut(): Promise<void> {
    await this.api.remove('/session').catch(() => undefined)
    this.#leave()
  }

  /** The realm on screen: the address's if this session has it, else live, else the first. */
  get realm(): RealmInfo | null {
    const realms = this.session?.realms ?? []
    return realms.find((r) => r.realm === this.route.realm) ?? realms.find((r) => r.kind === 'live') ?? realms[0] ?? null
  }

  /** The node's own clock, µs UTC. */
  get protocolNow(): Micros {
    return this.tick * 1000 + this.#offset
  }

  /** The clock of what is watched: that of the last frame, in `live` the node's own until one came. */
  get realmNow(): Micros {
    return this.frameTime ?? this.protocolNow
  }

  /** Warnings that still say something, the newest first; those of this node's own before those shown from partners. */
  get ringing(): Warning[] {
    return (this.warnings.data ?? []).filter((w) => w.state !== 'cancelled')
  }

  /** The warning that the address names, else the first that rings. */
  get chosen(): Warning | null {
    const named = this.route.page === 'watch' && this.route.item
    return (named ? this.warnings.data?.find((w) => w.warning === named) : this.ringing[0]) ?? null
  }

  /** Whether this user's roles allow an act (`report:say`): the node says which; it alone decides when it is done. */
  may(...acts: string[]): boolean {
    return acts.some((act) => this.session?.may?.includes(act))
  }

  /** Does something that may want a second factor proven just now: asks for it, and does it again. Throws `ApiError`. */
  async sure<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 428) throw error
      if (!(await new Promise<boolean>((done) => (this.proving = done)))) throw error
      return act()
    }
  }

  /** What an organisation is called here: this node, a partner, else its id. */
  nameOf(id: string): string {
    if (id === this.session?.node.id) return this.session.node.name
    return this.exchange.data?.partners.find((p) => p.id === id)?.name ?? id
  }

  go(to: Partial<Route>): void {
    const realm = to.realm ?? this.realm?.realm ?? this.route.realm
    const page = to.page ?? this.route.page
    location.hash = formatRoute({ realm, page, item: to.item ?? null, more: to.more ?? null })
  }

  href(page: Page, item: string | null = null, more: string | null = null): string {
    return formatRoute({ realm: this.realm?.realm ?? null, page, item, more })
  }

  look(lat: number, lon: number): void {
    this.lookAt = { lat, lon, nonce: (this.lookAt?.nonce ?? 0) + 1 }
    if (this.route.page !== 'watch' && this.route.page !== 'map') this.go({ page: 'map' })
  }

  /** Opens the map at the place of an item of evidence, and at its moment if that is still kept; its tracks are highlighted. */
  show(item: EvidenceItem): void {
    this.focus = item
    const [from, until] = this.frames.extent() ?? [null, null]
    this.shownAt = from !== null && until !== null && item.since >= from && item.since < until - MOMENT ? item.since : null
    const at = this.placeOf(item)
    if (at) this.lookAt = { lat: at[0], lon: at[1], nonce: (this.lookAt?.nonce ?? 0) + 1 }
    if (this.route.page !== 'watch' && this.route.page !== 'map') this.go({ page: 'map', item: item.finding })
  }

  /** Where an item of evidence was; if it does not say, where one of its tracks is. */
  placeOf(item: EvidenceItem): [number, number] | null {
    if (item.latitude !== null && item.longitude !== null) return [item.latitude, item.longitude]
    const row = item.identities.map((n) => this.frames.row(n)).find((found) => found !== undefined)
    return row ? [row.lat, row.lon] : null
  }

  unfocus(): void {
    this.focus = null
    this.shownAt = null
    if (this.route.page === 'map' && this.route.item) this.go({ page: 'map', item: null })
  }

  /** Approve, acknowledge, hold or cancel; the list is asked for again afterwards. Throws `ApiError`. */
  async act(warning: Warning, act: 'approve' | 'acknowledge' | 'hold' | 'cancel', note: string): Promise<void> {
    await this.api.post(`/warnings/${encodeURIComponent(warning.warning)}/${act}?realm=${encodeURIComponent(warning.realm)}`, { note })
    if (act === 'acknowledge' || act === 'hold' || act === 'cancel') this.bells.quiet(warning)
    await this.load('warnings')
  }

  /** Starts the newcomer's night and goes there. Throws `ApiError`. */
  async rehearse(): Promise<void> {
    const { realm } = await this.api.post<{ realm: string }>('/rehearsal')
    this.rehearsed = true
    await this.load('session')
    await this.load('rehearsal')
    this.go({ realm, page: 'watch', item: null })
  }

  async load(what: Topical | 'assessments' | 'places' | 'log' | 'rehearsal'): Promise<void> {
    const realm = this.realm?.realm
    if (!realm || this.phase !== 'ready') return
    const still = () => this.realm?.realm === realm
    const get = <T>(path: string) => () => this.api.get<T>(path, { realm })
    if (what === 'warnings') {
      await this.warnings.load(get('/warnings'), still)
      if (still() && this.warnings.data && this.session) this.bells.hear(this.warnings.data, this.session.node.id)
    }
    if (what === 'assessments') await this.assessments.load(get('/assessments'), still)
    if (what === 'feeds') await this.feeds.load(get('/feeds'), still)
    if (what === 'places') await this.places.load(get('/places'), still)
    if (what === 'exchange') await this.exchange.load(get('/exchange'), still)
    if (what === 'reports') await this.reports.load(get('/reports'), still)
    if (what === 'log') await this.log.load(get('/log'), still)
    if (what === 'rehearsal') await this.rehearsal.load(() => this.api.get<Rehearsal>('/rehearsal'), () => true)
    if (what === 'session') await this.#renew()
  }

  async #renew(): Promise<void> {
    try {
      this.#take(await this.api.get<Session>('/session'))
      this.#open()
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.api.onExpired()
    }
  }

  #take(session: Session): void {
    this.session = session
    this.api.csrf = session.csrf
    this.#offset = session.protocol_time - Date.now() * 1000
  }

  #leave(): void {
    this.#live?.close()
    this.#live = null
    this.#liveRealm = null
    this.session = null
    this.phase = 'login'
    this.#forget()
  }

  #routed(): void {
    this.route = parseRoute(location.hash)
    this.#open()
  }

  /** Opens the stream of the realm on screen, and forgets everything of the one before: nothing crosses. */
  #open(): void {
    const realm = this.realm?.realm ?? null
    if (this.phase !== 'ready' || realm === null || realm === this.#liveRealm) return
    this.#live?.close()
    this.#liveRealm = realm
    this.#forget()
    this.#live = new Live(liveUrl(location, realm), {
      frame: (frame) => this.#framed(frame, realm),
      state: (down) => {
        this.linkDown = down
        if (down === null) this.#loadAll()
      },
    })
    this.#loadAll()
  }

  #forget(): void {
    this.frames = new Frames()
    this.frameVersion++
    this.frameTime = null
    this.frameHeard = null
    this.shownAt = null
    this.focus = null
    this.linkDown = null
    this.bells.forget()
    for (const slot of [this.warnings, this.assessments, this.feeds, this.places, this.exchange, this.reports, this.log]) slot.clear()
  }

  #loadAll(): void {
    for (const what of ['warnings', 'assessments', 'feeds', 'places', 'exchange', 'reports', 'rehearsal'] as const) void this.load(what)
  }

  #refresh(): void {
    if (this.phase === 'unreachable') void this.enter()
    if (this.phase !== 'ready') return
    for (const what of ['feeds', 'assessments', 'exchange', 'rehearsal'] as const) void this.load(what)
    if (this.warnings.error !== null || this.ringing.length) void this.load('warnings')
    if (!this.places.data) void this.load('places')
  }

  #framed(frame: TrackFrame | ChangedFrame, realm: string): void {
    if (frame.type === 'changed') {
      for (const what of frame.what) void this.load(what)
      if (frame.what.includes('warnings')) void this.load('assessments')
    } else if (frame.realm === realm && this.frames.apply(frame)) {
      this.frameTime = frame.time
      this.frameHeard = Date.now()
      this.frameVersion++
    }
  }
}

/** What went wrong, as one line for the screen. */
export function why(error: unknown): string {
  return error instanceof ApiError && error.line ? error.line : t('wait.noanswer')
}

const CONTEXT = Symbol('app')
export const provide = (app: App) => setContext(CONTEXT, app)
export const useApp = () => getContext<App>(CONTEXT)
