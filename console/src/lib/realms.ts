/** What a realm is called on screen. */

import { t, type Key } from './messages'
import type { RealmInfo, RealmKind } from './types'

const KIND: Record<RealmKind, Key> = { live: 'strip.realm.live', exercise: 'strip.realm.exercise', replay: 'strip.realm.replay' }

export const realmName = (of: RealmInfo): string => t(KIND[of.kind], { title: of.title })
