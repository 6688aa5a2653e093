"""The ladder of levels: up at once, down only after a while well below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.core.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core.times import Micros

    from .model import Level


class Ladder:
    """Which level is reached, and since when. `was` is the level before, `since` the time of the change."""

    def __init__(self, levels: Sequence[Level], now: Micros) -> None:
        self._levels = levels
        self.rank = 0
        self.was = 0
        self.since = now
        self._below: Micros | None = None

    def step(self, probability: float, now: Micros, *, cap: int | None = None) -> bool:
        """Take in the subject's probability at `now`; whether the level changed. `cap`: the highest rank that the evidence allows."""
        top = len(self._levels) - 1 if cap is None else cap
        reached = max(rank for rank, level in enumerate(self._levels) if rank <= max(top, 0) and (rank == 0 or probability >= level.up))
        if reached > self.rank:
            return self._move(reached, now)
        stays = max(rank for rank, level in enumerate(self._levels) if rank <= max(top, 0) and (rank == 0 or probability >= level.down))
        if stays >= self.rank:
            self._below = None
            return False
        if self._below is None:
            self._below = now
        if now - self._below < self._levels[self.rank].hold_minutes * 60 * SECOND:
            return False
        return self._move(stays, now)

    def _move(self, rank: int, now: Micros) -> bool:
        self.was, self.rank, self.since, self._below = self.rank, rank, now, None
        return True
