"""What the tests of this room share."""

import asyncio
from contextlib import asynccontextmanager, suppress

import numpy as np

from tocsin.core import Identity, Label
from tocsin.core.observations import build

T0 = 1_800_000_000_000_000
S = 1_000_000
LABEL = Label("p", 0, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"}))


def rows(times, *, number=1, realm="replay:test", latitude=46.0, longitude=7.0):
    """Rows of one aircraft at `times`, in seconds after T0."""
    size = len(times)
    return build(
        "radar", realm, LABEL, size,
        time=np.array([T0 + round(t * S) for t in times], np.int64),
        identity=np.full(size, Identity.ICAO | number, np.uint64),
        latitude=np.full(size, latitude), longitude=np.full(size, longitude),
    )  # fmt: skip


class Taken:
    """An `emit` that keeps what it gets; `enough` rows raise `Enough`."""

    def __init__(self, enough=None):
        self.batches, self._enough = [], enough

    async def __call__(self, batch):
        self.batches.append(batch)
        if self._enough is not None and len(self) >= self._enough:
            raise Enough

    def __len__(self):
        return sum(len(batch) for batch in self.batches)

    def times(self):
        return [(int(t) - T0) / S for batch in self.batches for t in batch["time"]]


class Enough(Exception):
    """Raised by `Taken` to end a feed that would run for ever."""


@asynccontextmanager
async def serving(handle):
    """Run `handle(reader, writer)` for each connection to a free port of the loopback; nothing of it is left afterwards."""
    tasks = set()

    async def connected(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handle(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def settled(holds, seconds=45.0):
    """Wait until `holds()`; a test that waits in vain fails by TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 (nothing tells when)
            await asyncio.sleep(0.005)
