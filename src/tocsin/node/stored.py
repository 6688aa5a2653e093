"""What one envelope costs at a node that has kept many records, and at a partner that has as many: it must not be more.

The many are written straight into both databases, in SQL: rows as an exchange leaves them behind (journal, outbox, what was
said), their bodies 256 random bytes instead of sealed ones. Nothing reads them; what is measured is real.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

from tocsin.exchange import Relay, store
from tocsin.exchange import measure as parts
from tocsin.exchange.measure import REALM, SENDER, Ear

from .measuring import Watch, receivers
from .system import SystemClock, SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tocsin.journal import Journal

RECIPIENT = "R00"
EACH = 100  # records in an envelope
CACHE_KIB = 262_144
_COUNT = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)"
# Ids as records get them, one a millisecond of the hours before those that are said in front of them: 018d… is of early 2024.
_ID = "printf('report--018d%04x-%04x-7000-8000-%012x', i / 65536, i % 65536, i)"
_RECORDS = "INSERT INTO records SELECT :realm, :first + i, 'report', {id}, randomblob(32), :key, randomblob(256) FROM n"
_SAID = "INSERT INTO said SELECT :realm, :first + i, {id} FROM n"
_OUTBOX = (
    "INSERT INTO outbox (record_id, partner, realm, seq, item, after, state, reason, at, offered_at, sent_at, delivered_at) "
    "SELECT {id}, :partner, :realm, :seq + i, randomblob(32), randomblob(32), 'delivered', 'It may have it.', 1, 1, 1, 1 FROM n"
)


def measure(folder: Path, stored: Sequence[int], envelopes: int) -> dict[str, Any]:
    """CPU of sender, one recipient and relay for an envelope of 100 records, in ms, beside so many records at both ends."""
    found: dict[str, Any] = {"records_in_each": EACH}
    for count in stored:
        (folder / str(count)).mkdir()
        found[f"cpu_ms_at_{count}"] = asyncio.run(_measure(folder / str(count), count, envelopes))
    return found | {"stored": "rows written in SQL at both ends, with bodies of 256 random bytes"}


async def _measure(folder: Path, stored: int, envelopes: int) -> float:
    clock, entropy = SystemClock(), SystemEntropy()
    relay = Relay(folder / "relay")
    url = await relay.start(parts.lay_out(folder, [SENDER, RECIPIENT], clock, entropy))
    label = parts.label_for([RECIPIENT])

    async def run(rounds: int) -> float:
        async with (
            parts.member(folder / SENDER, [RECIPIENT], url, clock, entropy, Ear(clock)) as node,
            receivers(folder, url, [RECIPIENT], 1) as others,
        ):

            async def say(number: int) -> None:
                await node.exchange.say(parts.a_report(number, label, clock.now(), entropy))

            # Keys are exchanged, and what a start does is done, before anything is timed.
            await say(0)
            await others.has(records=1)
            for _ in range(500):
                if not node.exchange.links()[0].behind_out and _looked_through(node.journal):
                    break
                await asyncio.sleep(0.02)
            before = node.exchange.counters().get("envelopes", 0)
            watch = Watch(others, relay, clock)
            with watch.phase():
                for number in range(1, rounds + 1):
                    await parts.say_many(say, EACH)
                    await others.has(records=1 + number * EACH)
            _, cpu = await watch.used()
            return cpu / max(node.exchange.counters().get("envelopes", 0) - before, 1) * 1000

    try:
        await run(1)
        await asyncio.to_thread(_fill, folder / SENDER, folder / RECIPIENT, stored)
        return round(await run(envelopes), 1)
    finally:
        await relay.stop()


def _looked_through(journal: Journal) -> bool:
    """Whether the back-catalogue has a place on disk, from which it goes on; else it would go through all that is stored while we time."""
    return bool(store.catalogue_of(journal, RECIPIENT))


def _fill(sender: Path, recipient: Path, count: int) -> None:
    """Put `count` records that were said, brought and confirmed at the end of both journals and of the chain between them."""
    head = bytes(32)
    with _opened(sender) as database:
        (seq,) = database.execute("SELECT next FROM chains_out").fetchone()
        values = _records(database, count) | {"partner": RECIPIENT, "seq": seq}
        for statement in (_SAID, _OUTBOX):
            database.execute(_with(statement), values)
        last = {"head": head, "next": seq + count, "partner": RECIPIENT}
        database.execute("UPDATE outbox SET after = :head WHERE partner = :partner AND seq = :next - 1", last)
        database.execute("UPDATE chains_out SET next = :next, received = :next, hash = :head", {"head": head, "next": seq + count})
        database.execute("UPDATE catalogue SET next = :next", {"next": values["first"] + count})
    with _opened(recipient) as database:
        _records(database, count)
        database.execute("UPDATE chains_in SET next = :next, hash = :head WHERE klass = 'records'", {"head": head, "next": seq + count})


def _records(database: sqlite3.Connection, count: int) -> dict[str, Any]:
    first, key = database.execute("SELECT max(idx) + 1, max(key_id) FROM records WHERE realm = ?", (REALM,)).fetchone()
    values = {"count": count, "realm": REALM, "first": first, "key": key}
    database.execute(_with(_RECORDS), values)
    return values


def _with(statement: str) -> str:
    into, _, rows = statement.partition("SELECT")
    return f"{into}{_COUNT} SELECT{rows.format(id=_ID)}"


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(folder / "journal.db", isolation_level=None)) as database:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("BEGIN")
        yield database
        database.execute("COMMIT")
