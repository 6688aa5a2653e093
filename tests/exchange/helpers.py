"""A small town of real nodes: real journals, real keys, a real nats-server on the loopback, all in one process."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from tocsin.core import Clearance, Label, Recall, Ref, Report, SeededEntropy, make
from tocsin.core.observations import build
from tocsin.exchange import Book, Exchange, NatsTransport, NodeKeys, Parts, Relay, Settings
from tocsin.exchange.tasks import end
from tocsin.journal import Cost, Journal, Vault

POLICY = "test"
LEVEL = 2
REALM = "exercise:night"
CHEAP = Cost(passes=1, memory_kib=64, lanes=1)
QUICK = Settings(heartbeat=500_000, ask_again=200_000, give_up=3_000_000, tick_s=0.05)


class Watch:
    """The machine's clock, which may be set ahead."""

    def __init__(self):
        self.ahead = 0

    def now(self):
        return time.time_ns() // 1000 + self.ahead


class Ear:
    """A sink that remembers what it heard."""

    def __init__(self, clock):
        self.clock, self.records, self.batches, self.changes = clock, [], [], []

    async def on_records(self, kept):
        self.records.extend(kept)

    async def on_observations(self, batch, sender, sent_at):
        self.batches.append((batch, sender, sent_at, self.clock.now()))

    async def on_change(self, what):
        self.changes.append(what)


def clearance(name, level=LEVEL):
    return Clearance(POLICY, name, level)


def label(origin, *readers, level=1):
    return Label(POLICY, level, frozenset({origin}), frozenset({origin, *readers}))


class Node:
    def __init__(self, town, name, folder):
        self.town, self.name, self.folder = town, name, folder
        self.keys = (town.make_keys or NodeKeys.make)(name)
        self.clock = Watch()
        self.runs = 0
        self.entropy = None

    async def start(self):
        self.runs += 1
        self.entropy = SeededEntropy(f"{self.name}-{self.runs}")
        vault = Vault.open(self.folder, b"secret") if (self.folder / "vault.json").exists() else self._vault()
        self.journal = await Journal.open(self.folder, vault, self.clock, self.entropy.child("journal"))
        self.book = Book(self.journal, self.clock)
        self.ear = Ear(self.clock)
        self.transport = self.town.make_transport(self)
        self.exchange = Exchange(
            Parts(
                self.keys,
                self.book,
                self.journal,
                self.transport,
                self.clock,
                self.entropy.child("exchange"),
                self.ear,
                clearance(self.name),
                self.town.settings,
            )
        )

    def _vault(self):
        return Vault.create(self.folder, b"secret", SeededEntropy(self.name), cost=CHEAP)

    async def go(self):
        await self.exchange.start()

    async def stop(self):
        await self.exchange.stop()
        await self.journal.close()

    async def restart(self):
        await self.stop()
        await self.start()
        await self.go()

    async def crash(self):
        """Away without a good-bye: no chains saved, nothing flushed."""
        exchange = self.exchange
        await exchange._context.transport.stop()
        await end([*exchange._tasks, *(task for tasks in exchange._carriers.values() for task in tasks)])
        await exchange._streams.stop()
        await self.journal.close()

    def report(self, text, *readers, realm=REALM, level=1):
        return make(
            Report(title=text, text=text * 3, source="someone"),
            realm=realm,
            origin=self.name,
            author="watch",
            label=label(self.name, *readers, level=level),
            protocol_time=self.clock.now(),
            realm_time=self.clock.now(),
            entropy=self.entropy,
        )

    def record(self, body, *readers, realm=REALM, level=1, refs=()):
        return make(
            body,
            realm=realm,
            origin=self.name,
            author="watch",
            label=label(self.name, *readers, level=level),
            protocol_time=self.clock.now(),
            realm_time=self.clock.now(),
            entropy=self.entropy,
            refs=tuple(refs),
        )

    async def say_body(self, body, *readers, **more):
        return await self.exchange.say(self.record(body, *readers, **more))

    async def recall(self, kept, why="mistaken"):
        readers = self.exchange.holders(kept.record.id)
        refs = [Ref("recalls", kept.record.id)]
        return await self.say_body(Recall(why=why), *readers, realm=kept.record.realm, level=0, refs=refs)

    def fate(self, kept, partner):
        return next(row for row in self.exchange.ledger(kept.record.id) if row.partner == partner)

    async def say(self, text, *readers, realm=REALM, level=1):
        return await self.exchange.say(self.report(text, *readers, realm=realm, level=level))

    def observations(self, count, *readers, realm=REALM, feed="radar", first=0):
        rng = np.random.default_rng(first)
        return build(
            feed,
            realm,
            label(self.name, *readers),
            count,
            time=np.full(count, self.clock.now()),
            identity=np.arange(first, first + count) + (1 << 56),
            latitude=rng.uniform(46, 48, count),
            longitude=rng.uniform(6, 10, count),
        )

    def titles(self, realm=REALM, kind="report"):
        """Titles of the reports in the journal that others said, in the journal's order."""
        import msgspec

        return [msgspec.json.decode(k.record.body)["title"] for k in self.journal.records(realm, kind=kind) if k.record.origin != self.name]

    def refusals(self):
        import msgspec

        found = []
        for realm in self.journal.realms():
            found += [msgspec.json.decode(k.record.body)["reason"] for k in self.journal.records(realm, kind="refusal")]
        return found

    @property
    def counts(self):
        return self.exchange.counters()

    def state(self, kept):
        return {row.partner: row.state for row in self.exchange.ledger(kept.record.id)}


class Town:
    def __init__(self, folder, names, settings, keys=None):
        self.settings, self.make_keys = settings, keys
        self.relay = Relay(Path(folder) / "relay")
        self.nodes = {name: Node(self, name, Path(folder) / name) for name in names}
        self.wrap_transport = lambda node, transport: transport

    def make_transport(self, node):
        return self.wrap_transport(node, NatsTransport(self.relay.url, node.keys, node.entropy.child("transport")))

    def __getitem__(self, name):
        return self.nodes[name]

    def card(self, name):
        node = self.nodes[name]
        return node.keys.card(f"Watch of {name}", node.clock)

    async def introduce(self, one, other, level=LEVEL):
        await self[one].book.add(self.card(other), clearance(other, level))


@asynccontextmanager
async def town(folder, *names, settings=QUICK, levels=None, wrap=None, keys=None):
    """Nodes that all know each other, started."""
    place = Town(folder, names, settings, keys)
    if wrap:
        place.wrap_transport = wrap
    await place.relay.start([place.card(name) for name in names])
    try:
        for node in place.nodes.values():
            await node.start()
        for one in names:
            for other in names:
                if one != other:
                    await place.introduce(one, other, (levels or {}).get(other, LEVEL))
        for node in place.nodes.values():
            await node.go()
        yield place
    finally:
        for node in place.nodes.values():
            await node.stop()
        await place.relay.stop()


async def until(condition, seconds=60.0, what=""):
    """Wait for something that is to become true."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"did not happen in {seconds} s: {what}")
