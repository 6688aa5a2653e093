"""Daily official counts: days that stand out from the highest of the year before, and runs of days with hardly anything.

Routine days follow no tidy distribution: quiet days alternate with patrols of twenty to forty aircraft. What stands
out is therefore measured against the patrols and not against the mean: the sum of the last days over the mean
of the highest few per cent of such sums in the year before (a peaks-over-threshold view: Coles, An Introduction to
Statistical Modeling of Extreme Values, 4.1). Sums that stood out themselves are not learned from, so that one exercise
does not hide the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import numpy as np
from msgspec import Meta

from ..episodes import Sighting, Timing
from ..series import DAY

if TYPE_CHECKING:
    from tocsin.core.observations import Array

    from ..model import Place, Topic
    from ..scene import Scene
    from ..series import Series

_NO_ROWS: Final = np.empty(0, np.int64)
_KINDS: Final = frozenset({"count"})
_GAP: Final = 3
_LEAST_LEVEL: Final = 14


class DailyParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which series, and over how many `days` its counts are summed.

    Compared with the `window_days` before, of which `least_days` must hold counts. A count older than `late_days` says nothing of now.
    """

    series: Annotated[str, Meta(min_length=1, max_length=80)]
    days: Annotated[int, Meta(ge=1, le=14)] = 2
    window_days: Annotated[int, Meta(ge=14, le=1500)] = 365
    least_days: Annotated[int, Meta(ge=7, le=1500)] = 28
    late_days: Annotated[int, Meta(ge=0, le=14)] = 2
    hold_s: float = 0.0
    quiet_s: float = 3600.0
    update_minutes: float = 1440.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.least_days > self.window_days:
            raise ValueError("least_days is not more than window_days")


