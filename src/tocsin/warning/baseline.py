"""What is usual: departures by hour of the week, learned as realm time goes by, with a floor while little is known.

Counts are Poisson at a rate that nobody knows exactly; the rate of an hour of the week is Gamma distributed around
the rate of the whole week, which itself starts from what the topic file says. The predictive distribution of a
count is then negative binomial (Gelman et al., Bayesian Data Analysis, 3rd ed., 2.6): wider where less is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.special import betainc

from tocsin.core.times import HOUR

if TYPE_CHECKING:
    from tocsin.core.times import Micros

HOURS: Final = 168
_EPOCH_HOUR: Final = 3 * 24  # 1970-01-01 was a Thursday


class Usual(NamedTuple):
    """What is usual for one window: `tail` is the probability of a count at least as high as the one asked about."""

    tail: float
    low: int
    high: int
    hour: int


class Baseline:
    """Counts by hour of the week (0 is Monday 00h UTC)."""

    def __init__(self, usual_per_hour: float, prior_hours: float) -> None:
        self._prior = prior_hours
        self._start = usual_per_hour * prior_hours
        self._counts = np.zeros(HOURS)
        self._hours = np.zeros(HOURS)

    @staticmethod
    def hour_of(time: Micros) -> int:
        """The hour of the week, 0 to 167."""
        return int(time // HOUR + _EPOCH_HOUR) % HOURS

    def learn(self, time: Micros, count: int, hours: float) -> None:
        """Add a count over `hours` of watching that ended at `time`."""
        hour = self.hour_of(time)
        self._counts[hour] += count
        self._hours[hour] += hours

    def usual(self, time: Micros, count: int, hours: float) -> Usual:
        """How unusual `count` is in a window of `hours` that ends at `time`, and the range in which nine of ten such windows lie."""
        hour = self.hour_of(time)
        week = (self._start + self._counts.sum()) / (self._prior + self._hours.sum())
        shape = max(1e-9, week * self._prior + self._counts[hour])
        stays = (self._prior + self._hours[hour]) / (self._prior + self._hours[hour] + hours)
        # P(X >= count) of a negative binomial is a regularised incomplete beta function (DLMF 8.17).
        tail = float(betainc(count, shape, 1.0 - stays)) if count > 0 else 1.0
        return Usual(tail, _quantile(shape, stays, 0.05), _quantile(shape, stays, 0.95), hour)


def _quantile(shape: float, stays: float, at: float) -> int:
    count = 0
    while float(betainc(shape, count + 1, stays)) < at and count < 10_000:
        count += 1
    return count
