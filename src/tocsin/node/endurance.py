"""What a node holds in memory over a long time: two whole nodes in processes of their own, over a real relay.

One says records and takes in a feed, the other gets them: pictures, archives, detectors at work on the shipped topic, registers,
search and all. Time is compressed: an hour of the feed goes by as fast as both nodes take it in. A million records and an hour of
traffic take ten minutes on two quiet cores, and about 6 GB of disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from tocsin.core import Label, NotReachable, Report
from tocsin.exchange import Card, Relay
from tocsin.exchange import measure as parts

from . import config as configuration
from . import operations, partnership, secrets
from .founding import Wishes, found
from .measuring import cpu_of, memory_mb
from .service import Node
from .system import SystemClock, SystemEntropy, give_back_memory, settle

Json = dict[str, Any]
SAYS, HEARS = "SAYS", "HEARS"
LEVEL = "UNCLASSIFIED"
STEPS = 10
ROWS = 200  # observations a second of the simulated feed
AHEAD_RECORDS = 2_000  # said and not yet heard of as kept
AHEAD_ROWS = 40_000
FLAT = 0.10
REPORT_S = 0.02
SAMPLE_S = 0.05
PATIENCE_S = 300.0


class Came(msgspec.Struct, frozen=True):
    """What the node that hears has taken in, and what it holds in memory."""

    records: int
    rows: int
    memory_mb: float
    lost: int
    doubled: int
    gaps: int
    refused: int


def measure(folder: Path, records: int, simulated_s: int) -> Json:
    """What `tocsin bench memory` gives: resident memory of both nodes over the first, fifth and last tenth of the way, and at every tenth.

    A tenth's figure is the median of what was held at twenty moments a second; `peak_mb` the most at any of them. Before the way begins,
    a twentieth as many records fill caches, and twice as long a time of traffic the detectors' windows, whose longest has two hours
    (`warm`: the last moment of that).
    `flat`: no tenth is more than 10 % off the first. With it the CPU that a record costs both nodes at the half and at the end.
    """
    give_back_memory()  # as a node does when it comes up
    return asyncio.run(_measure(folder, records, simulated_s))


async def _measure(folder: Path, records: int, simulated_s: int) -> Json:
    clock = SystemClock()
    relay = Relay(folder / "relay")
    await _found_both(folder, relay)
    try:
        async with _running(folder / SAYS) as node, _hearer(folder / HEARS) as hearer:
            settle()
            began = clock.now()
            way = _Way(node, hearer)
            await way.go(records // 20, 2 * simulated_s)
            warm = memory_mb(), hearer.came.memory_mb
            steps = [await way.go(records // STEPS, simulated_s // STEPS) for _ in range(STEPS)]
            took_s = (clock.now() - began) / 1e6
            last = hearer.came
    finally:
        await relay.stop()
    says, hears = [one.says_mb for one in steps], [one.hears_mb for one in steps]
    return {
        "records": records // STEPS * STEPS,
        "simulated_s": simulated_s // STEPS * STEPS,
        "took_s": round(took_s),
        "sender_mb": {"warm": warm[0], **_three(says)},
        "recipient_mb": {"warm": warm[1], **_three(hears)},
        "peak_mb": {"sender": max(one.says_peak for one in steps), "recipient": max(one.hears_peak for one in steps)},
        "off_percent": {"sender": round(_off(says) * 100, 1), "recipient": round(_off(hears) * 100, 1)},
        "flat": max(_off(says), _off(hears)) <= FLAT,
        "tenths_mb": {"sender": str(says), "recipient": str(hears)},
        "cpu_ms_per_record_half": round(steps[STEPS // 2 - 1].cpu_ms, 2),
        "cpu_ms_per_record_last": round(steps[-1].cpu_ms, 2),
        "lost": last.lost,
        "doubled": last.doubled,
        "gaps": last.gaps,
        "refused": last.refused,
    }


def _three(figures: Sequence[float]) -> Json:
    return {"at_10": figures[0], "at_50": figures[STEPS // 2 - 1], "at_100": figures[-1]}


def _off(figures: Sequence[float]) -> float:
    """How far the farthest figure is from the first, as a share of the first; 0 where the system tells no memory."""
    return max(abs(one - figures[0]) for one in figures) / figures[0] if figures[0] else 0.0


class _Step(NamedTuple):
    """What a part of the way took: memory of both nodes, median and most (MB), and the CPU of a record (ms)."""

    says_mb: float
    hears_mb: float
    says_peak: float
    hears_peak: float
    cpu_ms: float


class _Way:
    """The way that both nodes go: what was said and observed so far."""

    def __init__(self, node: Node, hearer: Hearer) -> None:
        self._node, self._hearer = node, hearer
        self._label = Label(node.config.policy.name, 0, frozenset({SAYS}), frozenset({SAYS, HEARS}))
        self._sky, self._zero = parts.Sky(self._label), node.clock.now()
        self._said = self._seconds = 0

    async def go(self, records: int, seconds: int) -> _Step:
        """Say so many records, and then take in so many seconds of traffic."""
        held: list[tuple[float, float]] = []
        watching = asyncio.create_task(self._watch(held))
        try:
            cpu_ms = await self._go(records, seconds)
        finally:
            watching.cancel()
        says, hears = zip(*held, (memory_mb(), self._hearer.came.memory_mb), strict=True)
        return _Step(round(median(says), 1), round(median(hears), 1), max(says), max(hears), cpu_ms)

    async def _watch(self, held: list[tuple[float, float]]) -> None:
        while True:
            held.append((memory_mb(), self._hearer.came.memory_mb))
            await asyncio.sleep(SAMPLE_S)

    async def _go(self, records: int, seconds: int) -> float:
        node, hearer, first = self._node, self._hearer, self._said
        cpu = cpu_of("self") + cpu_of(hearer.pid)

        async def say(number: int) -> None:
            await hearer.until(records=first + number - AHEAD_RECORDS)
            body = Report(title=f"Report {first + number}", text=parts.TEXT, source="measured")
            await node.say(node.new_record(body, parts.REALM, "watch", self._label))

        await parts.say_many(say, records)
        self._said += records
        await hearer.until(records=self._said)
        cpu = cpu_of("self") + cpu_of(hearer.pid) - cpu
        for _ in range(seconds):
            await node.traffic.take_in(self._sky.take(ROWS, self._zero + self._seconds * 1_000_000))
            self._seconds += 1
            await hearer.until(rows=self._seconds * ROWS - AHEAD_ROWS)
        return cpu / max(records, 1) * 1000


# --- the two nodes ------------------------------------------------------------------------------------------------


async def _found_both(folder: Path, relay: Relay) -> None:
    """Found both nodes, start the relay for them, and have each know the other and the relay."""
    cards: dict[str, str] = {}
    for name in (SAYS, HEARS):
        await found(
            folder / name, Wishes(id=name, name=name, user="watch", password=f"measured {name}", levels=(LEVEL,), clearance=LEVEL, port=0)
        )
        async with _opened(folder / name) as node:
            cards[name] = (await operations.show_card(node, operations.Nothing()))["card"]
    url = await relay.start([Card.from_toml(card) for card in cards.values()])
    for name, other in ((SAYS, HEARS), (HEARS, SAYS)):
        async with _opened(folder / name) as node:
            await partnership.add_partner(node, partnership.NewPartner(cards[other], LEVEL))
        config = configuration.read(folder / name)
        configuration.write(folder / name, msgspec.structs.replace(config, relay=msgspec.structs.replace(config.relay, url=url)))


@contextlib.asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[Node]:
    node = await Node.open(folder, secrets.find(folder), SystemClock(), SystemEntropy())
    try:
        yield node
    finally:
        await node.close()


@contextlib.asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[Node]:
    async with _opened(folder) as node, node.running():
        yield node


class Hearer:
    """The process of the node that hears, as the other's process sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process, self.pid = process, process.pid
        self.came = Came(0, 0, 0.0, 0, 0, 0, 0)
        self._told, self._gone = asyncio.Condition(), False
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while self._process.stdout is not None and (line := await self._process.stdout.readline()):
            async with self._told:
                self.came = msgspec.json.decode(line, type=Came)
                self._told.notify_all()
        async with self._told:
            self._gone = True
            self._told.notify_all()

    async def until(self, *, records: int = 0, rows: int = 0) -> None:
        """Wait until so much has come; raises `NotReachable` if it does not."""
        if self.came.records >= records and self.came.rows >= rows:
            return
        try:
            async with asyncio.timeout(PATIENCE_S), self._told:
                await self._told.wait_for(lambda: self._gone or (self.came.records >= records and self.came.rows >= rows))
        except TimeoutError:
            raise NotReachable(f"the other node did not get everything in {PATIENCE_S:.0f} s") from None
        if self._gone:
            raise NotReachable("the other node has ended")

    async def end(self) -> None:
        """Ask it to end, and wait."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(30):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._task


@contextlib.asynccontextmanager
async def _hearer(folder: Path) -> AsyncIterator[Hearer]:
    command = (sys.executable, "-m", "tocsin.node.endurance", str(folder))
    pipe = asyncio.subprocess.PIPE
    hearer = Hearer(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe))
    try:
        yield hearer
    finally:
        await hearer.end()


async def hear(folder: Path) -> None:
    """Run the node in `folder`, and tell what came on stdout, until stdin ends."""
    async with _running(folder) as node:
        settle()
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(0, lambda: None if os.read(0, 4096) else ended.set())
        while not ended.is_set() and node.exchange is not None:
            counts = node.exchange.counters()
            troubles = {name: counts[name] for name in ("lost", "doubled", "gaps", "refused")}
            came = Came(counts["received"], node.traffic.received, memory_mb(), **troubles)
            sys.stdout.write(msgspec.json.encode(came).decode() + "\n")
            sys.stdout.flush()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPORT_S):
                    await ended.wait()


if __name__ == "__main__":
    give_back_memory()
    asyncio.run(hear(Path(sys.argv[1])))
