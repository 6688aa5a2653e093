"""A receiver that plays a recording: BaseStation lines over TCP, as a decoder on an antenna would give them."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np

from tocsin.core import Clock, Identity, Observations
from tocsin.core.times import SECOND, Micros

FOOT = 0.3048
KNOT = 1852 / 3600
STEP_S = 0.1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Receiver:
    """Plays `observations` (sorted by time) to whoever connects, as their times come on `clock`."""

    def __init__(self, observations: Observations, clock: Clock) -> None:
        self._observations = observations
        self._times = observations["time"]
        self._lines = _lines(observations)
        self._clock = clock
        self._again = asyncio.Event()
        self._again_s = 0.0
        self.played = 0

    def repeat(self, every_s: float) -> None:
        """Play the recording again, `every_s` later each time, once it is over."""
        self._again_s = every_s
        self._again.set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Listen on a free port of the loopback until the block ends; gives the port."""
        server = await asyncio.start_server(self._play, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    @property
    def ended(self) -> bool:
        """Whether everything was played."""
        return self.played >= len(self._lines)

    async def _next_round(self) -> bool:
        # The decoder stays up when the sky is empty.
        await self._again.wait()
        later = self._observations.replace(time=self._observations["time"] + int(self._again_s * SECOND))
        lines = await asyncio.to_thread(_lines, later)
        self._observations, self._times, self._lines, self.played = later, later["time"], lines, 0
        return True

    async def _play(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not self.ended or await self._next_round():
                due = int(np.searchsorted(self._times, self._clock.now(), side="right"))
                if due > self.played:
                    writer.write("".join(self._lines[self.played : due]).encode())
                    self.played = due
                    await writer.drain()
                await asyncio.sleep(STEP_S)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def _lines(observations: Observations) -> list[str]:
    columns = [
        observations[name].tolist()
        for name in ("time", "identity", "latitude", "longitude", "altitude", "speed", "course", "climb", "callsign")
    ]
    return [_line(*row) for row in zip(*columns, strict=True)]


def _line(
    time: Micros, identity: int, lat: float, lon: float, altitude: float, speed: float, course: float, climb: float, callsign: bytes
) -> str:
    moment = EPOCH + timedelta(microseconds=time // 1000 * 1000)
    stamp = f"{moment:%Y/%m/%d,%H:%M:%S}.{time % SECOND // 1000:03d}"
    head = f"1,1,{identity & Identity.NUMBER:06X},1,{stamp},{stamp}"
    velocity = f"MSG,4,{head},,,{_number(speed, KNOT, 1)},{_number(course, 1, 1)},,,{_number(climb, FOOT / 60, 0)},,,,,0\r\n"
    position = f"MSG,3,{head},,{_number(altitude, FOOT, 0)},,,{lat:.6f},{lon:.6f},,,0,0,0,0\r\n"
    name = f"MSG,1,{head},{callsign.decode('ascii', 'replace')},,,,,,,,,,,0\r\n" if callsign else ""
    return name + velocity + position


def _number(value: float, unit: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value / unit:.{digits}f}"
