"""What the console's pages show, as JSON-ready values, for one reader. Every list passes `Reader.may` or `may_see`."""

from __future__ import annotations

from typing import Any

from tocsin.core import BadLabel, Label, Realm, banner, join, realms
from tocsin.exchange import LedgerRow
from tocsin.people import Role

from .acts import Acts
from .readers import Reader
from .register import Answer, Version
from .service import Node

ORDER = {"withheld": 0, "draft": 1, "queued": 2, "sent": 3, "delivered": 4, "read": 5, "held": 6, "acknowledged": 7}
Json = dict[str, Any]


class Screens:
    """The pages of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._acts = Acts(node)

    # --- session and realms ---------------------------------------------------------------------------------

    def session(self, reader: Reader) -> Json:
        """Who is here, and what there is to look at."""
        config = self._node.config
        return {
            "user": reader.user.name,
            "roles": sorted(reader.user.roles),
            "csrf": reader.csrf,
            "node": {"id": config.id, "name": config.name},
            "policy": config.policy.name,
            "levels": list(config.policy.levels[: reader.user.clearance.classification + 1]),
            "caveats": sorted(reader.user.clearance.caveats),
            "partners": sorted(p.card.partner for p in self._node.book.partners()),
            "realms": self.realms(reader),
            "demo": config.demo_clock is not None,
            "notice": config.notice,
            "protocol_time": self._node.clock.now(),
        }

    def realms(self, reader: Reader) -> list[Json]:
        """The realms that this reader sees anything in, `live` always."""
        found = []
        for realm in sorted(self._node.worlds, key=lambda r: (r != "live", r)):
            labels = self._labels_in(reader, realm)
            if realm == "live" or labels:
                kind = realm.partition(":")[0]
                title = realm.partition(":")[2].replace("-", " ").upper()
                time = self._node.worlds[realm].clock.now()
                found.append({"realm": realm, "kind": kind, "title": title, "time": time, "banner": self._banner_of(labels)})
        return found

    def _labels_in(self, reader: Reader, realm: Realm) -> list[Label]:
        register = self._node.register
        labels = set(self._node.worlds[realm].sight(reader.view).labels)
        said = [v.record for (r, _), versions in register.warnings.items() if r == realm for v in versions]
        said += [record for record, _ in register.reports[realm]]
        return [*labels, *{r.label for r in said if reader.may_see(r, self._node.config.id)}]

    def _banner_of(self, labels: list[Label]) -> str:
        policy = self._node.config.policy
        try:
            return banner(join(labels), policy) if labels else policy.levels[0]
        except BadLabel:
            return "LABEL NOT UNDERSTOOD"

    # --- watch ----------------------------------------------------------------------------------------------

    def feeds(self, reader: Reader, realm: Realm) -> list[Json]:
        """Feeds and their lateness, own and partners'."""
        if (world := self._node.worlds.get(realm)) is None:
            return []
        now = world.clock.now()
        found = []
        for feed in world.feeds(reader.view):
            state = feed.state(now)
            row: Json = {"name": feed.name, "from": feed.sender, "state": state.state, "last": feed.last or None}
            found.append({**row, "lateness_s": state.lateness_s, "observations": feed.observations, "says": ""})
        return found

    def places(self, realm: Realm) -> list[Json]:
        """Staging areas, watch lines and areas of the topics; where no feed sees."""
        if realm not in self._node.worlds:
            return []
        return [
            {"name": p.name, "kind": p.kind, "points": [list(xy) for xy in p.points], "radius_km": p.radius_km}
            for topic in self._node.topics
            for p in topic.places
        ]

    def assessments(self, reader: Reader, realm: Realm) -> list[Json]:
        """What this reader's view makes of each topic now."""
        if (world := self._node.worlds.get(realm)) is None:
            return []
        return [watch.assessment().to_json() | {"realm": realm} for watch in world.sight(reader.view).watches.values()]

    def warnings(self, reader: Reader, realm: Realm) -> list[Json]:
        """Every warning that this reader may see, the newest first."""
        found = []
        for at, warning in self._node.register.warnings:
            versions = self._node.register.warnings[at, warning]
            if at == realm and (seen := [v for v in versions if reader.may_see(v.record, self._node.config.id)]):
                found.append(self._warning(reader, realm, seen))
        return sorted(found, key=lambda w: (w["protocol_time"], w["warning"]), reverse=True)

    def warning(self, reader: Reader, realm: Realm, warning: str) -> Json:
        """One warning with its versions; raises `NotFound`."""
        seen = self._acts.versions(reader, realm, warning)
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
        answers = [a for a in node.register.answers[body.warning] if reader.may(a.record.label)]
        own_answers = [a.body.state for a in answers if a.record.origin == node.config.id]
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
                "identities": self._track_numbers(reader, realm, e.finding),
            }
            for e in body.evidence
        ]
        standing = body.state in {"drafted", "updated"}
        may = {
            "approve": mine and standing and Role.APPROVER in reader.user.roles and not realms.is_replay(realm),
            "acknowledge": body.state != "cancelled" and "acknowledged" not in own_answers,
            "hold": standing and mine and "held" not in own_answers,
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
            "banner": banner(record.label, node.config.policy),
            "protocol_time": record.protocol_time,
            "realm_time": record.realm_time,
            "history": watch.assessment().to_json()["history"] if watch is not None else [],
            "who_knows": self._who_knows(seen, answers, mine=mine),
            "may": may,
            "has_cap": bool(body.cap),
        }

    def _track_numbers(self, reader: Reader, realm: Realm, finding: str) -> list[int]:
        found = [body for record, body in self._node.register.episodes.get(finding, ()) if reader.may(record.label)]
        return self._node.worlds[realm].sight(reader.view).picture.numbers_of(found[-1].identities) if found else []

    def _who_knows(self, seen: list[Version], answers: list[Answer], *, mine: bool) -> list[Json]:
        me = self._node.config
        said = seen[-1]
        rows: dict[str, Json] = {
            me.id: {"partner": me.id, "name": me.name, "state": "delivered", "at": said.record.protocol_time, "by": "", "reason": ""}
        }
        if mine:
            out = next((v for v in reversed(seen) if not v.record.author.startswith("node/")), None)
            ledger = {row.partner: row for row in self._node.exchange.ledger(out.record.id)} if out and self._node.exchange else {}
            for known in self._node.book.partners():
                rows[known.card.partner] = _ledger_row(known.card.partner, known.card.name, ledger.get(known.card.partner))
        elif (partner := self._node.book.get(said.record.origin)) is not None:
            origin = _ledger_row(said.record.origin, partner.card.name, None)
            rows[said.record.origin] = origin | {"state": "acknowledged", "at": said.body.issued_at, "by": said.body.approved_by}
        for answer in answers:
            row = rows.get(answer.record.origin)
            if row is not None and ORDER.get(answer.body.state, 0) > ORDER[row["state"]]:
                by = answer.record.author if answer.record.origin == me.id else ""
                row |= {"state": answer.body.state, "at": answer.record.protocol_time, "by": by}
        return list(rows.values())

    # --- reports, exchange, journal, log --------------------------------------------------------------------

    def reports(self, reader: Reader, realm: Realm) -> list[Json]:
        """Reports that this reader may read, the newest first."""
        node = self._node
        found = []
        for record, body in reversed(node.register.reports[realm]):
            if not reader.may_see(record, node.config.id):
                continue
            row: Json = {"record": record.id, "realm": realm, "origin": record.origin, "author": record.author}
            row |= {"title": body.title, "text": body.text, "source": body.source, "grade": body.grade, "graded_by": body.graded_by}
            row |= {"protocol_time": record.protocol_time, "banner": banner(record.label, node.config.policy)}
            found.append(row | {"who_knows": self._who_has(record.id) if record.origin == node.config.id else []})
        return found

    def _who_has(self, record: str) -> list[Json]:
        if self._node.exchange is None:
            return []
        ledger = {row.partner: row for row in self._node.exchange.ledger(record)}
        cards = [p.card for p in self._node.book.partners()]
        return [_ledger_row(card.partner, card.name, ledger.get(card.partner)) for card in cards]

    def exchange(self, reader: Reader) -> Json:
        """Partners, their links, and what was refused."""
        node = self._node
        links = {link.partner: link for link in node.exchange.links()} if node.exchange is not None else {}
        # The figures count what goes to and fro under every label, so they are for readers of everything here.
        whole = reader.view.clearance == node.config.own
        partners = []
        for partner in node.book.partners():
            card, link = partner.card, links.get(partner.card.partner)
            row: Json = {"id": card.partner, "name": card.name, "fingerprint": card.fingerprint()}
            row |= {"state": link.state if link else "down", "last_heard": link.last_heard if link else None}
            row |= {name: getattr(link, name) if link and whole else 0 for name in ("behind_in", "behind_out", "refused", "gaps")}
            partners.append(row)
        refusals = [
            {"sender": body.sender, "reason": body.reason, "digest": body.digest, "protocol_time": record.protocol_time}
            for record, body in reversed(node.register.refusals[-200:])
            if reader.may(record.label)
        ]
        counters = node.exchange.counters() if node.exchange is not None and whole else {}
        return {"partners": partners, "refusals": refusals, "counters": counters, "relay": bool(node.config.relay.url or node.relay)}

    def journal(self, reader: Reader, realm: Realm, after: int, limit: int) -> list[Json]:
        """The journal's rows that this reader may read, counted for this reader alone."""
        node = self._node
        rows: list[Json] = []
        index = position = -1
        while len(rows) < limit and (page := node.journal.records(realm, after=index)):
            for kept in page:
                record = kept.record
                if not reader.may_see(record, node.config.id):
                    continue
                position += 1
                if position > after and len(rows) < limit:
                    rows.append(
                        {
                            "index": position,
                            "id": record.id,
                            "kind": record.kind,
                            "origin": record.origin,
                            "author": record.author,
                            "protocol_time": record.protocol_time,
                            "realm_time": record.realm_time,
                            "leaf": kept.leaf.hex(),
                            "banner": banner(record.label, node.config.policy),
                        }
                    )
            index = page[-1].index
        return rows

    def log(self, reader: Reader, realm: Realm) -> list[Json]:
        """The watch log, the newest first."""
        lines = [(record, body) for record, body in self._node.register.log[realm] if reader.may(record.label)]
        return [
            {
                "record": record.id,
                "author": record.author,
                "text": body.text,
                "protocol_time": record.protocol_time,
                "realm_time": record.realm_time,
            }
            for record, body in reversed(lines)
        ]


def _ledger_row(partner: str, name: str, row: LedgerRow | None) -> Json:
    if row is None:
        return {"partner": partner, "name": name, "state": "draft", "at": None, "by": "", "reason": "not sent"}
    return {"partner": partner, "name": name, "state": row.state, "at": row.at, "by": "", "reason": row.reason}
