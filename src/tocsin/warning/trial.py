"""Trying a watch on a scene whose truth is known: the same picture and watch as a node's, stepped by the scene's own time.

A watch *rings* when it drafts a warning, which it does at the topic's `warn_at` level: that is the moment at which the
floor is told. Everything before is a lamp that somebody may look at, and is not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np
from msgspec.structs import replace

from tocsin.core import Clearance, Label, SeededEntropy, seconds
from tocsin.core.times import SECOND, Micros, parse_iso
from tocsin.picture import Picture
from tocsin.policy import View

from .assess import FeedState
from .geodesy import vectors
from .model import Announcement, Place
from .service import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.core.observations import Observations
    from tocsin.sources.scenes import PlainScene

    from .model import Topic
    from .service import Step

REALM: Final = "replay:trial"
NODE: Final = "TRIAL"
FEED: Final = "scene"
LABEL: Final = Label("trial", 0, frozenset({NODE}), frozenset({NODE}))
VIEW: Final = View("trial", Clearance("trial", NODE, 0))
LEAST_LOOK_S: Final = 5.0


class Ring(msgspec.Struct, frozen=True):
    """A warning that was drafted: when, and what it said."""

    at: Micros
    level: str
    sentence: str
    probability: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a watch made of one scene. `leads`: minutes before the first aircraft reached the line, of the first ring since launch.

    `hit`: it rang after launch and before the line was reached; `early`: it rang before launch. `opened`: episodes by
    indicator; `highest`: the subject's highest probability.
    """

    name: str
    kind: str
    sort: str
    hours: float
    rings: tuple[Ring, ...]
    hit: bool | None
    early: bool
    lead_minutes: float | None
    after_launch_minutes: float | None
    highest: float
    opened: dict[str, int]
    looks: int
    look_ms: tuple[float, float]
    about: dict[str, object] = {}


def placed(topic: Topic, scene: PlainScene) -> Topic:
    """`topic` with a scene's staging areas, line and announcements in place of its own."""
    staging = [Place(f"STAGING {i + 1}", "staging", ((s.lat, s.lon),), min(s.radius_km, 500.0)) for i, s in enumerate(scene.truth.staging)]
    points = tuple((lat, (lon + 180.0) % 360.0 - 180.0) for lat, lon in scene.truth.watch_line)
    points = tuple(p for i, p in enumerate(points) if i == 0 or p != points[i - 1])
    side = _side(points, [p.points[0] for p in staging])
    line = Place("LINE", "line", points, from_side=side)
    announced = tuple(
        Announcement(
            says=one.says or "an exercise was announced",
            since=None if one.since is None else parse_iso(one.since),
            until=None if one.until is None else parse_iso(one.until),
            short_of_km=one.short_of_km,
        )
        for one in scene.truth.announced
    )
    return replace(topic, places=(*staging, line), announced=(*topic.announced, *announced))


def run(scene: PlainScene, topic: Topic, *, clock_ns: Callable[[], int], every_s: float = LEAST_LOOK_S) -> Outcome:
    """Play one scene to a watch of `topic`, placed in it; `clock_ns` measures how long looks take."""
    watch = Watch(placed(topic, scene), REALM, VIEW, SeededEntropy(scene.name), node=NODE)
    rings: list[Ring] = []
    opened: dict[str, int] = {}
    spent: list[int] = []
    highest = 0.0
    for now, step, took in play(scene.observations(feed=FEED, realm=REALM, label=LABEL), watch, every_s=every_s, clock_ns=clock_ns):
        spent.append(took)
        highest = max(highest, step.assessment.probabilities[topic.subject])
        for said in step.findings:
            if said.body.state == "opened":
                name = said.body.indicator  # type: ignore[union-attr]
                opened[name] = opened.get(name, 0) + 1
        for said in step.warnings:
            body = said.body
            if body.version == 1:  # type: ignore[union-attr]
                rings.append(Ring(now, body.level, body.sentence, body.probabilities[topic.subject]))  # type: ignore[union-attr]
    return _outcome(scene, rings, highest, opened, spent)


def play(batch: Observations, watch: Watch, *, every_s: float, clock_ns: Callable[[], int]) -> Iterator[tuple[Micros, Step, int]]:
    """Every look of a watch over a batch by time, with the nanoseconds that picture and watch took. Only the past is ever shown."""
    picture = Picture(REALM, VIEW, entropy=SeededEntropy("trial"))
    times, every, done = batch["time"], seconds(every_s), 0
    if not len(times):
        return
    now = int(times[0]) // every * every
    while done < len(times):
        now += every
        begun = clock_ns()
        due = int(np.searchsorted(times, now, side="right"))
        if due > done:
            picture.update(batch.select(slice(done, due)), now)
            done = due
        late = max(0.0, (now - int(times[max(done - 1, 0)])) / SECOND)
        step = watch.step(picture.tracks(now), now, (FeedState(name=FEED, state="ok" if late <= 120 else "silent", lateness_s=late),))
        yield now, step, clock_ns() - begun


def _outcome(scene: PlainScene, rings: list[Ring], highest: float, opened: dict[str, int], spent: list[int]) -> Outcome:
    times = scene.rows["time"]
    launch, reached = scene.launch, scene.line_reached
    after = [r for r in rings if launch is None or r.at >= launch]
    before_line = [r for r in after if reached is None or r.at < reached]
    attack = scene.truth.kind == "deployment"
    ms = np.array(spent or [0]) / 1e6
    return Outcome(
        name=scene.name,
        kind=scene.truth.kind,
        sort=str(scene.truth.about.get("sort", scene.truth.kind)),
        hours=round((int(times[-1]) - int(times[0])) / 3.6e9, 3),
        rings=tuple(rings),
        hit=bool(before_line) if attack else None,
        early=attack and launch is not None and any(r.at < launch for r in rings),
        lead_minutes=round((reached - before_line[0].at) / 6e7, 2) if attack and before_line and reached is not None else None,
        after_launch_minutes=round((before_line[0].at - launch) / 6e7, 2) if attack and before_line and launch is not None else None,
        highest=round(highest, 4),
        opened=opened,
        looks=len(spent),
        look_ms=(round(float(np.median(ms)), 3), round(float(np.percentile(ms, 99)), 3)),
        about=scene.truth.about,
    )


def _side(line: tuple[tuple[float, float], ...], bases: list[tuple[float, float]]) -> Literal["left", "right", "any"]:
    # The side of the nearest piece on which the staging areas lie; where they do not agree, any side counts.
    ends = vectors(*np.array(line).T)
    found: set[Literal["left", "right"]] = set()
    for base in vectors(*np.array(bases).T):
        middles = ends[:-1] + ends[1:]
        piece = int(np.argmax((middles / np.linalg.norm(middles, axis=1, keepdims=True)) @ base))
        found.add("right" if np.cross(ends[piece], ends[piece + 1]) @ base < 0 else "left")
    return found.pop() if len(found) == 1 else "any"
