"""How fast the exchange is: a sender, and recipients in processes of their own, over a real relay, journals on disk.

The processes are the caller's (`tocsin.node.measuring`), as are clock, randomness and the sink, so that what "commit"
means is what a node does. Here is what each of them runs, and what is said between them: one JSON line a message.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from tocsin.core import FLAG, Clearance, Label, Observations, Report, make
from tocsin.core.observations import Identity, build
from tocsin.journal import Cost, Journal, Vault

from .book import Book
from .card import Card
from .keys import NodeKeys
from .model import Parts, Settings
from .service import Exchange
from .transport import NatsTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from tocsin.core import Clock, Entropy, Record
    from tocsin.core.times import Micros
    from tocsin.journal import Kept

    from .model import Sink

POLICY = "measured"
REALM = "exercise:measured"
SENDER = "SENDER"
SECRET = b"measured"
STEP_S = 0.02
AHEAD_ROWS = 150_000  # observations under way at once; below what a sender would drop
SAYING = 200  # callers that say records at once
TEXT = "A report of some two hundred and fifty characters, as long as what a watch officer writes. " * 3
AIRCRAFT = 20_000  # about as many as fly in the whole world at once
Array = np.ndarray[Any, Any]


class Progress(msgspec.Struct, frozen=True):
    """What one process of recipients has committed since its start, by the slowest of its identities."""

    rows: int
    records: int
    lost: int = 0
    doubled: int = 0
    gaps: int = 0
    refused: int = 0


class Marked(msgspec.Struct, frozen=True):
    """What one process of recipients saw since the mark before: delays (µs, how many rows had each), CPU, memory now."""

    delays: list[tuple[int, int]]
    cpu_s: float
    memory_mb: float


class Node(NamedTuple):
    """One identity that runs."""

    exchange: Exchange
    journal: Journal


@dataclass
class Ear:
    """Counts what its `inner` sink has committed; `time` of each observation is the moment at which it was shared."""

    clock: Clock
    inner: Sink | None = None
    rows: int = 0
    records: int = 0
    delays: list[tuple[int, int]] = field(default_factory=list)

    async def on_records(self, kept: Sequence[Kept]) -> None:
        """They are on disk already."""
        if self.inner is not None:
            await self.inner.on_records(kept)
        self.records += len(kept)

    async def on_observations(self, batch: Observations, sender: str, sent_at: Micros) -> None:
        """Counted after `inner` has them."""
        if self.inner is not None:
            await self.inner.on_observations(batch, sender, sent_at)
        now, times = self.clock.now(), batch["time"]
        ends = [*(np.flatnonzero(np.diff(times)) + 1).tolist(), len(times)]
        begins = [0, *ends[:-1]]
        self.delays += [(now - int(times[begin]), end - begin) for begin, end in zip(begins, ends, strict=True)]
        self.rows += len(batch)

    async def on_change(self, what: str) -> None:
        """Nobody looks."""


def lay_out(folder: Path, names: Sequence[str], clock: Clock, entropy: Entropy) -> list[Card]:
    """Folders with keys for identities of these names; their cards."""
    cards = []
    for name in names:
        (folder / name).mkdir(mode=0o700, parents=True)
        vault = Vault.create(folder / name, SECRET, entropy.child(f"vault {name}"), cost=Cost(passes=1, memory_kib=64, lanes=1))
        keys = NodeKeys.make(name)
        keys.save(vault, folder / name)
        cards.append(keys.card(name, clock))
        (folder / name / "card.toml").write_text(cards[-1].to_toml())
    return cards


@contextlib.asynccontextmanager
async def member(
    folder: Path,
    partners: Sequence[str],
    url: str,
    clock: Clock,
    entropy: Entropy,
    sink: Sink | Callable[[Journal], Sink],
    *,
    settings: Settings | None = None,
) -> AsyncIterator[Node]:
    """The identity that `lay_out` made in `folder`, running, with the cards of `partners` beside it in its book."""
    name, own = folder.name, entropy.child(folder.name)
    vault = Vault.open(folder, SECRET)
    journal = await Journal.open(folder, vault, clock, own.child("journal"))
    keys, book = NodeKeys.load(vault, folder), Book(journal, clock)
    for partner in partners:
        if book.get(partner) is None:
            await book.add(Card.from_toml((folder.parent / partner / "card.toml").read_text()), Clearance(POLICY, partner, 0))
    heard = sink(journal) if callable(sink) else sink
    transport = NatsTransport(url, keys, own.child("transport"))
    clearance = Clearance(POLICY, name, 0)
    exchange = Exchange(Parts(keys, book, journal, transport, clock, own.child("exchange"), heard, clearance, settings or Settings()))
    try:
        await exchange.start()
        yield Node(exchange, journal)
    finally:
        await exchange.stop()
        await journal.close()


def label_for(recipients: Sequence[str]) -> Label:
    """A label that the sender's recipients may read."""
    return Label(POLICY, 0, frozenset({SENDER}), frozenset({SENDER, *recipients}))


