"""Asserted indicators: what graded claims, or an officer's own sightings, say of an indicator; once for each independent origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

import numpy as np
from msgspec import Meta

from tocsin.core.times import HOUR

from ..episodes import Sighting, Timing
from ..said import OWN, independent, weight_of
from ..words import count_word

if TYPE_CHECKING:
    from ..model import Place, Topic
    from ..said import Told
    from ..scene import Scene

_NO_ROWS: Final = np.empty(0, np.int64)


class AssertedParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`about`: the indicator that is asserted; `by`: claims out of documents, or officers (sightings and telephone calls).

    What was said counts for `lasts_hours` after it was so. `least`: the least weight of a grade that counts at all.
    """

    about: Annotated[str, Meta(min_length=1, max_length=48)]
    by: Literal["claims", "officers"] = "claims"
    lasts_hours: Annotated[float, Meta(gt=0.0, le=24 * 90)] = 72.0
    least: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.02
    hold_s: float = 0.0
    quiet_s: float = 60.0
    update_minutes: float = 60.0


class AssertedIndicator:
    """Says that an indicator is asserted, the more strongly the more origins say so that do not repeat one another."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = AssertedParameters

    def __init__(self, topic: Topic, parameters: AssertedParameters) -> None:  # noqa: ARG002 - every detector is made alike
        self.places: tuple[Place, ...] = ()
        self._p = parameters

    def watches(self, scene: Scene) -> bool:  # noqa: ARG002
        """False: that nobody says something never means that it is not so."""
        return False

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting at most, of everything that counts now."""
        origins = independent(one for one in scene.told if self._counts(one, scene.now))
        if not origins:
            return []
        missed = 1.0
        for one in origins:
            missed *= 1.0 - weight_of(one.grade)
        best, several = origins[0].grade or "not graded", len(origins) > 1
        own = self._p.by == "officers"
        who = ("officers report it" if several else "an officer reports it") if own else ("origins say so" if several else "origin says so")
        count = f"{count_word(len(origins))} independent " if not own or several else ""
        known = sum(one.root != "" for one in origins)
        unknown = "" if own or known == len(origins) else "; of one the origin is not known"
        return [
            Sighting(
                rows=_NO_ROWS,
                members=frozenset(),
                count=len(origins),
                strength=round(1.0 - missed, 6),
                text=f"{count}{who}, the best graded {best}{unknown}",
                key=self._p.about,
                measures={"origins": float(len(origins)), "weight": 1.0 - missed},
                labels=frozenset(one.label for one in origins),
                since=min(one.at for one in origins),
                does="are reported" if own else "are spoken of",
                kinds=frozenset({"officer" if own else "claim"}),
                feeds=frozenset({"officers" if own else "claims"}),
            )
        ]

    def _counts(self, one: Told, now: int) -> bool:
        p = self._p
        if one.about != p.about or (one.channel in OWN) != (p.by == "officers"):
            return False
        return one.at <= now and now - one.at <= p.lasts_hours * HOUR and weight_of(one.grade) >= p.least
