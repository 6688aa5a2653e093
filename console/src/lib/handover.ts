/** The draft of a hand-over. Pure. What is not known is said to be not known: it never reads as nothing. */

import { span, zuluDate, zuluMinute } from './format'
import { t } from './messages'
import type { Feed, InfoRequest, Micros, Warning } from './types'

export interface Standing {
  by: string
  realmTime: Micros
  protocolTime: Micros
  warnings: Warning[] | null
  feeds: Feed[] | null
  requests: InfoRequest[] | null
  cannotSee: string[]
}

export function draftHandover(now: Standing): string {
  const lines = [t('handover.head', { by: now.by, time: zuluDate(now.realmTime), protocol: zuluDate(now.protocolTime) }), '']
  if (now.warnings === null) lines.push(t('handover.warnings.unknown'))
  else {
    lines.push(t('handover.warnings', { n: now.warnings.length }))
    for (const w of now.warnings) {
      const eta = w.eta === null ? '' : t('handover.eta', { place: w.eta_place ?? '', time: zuluMinute(w.eta) })
      lines.push(t('handover.warning', { level: w.level.toUpperCase(), topic: w.topic_title, state: w.state, eta }))
    }
  }
  if (now.feeds === null) lines.push(t('handover.feeds.unknown'))
  else {
    const late = now.feeds.filter((f) => f.state !== 'ok' && f.state !== 'ended')
    lines.push(t('handover.feeds', { n: late.length }))
    for (const f of late) {
      const { name, state } = f
      lines.push(`- ${f.lateness_s === null ? t('board.feed.never', { name, state }) : t('board.feed', { name, state, age: span(f.lateness_s) })}`)
    }
  }
  if (now.requests === null) lines.push(t('handover.requests.unknown'))
  else {
    lines.push(t('handover.requests', { n: now.requests.length }))
    for (const r of now.requests) lines.push(t('handover.request', { question: r.question, time: zuluMinute(r.protocol_time) }))
  }
  if (now.cannotSee.length) lines.push(t('handover.blind', { areas: now.cannotSee.join(' ') }))
  return [...lines, '', t('handover.own')].join('\n')
}
