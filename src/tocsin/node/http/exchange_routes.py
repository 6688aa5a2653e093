"""What the other pages ask: reports, release previews, the exchange, the journal, the watch log."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, get, post
from litestar.params import Body, QueryParameter

from tocsin.core import Report, realms
from tocsin.core.times import LAST
from tocsin.exchange import check_area
from tocsin.node.acts import Conditions
from tocsin.people import Act
from tocsin.policy import Matter

from .given import OfRealm, TheActs, TheNode, TheReader, TheScreens

Json = dict[str, Any]
Short = Annotated[str, msgspec.Meta(max_length=200)]
Area = Annotated[list[tuple[float, float]], msgspec.Meta(max_length=200)]


Before = Annotated[str, QueryParameter(max_length=80)]
Limit = Annotated[int, QueryParameter(ge=1, le=500)]
Clause = Annotated[list[Short], msgspec.Meta(max_length=20)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=LAST)]


class Marked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The label that a writer gives: level, partners, caveats; communities, feed terms, and when it expires or is reviewed (µs UTC)."""

    realm: str
    classification: Short
    releasable_to: Annotated[list[Short], msgspec.Meta(max_length=200)]
    caveats: Annotated[list[Short], msgspec.Meta(max_length=20)] = []
    communities: Annotated[list[Clause], msgspec.Meta(max_length=8)] = []
    expires: Moment | None = None
    review: Moment | None = None
    terms: Annotated[list[Short], msgspec.Meta(max_length=8)] = []

    def conditions(self) -> Conditions:
        """What the label says beside level, partners and caveats."""
        return Conditions(tuple(tuple(clause) for clause in self.communities), self.expires, self.review, tuple(self.terms))


class NewReport(Marked, forbid_unknown_fields=True, kw_only=True):
    """A report as the console sends it."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    grade: Annotated[str, msgspec.Meta(pattern="^([A-F][1-6])?$")] = ""
    topic: Short = ""
    indicator: Short = ""
    area: Area = []
    corrects: Short = ""
    serves: Annotated[list[Short], msgspec.Meta(max_length=20)] = []


def about(data: Any) -> Json:
    """What and where a report or request says it is about; raises `InputError` for an area that cannot be."""
    area = tuple(data.area)
    check_area(area)
    return {"topic": data.topic, "indicator": data.indicator, "area": area}


class NewLine(msgspec.Struct, forbid_unknown_fields=True):
    """A line for the watch log; `handed_to`: who takes over, if it hands the watch over."""

    realm: str
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    handed_to: Annotated[str, msgspec.Meta(max_length=80)] = ""


class ReportController(Controller):
    """Reports, and who would get one."""

    path = "/"

    @get("/reports", sync_to_thread=False)
    def every(self, reader: TheReader, screens: TheScreens, realm: OfRealm, before: Before = "", limit: Limit = 200) -> list[Json]:
        """Reports that this reader may read, the newest first, older than the report `before`."""
        return screens.reports(reader, realms.parse(realm), before, limit)

    @post("/reports", act=Act.REPORT_SAY)
    async def say(self, reader: TheReader, acts: TheActs, screens: TheScreens, data: Annotated[NewReport, Body()]) -> Json:
        """Say a report; its label decides who gets it."""
        by = reader.user.name if data.grade else ""
        fields = Report(title=data.title, text=data.text, source=data.source, grade=data.grade, graded_by=by, **about(data))
        realm = realms.parse(data.realm)
        refs = [("corrects", data.corrects)] if data.corrects else []
        refs += [("serves", one) for one in data.serves]
        marked = data.classification, data.releasable_to, data.caveats, data.conditions()
        record = await acts.report(reader, realm, fields, *marked, refs)
        return next(row for row in screens.reports(reader, realm) if row["record"] == record)

    @post("/release/preview", status_code=200, reads=True, sync_to_thread=False)
    def preview(self, reader: TheReader, node: TheNode, acts: TheActs, data: Annotated[Marked, Body()]) -> list[Json]:
        """Every partner and every receiver, yes or no, and why."""
        names = {p.card.partner: p.card.name for p in node.book.partners()}
        label = acts.new_label(reader, data.classification, data.releasable_to, data.caveats, data.conditions())
        realm = realms.parse(data.realm)
        rows = [
            {"partner": d.partner, "name": names[d.partner], "allowed": d.allowed, "reason": d.reason} for d in acts.preview(realm, label)
        ]
        for receiver in node.people.receivers.every():
            told = node.telling.explain(receiver, label, realm, Matter("report"))
            row = {"partner": f"receiver:{receiver.name}", "name": f"{receiver.name} ({receiver.kind}, counts as {told.partner})"}
            rows.append({**row, "allowed": told.allowed, "reason": told.reason})
        return rows


class ExchangeController(Controller):
    """Partners and their links."""

    path = "/exchange"

    @get("/", sync_to_thread=False)
    def show(self, reader: TheReader, screens: TheScreens) -> Json:
        """Partners, their links, and what was refused."""
        return screens.exchange(reader)


class JournalController(Controller):
    """The journal, as far as the reader may read it."""

    path = "/journal"

    @get("/", sync_to_thread=False)
    def rows(
        self,
        reader: TheReader,
        screens: TheScreens,
        realm: OfRealm,
        after: Annotated[int | None, QueryParameter(ge=-1)] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200,
    ) -> list[Json]:
        """Rows past an index, which counts this reader's rows alone; the newest rows without one."""
        return screens.journal(reader, realms.parse(realm), after, limit)


class LogController(Controller):
    """The watch officer's own diary."""

    path = "/log"

    @get("/", sync_to_thread=False)
    def lines(self, reader: TheReader, screens: TheScreens, realm: OfRealm, before: Before = "", limit: Limit = 200) -> list[Json]:
        """Its lines, the newest first, older than the line `before`."""
        return screens.log(reader, realms.parse(realm), before, limit)

    @post("/", act=Act.LOG_WRITE)
    async def write(self, reader: TheReader, acts: TheActs, screens: TheScreens, data: Annotated[NewLine, Body()]) -> list[Json]:
        """Add a line."""
        await acts.write_log(reader, realms.parse(data.realm), data.text, data.handed_to)
        return screens.log(reader, data.realm)
