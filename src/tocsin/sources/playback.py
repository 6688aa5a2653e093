"""A recording or a scenario played by a realm's clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import numpy as np

from tocsin.core import LIVE, InputError

from .model import Counted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tocsin.core import Clock, Observations

    from .fence import Fence
    from .model import Emit

MOST_ROWS: Final = 20_000
"""Rows of one batch at most, however far behind the playback is."""


def paced(speed: float) -> Callable[[float], Awaitable[None]]:
    """A pace that waits for realm seconds on a clock that runs `speed` times as fast as the system's; raises `InputError`."""
    if not speed > 0:
        raise InputError("a playback's speed is more than 0")

    async def pace(realm_seconds: float) -> None:
        await asyncio.sleep(realm_seconds / speed)

    return pace


class Playback(Counted):
    """Hands on, every `step_s` realm seconds, what became due by `clock`; ends after the last row.

    What is due when it starts, it hands on at once. `pace` waits for realm seconds: `paced(speed)` beside a
    `ScaledClock` of that speed. Raises `InputError` for the live realm, into which only a running feed writes,
    and for a step that is not more than 0.
    """

    def __init__(
        self,
        observations: Observations,
        clock: Clock,
        step_s: float = 1.0,
        *,
        pace: Callable[[float], Awaitable[None]] | None = None,
        fence: Fence | None = None,
    ) -> None:
        if observations.realm == LIVE:
            raise InputError("a recording plays into a replay or an exercise, never live")
        if not step_s > 0:
            raise InputError("a playback's step is more than 0 s")
        super().__init__(observations.feed, realm=observations.realm, label=observations.label, clock=clock, fence=fence)
        self._rows = observations.select(np.argsort(observations["time"], kind="stable"))
        self._step_s, self._pace = step_s, pace or paced(1.0)

    async def run(self, emit: Emit) -> None:
        """Play it once."""
        times, at = self._rows["time"], 0
        while at < len(times):
            due = int(np.searchsorted(times, self._clock.now(), side="right"))
            while at < due:
                end = min(due, at + MOST_ROWS)
                await self._give(self._rows.select(slice(at, end)), emit)
                at = end
            if at < len(times):
                await self._pace(self._step_s)
        self._over, self._says = "ended", "the recording is over"
