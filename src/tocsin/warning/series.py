"""Daily counts as detectors see them: what somebody publishes once a day, with days missing, and never the future.

A day without a count is missing, not zero. A series holds what was published by some moment; `until` gives
what it was on an earlier day, so that a back-test sees no more than a watch officer would have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tocsin.core import InputError
from tocsin.core.times import HOUR

if TYPE_CHECKING:
    from tocsin.core import Label
    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

DAY: Final[Micros] = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Series:
    """Counts by day. `day`: days since 1970-01-01 (int64), rising, each once; `value`: as many counts (float64, 0 or more).

    `label` is the label of all of it, `source` who publishes it. Raises `InputError` for days out of order, or counts that are none.
    """

    name: str
    day: Array
    value: Array
    label: Label
    source: str = ""

    def __post_init__(self) -> None:
        if len(self.day) != len(self.value) or self.day.dtype != np.int64 or self.value.dtype != np.float64:
            raise InputError("a series has one count (float64) for each day (int64)")
        if len(self.day) > 1 and not (np.diff(self.day) > 0).all():
            raise InputError("a series' days rise, and each stands once")
        if not (np.isfinite(self.value) & (self.value >= 0)).all():
            raise InputError("a count is a number of 0 or more")

    def __len__(self) -> int:
        return len(self.day)

    def until(self, day: int) -> Series:
        """What it held when `day` was its newest day."""
        last = int(np.searchsorted(self.day, day, side="right"))
        return Series(self.name, self.day[:last], self.value[:last], self.label, self.source)

    def window(self, first: int, last: int) -> Array:
        """The counts of the days from `first` to `last`, both taken in; missing days are left out."""
        at = np.searchsorted(self.day, [first, last + 1])
        found: Array = self.value[at[0] : at[1]]
        return found

    def at(self, day: int) -> float | None:
        """The count of `day`, or None where it is missing."""
        where = int(np.searchsorted(self.day, day))
        return float(self.value[where]) if where < len(self.day) and self.day[where] == day else None
