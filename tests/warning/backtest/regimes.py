"""Daily series of six and a half years as they might be, by regime and seed: what the daily topic's settings are fixed on.

Nothing here is fitted to a published series. A regime says how wildly routine days vary and what else happens to a count: weekly cycles,
patrols, month-long plateaus, lulls, missing days, a column that changes its meaning, surges that nobody names. Six
exercises of one to five days lie in each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from tests.warning.backtest.making import START

from tocsin.warning.backtest.daily import LABEL
from tocsin.warning.backtest.series_file import DailyFile, Event
from tocsin.warning.series import Series

DAYS = 2375
EXERCISES = 6


class Regime(NamedTuple):
    """`spread`: variance over mean of routine days; `patrol`: chance of one a day; `plateaus`, `unnamed`: how many in all.

    `week`: share by which Sundays differ from Wednesdays; `turns`: by how much the meaning of the column changes once.
    """

    spread: float = 2.5
    patrol: float = 0.12
    plateaus: int = 4
    unnamed: int = 3
    week: float = 0.1
    turns: float = 1.0
    growth: tuple[float, float] = (1.0, 15.0)


REGIMES = {
    "calm": Regime(spread=1.5, patrol=0.08, plateaus=1, unnamed=1, week=0.0),
    "plain": Regime(),
    "weekly": Regime(week=0.35, plateaus=2),
    "wild": Regime(spread=5.0, patrol=0.14, unnamed=4),
    "plateaus": Regime(plateaus=10, spread=3.0),
    "another meaning": Regime(turns=2.0, spread=3.0),
    "steep": Regime(growth=(0.8, 20.0), spread=3.5),
    "level": Regime(growth=(10.0, 12.0), spread=4.0, patrol=0.1),
}


def simulated(regime: Regime, seed: int) -> tuple[DailyFile, tuple[Event, ...]]:
    """One series and its exercises."""
    rng = np.random.default_rng([seed, DAYS])
    day = np.arange(DAYS)
    knots = np.sort(rng.uniform(0, 1, 6))
    rise = np.interp(day / DAYS, [0.0, *np.linspace(0.1, 0.9, 6), 1.0], [0.0, *knots, 1.0])
    level = regime.growth[0] * (regime.growth[1] / regime.growth[0]) ** rise
    level = level * (1.0 + regime.week * np.cos(2 * np.pi * (day - 2) / 7))
    level[day >= int(rng.uniform(0.3, 0.5) * DAYS)] *= regime.turns
    for _ in range(regime.plateaus):
        first = int(rng.integers(0, DAYS - 60))
        level[first : first + int(rng.integers(20, 50))] *= rng.uniform(1.4, 2.2)
    counts = _counts(rng, level, regime.spread)
    for at in np.flatnonzero(rng.random(DAYS) < regime.patrol):
        counts[at] += _counts(rng, np.array([rng.uniform(1.0, 2.0) * level[at] + rng.uniform(2, 8)]), regime.spread)[0]
    for _ in range(int(rng.integers(8, 16))):
        first = int(rng.integers(0, DAYS - 12))
        counts[first : first + int(rng.integers(3, 10))] *= rng.uniform(0.0, 0.2)
    for first in rng.integers(400, DAYS - 10, regime.unnamed):
        for i in range(int(rng.integers(1, 4))):
            counts[first + i] += rng.uniform(1.5, 3.5) * level[first] + rng.uniform(10, 25)
    events = []
    # Two years and a half go by before the first, as they did.
    for number, first in enumerate(_apart(rng, int(0.3 * DAYS), DAYS - 20)):
        days = int(rng.choice([1, 2, 2, 3, 3, 4, 5]))
        peak = float(np.clip(level[first] * rng.uniform(4.0, 10.0) + rng.uniform(15, 40), 30, 150))
        shape = peak * rng.uniform(0.55, 0.95, days)
        shape[int(rng.integers(0, min(days, 2)))] = peak
        counts[first : first + days] = np.maximum(counts[first : first + days], shape)
        events.append(Event(f"exercise {number + 1}", START + int(first), START + int(first) + days - 1, "named"))
    there = rng.random(DAYS) >= 0.02
    there[[0, -1]] = True
    series = Series("aircraft", START + day[there].astype(np.int64), np.rint(counts[there]).astype(np.float64), LABEL, "simulated")
    return DailyFile(series, (), int(there.sum()), int((~there).sum())), tuple(events)


def _counts(rng: np.random.Generator, mean: np.ndarray, spread: float) -> np.ndarray:
    return rng.negative_binomial(np.maximum(mean, 0.05) / (spread - 1.0), 1.0 / spread).astype(float)


def _apart(rng: np.random.Generator, first: int, last: int) -> list[int]:
    # At least four months between one and the next.
    while True:
        days = np.sort(rng.integers(first, last, EXERCISES))
        if (np.diff(days) >= 120).all():
            return days.tolist()
