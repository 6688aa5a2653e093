/** Passkeys and the steps of a login: what the node asks, put to the browser, and the browser's answer as the node takes it. */

/** The password was right; a second factor is still to be proven, or to be added where the node wants one (`enrol`). */
export interface Begun {
  pending: string
  second_factor: string[]
  enrol: boolean
}

/** The node has let us in; recovery codes come with a first factor. */
export interface Entered {
  csrf: string
  recovery?: string[]
}

interface Json {
  toJSON(): unknown
}

export const hasPasskeys = (): boolean => typeof PublicKeyCredential === 'function' && 'parseRequestOptionsFromJSON' in PublicKeyCredential

/** The answer of a passkey to the node's question; null if the person turned away. */
export async function proveByPasskey(options: unknown): Promise<unknown> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as PublicKeyCredentialRequestOptionsJSON)
  return answer(() => navigator.credentials.get({ publicKey }))
}

/** A new passkey for the node; null if the person turned away. */
export async function makePasskey(options: unknown): Promise<unknown> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as PublicKeyCredentialCreationOptionsJSON)
  return answer(() => navigator.credentials.create({ publicKey }))
}

async function answer(ask: () => Promise<Credential | null>): Promise<unknown> {
  try {
    return ((await ask()) as unknown as Json | null)?.toJSON() ?? null
  } catch {
    return null
  }
}

/** What the address says about a login that came back from the organisation, or about an invitation. */
export interface Arrival {
  begun: Begun | null
  refused: string
  invitation: string
}

export function arrival(hash: string): Arrival {
  const invitation = /^#\/invitation\/([A-Za-z0-9_-]{20,100})$/.exec(hash)?.[1] ?? ''
  const said = new URLSearchParams(hash.startsWith('#/') ? '' : hash.slice(1))
  const pending = said.get('pending')
  const ways = (said.get('ways') ?? '').split(',').filter(Boolean)
  return { begun: pending ? { pending, second_factor: ways, enrol: said.get('enrol') === '1' } : null, refused: said.get('refused') ?? '', invitation }
}
