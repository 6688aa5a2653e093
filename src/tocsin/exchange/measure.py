"""How fast the exchange is: two nodes, a real relay, observations from one's `share` to the other's `on_observations`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tocsin.core import FLAG, Clearance, Entropy, Label, Observations
from tocsin.core.observations import Identity, build
from tocsin.journal import Cost, Journal, Vault

from .book import Book
from .keys import NodeKeys
from .relay import Relay
from .service import Exchange
from .transport import NatsTransport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tocsin.core import Clock
    from tocsin.core.times import Micros
    from tocsin.journal import Kept

POLICY = "measured"
REALM = "exercise:measured"
STEP_S = 0.02
SETTLE_S = 5.0


class Measured(msgspec.Struct, frozen=True):
    """Milliseconds from `share` to the partner's `on_observations`, observations that arrived a second, and how many in all."""

    p50_ms: float
    p99_ms: float
    per_second: float
    shared: int
    received: int
    batches: int


class _Ear:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.delays: list[np.ndarray] = []
        self.last: Micros = 0

    async def on_records(self, kept: Sequence[Kept]) -> None:
        """Nobody says any."""

    async def on_observations(self, batch: Observations, sender: str, sent_at: Micros) -> None:  # noqa: ARG002
        """`time` holds the moment at which each was shared."""
        self.last = self._clock.now()
        self.delays.append(self.last - batch["time"])

    async def on_change(self, what: str) -> None:
        """Nobody looks."""


async def measure(folder: Path, clock: Clock, entropy: Entropy, *, seconds: float = 10.0, rate: int = 5000) -> Measured:
    """Share `rate` observations a second for `seconds` between two nodes made in `folder`, over a relay of their own.

    `clock` must run with the machine's time. Raises what starting a relay and a journal raises.
    """
    names = ("sender", "receiver")
    keys = {name: NodeKeys.make(name) for name in names}
    cards = {name: keys[name].card(name, clock) for name in names}
    relay = Relay(folder / "relay")
    url = await relay.start(list(cards.values()))
    ears = {name: _Ear(clock) for name in names}
    nodes: list[tuple[Exchange, Journal]] = []
    try:
        for name, other in (names, names[::-1]):
            own = entropy.child(name)
            vault = Vault.create(folder / name, b"measured", own.child("vault"), cost=Cost(passes=1, memory_kib=64, lanes=1))
            journal = await Journal.open(folder / name, vault, clock, own.child("journal"))
            book = Book(journal, clock)
            await book.add(cards[other], Clearance(POLICY, other, 0))
            transport = NatsTransport(url, keys[name], own.child("transport"))
            exchange = Exchange(
                keys[name], book, journal, transport, clock, own.child("exchange"), ears[name], clearance=Clearance(POLICY, name, 0)
            )
            nodes.append((exchange, journal))
            await exchange.start()
        shared, began = await _share(nodes[0][0], clock, seconds, rate)
        ear = ears["receiver"]
        for _ in range(int(SETTLE_S / STEP_S)):
            if sum(map(len, ear.delays)) >= shared:
                break
            await asyncio.sleep(STEP_S)
    finally:
        for exchange, journal in nodes:
            await exchange.stop()
            await journal.close()
        await relay.stop()
    delays = np.concatenate([*ear.delays, np.zeros(0, np.int64)]) / 1000
    p50, p99 = np.percentile(delays, [50, 99]) if len(delays) else (float("inf"), float("inf"))
    took = max(ear.last - began, 1) / 1e6
    return Measured(round(float(p50), 1), round(float(p99), 1), round(len(delays) / took, 1), shared, len(delays), len(ear.delays))


async def _share(exchange: Exchange, clock: Clock, seconds: float, rate: int) -> tuple[int, Micros]:
    began, shared = clock.now(), 0
    label = Label(POLICY, 0, frozenset({"sender"}), frozenset({"sender", "receiver"}))
    while (now := clock.now()) - began < seconds * 1e6:
        due = int((now - began) / 1e6 * rate) - shared
        if due > 0:
            await exchange.share(_sky(due, now, label))
            shared += due
        await asyncio.sleep(STEP_S)
    return shared, began


def _sky(size: int, now: Micros, label: Label) -> Observations:
    row = np.arange(size)
    return build(
        "measured",
        REALM,
        label,
        size,
        time=np.full(size, now),
        identity=row + (Identity.TRACK + 1),
        latitude=46 + row % 977 / 500,
        longitude=6 + row % 991 / 250,
        altitude=row % 12_000,
        speed=row % 250,
        course=row % 360,
        flags=np.full(size, FLAG.SIMULATED),
    )