def a_report(number: int, label: Label, now: Micros, entropy: Entropy, text: str = TEXT) -> Record:
    """A report of the sender's."""
    body = Report(title=f"Report {number}", text=text, source="measured")
    return make(body, realm=REALM, origin=SENDER, author="watch", label=label, protocol_time=now, realm_time=now, entropy=entropy)


class Sky:
    """Traffic of `AIRCRAFT` aircraft, as a receiver's feed would give it: positions of five decimals, heights in steps of 25 feet."""

    def __init__(self, label: Label) -> None:
        self._label = label
        self._row = np.arange(AIRCRAFT)
        chance = np.random.default_rng(20_000)
        self._fixed = {
            "identity": self._row + (Identity.ICAO + 1),
            "altitude": chance.integers(40, 1_640, AIRCRAFT) * 7.62,
            "callsign": np.array([b"TOC%05d" % number for number in self._row.tolist()]),
            "type": np.array([b"A320", b"B738", b"A333", b"E190", b"C130"])[self._row % 5],
            "flags": np.full(AIRCRAFT, FLAG.AIRBORNE | FLAG.SIMULATED),
        }
        self._speed, self._course = chance.uniform(50, 260, AIRCRAFT), chance.uniform(0, 359, AIRCRAFT)
        self._latitude, self._longitude = chance.uniform(-60, 70, AIRCRAFT), chance.uniform(-179, 179, AIRCRAFT)
        self._next = 0

    def take(self, size: int, now: Micros) -> Observations:
        """The next `size` aircraft that are heard, now."""
        rows = (self._row[0] + self._next + np.arange(size)) % AIRCRAFT
        self._next = (self._next + size) % AIRCRAFT
        along = np.radians(self._course[rows])
        far = self._speed[rows] / 111_000
        self._latitude[rows] = np.clip(self._latitude[rows] + far * np.cos(along), -80, 80)
        self._longitude[rows] = np.clip(self._longitude[rows] + far * np.sin(along), -180, 180)
        return build(
            "measured",
            REALM,
            self._label,
            size,
            time=np.full(size, now),
            latitude=np.round(self._latitude[rows], 5),
            longitude=np.round(self._longitude[rows], 5),
            speed=np.round(self._speed[rows], 1),
            course=np.round(self._course[rows], 1),
            **{name: column[rows] for name, column in self._fixed.items()},
        )


async def share_at(exchange: Exchange, sky: Sky, clock: Clock, rate: int, seconds: float) -> int:
    """Share `rate` observations a second for `seconds`; how many that were."""
    began, shared = clock.now(), 0
    while (now := clock.now()) - began < seconds * 1e6:
        if (due := int((now - began) / 1e6 * rate) - shared) > 0:
            await exchange.share(sky.take(due, now))
            shared += due
        await asyncio.sleep(STEP_S)
    return shared


async def share_fast(exchange: Exchange, sky: Sky, clock: Clock, seconds: float, committed: Callable[[], int]) -> int:
    """Share for `seconds` as fast as the slowest recipient commits; how many that were."""
    began, before, shared = clock.now(), committed(), 0
    while clock.now() - began < seconds * 1e6:
        while shared - (committed() - before) < AHEAD_ROWS:
            await exchange.share(sky.take(5_000, clock.now()))
            shared += 5_000
            await asyncio.sleep(0)
        await asyncio.sleep(STEP_S / 4)
    return shared


async def say_many(say: Callable[[int], Awaitable[object]], count: int) -> None:
    """Say `count` records, `SAYING` at once."""
    numbers = iter(range(count))

    async def one() -> None:
        for number in numbers:
            await say(number)

    await asyncio.gather(*(one() for _ in range(min(SAYING, count))))


def percentiles(delays: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Median and 99th percentile in ms of delays in µs with how often each was."""
    if not delays:
        return float("inf"), float("inf")
    whole = np.array(sorted(delays), np.int64)
    reached = np.cumsum(whole[:, 1])
    p50, p99 = (whole[int(np.searchsorted(reached, reached[-1] * share)), 0] / 1000 for share in (0.5, 0.99))
    return round(float(p50), 1), round(float(p99), 1)
