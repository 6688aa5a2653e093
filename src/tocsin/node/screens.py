"""What the console's pages show, as JSON-ready values, for one reader. Every list passes `Reader.may` or `may_see`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from tocsin.core import BadLabel, Label, Realm, Record, Report, banner, body_of, join
from tocsin.journal import Kept
from tocsin.people.roles import MAY, may

from .acts import Acts
from .filtered import Filtered
from .readers import Reader
from .search import words_of
from .service import Node
from .warning_screens import WarningScreens

PAGE = 200

Json = dict[str, Any]


class Screens:
    """The pages of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._warnings = WarningScreens(node)

    # --- session and realms ---------------------------------------------------------------------------------

    def session(self, reader: Reader) -> Json:
        """Who is here, and what there is to look at."""
        config = self._node.config
        return {
            "user": reader.user.name,
            "roles": sorted(reader.user.roles),
            "may": sorted(act for act in MAY if may(reader.user.roles, act)),
            "csrf": reader.csrf,
            "node": {"id": config.id, "name": config.name},
            "policy": config.policy.name,
            "levels": list(config.policy.levels[: reader.user.clearance.classification + 1]),
            "caveats": sorted(reader.user.clearance.caveats),
            "partners": sorted(p.card.partner for p in self._node.book.partners()),
            "communities": sorted(community.communities) if (community := self._node.gate.community) is not None else [],
            "terms": Acts(self._node).terms(),
            "realms": self.realms(reader),
            "demo": config.demo_clock is not None,
            "notice": config.notice,
            "protocol_time": self._node.clock.now(),
        }

    def realms(self, reader: Reader) -> list[Json]:
        """The realms that this reader sees anything in, `live` always."""
        shown, found = Filtered(self._node, reader), []
        for realm in shown.realms():
            kind = realm.partition(":")[0]
            title = realm.partition(":")[2].replace("-", " ").upper()
            time = self._node.worlds[realm].time(reader.view)
            banner = self._banner_of(shown.labels(realm))
            found.append({"realm": realm, "kind": kind, "title": title, "note": "", "time": time, "banner": banner})
        return found

    def sees(self, reader: Reader, realm: Realm) -> bool:
        """Whether this reader sees anything in `realm`, so that it is there for them at all."""
        return Filtered(self._node, reader).sees(realm)

    def _banner_of(self, labels: Collection[Label]) -> str:
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
        now = world.time(reader.view)
        found = []
        for feed in world.feeds(reader.view):
            state = feed.state(now)
            row: Json = {"name": feed.name, "from": feed.sender, "state": state.state, "last": feed.last or None}
            found.append({**row, "lateness_s": state.lateness_s, "observations": feed.observations, "says": ""})
        return found

    def places(self, reader: Reader, realm: Realm) -> list[Json]:
        """Staging areas, watch lines and areas of the topics; where no feed sees."""
        if not self.sees(reader, realm):
            return []
        return [
            {"name": p.name, "kind": p.kind, "points": [list(xy) for xy in p.points], "radius_km": p.radius_km}
            for topic in self._node.topics
            for p in topic.places
        ]

    def assessments(self, reader: Reader, realm: Realm) -> list[Json]:
        """What this reader's view makes of each topic now; each item of evidence with its title and its tracks' numbers."""
        if not self.sees(reader, realm):
            return []
        found = [watch.assessment().to_json() | {"realm": realm} for watch in self._node.worlds[realm].sight(reader.view).watches.values()]
        for one in found:
            titles = {lamp["id"]: lamp["title"] for lamp in one["indicators"]}
            for item in one["evidence"]:
                numbers = self._warnings.track_numbers(reader, realm, item["finding"], self._node.config.id)
                item |= {"title": titles.get(item["indicator"], item["indicator"]), "identities": numbers}
        return found

    # --- reports, exchange, journal, log --------------------------------------------------------------------

    def reports(self, reader: Reader, realm: Realm, before: str = "", limit: int = PAGE) -> list[Json]:
        """Reports that this reader may read, the newest first, older than the record `before`; raises `NotFound`."""
        shown = Filtered(self._node, reader)
        found = shown.reports(realm, limit, shown.place_in(realm, "report", before))
        every = {record.id: (record, body) for record, body in found}
        rows = {record.id: self._report(shown, record, body) for record, body in every.values()}
        for record, _ in every.values():
            # A correction stands in the place of what it corrects, which is still there behind it.
            later = shown.correction_of(record)
            if later is not None and later.id != record.id:
                rows[record.id]["corrected_by"] = later.id
                if later.id in rows:
                    rows[later.id]["earlier"].append(rows[record.id])
        for record, _ in every.values():
            # What it corrects may stand on a later page, where it is not shown for its own sake any more.
            for old in (kept for ref in record.refs if ref.rel == "corrects" and ref.id not in rows and (kept := shown.find(ref.id))):
                body = body_of(old.record)
                if isinstance(body, Report) and old.record.origin == record.origin and not shown.hides(old.record):
                    rows[record.id]["earlier"].append(self._report(shown, old.record, body) | {"corrected_by": record.id})
        return [row for row in rows.values() if not row["corrected_by"]]

    def _report(self, shown: Filtered, record: Record, body: Report) -> Json:
        node = self._node
        row: Json = {"record": record.id, "realm": record.realm, "origin": record.origin, "author": record.author}
        row |= {"title": body.title, "text": body.text, "source": body.source, "grade": body.grade, "graded_by": body.graded_by}
        row |= {"topic": body.topic, "indicator": body.indicator, "area": [list(xy) for xy in body.area]}
        row |= {"protocol_time": record.protocol_time, "banner": node.gate.banner(node.gate.label_of(record))}
        row |= {"recalled": recalled(shown, record), "corrected_by": "", "earlier": []}
        row["answers"] = [ref.id for ref in record.refs if ref.rel == "answers"]
        row["serves"] = [ref.id for ref in record.refs if ref.rel == "serves"]
        return row | {"who_knows": self._warnings.who_has(record.id) if record.origin == node.config.id else []}

    def search(self, reader: Reader, realm: Realm, query: str, limit: int) -> Json:
        """Texts of `realm` that hold every word of `query`; all numbers are of this reader's own texts."""
        words_of(query)
        shown = Filtered(self._node, reader)
        if not shown.sees(realm):
            return {"realm": realm, "count": 0, "of": 0, "hits": []}
        found, texts = shown.search(realm, query, limit)
        hits = []
        for one, snippet in texts:
            record = one.record
            row: Json = {"record": record.id, "kind": record.kind, "origin": record.origin, "author": record.author}
            row |= {"protocol_time": record.protocol_time, "banner": self._node.gate.banner(self._node.gate.label_of(record))}
            hits.append(row | {"title": getattr(one.body, "title", ""), "snippet": snippet})
        return {"realm": realm, "count": found.matches, "of": found.of, "hits": hits}

    def exchange(self, reader: Reader) -> Json:
        """Partners, their links, and what was refused."""
        node, shown = self._node, Filtered(self._node, reader)
        links = {link.partner: link for link in node.exchange.links()} if node.exchange is not None else {}
        # The figures count what goes to and fro under every label, so they are for readers of everything here.
        whole = shown.reads_all
        partners = []
        for partner in node.book.partners():
            card, link = partner.card, links.get(partner.card.partner)
            row: Json = {"id": card.partner, "name": card.name, "fingerprint": card.fingerprint()}
            row |= {"state": link.state if link else "down", "last_heard": link.last_heard if link else None}
            row |= {name: getattr(link, name) if link and whole else 0 for name in ("behind_in", "behind_out", "refused", "gaps")}
            partners.append(row | {"clock_off_s": link.clock_off_s if link else 0.0})
        refusals = [
            {"sender": body.sender, "reason": body.reason, "digest": body.digest, "protocol_time": record.protocol_time}
            for record, body in shown.refusals()
        ]
        gaps = [
            {"sender": b.sender, "first": b.first, "last": b.last, "reason": b.reason, "realm": r.realm, "protocol_time": r.protocol_time}
            for r, b in shown.gaps()
        ]
        counters = node.exchange.counters() if node.exchange is not None and whole else {}
        return {
            "partners": partners,
            "refusals": refusals,
            "gaps": gaps,
            "counters": counters,
            "relay": bool(node.config.relay.url or node.hosting.is_here),
        }

    def journal(self, reader: Reader, realm: Realm, after: int | None, limit: int) -> list[Json]:
        """The journal's rows that this reader may read, counted for this reader alone: those past `after`, or the newest."""
        return [self._row(kept, position) for position, kept in Filtered(self._node, reader).page(realm, after, limit)]

    def _row(self, kept: Kept, position: int) -> Json:
        record = kept.record
        row: Json = {"index": position, "id": record.id, "kind": record.kind, "origin": record.origin, "author": record.author}
        row |= {"protocol_time": record.protocol_time, "realm_time": record.realm_time, "leaf": kept.leaf.hex()}
        return row | {"banner": self._node.gate.banner(self._node.gate.label_of(record)), "understood": body_of(record) is not None}

    def claims(self, reader: Reader, realm: Realm) -> list[Json]:
        """Claims and sightings that this reader may read, the newest first."""
        found = []
        for record, body in Filtered(self._node, reader).claims(realm):
            row: Json = {"record": record.id, "realm": record.realm, "origin": record.origin, "author": record.author}
            row |= msgspec.to_builtins(body) | {"protocol_time": record.protocol_time}
            found.append(row | {"banner": self._node.gate.banner(self._node.gate.label_of(record))})
        return found

    def counts(self, reader: Reader, realm: Realm) -> list[Json]:
        """Every daily series that this reader may read, with its days since 1970-01-01."""
        if realm not in self._node.worlds:
            return []
        policy = self._node.config.policy
        return [
            {
                "series": name,
                "source": one.source,
                "days": one.day.tolist(),
                "counts": one.value.tolist(),
                "banner": banner(one.label, policy),
            }
            for name, one in sorted(Filtered(self._node, reader).daily(realm).items())
        ]

    def log(self, reader: Reader, realm: Realm, before: str = "", limit: int = PAGE) -> list[Json]:
        """The watch log, the newest first, older than the line `before`; raises `NotFound`."""
        shown = Filtered(self._node, reader)
        return [
            {
                "record": record.id,
                "author": record.author,
                "text": body.text,
                "handed_to": body.handed_to,
                "protocol_time": record.protocol_time,
                "realm_time": record.realm_time,
            }
            for record, body in shown.log(realm, limit, shown.place_in(realm, "log", before))
        ]


def recalled(shown: Filtered, record: Record) -> Json | None:
    """Who recalled a record, when and why; None if nobody did."""
    recall = shown.recall_of(record)
    if recall is None:
        return None
    body = body_of(recall)
    return {"record": recall.id, "by": recall.origin, "at": recall.protocol_time, "why": body.why if body else ""}
