"""The structs of a topic: what is warned of, by which signs, where, and at which probabilities a bell rings.

Each struct checks its own values; what only the whole topic can show (a group that is not there, base rates
that do not add up) is checked in `topics`. Unknown keys are refused everywhere.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from .geodesy import Point

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Chance = Annotated[float, Meta(gt=0.0, lt=1.0)]
Text = Annotated[str, Meta(min_length=1, max_length=400)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")]
Minutes = Annotated[float, Meta(ge=0.0, le=7 * 24 * 60)]

TRANSPORTS = (
    *("A124", "A225", "A400", "AN12", "AN22", "AN26", "AN30", "AN32", "AN70", "AN72", "C1", "C130", "C141", "C160", "C17", "C2"),
    *("C27J", "C295", "C30J", "C5", "C5M", "CN35", "E390", "G222", "IL76", "KC39", "L100", "Y20", "Y8", "Y9"),
)
"""ICAO designators (Doc 8643) of transport types that air forces drop and land troops from. Some fly for civil owners as well."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Somewhere that matters. A staging area is one point and a radius; a line two points or more; an area three or more.

    `points` are (latitude, longitude) in degrees. `from_side`: the side (looking from a line's first point to its last)
    from which a crossing counts.
    """

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    kind: Literal["staging", "line", "area"]
    points: tuple[Point, ...]
    radius_km: Annotated[float, Meta(gt=0.0, le=500.0)] | None = None
    from_side: Literal["left", "right", "any"] = "any"

    def __post_init__(self) -> None:
        need = {"staging": 1, "line": 2, "area": 3}[self.kind]
        if len(self.points) < need or (self.kind == "staging" and len(self.points) != 1) or len(self.points) > 200:
            raise ValueError(f"a {self.kind} has {'one point' if need == 1 else f'{need} to 200 points'}, not {len(self.points)}")
        if any(not (-90 <= lat <= 90 and -180 <= lon <= 180) for lat, lon in self.points):
            raise ValueError("a point is [latitude, longitude] in degrees, -90 to 90 and -180 to 180")
        if any(a == b for a, b in zip(self.points, self.points[1:], strict=False)):
            raise ValueError("two points that follow each other are the same")
        if (self.kind == "staging") != (self.radius_km is not None):
            raise ValueError("a staging area needs radius_km, and nothing else has one")
        if self.from_side != "any" and self.kind != "line":
            raise ValueError("only a line has a from_side")


class Hypothesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way in which things may stand. `base_rate`: share of all time; `persistence_hours`: how long it lasts on average.

    `phrase` completes "... is likely (71 %)", as in "an airborne deployment".
    """

    id: Name
    title: Text
    phrase: Text
    base_rate: Chance
    persistence_hours: Annotated[float, Meta(ge=0.1, le=24 * 365)]


class Absence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it means that an indicator is watched for and not seen.

    It counts after `after_minutes` of watching, while the indicator `alongside` (if any) is seen. `likelihoods`: the
    probability of not seeing it by then, under each hypothesis.
    """

    after_minutes: Annotated[float, Meta(ge=1.0, le=24 * 60)]
    likelihoods: dict[Name, Chance]
    text: Text
    alongside: Name | None = None


class Indicator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something observable. `likelihoods`: the probability of such an episode under each hypothesis, where only ratios matter.

    `detector` is an entry point of `tocsin.detectors`, `parameters` are that detector's. `question` is what to ask
    someone who may know more.
    """

    id: Name
    title: Text
    detector: Name
    group: Name
    likelihoods: dict[Name, Chance]
    question: Text
    parameters: dict[str, Any] = {}
    absence: Absence | None = None


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Indicators that tend to come together: all of them make one hypothesis at most `cap` times likelier against another."""

    id: Name
    cap: Annotated[float, Meta(gt=1.0, le=1e9)]


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rung. It is reached when the subject's probability is at least `up`, and left when it stays under `down` for `hold_minutes`."""

    name: Annotated[str, Meta(pattern=r"^[A-Z][A-Z -]{0,23}$")]
    up: Share = 0.0
    down: Share = 0.0
    hold_minutes: Minutes = 0.0

    def __post_init__(self) -> None:
        if self.down > self.up:
            raise ValueError(f"down ({self.down:g}) is above up ({self.up:g}): a level is left below where it is reached")


class Authentication(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which kinds of sensing count as hard to fake, and the level that one other kind alone cannot pass.

    Kinds are those of `scene.KINDS`. Whether simulated tracks stand for radar is a topic's choice, so that an exercise can ring.
    """

    authenticated: tuple[Literal["ads-b", "mlat", "radar", "simulated", "tis-b", "count", "claim", "officer"], ...]
    single_kind_cap: str


class Announcement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An exercise that was announced beforehand, and from when until when (µs UTC; None: no bound).

    What stays within it is likely training. What comes nearer to a watch line than `short_of_km` is not what was announced.
    """

    says: Text
    since: int | None = None
    until: int | None = None
    short_of_km: Annotated[float, Meta(ge=0.0, le=5000.0)] | None = None

    def covers(self, now: int) -> bool:
        """Whether it is said to go on at `now`."""
        return (self.since is None or now >= self.since) and (self.until is None or now <= self.until)


class Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a topic says what it sees: `subject` after a count ("transport-type aircraft"), `one` for a single one."""

    subject: Text
    one: Text


class Translation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic's own words in another language: for its title, each hypothesis, indicator and level by id, and what is said first."""

    title: Text
    hypotheses: dict[str, Text]
    indicators: dict[str, Text]
    levels: dict[str, Text]
    innocent: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=8)]
    base_rate: Text


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is warned of, whole. `subject` is the hypothesis whose probability the levels are about; `warn_at` the level that drafts.

    The first hypothesis is what usually is so. `memory_hours`: how long a closed episode still counts as the same evidence.
    `languages`: those in which every warning is issued, English the first.
    """

    id: Name
    title: Text
    subject: Name
    hypotheses: Annotated[tuple[Hypothesis, ...], Meta(min_length=2, max_length=12)]
    places: Annotated[tuple[Place, ...], Meta(max_length=200)]
    groups: Annotated[tuple[Group, ...], Meta(min_length=1, max_length=50)]
    indicators: Annotated[tuple[Indicator, ...], Meta(min_length=1, max_length=50)]
    levels: Annotated[tuple[Level, ...], Meta(min_length=2, max_length=8)]
    warn_at: str
    authentication: Authentication
    phrases: Phrases
    innocent: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=8)]
    base_rate: Text
    announced: Annotated[tuple[Announcement, ...], Meta(max_length=100)] = ()
    languages: Annotated[tuple[str, ...], Meta(min_length=1, max_length=8)] = ("en",)
    translations: dict[str, Translation] = {}
    step_minutes: Annotated[float, Meta(ge=1.0, le=24 * 60)] = 10.0
    memory_hours: Annotated[float, Meta(ge=1.0, le=14 * 24)] = 6.0
    valid_minutes: Annotated[float, Meta(ge=10.0, le=24 * 60)] = 120.0

    def hypothesis(self, name: str) -> Hypothesis:
        """The hypothesis of that id."""
        return next(h for h in self.hypotheses if h.id == name)

    def indicator(self, name: str) -> Indicator:
        """The indicator of that id."""
        return next(i for i in self.indicators if i.id == name)

    def places_of(self, kind: str, names: tuple[str, ...] = ()) -> tuple[Place, ...]:
        """The places of one kind, all of them or those named."""
        return tuple(p for p in self.places if p.kind == kind and (not names or p.name in names))

    def rank(self, level: str) -> int:
        """A level's place on the ladder, 0 the lowest."""
        return [rung.name for rung in self.levels].index(level)

    @property
    def level_names(self) -> tuple[str, ...]:
        """The ladder from the bottom."""
        return tuple(level.name for level in self.levels)


def key_text(path: str) -> str:
    """A msgspec path such as `$.indicators[2].group` as a person writes it: `indicators[2].group`."""
    return re.sub(r"^\$\.?", "", path)
