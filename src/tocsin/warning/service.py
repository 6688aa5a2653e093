"""One watch: a realm, a view and a topic, stepped with tracks and times. What it says follows from these and nothing else.

The same tracks at the same times with the same entropy give byte-identical findings and warnings; what the
view may not read, or what happens in another realm, never reaches it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tocsin.core import Finding, InputError, Label, Ref, WarningRecord, join, realms
from tocsin.core.labels import derived, narrowed
from tocsin.core.times import HOUR, SECOND
from tocsin.policy import Matter

from .absence import Absences
from .assess import Assessment, FeedState, State, assess, is_absence, weigh, weight_by_indicator
from .company import Company
from .desk import Desk, Offer
from .detectors import detector_class
from .episodes import Change, Episode, Episodes
from .filter import Forward, Item, Rates
from .keeping import Drawn, Keeper, NotKeepable, Restorer, digest_of, pack, unpack
from .levels import Ladder
from .lifecycle import prepare
from .news import News, Standing
from .said import NOTHING
from .scene import CLAIMED, Scene
from .topics import parameters_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core import Entropy, Realm
    from tocsin.core.observations import Array
    from tocsin.core.times import Micros
    from tocsin.picture import Tracks
    from tocsin.policy import View

    from .detectors import Detector
    from .model import Indicator, Place, Topic
    from .said import Heard

_HISTORY: Micros = 36 * HOUR
_REMEMBERED = (
    *("_company", "_absences", "_desk", "_news", "_forward", "_ladder", "_now", "_filter_step", "_probabilities", "_weights", "_capped"),
    *("_told", "_watched", "_unseen", "_feeds", "_blind", "_history", "_release"),
)
_SENDER = re.compile(r"[A-Za-z0-9._@-]{1,80}")


class Said(NamedTuple):
    """Something to keep. `label` is its own; `release` the join of what it came from, which it may bear once a person approves.

    A warning's `refs` point to its evidence by episode: the newest finding record of each episode holds it.
    """

    body: Finding | WarningRecord
    label: Label
    release: Label
    refs: tuple[Ref, ...] = ()


class Step(NamedTuple):
    """What one step brought. `offers`: issued warnings that a person should cancel."""

    findings: tuple[Said, ...]
    warnings: tuple[Said, ...]
    assessment: Assessment
    offers: tuple[Offer, ...] = ()


class _Eye:
    """One indicator's detector with its episodes. A detector that raises says nothing, and `broken` says why, until it works again."""

    def __init__(self, topic: Topic, indicator: Indicator, entropy: Entropy) -> None:
        parameters = parameters_of(topic, indicator.id)
        self.indicator = indicator
        self.episodes = Episodes(indicator, parameters, entropy)
        self.broken = ""
        self.detector: Detector | None = None
        try:
            self.detector = detector_class(indicator.detector)(topic, parameters)
        except Exception as error:  # noqa: BLE001 (a plugin's fault is its own: the others go on)
            self.broken = _fault(error)

    @property
    def places(self) -> tuple[Place, ...]:
        return () if self.detector is None else self.detector.places

    def step(self, scene: Scene) -> list[Change]:
        if self.detector is None:
            return []
        try:
            found = self.episodes.step(self.detector.step(scene), scene)
        except Exception as error:  # noqa: BLE001
            self.broken = _fault(error)
            return self.episodes.step([], scene)
        self.broken = ""
        return found

    def watches(self, scene: Scene, seen: bool) -> bool:
        """Whether this detector could see its thing if it were there: its own word, or that its places are `seen`."""
        own = getattr(self.detector, "watches", None)
        return not self.broken and (bool(own(scene)) if own is not None else seen)


def _fault(error: Exception) -> str:
    # Only what kind of fault: its text may hold what came from a track.
    return f"its detector failed ({type(error).__name__})"


