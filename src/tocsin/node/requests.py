"""Requests for information and the priority requirements that they serve, with their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from tocsin.core import Denied, InputError, Label, Realm, Record, Ref, Report, Request, Requirement, body_of
from tocsin.exchange import check_area
from tocsin.people import Act

from .acts import Acts, plain_text
from .errors import Conflict, NotFound
from .filtered import Filtered
from .ledger import headline
from .readers import Reader
from .service import Node
from .warning_screens import WarningScreens

Json = dict[str, Any]
PRIORITIES = ("routine", "priority", "immediate")


class Requests:
    """What is asked and answered at one node."""

    def __init__(self, node: Node) -> None:
        self._node, self._acts = node, Acts(node)

    def every(self, reader: Reader, realm: Realm) -> list[Json]:
        """Requests of this node and of partners, the newest first, each with its answers."""
        shown = Filtered(self._node, reader)
        return [self._row(shown, record, body) for record, body in shown.requests(realm)] if shown.sees(realm) else []

    def one(self, reader: Reader, request: str) -> Json:
        """One request; raises `NotFound`."""
        record, body = self._find(reader, request)
        return self._row(Filtered(self._node, reader), record, body)

    async def ask(self, reader: Reader, realm: Realm, body: Request, label: Label, serves: Sequence[str]) -> Json:
        """Ask partners."""
        reader.must(Act.REQUEST_SAY)
        if not Filtered(self._node, reader).sees(realm):
            raise NotFound
        if body.priority not in PRIORITIES:
            raise InputError(f"a request's priority is one of {', '.join(PRIORITIES)}")
        plain_text(body.question, "question")
        plain_text(body.why, "why", empty=True)
        check_area(body.area)
        if body.wanted_by is not None and body.wanted_by <= self._node.world(realm).time(reader.view):
            raise InputError("what is wanted by a time that is past comes too late: say a later one, or none")
        refs = self._serving(reader, realm, serves)
        kept = await self._node.say(self._node.new_record(body, realm, reader.user.name, label, refs, view=reader.view))
        await self._node.people.act(reader.user.name, Act.REQUEST_SAY, kept.record.id)
        return self.one(reader, kept.record.id)

    async def answer(self, reader: Reader, request: str, report: Report, label: Label) -> Json:
        """Answer a request by a report; raises `Denied` if who asked would not be given it."""
        reader.must(Act.REPORT_SAY)
        record, _ = self._find(reader, request)
        if Filtered(self._node, reader).closed(record):
            raise Conflict("this request is closed")
        for name in ("title", "text", "source"):
            plain_text(getattr(report, name), name)
        decided = {one.partner: one for one in self._acts.preview(record.realm, label)}
        if (asker := decided.get(record.origin)) is not None and not asker.allowed:
            raise Denied(f"{record.origin} asked and would not get this: {asker.reason}")
        refs = [Ref("answers", request), *(ref for ref in record.refs if ref.rel == "serves")]
        kept = await self._node.say(self._node.new_record(report, record.realm, reader.user.name, label, refs, view=reader.view))
        await self._node.people.act(reader.user.name, Act.REPORT_SAY, kept.record.id)
        return self.one(reader, request)

    async def close(self, reader: Reader, request: str, note: str = "") -> Json:
        """Close a request of this node's."""
        reader.must(Act.REQUEST_CLOSE)
        record, body = self._find(reader, request)
        ended = structs.replace(body, state="closed", note=plain_text(note, "note", empty=True))
        await self._end(reader, record, ended, Act.REQUEST_CLOSE)
        return self.one(reader, request)

    # --- requirements ---------------------------------------------------------------------------------------

    def requirements(self, reader: Reader, realm: Realm) -> list[Json]:
        """Standing requirements, with what serves each; those that ended or are past are marked so."""
        shown = Filtered(self._node, reader)
        return [self._requirement(shown, record, body) for record, body in shown.requirements(realm)] if shown.sees(realm) else []

    async def require(self, reader: Reader, realm: Realm, body: Requirement, label: Label) -> Json:
        """Set up a requirement under a number of its own."""
        reader.must(Act.REQUIREMENT_SAY)
        if not Filtered(self._node, reader).sees(realm):
            raise NotFound
        plain_text(body.text, "text")
        plain_text(body.number, "number")
        if not body.valid_from < body.valid_until:
            raise InputError("a requirement ends after it begins")
        mine = [row for row in self.requirements(reader, realm) if row["mine"] and row["state"] == "standing"]
        if any(row["number"] == body.number for row in mine):
            raise Conflict("this number stands already: end that requirement first, or take another")
        kept = await self._node.say(self._node.new_record(body, realm, reader.user.name, label, view=reader.view))
        await self._node.people.act(reader.user.name, Act.REQUIREMENT_SAY, kept.record.id)
        return next(row for row in self.requirements(reader, realm) if row["record"] == kept.record.id)

    async def end(self, reader: Reader, requirement: str) -> Json:
        """End a requirement of this node's."""
        reader.must(Act.REQUIREMENT_END)
        kept = Filtered(self._node, reader).find(requirement)
        body = body_of(kept.record) if kept else None
        if kept is None or not isinstance(body, Requirement):
            raise NotFound
        await self._end(reader, kept.record, structs.replace(body, state="ended"), Act.REQUIREMENT_END)
        return next(row for row in self.requirements(reader, kept.record.realm) if row["record"] == requirement)

    async def _end(self, reader: Reader, record: Record, body: Request | Requirement, act: Act) -> None:
        if record.origin != self._node.config.id:
            raise Conflict("only the partner that said this can end it")
        if Filtered(self._node, reader).closed(record):
            raise Conflict("this is over already")
        refs = [Ref("cancels", record.id)]
        await self._node.say(self._node.new_record(body, record.realm, reader.user.name, record.label, refs, view=reader.view))
        await self._node.people.act(reader.user.name, act, record.id)

    def _serving(self, reader: Reader, realm: Realm, serves: Sequence[str]) -> list[Ref]:
        known = {row["record"] for row in self.requirements(reader, realm) if row["state"] == "standing"}
        if any(one not in known for one in serves):
            raise NotFound
        return [Ref("serves", one) for one in serves]

    def _find(self, reader: Reader, request: str) -> tuple[Record, Request]:
        shown = Filtered(self._node, reader)
        kept = shown.find(request)
        body = body_of(kept.record) if kept else None
        if kept is None or not isinstance(body, Request) or body.state != "open" or shown.hides(kept.record):
            raise NotFound
        return kept.record, body

    def _row(self, shown: Filtered, record: Record, body: Request) -> Json:
        node = self._node
        answers = [found for found in shown.referring("answers", record) if shown.recall_of(found) is None]
        state = "closed" if shown.closed(record) else "answered" if answers else "open"
        mine = record.origin == node.config.id
        row: Json = {"record": record.id, "realm": record.realm, "origin": record.origin, "author": record.author, "mine": mine}
        row |= structs.asdict(body) | {"area": [list(xy) for xy in body.area], "state": state}
        row |= {"protocol_time": record.protocol_time, "banner": node.gate.banner(node.gate.label_of(record))}
        row["serves"] = [ref.id for ref in record.refs if ref.rel == "serves"]
        row["answers"] = [_brief(found) for found in answers]
        return row | {"who_knows": WarningScreens(node).who_has(record.id) if mine else []}

    def _requirement(self, shown: Filtered, record: Record, body: Requirement) -> Json:
        now = self._node.clock.now()
        state = "ended" if shown.closed(record) else "past" if now >= body.valid_until else "standing"
        row: Json = {"record": record.id, "realm": record.realm, "origin": record.origin, "mine": record.origin == self._node.config.id}
        row |= structs.asdict(body) | {"state": state, "banner": self._node.gate.banner(self._node.gate.label_of(record))}
        return row | {"served_by": [_brief(found) for found in shown.referring("serves", record)]}


def _brief(record: Record) -> Json:
    found: Json = {"record": record.id, "kind": record.kind, "origin": record.origin, "author": record.author}
    return found | {"title": headline(record), "protocol_time": record.protocol_time}
