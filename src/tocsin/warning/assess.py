"""An assessment: what is probable, in words, how sure we are, why, what else it could be, and what we cannot see.

Likelihood and confidence are kept apart, as Intelligence Community Directive 203 asks: the one says how probable
a hypothesis is, the other how good the ground is on which that is said.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from tocsin.core import Evidence
from tocsin.core.times import SECOND, Micros

from . import words
from .filter import entropy_bits
from .geodesy import Point, hull
from .scene import CLAIMED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.core.observations import Array

    from .absence import Absent
    from .episodes import Episode
    from .filter import Forward, Rates
    from .model import Topic

_MOST_LIKELIER: Final = 1e6
_MOST_ASKS: Final = 3
_MOVED: Final = 1.1
"""How many times heavier an indicator must be than an hour ago to be called stronger; below that its weight is steady."""
_SINGLE: Final = "Does anything but transponders see them? What radar says would count for more than all of this."


_CLAIMS: Final = "Does anybody see it? What is sensed would count for more than all that is said."


class FeedState(msgspec.Struct, frozen=True, kw_only=True):
    """How one feed does. `state`: ok, late, silent, ended, failed; `lateness_s` None: it never said anything."""

    name: str
    state: str
    lateness_s: float | None = None


class IndicatorState(msgspec.Struct, frozen=True, kw_only=True):
    """One lamp of the board. `state`: seen, not seen, cannot say (and `why`, where more is known than that nobody looks).

    `weight`: how many times likelier it makes the subject. `trend`: stronger, weaker or steady since an hour ago; empty
    where it was not weighed then.
    """

    id: str
    title: str
    state: str
    since: Micros | None = None
    weight: float = 1.0
    why: str = ""
    trend: str = ""


class Rung(msgspec.Struct, frozen=True):
    """A level and the probability `at` which it is reached."""

    name: str
    at: float


class Named(msgspec.Struct, frozen=True):
    """A hypothesis and its title."""

    id: str
    title: str


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A question to ask others, and the bits that its answer is expected to tell. `indicator` is empty where it is about all of them."""

    indicator: str
    question: str
    bits: float


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """What one view makes of a topic at `time`, in µs UTC like all times.

    `count`: aircraft that are part of it now. `history`: the probabilities over 36 hours at most. `asks`: the best questions, the most
    telling first; `would_change_bits` is what the answer to `would_change` is expected to tell. `changed`: what is other than it was
    when last something was: since when is `changed_at`.
    """

    topic: str
    title: str
    realm: str
    time: Micros
    level: str
    was: str
    since: Micros
    levels: tuple[Rung, ...]
    hypotheses: tuple[Named, ...]
    probabilities: dict[str, float]
    words: dict[str, str]
    confidence: str
    because: str
    sentence: str
    innocent: tuple[str, ...]
    base_rate: str
    evidence: tuple[Evidence, ...]
    indicators: tuple[IndicatorState, ...]
    cannot_see: tuple[str, ...]
    would_change: str
    would_change_bits: float
    asks: tuple[Ask, ...]
    changed: tuple[str, ...]
    changed_at: Micros | None
    eta: Micros | None
    eta_place: str
    area: tuple[Point, ...]
    count: int
    history: tuple[tuple[Micros, dict[str, float]], ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


class State(NamedTuple):
    """What a watch knows when it assesses. `episodes` are all that still count, open or closed, by id."""

    topic: Topic
    realm: str
    now: Micros
    rates: Rates
    forward: Forward
    probabilities: Array
    weights: Mapping[str, float]
    level: int
    was: int
    since: Micros
    capped: bool
    episodes: Mapping[str, Episode]
    absences: Mapping[str, Absent]
    watched: Mapping[str, bool]
    feeds: Sequence[FeedState]
    blind: Sequence[str]
    unseen: Sequence[str]
    broken: Mapping[str, str]
    history: Sequence[tuple[Micros, dict[str, float]]]
    changed: Sequence[str] = ()
    changed_at: Micros | None = None
    earlier: Mapping[str, float] | None = None
    """Each indicator's weight an hour ago; None if nothing was weighed then."""


def weigh(forward: Forward, rates: Rates, subject: str, now: Micros, whole: Array) -> dict[str, float]:
    """For each item that counts, how many times likelier it makes the subject: its odds with everything over its odds without the item."""
    at = rates.ids.index(subject)
    found = {}
    for item in forward.counted(now):
        without = _odds(forward.posterior(now, without=item)[at])
        found[item] = round(min(_MOST_LIKELIER, _odds(whole[at]) / without), 3)
    return found


def assess(state: State, *, outward: bool = False) -> Assessment:
    """The assessment in full. `outward`: for others' eyes, where only the feeds that carry the evidence go by name."""
    topic, p = state.topic, state.rates.by_name(state.probabilities)
    live = [e for e in state.episodes.values() if e.closed is None]
    confidence, because = _confidence(state, live, outward=outward)
    coming = [(e.sighting.eta, e.sighting.place) for e in live if e.sighting.eta is not None]
    eta, place = min(coming) if coming else (None, "")
    names = topic.level_names
    asks = _asks(state)
    change, bits = _would_change(state, asks)
    return Assessment(
        topic=topic.id,
        title=topic.title,
        realm=state.realm,
        time=state.now,
        level=names[state.level],
        was=names[state.was],
        since=state.since,
        levels=tuple(Rung(level.name, level.up) for level in topic.levels),
        hypotheses=tuple(Named(h.id, h.title) for h in topic.hypotheses),
        probabilities=p,
        words={name: words.likelihood(value) for name, value in p.items()},
        confidence=confidence,
        because=because,
        sentence=f"{_what(state)} {_how_likely(topic, p[topic.subject])} Confidence {confidence}: {because}.",
        innocent=_innocent(topic, p, live),
        base_rate=_base_rate(topic),
        evidence=_evidence(state),
        indicators=_lamps(state),
        cannot_see=_cannot_see(state, live, outward=outward),
        would_change=change,
        would_change_bits=bits,
        asks=asks,
        changed=tuple(state.changed),
        changed_at=state.changed_at,
        eta=eta,
        eta_place=place,
        area=_area(topic, live),
        count=_count(live),
        history=tuple(state.history),
    )


def _what(state: State) -> str:
    episodes = sorted(state.episodes.values(), key=lambda e: (e.first, e.id))
    live = [e for e in episodes if e.closed is None]
    if not live:
        return (
            "Nothing that this topic watches for is seen now; what was seen fades."
            if episodes
            else "Nothing that this topic watches for is seen."
        )
    count = _count(live)
    phrases = state.topic.phrases
    # What is on its way to a place is said while it is so, and not of one that was reached.
    reached = {e.sighting.place for e in episodes if e.sighting.eta is None}
    does = [e.sighting.does for e in episodes if e.sighting.eta is None or (e.closed is None and e.sighting.place not in reached)]
    how = " ".join(dict.fromkeys(e.sighting.how for e in live if e.sighting.how))
    first, *others = dict.fromkeys(filter(None, does)) or ["fly"]
    subject = f"{words.count_word(count, capital=True)} {phrases.subject if count > 1 else phrases.one}"
    return f"{subject} {words.listed([f'{first} {how}'.rstrip(), *others])}."


def _count(live: Sequence[Episode]) -> int:
    # Those that are seen together now; only where none are, those that were counted one by one in a window.
    some = [e for e in live if not e.sighting.key] or live
    return max((sum(e.sighting.count for e in some if e.indicator.id == one.indicator.id) for one in some), default=0)


def _how_likely(topic: Topic, probability: float) -> str:
    word, figure, phrase = words.likelihood(probability), words.percent(probability), topic.hypothesis(topic.subject).phrase
    if word.endswith("chance"):
        return words.sentence(f"there is {'a ' if word.startswith('roughly') else ''}{word} of {phrase} ({figure})")
    return words.sentence(f"{phrase} is {word} ({figure})")


def _confidence(state: State, live: Sequence[Episode], *, outward: bool) -> tuple[str, str]:
    late = _late(state, live, outward=outward)
    if not live:
        if state.unseen or not any(state.watched.values()):
            return "low", "nobody sees " + words.listed(state.unseen or ["anything"])
        return ("moderate", "it is watched, and nothing is there") if not late else ("low", words.listed(late))
    feeds = frozenset().union(*(e.feeds for e in live))
    proven = bool(frozenset().union(*(e.kinds for e in live)) & set(state.topic.authentication.authenticated))
    groups = {e.indicator.group for e in live}
    ground = (len(feeds) >= 2) + (len(groups) >= 2) + proven
    says = [f"{words.count_word(len(feeds))} feeds agree" if len(feeds) >= 2 else "one feed alone says so"]
    if not proven:
        says.append("nothing but transponders says so")
    elif len(groups) < 2:
        says.append("one kind of sign alone")
    says += late or (["no feed is late"] if state.feeds else [])
    grade = "high" if ground == 3 and not late and not state.blind and state.feeds else "moderate" if ground >= 2 else "low"
    return grade, ", ".join(says)


def _late(state: State, live: Sequence[Episode], *, outward: bool) -> list[str]:
    named = frozenset().union(*(e.feeds for e in live))
    found = []
    for feed in state.feeds:
        if feed.state in {"ok", "ended"}:
            continue
        name = feed.name if not outward or feed.name in named else "another feed"
        found.append(f"{name} is {feed.state if feed.lateness_s is not None or feed.state == 'failed' else 'silent'}")
    return list(dict.fromkeys(found))


def _cannot_see(state: State, live: Sequence[Episode], *, outward: bool) -> tuple[str, ...]:
    named = frozenset().union(*(e.feeds for e in live))
    found = [f"{name}: no feed" for name in state.blind]
    found += [f"{name}: near some of it, or all, nothing is seen, so perhaps nobody looks there" for name in state.unseen]
    for feed in state.feeds:
        if feed.state not in {"ok", "ended"}:
            name = feed.name if not outward or feed.name in named else "another feed"
            since = f"{words.minutes(round(feed.lateness_s * SECOND))} late" if feed.lateness_s is not None else feed.state
            found.append(f"{name}: {since}")
    found += [f"{state.topic.indicator(name).title}: {why}" for name, why in state.broken.items()]
    return (
        *dict.fromkeys(words.sentence(one) for one in found),
        "Transponders may be off.",
        "The air alone is watched, not ships or ground.",
    )


def _area(topic: Topic, live: Sequence[Episode]) -> tuple[Point, ...]:
    # Where they are, and the line that they come to or have crossed.
    lines = {place.name: place.points for place in topic.places_of("line")}
    points = [point for e in live for point in (*e.area, *lines.get(e.sighting.place, ()))]
    return hull(*np.array(points).T) if points else ()


def _innocent(topic: Topic, p: Mapping[str, float], live: Sequence[Episode]) -> tuple[str, ...]:
    others = [h for h in topic.hypotheses if h.id != topic.subject and live and p[h.id] >= 0.05]
    others.sort(key=lambda h: -p[h.id])
    return (*(words.sentence(f"{h.phrase} would explain it too ({words.percent(p[h.id])})") for h in others), *topic.innocent)


def _base_rate(topic: Topic) -> str:
    shares = [f"{h.title[:1].lower() + h.title[1:]} {words.percent(h.base_rate)}" for h in topic.hypotheses]
    return f"{words.sentence(topic.base_rate)} Before any evidence: {', '.join(shares)}."


def _evidence(state: State) -> tuple[Evidence, ...]:
    found = []
    for name, weight in state.weights.items():
        if (episode := state.episodes.get(name)) is not None:
            latitude, longitude = episode.centre or (None, None)
            found.append(
                Evidence(
                    indicator=episode.indicator.id,
                    finding=name,
                    text=episode.sighting.text,
                    weight=weight,
                    since=episode.first,
                    feeds=tuple(sorted(episode.feeds)),
                    latitude=latitude,
                    longitude=longitude,
                )
            )
        elif (absent := state.absences.get(name)) is not None:
            found.append(
                Evidence(
                    indicator=absent.indicator, finding=name, text=f"watched, not there: {absent.text}", weight=weight, since=absent.since
                )
            )
    return tuple(sorted(found, key=lambda e: (-e.weight, e.since, e.finding)))


def weight_by_indicator(weights: Mapping[str, float], episodes: Mapping[str, Episode], absences: Mapping[str, Absent]) -> dict[str, float]:
    """The items' weights, multiplied indicator by indicator; an indicator that nothing speaks for or against has none."""
    found: dict[str, float] = {}
    for one, weight in weights.items():
        episode, absent = episodes.get(one), absences.get(one)
        name = episode.indicator.id if episode is not None else absent.indicator if absent is not None else ""
        found[name] = found.get(name, 1.0) * weight
    return found


def _trend(before: Mapping[str, float] | None, name: str, weight: float) -> str:
    if before is None:
        return ""
    then = before.get(name, 1.0)
    return "stronger" if weight > then * _MOVED else "weaker" if weight * _MOVED < then else "steady"


def _lamps(state: State) -> tuple[IndicatorState, ...]:
    mine: dict[str, list[Episode]] = {}
    absent: dict[str, list[Absent]] = {}
    for episode in state.episodes.values():
        mine.setdefault(episode.indicator.id, []).append(episode)
    for absence in state.absences.values():
        absent.setdefault(absence.indicator, []).append(absence)
    return tuple(_lamp(state, i.id, i.title, mine.get(i.id, ()), absent.get(i.id, ())) for i in state.topic.indicators)


def _lamp(state: State, name: str, title: str, mine: Sequence[Episode], absent: Sequence[Absent]) -> IndicatorState:
    live = [e for e in mine if e.closed is None]
    ids = [*(e.id for e in mine), *(a.id for a in absent)]
    weight = round(math.prod((state.weights.get(one, 1.0) for one in ids), start=1.0), 3)
    if why := state.broken.get(name, ""):
        return IndicatorState(id=name, title=title, state="cannot say", weight=weight, why=why)
    trend = _trend(state.earlier, name, weight)
    if live:
        return IndicatorState(id=name, title=title, state="seen", since=min(e.first for e in live), weight=weight, trend=trend)
    since = max((e.closed for e in mine if e.closed is not None), default=None) or min((a.since for a in absent), default=None)
    if not state.watched[name]:
        return IndicatorState(id=name, title=title, state="cannot say", since=since, weight=weight)
    return IndicatorState(id=name, title=title, state="not seen", since=since, weight=weight, trend=trend)


def _asks(state: State) -> tuple[Ask, ...]:
    # What is not seen yet, by how much it would tell to know whether it is so.
    live = {e.indicator.id for e in state.episodes.values() if e.closed is None}
    gains = state.rates.gains(state.probabilities)
    best = sorted((i for i in state.topic.indicators if i.id not in live), key=lambda i: -gains[i.id])
    return tuple(Ask(indicator=i.id, question=i.question, bits=round(gains[i.id], 4)) for i in best[:_MOST_ASKS])


def _would_change(state: State, asks: Sequence[Ask]) -> tuple[str, float]:
    if state.capped:
        # To know whether it is there at all is worth as many bits as are in doubt of that.
        kinds = frozenset[str]().union(*(e.kinds for e in state.episodes.values()))
        return (_CLAIMS if kinds <= CLAIMED else _SINGLE), round(entropy_bits(state.probabilities), 4)
    if asks:
        return asks[0].question, asks[0].bits
    # All are seen: what would change it most is that the weightiest were wrong.
    weightiest = max(_lamps(state), key=lambda lamp: lamp.weight).id
    return state.topic.indicator(weightiest).question, round(state.rates.gains(state.probabilities)[weightiest], 4)


def _odds(probability: float) -> float:
    inside = min(max(float(probability), 1e-9), 1 - 1e-9)
    return inside / (1 - inside)


def is_absence(finding: str) -> bool:
    """Whether an evidence's `finding` is an absence, of which there is no record."""
    return finding.startswith("absence-")
