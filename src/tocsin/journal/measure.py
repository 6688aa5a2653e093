"""How fast the journal keeps and reads: figures for `tocsin bench`."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert

from tocsin.core import LIVE, Label, ManualClock, Report, SeededEntropy, encode, make

from . import sequencing, tiles, tree
from .log import Log
from .model import Entry
from .service import Journal
from .tables import log_batches, log_tiles
from .vault import Cost, Vault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from tocsin.core import Entropy

STRETCHES: Final = 3
STRETCH: Final = 4  # times `size`
_LABEL = Label("bench", 0, frozenset({"BENCH"}), frozenset({"BENCH"}))
_TEXT = "A report of some two hundred and fifty characters, as long as what a watch officer writes. " * 3


class _Signer:
    partner = "BENCH"

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes(32))

    def note_public(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def sign_note(self, text: bytes) -> bytes:
        return self._key.sign(text)


class Clocks(NamedTuple):
    """Nanoseconds of the wall's clock, and those that this process has used."""

    wall: Callable[[], int]
    cpu: Callable[[], int]


def measure(folder: Path, clocks: Clocks, entropy: Entropy, *, size: int = 2_000, leaves: int = 0) -> dict[str, float]:
    """Records a second, by way of keeping and reading them; what the log costs; seconds to open. `folder` must be empty.

    `entropy`: what the journal draws its salts from, a node's own. `alone`: one caller that waits for each; `callers`: many callers with
    one record each, committed in groups; `batches`: fifty a call; `leaves_per_s`: 500 a call, with the log's batches, tiles and
    checkpoint, in three stretches of four times `size`, the middle one of them, beside the slowest and the fastest; `leaf_cpu_us`: what
    each of these took of a processor; `single_p99_ms`: one caller's slowest of a hundred; `log_leaves`: what the log has then, at least
    `leaves`; `checkpoint_ms`: one more record and its checkpoint; `proof_ms`: a proof of inclusion, checked; `read`: from disk,
    decrypted; `cached`: read again; `open_s`: opening.
    """
    try:
        return asyncio.run(_measure(folder, clocks, entropy, size, leaves))
    finally:
        gc.unfreeze()


async def _measure(folder: Path, clocks: Clocks, entropy: Entropy, size: int, leaves: int) -> dict[str, float]:
    clock_ns, seeded = clocks.wall, SeededEntropy("bench")
    entries = [_entry(seeded, number) for number in range((3 + STRETCHES * STRETCH) * size + 1)]
    gc.collect()
    gc.freeze()  # what the bench holds ready is no garbage of the journal's
    vault = Vault.create(folder, b"bench", entropy, cost=Cost(1, 8, 1))
    figures: dict[str, float] = {}

    def took(name: str, since: int, count: int) -> None:
        figures[name] = round(count / max((clock_ns() - since) / 1e9, 1e-9))

    journal = await Journal.open(folder, vault, ManualClock(), entropy)
    try:
        few = max(size // 10, 1)
        start, singles = clock_ns(), []
        for entry in entries[:few]:
            began = clock_ns()
            await journal.keep([entry])
            singles.append((clock_ns() - began) / 1e6)
        took("alone", start, few)
        figures["single_p99_ms"] = round(sorted(singles)[min(len(singles) - 1, len(singles) * 99 // 100)], 3)
        start = clock_ns()
        await asyncio.gather(*(journal.keep([entry]) for entry in entries[size : 2 * size]))
        took("callers", start, size)
        start = clock_ns()
        for first in range(2 * size, 3 * size, 50):
            await journal.keep(entries[first : first + 50])
        took("batches", start, size)
        log = Log(journal, _Signer(), ManualClock(1), SeededEntropy("log"))
        await _measure_leaves(journal, log, clocks, entries[3 * size : -1], figures)
        await _measure_log(journal, log, clock_ns, entries[3 * size :], leaves, figures)
    finally:
        await journal.close()
    start = clock_ns()
    journal = await Journal.open(folder, vault, ManualClock(), entropy)
    try:
        figures["open_s"] = round((clock_ns() - start) / 1e9, 3)
        for name in ("read", "cached"):
            start = clock_ns()
            took(name, start, len(journal.records(LIVE, limit=3 * size)))
    finally:
        await journal.close()
    return figures


async def _measure_leaves(journal: Journal, log: Log, clocks: Clocks, entries: list[Entry], figures: dict[str, float]) -> None:
    await log.checkpoint(LIVE)
    each, used, found = len(entries) // STRETCHES, 0, []
    for begin in range(0, len(entries), each):
        start, cpu = clocks.wall(), clocks.cpu()
        for first in range(begin, begin + each, 500):
            await journal.keep(entries[first : min(first + 500, begin + each)])
        await log.checkpoint(LIVE)
        found.append(round(each / max((clocks.wall() - start) / 1e9, 1e-9)))
        used += clocks.cpu() - cpu
    figures["leaves_per_s_slowest"], figures["leaves_per_s"], figures["leaves_per_s_fastest"] = sorted(found)
    figures["leaf_cpu_us"] = round(used / len(entries) / 1e3, 1)


async def _measure_log(
    journal: Journal, log: Log, clock_ns: Callable[[], int], entries: list[Entry], leaves: int, figures: dict[str, float]
) -> None:
    *many, last = entries
    while (have := log.size(LIVE)) < leaves:
        await journal.write(lambda connection, have=have: _fill(connection, have))  # type: ignore[misc]
    start = clock_ns()
    await journal.keep([last])
    await log.checkpoint(LIVE)
    figures["checkpoint_ms"] = round((clock_ns() - start) / 1e6, 3)
    figures["log_leaves"] = log.size(LIVE)
    times = []
    for entry in many[:: max(len(many) // 200, 1)]:
        start = clock_ns()
        log.prove(entry.record.id)
        times.append((clock_ns() - start) / 1e6)
    figures["proof_ms"] = round(sorted(times)[len(times) // 2], 3)
    figures["proof_p99_ms"] = round(sorted(times)[min(len(times) - 1, len(times) * 99 // 100)], 3)


def _fill(connection: Connection, size: int) -> None:
    """Make the log longer by padding alone, so that it is as long as after years."""
    count = 65_536
    padding = [hashlib.sha256(number.to_bytes(8, "big")).digest() for number in range(size, size + count)]
    rows = [
        {
            "realm": LIVE,
            "position": size + at,
            "leaves": 256,
            "records": 0,
            "idx": None,
            "padding": b"".join(sorted(padding[at : at + 256])),
        }
        for at in range(0, count, 256)
    ]
    connection.execute(insert(log_batches), rows)
    hashes = [tree.leaf_hash(entry) for row in rows for entry in tiles.cut(row["padding"])]  # type: ignore[arg-type]
    grown = tiles.grow(lambda level, n: sequencing.tile_of(sequencing.reading(connection), LIVE, level, n), size, hashes)
    for level, n in grown:
        connection.execute(delete(log_tiles).where(log_tiles.c.realm == LIVE, log_tiles.c.level == level, log_tiles.c.n == n))
    connection.execute(insert(log_tiles), [{"realm": LIVE, "level": level, "n": n, "hashes": row} for (level, n), row in grown.items()])


def _entry(entropy: SeededEntropy, number: int) -> Entry:
    body = Report(title=f"Report {number}", text=_TEXT, source="bench")
    record = make(body, realm=LIVE, origin="BENCH", author="node", label=_LABEL, protocol_time=number, realm_time=number, entropy=entropy)
    return Entry(encode(record), record, bytes(400))
