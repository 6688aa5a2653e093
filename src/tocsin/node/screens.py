"""What the console's pages show, as JSON-ready values, for one reader. Every list passes `Reader.may` or `may_see`."""

from __future__ import annotations

from typing import Any

from tocsin.core import BadLabel, Label, Realm, banner, body_of, join
from tocsin.journal import Kept

from .readers import Reader
from .service import Node
from .warning_screens import WarningScreens

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
                found.append({"realm": realm, "kind": kind, "title": title, "note": "", "time": time, "banner": self._banner_of(labels)})
        return found

    def sees(self, reader: Reader, realm: Realm) -> bool:
        """Whether this reader sees anything in `realm`, so that it is there for them at all."""
        return realm in self._node.worlds and (realm == "live" or bool(self._labels_in(reader, realm)))

    def _labels_in(self, reader: Reader, realm: Realm) -> list[Label]:
        register = self._node.register
        world = self._node.worlds[realm]
        labels = set(world.sight(reader.view).labels)
        if world.conducted_under is not None and reader.may(world.conducted_under):
            labels.add(world.conducted_under)
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
            found.append(row | {"who_knows": self._warnings.who_has(record.id) if record.origin == node.config.id else []})
        return found

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
        gaps = [
            {"sender": b.sender, "first": b.first, "last": b.last, "reason": b.reason, "realm": r.realm, "protocol_time": r.protocol_time}
            for r, b in reversed(node.register.gaps[-200:])
            if reader.may(r.label)
        ]
        counters = node.exchange.counters() if node.exchange is not None and whole else {}
        return {
            "partners": partners,
            "refusals": refusals,
            "gaps": gaps,
            "counters": counters,
            "relay": bool(node.config.relay.url or node.relay),
        }

    def journal(self, reader: Reader, realm: Realm, after: int | None, limit: int) -> list[Json]:
        """The journal's rows that this reader may read, counted for this reader alone: those past `after`, or the newest."""
        node = self._node
        indices = node.shelf(reader, realm)
        first = max(0, len(indices) - limit) if after is None else after + 1
        wanted = {index: first + n for n, index in enumerate(indices[first : first + limit])}
        rows: list[Json] = []
        at, last = min(wanted, default=0) - 1, max(wanted, default=-1)
        while at < last and (page := node.journal.records(realm, after=at, limit=min(500, last - at))):
            rows += [self._row(kept, wanted[kept.index]) for kept in page if kept.index in wanted]
            at = page[-1].index
        return rows

    def _row(self, kept: Kept, position: int) -> Json:
        record = kept.record
        row: Json = {"index": position, "id": record.id, "kind": record.kind, "origin": record.origin, "author": record.author}
        row |= {"protocol_time": record.protocol_time, "realm_time": record.realm_time, "leaf": kept.leaf.hex()}
        return row | {"banner": banner(record.label, self._node.config.policy), "understood": body_of(record) is not None}

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