class PeakParameters(DailyParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A peak is a sum of at least `open_at` times the mean of the highest `top_share` of sums in the window; it is whole at `full_at`.

    A sum of `unusual_at` times that mean or more is not learned from. `floor`: the least that counts as a usual peak of one day.
    Where a year's peaks lag behind a level that rises, two bars more: a day's share of the sum must be `times_level` times the mean of
    the `level_days` before, and `excess` above it. `open_strength`: how strong a peak is that just reaches all bars.
    """

    top_share: Annotated[float, Meta(gt=0.0, le=0.5)] = 0.04
    open_at: Annotated[float, Meta(ge=0.5, le=10.0)] = 1.1
    full_at: Annotated[float, Meta(ge=0.5, le=20.0)] = 1.6
    unusual_at: Annotated[float, Meta(ge=0.5, le=20.0)] = 1.5
    floor: Annotated[float, Meta(ge=1.0, le=10_000.0)] = 5.0
    level_days: Annotated[int, Meta(ge=14, le=365)] = 56
    times_level: Annotated[float, Meta(ge=0.0, le=100.0)] = 0.0
    excess: Annotated[float, Meta(ge=0.0, le=10_000.0)] = 0.0
    open_strength: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.full_at <= self.open_at:
            raise ValueError("full_at is above open_at")


class LullParameters(DailyParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A lull is a sum that is among the lowest `share` of those in the window."""

    days: Annotated[int, Meta(ge=1, le=30)] = 7
    share: Annotated[float, Meta(gt=0.0, lt=0.5)] = 0.02


class Standing:
    """How each day's sum stood against the sums before it, taken in a day at a time.

    `ratio` of a day is its sum over the usual peak. A day whose sum misses a count, or that has too little before it, has none.
    """

    def __init__(self, parameters: PeakParameters) -> None:
        self._p = parameters
        self._seen: Series | None = None
        self._at = np.empty(0, np.int64)
        self._sums = np.empty(0)
        self.ratio: dict[int, float] = {}
        self.usual: dict[int, float] = {}

    def take(self, series: Series) -> None:
        """Take in what is new. What was published before and has changed since makes it begin afresh."""
        if self._seen is not None and not _continues(self._seen, series):
            self._seen, self._at, self._sums = None, np.empty(0, np.int64), np.empty(0)
            self.ratio.clear()
            self.usual.clear()
        for day in series.day[len(self._seen) if self._seen is not None else 0 :].tolist():
            self._day(series, day)
        self._seen = series

    def _day(self, series: Series, day: int) -> None:
        p = self._p
        counts = series.window(day - p.days + 1, day)
        if len(counts) < p.days:
            return
        whole = float(counts.sum())
        # A sum shares days with the ones just before it: those would be compared with a part of themselves.
        before = self._sums[(self._at >= day - p.window_days) & (self._at <= day - p.days)]
        if len(before) < p.least_days:
            self._learn(day, whole)
            return
        usual = max(peak_of(before, p.top_share), p.floor * p.days)
        self.usual[day], self.ratio[day] = usual, whole / usual
        if self.ratio[day] < p.unusual_at:
            self._learn(day, whole)

    def _learn(self, day: int, whole: float) -> None:
        keep = self._at >= day - self._p.window_days
        self._at, self._sums = np.append(self._at[keep], day), np.append(self._sums[keep], whole)


def peak_of(sums: Array, share: float) -> float:
    """The mean of the highest `share` of `sums`, of two at least."""
    most = max(2, int(len(sums) * share))
    return float(np.partition(sums, len(sums) - min(most, len(sums)))[-most:].mean())


class DailyPeak:
    """Says when the last days' counts stand out from the peaks of the year before."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = PeakParameters

    def __init__(self, topic: Topic, parameters: PeakParameters) -> None:  # noqa: ARG002 - every detector is made alike
        self.places: tuple[Place, ...] = ()
        self._p = parameters
        self._standing = Standing(parameters)

    def watches(self, scene: Scene) -> bool:
        """Whether a count is there that says something of now."""
        series = _fresh(scene, self._p)
        if series is None:
            return False
        self._standing.take(series)
        return int(series.day[-1]) in self._standing.ratio

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting at most: of the newest day with a count."""
        p = self._p
        if (series := _fresh(scene, p)) is None:
            return []
        self._standing.take(series)
        day = int(series.day[-1])
        ratio = self._standing.ratio.get(day, 0.0)
        if ratio < p.open_at or not self._stands_out(series, day):
            return []
        whole, usual = float(series.window(day - p.days + 1, day).sum()), self._standing.usual[day]
        span = "one day" if p.days == 1 else f"{p.days} days"
        return [
            Sighting(
                rows=_NO_ROWS,
                members=frozenset(),
                count=round(whole),
                strength=min(1.0, p.open_strength + (1.0 - p.open_strength) * (ratio - p.open_at) / (p.full_at - p.open_at) + 1e-6),
                text=f"{whole:,.0f} in {span} to {_date(day)}; "
                f"the highest {p.top_share:.0%} of such sums in {p.window_days} days: {usual:,.0f}",
                key=p.series,
                measures={"count": whole, "usual_peak": usual, "ratio": ratio},
                labels=frozenset({series.label}),
                does=f"were counted in {span}",
                kinds=_KINDS,
                feeds=frozenset({series.source or p.series}),
            )
        ]

    def _stands_out(self, series: Series, day: int) -> bool:
        """Whether the last days are far enough above the level of the weeks before, three days of which are left out."""
        p = self._p
        before = series.window(day - _GAP - p.level_days, day - _GAP - 1)
        if not (p.times_level or p.excess) or len(before) < _LEAST_LEVEL:
            return True
        now, level = float(series.window(day - p.days + 1, day).mean()), float(before.mean())
        return now >= p.times_level * level and now - level >= p.excess


class DailyLull:
    """Says when the last days' counts are among the lowest of the year before."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = LullParameters

    def __init__(self, topic: Topic, parameters: LullParameters) -> None:  # noqa: ARG002 - every detector is made alike
        self.places: tuple[Place, ...] = ()
        self._p = parameters

    def watches(self, scene: Scene) -> bool:
        """Whether a count is there that says something of now."""
        series = _fresh(scene, self._p)
        return series is not None and len(self._before(series)) >= self._p.least_days

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting at most: of the days up to the newest count."""
        p = self._p
        if (series := _fresh(scene, p)) is None:
            return []
        day, before = int(series.day[-1]), self._before(series)
        counts = series.window(day - p.days + 1, day)
        # Days that are missing are not days without flights.
        if len(counts) < p.days or len(before) < p.least_days:
            return []
        whole = float(counts.sum())
        share = float((before <= whole).mean())
        if share > p.share:
            return []
        return [
            Sighting(
                rows=_NO_ROWS,
                members=frozenset(),
                count=round(whole),
                strength=1.0,
                text=f"only {whole:,.0f} in {p.days} days to {_date(day)}; "
                f"as few or fewer in {share:.1%} of such spans in {p.window_days} days",
                key=p.series,
                measures={"count": whole, "share": share},
                labels=frozenset({series.label}),
                does=f"were counted in {p.days} days, hardly any",
                kinds=_KINDS,
                feeds=frozenset({series.source or p.series}),
            )
        ]

    def _before(self, series: Series) -> Array:
        p, day = self._p, int(series.day[-1])
        days = series.day[(series.day >= day - p.window_days) & (series.day <= day - p.days)]
        spans = [series.window(int(at) - p.days + 1, int(at)) for at in days]
        return np.array([span.sum() for span in spans if len(span) == p.days])


def _fresh(scene: Scene, p: DailyParameters) -> Series | None:
    series = scene.series.get(p.series)
    if series is None or not len(series):
        return None
    return series if scene.now // DAY - int(series.day[-1]) <= p.late_days else None


def _continues(before: Series, after: Series) -> bool:
    n = len(before)
    return len(after) >= n and bool((after.day[:n] == before.day).all() and (after.value[:n] == before.value).all())


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))
