"""BaseStation lines over TCP (port 30003), as decoders on an antenna give them: live."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

import numpy as np

from tocsin.core import LIVE, InputError, NotReachable
from tocsin.core.times import SECOND
from tocsin.formats import parse

from .model import Counted

if TYPE_CHECKING:
    from tocsin.core import Clock, Label, Observations, Realm

    from .fence import Fence
    from .model import Emit

GATHER_S: Final = 0.1
_PATIENCE_S: Final = 10.0
_MOST_WAIT_S: Final = 60.0
_MOST_BYTES: Final = 1 << 20
_LONGEST_LINE: Final = 1 << 16
_REMEMBERED: Final = 1 << 18
# Messages that bear no position of their own but say what goes with one: call sign, height, speed.
_COMPANIONS: Final = re.compile(rb"^MSG,[14568],[^\n]*\n", re.MULTILINE)
_QUARTER: Final = 15 * 60 * SECOND
_AMISS: Final = 10 * 60 * SECOND
_NEAR: Final = 60 * SECOND


class Sbs(Counted):
    """Listens to a decoder at `host`:`port` and comes back when the connection breaks, at the latest after a minute.

    The lines' times have no zone: decoders that write local time are found out, because zones differ from UTC
    by whole quarters of an hour, and put right; `status()` says so. Raises `InputError` for another realm than live.
    """

    def __init__(
        self, name: str, host: str, port: int, *, label: Label, clock: Clock, realm: Realm = LIVE, fence: Fence | None = None
    ) -> None:
        if realm != LIVE:
            raise InputError("a running feed writes into the live realm")
        super().__init__(name, realm=realm, label=label, clock=clock, fence=fence)
        self._host, self._port = host, port
        self._companions = b""

    async def run(self, emit: Emit) -> None:
        """Listen until cancelled."""
        failures = 0
        while True:
            heard = self._observations
            try:
                await self._listen(emit)
                self._over, self._says = "failed", f"feed {self.name}: the decoder closed the connection"
            except NotReachable as error:
                self._over, self._says = "failed", str(error)
            failures = failures + 1 if self._observations == heard else 0
            await asyncio.sleep(min(2.0 ** min(failures, 10) / 2, _MOST_WAIT_S))

    async def _listen(self, emit: Emit) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError) as error:
            raise NotReachable(f"feed {self.name}: its decoder cannot be reached ({type(error).__name__})") from None
        self._over, self._says, rest = None, "", b""
        try:
            while data := await reader.read(_MOST_BYTES):
                whole, newline, rest = (rest + data).rpartition(b"\n")
                if len(rest) > _LONGEST_LINE:
                    self._skipped["line too long"] += 1
                    rest = b""
                if newline:
                    await self._give(await self._parse(whole + newline), emit)
                # Lines come one by one; a tenth of a second of them makes a batch.
                await asyncio.sleep(GATHER_S)
        except ConnectionError as error:
            raise NotReachable(f"feed {self.name}: the connection broke ({type(error).__name__})") from None
        finally:
            writer.close()

    async def _parse(self, data: bytes) -> Observations:
        parsed = await asyncio.to_thread(
            parse, self._companions + data, "sbs", feed=self.name, realm=self.realm, label=self.label, name="sbs lines"
        )
        for reason, count in parsed.skipped.items():
            # Companions come by several times; to leave them out is no loss.
            if reason != "no position of its own":
                self._skipped[reason] += count
        if parsed.error is not None:
            self._skipped["broken"] += 1
        kept = b"".join(_COMPANIONS.findall(self._companions + data))[-_REMEMBERED:]
        self._companions = kept[kept.find(b"\n") + 1 :] if len(kept) == _REMEMBERED else kept
        return self._zoned(parsed.observations)

    def _zoned(self, batch: Observations) -> Observations:
        if not len(batch):
            return batch
        ahead = float(np.median(batch["time"])) - self._clock.now()
        if abs(ahead) < _AMISS:
            return batch
        zone = round(ahead / _QUARTER) * _QUARTER
        if abs(zone) > 14 * 4 * _QUARTER or abs(ahead - zone) > _NEAR:
            self._says = f"feed {self.name}: its clock differs from ours by {ahead / SECOND:,.0f} s"
            return batch
        self._says = f"feed {self.name}: it writes local time, {zone / SECOND / 3600:+g} h from UTC, which is put right"
        return batch.replace(time=batch["time"] - zone)
