"""One node's exchange as a process of its own, told what to do by lines on stdin; it can be made to die at a named point.

    python -m tests.faults.member    with the plan as the first line of JSON

Points: `keep:before`, `keep:inside` (the transaction is open), `keep:after`, the same of `write`; `send:before:CLASS`,
`send:after:CLASS`; `arrive:before:CLASS`, `arrive:after:CLASS`. At the `at`-th time the process kills itself with SIGKILL.
"""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import msgspec
import numpy as np

from tocsin.core import FLAG, Clearance, Identity, Label, Report, SeededEntropy, TocsinError, make
from tocsin.core.observations import build
from tocsin.exchange import Book, Card, Exchange, NatsTransport, NodeKeys, Settings, measure
from tocsin.exchange.model import Parts
from tocsin.journal import Journal, Vault
from tocsin.node.system import SystemEntropy

QUICK = Settings(heartbeat=500_000, ask_again=200_000, give_up=3_000_000, tick_s=0.05)
START = 1_790_000_000_000_000


class Plan(msgspec.Struct, frozen=True):
    """What the process is told at its start. `partners`: its neighbours' folders' names. `ahead_s`: how wrong its clock is."""

    folder: str
    url: str
    partners: list[str]
    point: str = ""
    at: int = 1
    ahead_s: float = 0


class Clock:
    """The machine's clock, set wrong by so much."""

    def __init__(self, ahead_s):
        self._ahead = int(ahead_s * 1e6)

    def now(self):
        return time.time_ns() // 1000 + self._ahead


class Deadly:
    """Counts how often a point was passed, and ends the process there."""

    def __init__(self, point, at):
        self._point, self._left = point, at

    def at(self, point):
        if point == self._point:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)


class DeadlyJournal(Journal):
    deadly = Deadly("", 1)

    async def keep(self, entries, also=None):
        def work(connection, new):
            if also is not None:
                also(connection, new)
            self.deadly.at("keep:inside")

        self.deadly.at("keep:before")
        kept = await super().keep(entries, work)
        self.deadly.at("keep:after")
        return kept

    async def write(self, work):
        def inside(connection):
            found = work(connection)
            self.deadly.at("write:inside")
            return found

        self.deadly.at("write:before")
        found = await super().write(inside)
        self.deadly.at("write:after")
        return found


class DeadlyTransport(NatsTransport):
    deadly = Deadly("", 1)

    async def start(self, receive, changed, senders):
        async def took(arrival):
            self.deadly.at(f"arrive:before:{arrival.klass}")
            await receive(arrival)
            self.deadly.at(f"arrive:after:{arrival.klass}")

        await super().start(took, changed, senders)

    async def send(self, recipient, tag, klass, data):
        self.deadly.at(f"send:before:{klass}")
        await super().send(recipient, tag, klass, data)
        self.deadly.at(f"send:after:{klass}")


class Teller:
    """A sink that tells what it heard on stdout."""

    async def on_records(self, kept):
        tell("heard", ids=[one.record.id for one in kept])

    async def on_observations(self, batch, sender, sent_at):
        tell("seen", sender=sender, rows=[int(i) & 0xFFFFFF for i in batch["identity"]])

    async def on_change(self, what):
        pass


def tell(event, **more):
    sys.stdout.write(json.dumps({"event": event, **more}) + "\n")
    sys.stdout.flush()


def report(origin, number, readers, text="As it was said. "):
    """Report `number` of `origin`: the same each time it is made."""
    body = Report(title=f"Report {number}", text=text, source="measured")
    return make(
        body,
        realm=measure.REALM,
        origin=origin,
        author="watch",
        label=label_of(origin, readers),
        protocol_time=START + number,
        realm_time=START + number,
        entropy=SeededEntropy(f"{origin} {number}"),
    )


def label_of(origin, readers):
    return Label(measure.POLICY, 0, frozenset({origin}), frozenset({origin, *readers}))


async def run(plan):
    folder, clock, deadly = Path(plan.folder), Clock(plan.ahead_s), Deadly(plan.point, plan.at)
    DeadlyJournal.deadly = DeadlyTransport.deadly = Deadly("", 1)
    entropy = SystemEntropy()
    journal = await DeadlyJournal.open(folder, Vault.open(folder, measure.SECRET), clock, entropy)
    keys, book = NodeKeys.load(Vault.open(folder, measure.SECRET), folder), Book(journal, clock)
    for partner in plan.partners:
        if book.get(partner) is None:
            await book.add(Card.from_toml((folder.parent / partner / "card.toml").read_text()), Clearance(measure.POLICY, partner, 0))
    transport = DeadlyTransport(plan.url, keys, entropy)
    own = Clearance(measure.POLICY, keys.partner, 0)
    exchange = Exchange(Parts(keys, book, journal, transport, clock, entropy, Teller(), own, QUICK))
    DeadlyJournal.deadly = DeadlyTransport.deadly = deadly
    await exchange.start()
    tell("up", pid=os.getpid())
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 22)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    while line := await reader.readline():
        order = json.loads(line)
        task = asyncio.create_task(_obey(order, exchange, journal, keys.partner, plan))
        tasks.add(task)
        task.add_done_callback(lambda done: (tasks.discard(done), done.result()))
    await asyncio.gather(*tasks)
    await exchange.stop()
    await journal.close()


async def _obey(order, exchange, journal, me, plan):
    match order["do"]:
        case "say":
            for number in range(order["first"], order["first"] + order["count"]):
                record = report(me, number, plan.partners, order.get("text", "As it was said. "))
                try:
                    await exchange.say(record)
                    tell("said", number=number, id=record.id)
                except TocsinError as error:
                    tell("unsaid", number=number, why=type(error).__name__)
        case "share":
            for first in range(order["first"], order["first"] + order["count"], order.get("rows", 50)):
                await exchange.share(rows(me, first, order.get("rows", 50), plan.partners))
                tell("shared", first=first, rows=order.get("rows", 50))
                await asyncio.sleep(order.get("pause_s", 0.1))
        case "state":
            links = [
                {
                    "partner": link.partner,
                    "state": link.state,
                    "in": link.behind_in,
                    "out": link.behind_out,
                    "clock": link.clock_off_s,
                    "says": getattr(link, "says", ""),
                }
                for link in exchange.links()
            ]
            size = journal.size(measure.REALM)
            tell("state", tag=order.get("tag"), links=links, counters=exchange.counters(), size=size)


def rows(me, first, count, readers):
    number = np.arange(first, first + count)
    return build(
        "radar",
        measure.REALM,
        label_of(me, readers),
        count,
        time=np.full(count, START) + number,
        identity=number + Identity.TRACK,
        latitude=46 + number % 977 / 500,
        longitude=6 + number % 991 / 250,
        flags=np.full(count, FLAG.SIMULATED),
    )


if __name__ == "__main__":
    asyncio.run(run(msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)))
