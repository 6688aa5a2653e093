"""readsb's `aircraft.json`, by HTTP or out of its folder, again and again: live."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx2
import numpy as np

from tocsin.core import LIVE, InputError, NotReachable, TocsinError, TooLarge
from tocsin.formats import parse

from .model import Counted

if TYPE_CHECKING:
    from tocsin.core import Clock, Label, Observations, Realm

    from .fence import Fence
    from .model import Emit

MOST_BYTES: Final = 32 * 1024 * 1024
_PATIENCE_S: Final = 10.0
_MOST_WAIT_S: Final = 60.0


class Poll(Counted):
    """Asks `at`, an http(s) address or a file's path, every `interval_s` seconds, and hands on what is new.

    What cannot be had or read shows in `status()` and is tried again, less and less often up to once a minute.
    Raises `InputError` for another realm than live, an address that is none, or an interval that is not more than 0.
    """

    def __init__(
        self,
        name: str,
        at: str | Path,
        *,
        label: Label,
        clock: Clock,
        realm: Realm = LIVE,
        interval_s: float = 1.0,
        fence: Fence | None = None,
    ) -> None:
        if realm != LIVE:
            raise InputError("a running feed writes into the live realm")
        if not interval_s > 0:
            raise InputError("a feed's interval is more than 0 s")
        if _is_address(at) and not _usable(str(at)):
            raise InputError(f"feed {name}: its address is no http(s) address with a host and a port up to 65535")
        super().__init__(name, realm=realm, label=label, clock=clock, fence=fence)
        self._at, self._interval_s = at, interval_s
        self._known = (np.empty(0, np.uint64), np.empty(0, np.int64))

    async def run(self, emit: Emit) -> None:
        """Poll until cancelled."""
        failures = 0
        async with httpx2.AsyncClient(timeout=_PATIENCE_S, follow_redirects=False) as client:
            while True:
                try:
                    batch = await self._ask(client)
                    self._over, failures = None, 0
                except TocsinError as error:
                    self._over, self._says, failures = "failed", str(error), failures + 1
                    batch = None
                if batch is not None:
                    await self._give(batch, emit)
                await asyncio.sleep(min(self._interval_s * 2 ** min(failures, 10), max(_MOST_WAIT_S, self._interval_s)))

    async def _ask(self, client: httpx2.AsyncClient) -> Observations:
        data = await (self._fetch(client, self._at) if _is_address(self._at) else asyncio.to_thread(self._read))
        parsed = await asyncio.to_thread(
            parse, data, "readsb", feed=self.name, realm=self.realm, label=self.label, name="aircraft.json", undated=self._clock.now()
        )
        self._skipped.update(parsed.skipped)
        # A file caught half written gives its first half; the next poll has the rest.
        self._says = str(parsed.error) if parsed.error is not None else ""
        if parsed.error is not None and not len(parsed.observations):
            raise parsed.error
        return self._new(parsed.observations)

    async def _fetch(self, client: httpx2.AsyncClient, at: str | Path) -> bytes:
        data = bytearray()
        try:
            async with client.stream("GET", str(at)) as answer:
                if answer.status_code != 200:
                    raise NotReachable(f"feed {self.name}: its receiver answers {answer.status_code}")
                async for piece in answer.aiter_bytes():
                    data += piece
                    if len(data) > MOST_BYTES:
                        raise TooLarge(f"feed {self.name}: its answer's bytes", len(data), MOST_BYTES)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NotReachable(f"feed {self.name}: its receiver cannot be reached ({type(error).__name__})") from None
        return bytes(data)

    def _read(self) -> bytes:
        try:
            with Path(self._at).open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise NotReachable(f"feed {self.name}: its file cannot be read ({error.strerror or type(error).__name__})") from None
        if len(data) > MOST_BYTES:
            raise TooLarge(f"feed {self.name}: its file's bytes", len(data), MOST_BYTES)
        return data

    def _new(self, batch: Observations) -> Observations:
        """The rows that the last answer did not have: an aircraft not heard since stands there unchanged."""
        order = np.lexsort((batch["time"], batch["identity"]))
        identity, time = batch["identity"][order], batch["time"][order]
        known, known_time = self._known
        self._known = identity, time
        if not len(known) or not len(batch):
            return batch
        at = np.minimum(np.searchsorted(known, identity), len(known) - 1)
        old = (known[at] == identity) & (known_time[at] == time)
        self._skipped["seen before"] += int(old.sum())
        return batch.select(np.sort(order[~old]))


def _is_address(at: str | Path) -> bool:
    return str(at).startswith(("http://", "https://"))


def _usable(at: str) -> bool:
    try:
        address = httpx2.URL(at)
    except httpx2.InvalidURL:
        return False
    return bool(address.host) and (address.port is None or 0 < address.port <= 65_535)
