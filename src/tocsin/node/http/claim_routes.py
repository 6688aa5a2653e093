"""Claims, officers' own sightings and daily counts: what people say that is evidence, each under its label."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, get, post
from litestar.params import Body

from tocsin.core import Claim, Count, InputError, Label, realms
from tocsin.core.times import LAST
from tocsin.node.acts import Acts
from tocsin.node.readers import Reader
from tocsin.people import Act
from tocsin.warning import Topic
from tocsin.warning.said import ANNOUNCED, OWN
from tocsin.warning.topics import parameters_of

from .exchange_routes import Marked, Short
from .given import OfRealm, TheActs, TheNode, TheReader, TheScreens

Json = dict[str, Any]
Day = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Number = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Grade = Annotated[str, msgspec.Meta(pattern="^([A-F][1-6])?$")]


class NewClaim(Marked, forbid_unknown_fields=True, kw_only=True):
    """A claim, a sighting or a telephone call, as the console sends it."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    grade: Grade = ""
    indicator: Annotated[str, msgspec.Meta(max_length=48)] = ""
    root: Short = ""
    channel: Literal["document", "sighting", "telephone"] = "document"
    claimed_at: Annotated[int, msgspec.Meta(ge=0, le=LAST)] | None = None
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None


class NewCount(Marked, forbid_unknown_fields=True, kw_only=True):
    """Daily counts of one series; `days` since 1970-01-01."""

    series: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    days: Annotated[list[Day], msgspec.Meta(min_length=1, max_length=4000)]
    counts: Annotated[list[Number], msgspec.Meta(min_length=1, max_length=4000)]
    grade: Grade = ""


class ClaimController(Controller):
    """What was said, and saying it."""

    path = "/"

    @get("/claims", sync_to_thread=False)
    def claims(self, reader: TheReader, screens: TheScreens, realm: OfRealm) -> list[Json]:
        """Claims and sightings that this reader may read, the newest first."""
        return screens.claims(reader, realms.parse(realm))

    @get("/claims/indicators", sync_to_thread=False)
    def indicators(self, reader: TheReader, node: TheNode) -> list[Json]:  # noqa: ARG002 - asked for so that only people here are told
        """What can be asserted: the indicators of every topic that listens to claims or to officers, and to an announced exercise."""
        return _assertable(node.topics)

    @post("/claims", act=Act.CLAIM_SAY)
    async def say_claim(self, reader: TheReader, node: TheNode, acts: TheActs, data: Annotated[NewClaim, Body()]) -> Json:
        """Say a claim, or what an officer saw or was told; its label decides who gets it. `heard_by`: the topics here that listen to it."""
        names = ("text", "source", "grade", "indicator", "root", "channel", "claimed_at", "latitude", "longitude")
        fields = {name: getattr(data, name) for name in names}
        if (data.latitude is None) != (data.longitude is None):
            raise InputError("a place has a latitude and a longitude")
        body = Claim(**fields, graded_by=reader.user.name if data.grade else "")
        record = await acts.claim(reader, realms.parse(data.realm), body, _label(acts, reader, data))
        by = {"officers" if data.channel in OWN else "claims", "anybody"}
        heard = {one["topic"] for one in _assertable(node.topics) if one["indicator"] == data.indicator and one["by"] in by}
        return {"record": record, "heard_by": sorted(heard)}

    @get("/counts", sync_to_thread=False)
    def counts(self, reader: TheReader, screens: TheScreens, realm: OfRealm) -> list[Json]:
        """Every daily series that this reader may read, with its days."""
        return screens.counts(reader, realms.parse(realm))

    @post("/counts", act=Act.COUNT_SAY)
    async def say_count(self, reader: TheReader, acts: TheActs, data: Annotated[NewCount, Body()]) -> Json:
        """Say daily counts; what is said later of a day holds."""
        if len(data.days) != len(data.counts) or len(set(data.days)) < len(data.days):
            raise InputError("each day stands once, with one count")
        body = Count(series=data.series, source=data.source, days=tuple(data.days), counts=tuple(data.counts), grade=data.grade)
        return {"record": await acts.count(reader, realms.parse(data.realm), body, _label(acts, reader, data))}


def _assertable(topics: Iterable[Topic]) -> list[Json]:
    found: list[Json] = []
    for topic in topics:
        for one in topic.indicators:
            if one.detector == "asserted-indicator":
                listens = parameters_of(topic, one.id)
                found.append({"topic": topic.id, "indicator": listens.about, "title": one.title, "by": listens.by})
        if any(one.detector == "group-approach" for one in topic.indicators):
            found.append({"topic": topic.id, "indicator": ANNOUNCED, "title": "An exercise was announced", "by": "anybody"})
    return found


def _label(acts: Acts, reader: Reader, data: Marked) -> Label:
    return acts.new_label(reader, data.classification, data.releasable_to, data.caveats, data.conditions())
