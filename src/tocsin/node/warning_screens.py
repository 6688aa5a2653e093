"""Warnings as the console shows them: what rings, why, who knows, and what this reader may do about it."""

from __future__ import annotations

from typing import Any

from tocsin.core import Realm, realms
from tocsin.exchange import LedgerRow
from tocsin.people import Role
from tocsin.policy import matter_of

from .filtered import Filtered
from .readers import Reader
from .register import Answer, Version
from .service import Node

Json = dict[str, Any]
ORDER = {"withheld": 0, "draft": 1, "queued": 2, "sent": 3, "delivered": 4, "read": 5, "held": 6, "acknowledged": 7}


class WarningScreens:
    """The warnings of one node, for one reader at a time."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def warnings(self, reader: Reader, realm: Realm) -> list[Json]:
        """Every warning that this reader may see, the newest first."""
        found = [self._warning(reader, realm, seen) for seen in Filtered(self._node, reader).warnings(realm)]
        return sorted(found, key=lambda w: (w["protocol_time"], w["warning"]), reverse=True)

    def warning(self, reader: Reader, realm: Realm, warning: str) -> Json:
        """One warning with its versions; raises `NotFound`."""
        seen = Filtered(self._node, reader).versions(realm, warning)
        versions = [
            {
                "version": v.body.version,
                "state": v.body.state,
                "level": v.body.level,
                "time": v.record.protocol_time,
                "by": "" if v.record.author.startswith("node/") else v.record.author,
            }
            for v in seen
        ]
        return {**self._warning(reader, realm, seen), "versions": versions}

    def _warning(self, reader: Reader, realm: Realm, seen: list[Version]) -> Json:
        record, body = seen[-1]
        node = self._node
        mine = record.origin == node.config.id
        topic = next((t for t in node.topics if t.id == body.topic), None)
        watch = node.worlds[realm].sight(reader.view).watches.get(body.topic) if mine else None
        titles = {i.id: i.title for i in topic.indicators} if topic is not None else {}
        shown = Filtered(node, reader)
        answers = shown.answers(realm, body.warning)
        said = shown.said_of(seen[-1], node.config.id)
        # Who acknowledged this level need not do it again for every new figure.
        same = [v for v in seen if v.body.level == body.level and v.body.state != "cancelled"]
        acknowledged = any("acknowledged" in shown.said_of(v, node.config.id) or (mine and v.body.approved_by) for v in same)
        evidence = [
            {
                "indicator": e.indicator,
                "title": titles.get(e.indicator, e.indicator),
                "finding": e.finding,
                "text": e.text,
                "weight": e.weight,
                "since": e.since,
                "feeds": list(e.feeds),
                "latitude": e.latitude,
                "longitude": e.longitude,
                "identities": self.track_numbers(reader, record.realm, e.finding, record.origin),
            }
            for e in body.evidence
        ]
        standing = body.state in {"drafted", "updated"}
        may = {
            "approve": mine and standing and Role.APPROVER in reader.user.roles and not realms.is_replay(realm),
            "acknowledge": body.state != "cancelled" and not acknowledged,
            "hold": standing and mine and "held" not in said,
            "cancel": mine and body.state != "cancelled" and Role.APPROVER in reader.user.roles,
        }
        return {
            "warning": body.warning,
            "record": record.id,
            "realm": realm,
            "origin": record.origin,
            "mine": mine,
            "topic": body.topic,
            "topic_title": topic.title if topic is not None else body.topic,
            "state": body.state,
            "level": body.level,
            "was": body.was,
            "version": body.version,
            "sentence": body.sentence,
            "probabilities": body.probabilities,
            "words": body.words,
            "confidence": body.confidence,
            "innocent": list(body.innocent),
            "base_rate": body.base_rate,
            "evidence": evidence,
            "cannot_see": list(body.cannot_see),
            "would_change": body.would_change,
            "drafted_at": body.drafted_at,
            "issued_at": body.issued_at,
            "approved_by": body.approved_by,
            "eta": body.eta,
            "eta_place": body.eta_place,
            "area": [list(xy) for xy in body.area],
            "banner": node.gate.banner(node.gate.label_of(record)),
            "protocol_time": record.protocol_time,
            "realm_time": record.realm_time,
            "history": watch.assessment().to_json()["history"] if watch is not None else [],
            "who_knows": self._who_knows(reader, seen, answers, mine=mine),
            "may": may,
            "changed_since_read": not said,
            "has_cap": bool(body.cap),
        }

    def track_numbers(self, reader: Reader, realm: Realm, finding: str, origin: str) -> list[int]:
        """Numbers of the tracks that a finding of `origin` is about, as far as this reader's picture holds them now."""
        found = Filtered(self._node, reader).findings(realm, finding, origin)
        return self._node.worlds[realm].sight(reader.view).picture.numbers_of(found[-1][1].identities) if found else []

    def _who_knows(self, reader: Reader, seen: list[Version], answers: list[Answer], *, mine: bool) -> list[Json]:
        me = self._node.config
        said = seen[-1]
        rows: dict[str, Json] = {
            me.id: {"partner": me.id, "name": me.name, "state": "delivered", "at": said.record.protocol_time, "by": "", "reason": ""}
        }
        if mine and said.body.approved_by:
            rows[me.id] |= {"state": "acknowledged", "at": said.record.protocol_time, "by": said.body.approved_by}
        if mine:
            out = next((v for v in reversed(seen) if v.body.issued_at is not None), None)
            ledger = {row.partner: row for row in self._node.exchange.ledger(out.record.id)} if out and self._node.exchange else {}
            denied = {} if out else self._denied(said, reader)
            for known in self._node.book.partners():
                fate = _ledger_row(known.card.partner, known.card.name, ledger.get(known.card.partner))
                rows[known.card.partner] = fate | denied.get(known.card.partner, {})
        elif (partner := self._node.book.get(said.record.origin)) is not None:
            origin = _ledger_row(said.record.origin, partner.card.name, None)
            rows[said.record.origin] = origin | {
                "state": "acknowledged",
                "at": said.record.protocol_time,
                "by": said.body.approved_by,
                "reason": "",
            }
        for answer in answers:
            row = rows.get(answer.record.origin)
            if row is not None and ORDER.get(answer.body.state, 0) > ORDER[row["state"]]:
                by = answer.record.author if answer.record.origin == me.id else ""
                row |= {"state": answer.body.state, "at": answer.record.protocol_time, "by": by}
        return list(rows.values())

    def _denied(self, draft: Version, reader: Reader) -> dict[str, Json]:
        # What release will decide when the draft is approved: nobody is shown as a receiver who would get nothing.
        node = self._node
        label = Filtered(node, reader).evidence_label(draft.record)
        clearances = [p.clearance for p in node.book.partners()]
        decisions = node.gate.decide(label, draft.record.realm, clearances, matter=matter_of(draft.record)).decisions
        return {d.partner: {"state": "withheld", "reason": d.reason} for d in decisions if not d.allowed}

    def who_has(self, record: str) -> list[Json]:
        """What became of a record of this node's, partner by partner."""
        if self._node.exchange is None:
            return []
        ledger = {row.partner: row for row in self._node.exchange.ledger(record)}
        cards = [p.card for p in self._node.book.partners()]
        return [_ledger_row(card.partner, card.name, ledger.get(card.partner)) for card in cards]


def _ledger_row(partner: str, name: str, row: LedgerRow | None) -> Json:
    if row is None:
        return {"partner": partner, "name": name, "state": "draft", "at": None, "by": "", "reason": "not sent"}
    return {"partner": partner, "name": name, "state": row.state, "at": row.at, "by": "", "reason": row.reason}