class Watch:
    """Watches one topic for one view of one realm. `node` is the partner whose floor this is."""

    def __init__(self, topic: Topic, realm: Realm, view: View, entropy: Entropy, *, node: str) -> None:
        if not _SENDER.fullmatch(node):
            raise InputError(f"{node[:40]!r} cannot send alerts: a node is named by letters, digits and . _ @ - alone")
        self._topic, self._realm, self._view, self._node = topic, realms.parse(realm), view, node
        episodes = entropy.child("episodes")
        self._drawn = {i.id: Drawn(episodes.child(i.id)) for i in topic.indicators} | {"": Drawn(entropy.child("warnings"))}
        self._eyes = [_Eye(topic, indicator, self._drawn[indicator.id]) for indicator in topic.indicators]
        self._rates = Rates(topic)
        self._company = Company(topic.places_of("staging"))
        self._absences = Absences(topic)
        self._desk = Desk(topic, self._drawn[""])
        self._news = News(topic)
        self._forward: Forward | None = None
        self._ladder: Ladder | None = None
        self._now: Micros = -1
        self._filter_step = -1
        self._probabilities: Array = self._rates.base
        self._weights: dict[str, float] = {}
        self._capped = False
        self._told: dict[str, Episode] = {}
        self._watched: dict[str, bool] = {i.id: False for i in topic.indicators}
        self._unseen: tuple[str, ...] = ()
        self._feeds: tuple[FeedState, ...] = ()
        self._blind: tuple[str, ...] = ()
        self._history: list[tuple[Micros, dict[str, float]]] = []
        self._weighed: list[tuple[Micros, dict[str, float]]] = []
        self._release: Label | None = None

    def _may(self, label: Label, kind: str) -> bool:
        return self._view.may(label, self._realm, Matter(kind))

    def step(
        self,
        tracks: Tracks,
        now: Micros,
        feeds: Sequence[FeedState] = (),
        coverage: Sequence[Place] = (),
        heard: Heard = NOTHING,
    ) -> Step:
        """Look at `tracks` as they are at `now`. `feeds`: those the view may know of; `coverage`: areas that no feed sees.

        `heard`: counts and claims, as far as they were said by `now`.

        A time that is not after the last one changes nothing.
        """
        if now <= self._now:
            return Step((), (), self.assessment(), self._offers())
        forward, ladder = self._started(now)
        self._now = now
        self._feeds = tuple(sorted(feeds, key=lambda f: f.name))
        self._blind = tuple(place.name for place in coverage)
        scene = Scene(tracks, now, self._realm, self._view.clearance, heard, self._company, self._may)
        changes = [change for eye in self._eyes for change in eye.step(scene)]
        changed = [self._take(change, forward) for change in changes]
        self._look_around(scene, coverage)
        fresh = any(changed) | self._absences.step(*self._seen(), self._watched, forward, now)
        if fresh or forward.step_of(now) != self._filter_step:
            self._conclude(forward)
        cap = self._cap(ladder)
        ladder.step(self._subject(), now, cap=cap)
        self._news.step(self._standing(ladder), now)
        warning = self._desk.step(ladder.rank, now, lambda: assess(self._state(), outward=True))
        said = () if warning is None else (self._said_warning(warning),)
        return Step(tuple(self._said_finding(change) for change in changes), said, self.assessment(), self._offers())

    def assessment(self) -> Assessment:
        """What this watch makes of its topic now."""
        return assess(self._state())

    def note(self, said: WarningRecord) -> None:
        """A person issued or cancelled this watch's warning: it goes on from that version."""
        self._desk.note(said)

    def keep(self) -> bytes:
        """All that it remembers, to be given to `resume`; raises `NotKeepable` where something is no plain value.

        A plugin's detector that cannot be kept begins anew.
        """
        keeper, eyes = Keeper(), []
        for eye in self._eyes:
            try:
                detector = None if eye.detector is None else keeper.state(eye.detector)
            except NotKeepable:
                detector = None
            eyes.append([eye.indicator.id, detector, keeper.state(eye.episodes)])
        own = {name: keeper.value(getattr(self, name)) for name in _REMEMBERED}
        drawn = {name: one.count for name, one in self._drawn.items()}
        return pack([digest_of(self._topic), eyes, own, drawn, keeper.episodes])

    def resume(self, data: bytes) -> None:
        """Go on from what `keep` gave, as if there had been no break; of a watch that has not looked yet.

        Raises `NotKeepable` if it was kept by another topic or version; the watch is then of no use: make another.
        """
        try:
            digest, eyes, own, drawn, episodes = unpack(data)
            if digest != digest_of(self._topic) or self._now >= 0:
                raise NotKeepable("this was kept of another topic, of this one before it was changed, or by another version")
            put = Restorer(self._topic, episodes)
            self._started(own["_now"])
            for eye, (name, detector, state) in zip(self._eyes, eyes, strict=True):
                if eye.indicator.id != name:
                    raise NotKeepable("this was kept of other indicators")
                if eye.detector is not None and detector is not None:
                    put.put(eye.detector, detector)
                put.put(eye.episodes, state)
            for name in _REMEMBERED:
                setattr(self, name, put.value(own[name], getattr(self, name), type(self)))
            for name, count in drawn.items():
                self._drawn[name].go_to(count)
        except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
            raise NotKeepable(f"what was kept does not fit this watch ({type(error).__name__})") from None

    def _started(self, now: Micros) -> tuple[Forward, Ladder]:
        if self._forward is None or self._ladder is None:
            self._forward, self._ladder = Forward(self._rates, now), Ladder(self._topic.levels, now)
        return self._forward, self._ladder

    def _take(self, change: Change, forward: Forward) -> bool:
        episode = change.episode
        self._told[episode.id] = episode
        if change.state == "closed":
            forward.end(episode.id, self._now)
            return False
        return forward.add(Item(episode.id, episode.indicator.id, forward.step_of(self._now), round(episode.strength, 6)))

    def _seen(self) -> tuple[dict[str, bool], dict[str, bool]]:
        # Open now; and open now or remembered, which is not absent either.
        now = {eye.indicator.id: bool(eye.episodes.open()) for eye in self._eyes}
        lately = {e.indicator.id for e in self._told.values()}
        return now, {name: seen or name in lately for name, seen in now.items()}

    def _look_around(self, scene: Scene, coverage: Sequence[Place]) -> None:
        places = {place.name: place for eye in self._eyes for place in eye.places}
        watched = {name: scene.watched(place, coverage) for name, place in places.items()}
        self._unseen = tuple(name for name, seen in watched.items() if not seen)
        for eye in self._eyes:
            seen = [watched[place.name] for place in eye.places]
            self._watched[eye.indicator.id] = eye.watches(scene, all(seen) and bool(seen))

    def _conclude(self, forward: Forward) -> None:
        self._filter_step = forward.step_of(self._now)
        self._probabilities = forward.posterior(self._now)
        self._weights = weigh(forward, self._rates, self._topic.subject, self._now, self._probabilities)
        self._told = {name: e for name, e in self._told.items() if name in self._weights or e.closed is None}
        now = (self._now, self._rates.by_name(self._probabilities))
        self._history = [*(one for one in self._history if one[0] > self._now - _HISTORY), now]
        self._weigh_indicators()

    def _weigh_indicators(self) -> None:
        # One reading a minute is enough to say whether an indicator grew; the last one of an hour ago has to stay.
        weighed = (self._now, weight_by_indicator(self._weights, self._told, self._absences.counting()))
        if self._weighed and self._now - self._weighed[-1][0] < 60 * SECOND:
            return
        old = [one for one in self._weighed if one[0] <= self._now - HOUR]
        self._weighed = [*old[-1:], *(one for one in self._weighed if one[0] > self._now - HOUR), weighed]

    def _hour_ago(self) -> dict[str, float] | None:
        return next((weights for time, weights in reversed(self._weighed) if time <= self._now - HOUR), None)

    def _cap(self, ladder: Ladder) -> int | None:
        spec = self._topic.authentication
        kinds = frozenset[str]().union(*(e.kinds for e in self._told.values() if e.id in self._weights))
        cap = self._topic.rank(spec.single_kind_cap)
        claimed = bool(kinds) and kinds <= CLAIMED
        if claimed:
            # Claims alone never reach the top, whatever a topic says.
            cap = min(cap, len(self._topic.levels) - 2)
        single = claimed or (len(kinds) == 1 and not kinds & set(spec.authenticated))
        subject = self._subject()
        self._capped = single and (ladder.rank > cap or any(subject >= level.up for level in self._topic.levels[cap + 1 :]))
        return cap if single else None

    def _subject(self) -> float:
        return float(self._probabilities[self._rates.ids.index(self._topic.subject)])

    def _standing(self, ladder: Ladder) -> Standing:
        absent = {name: one.indicator for name, one in self._absences.counting().items() if name in self._weights}
        evidence = {name: e.indicator.id for name, e in self._told.items() if name in self._weights}
        seen = frozenset(name for name, e in self._told.items() if e.closed is None)
        return Standing(ladder.rank, {**evidence, **absent}, seen, self._subject())

    def _state(self) -> State:
        now = max(self._now, 0)
        forward, ladder = (
            (self._forward, self._ladder)
            if self._forward and self._ladder
            else (Forward(self._rates, now), Ladder(self._topic.levels, now))
        )
        return State(
            topic=self._topic,
            realm=self._realm,
            now=now,
            rates=self._rates,
            forward=forward,
            probabilities=self._probabilities,
            weights=self._weights,
            level=ladder.rank,
            was=ladder.was,
            since=ladder.since,
            capped=self._capped,
            episodes=self._told,
            absences=self._absences.counting(),
            watched=self._watched,
            feeds=self._feeds,
            blind=self._blind,
            unseen=self._unseen,
            broken={eye.indicator.id: eye.broken for eye in self._eyes if eye.broken},
            history=self._history,
            changed=self._news.said,
            changed_at=self._news.at,
            earlier=self._hour_ago(),
        )

    def _said_finding(self, change: Change) -> Said:
        label = derived(join(sorted(change.episode.labels, key=repr)), self._node)
        return Said(change.episode.finding(change.state, self._topic.id), label, label)

    def _said_warning(self, warning: WarningRecord) -> Said:
        evidence = [e.finding for e in warning.evidence if not is_absence(e.finding)]
        parts = frozenset[Label]().union(*(self._told[name].labels for name in evidence if name in self._told))
        # A withdrawal's evidence may be forgotten by now; it is for this node's floor like the draft it ends.
        release = self._release if not parts and self._release is not None else derived(join(sorted(parts, key=repr)), self._node)
        self._release = release
        own = narrowed(release, {self._node})
        body = warning
        if warning.state != "cancelled":
            body = prepare(warning, topic=self._topic, realm=self._realm, sender=self._node, sent=self._now, earlier=self._desk.issued_cap)
        return Said(body, own, release, tuple(Ref("evidence", name) for name in sorted(evidence)))

    def _offers(self) -> tuple[Offer, ...]:
        return () if self._desk.offer is None else (self._desk.offer,)
