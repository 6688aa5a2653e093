"""How fast the journal keeps and reads: figures for `tocsin bench`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tocsin.core import LIVE, Label, ManualClock, Report, SeededEntropy, encode, make

from .model import Entry
from .service import Journal
from .vault import Cost, Vault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LABEL = Label("bench", 0, frozenset({"BENCH"}), frozenset({"BENCH"}))
_TEXT = "A report of some two hundred and fifty characters, as long as what a watch officer writes. " * 3


def measure(folder: Path, clock_ns: Callable[[], int], *, size: int = 2_000) -> dict[str, float]:
    """Records a second, by way of keeping and reading them, and seconds to open; `folder` must be empty and new ones are made in it.

    `alone`: one caller that waits for each; `callers`: many callers with one record each, committed in groups;
    `batches`: fifty a call; `read`: from disk, decrypted; `cached`: read again; `open_s`: opening what was written.
    """
    return asyncio.run(_measure(folder, clock_ns, size))


async def _measure(folder: Path, clock_ns: Callable[[], int], size: int) -> dict[str, float]:
    entropy = SeededEntropy("bench")
    entries = [_entry(entropy, number) for number in range(3 * size)]
    vault = Vault.create(folder, b"bench", entropy, cost=Cost(1, 8, 1))
    figures: dict[str, float] = {}

    def took(name: str, since: int, count: int) -> None:
        figures[name] = round(count / max((clock_ns() - since) / 1e9, 1e-9))

    journal = await Journal.open(folder, vault, ManualClock(), entropy)
    try:
        few = max(size // 10, 1)
        start = clock_ns()
        for entry in entries[:few]:
            await journal.keep([entry])
        took("alone", start, few)
        start = clock_ns()
        await asyncio.gather(*(journal.keep([entry]) for entry in entries[size : 2 * size]))
        took("callers", start, size)
        start = clock_ns()
        for first in range(2 * size, 3 * size, 50):
            await journal.keep(entries[first : first + 50])
        took("batches", start, size)
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


def _entry(entropy: SeededEntropy, number: int) -> Entry:
    body = Report(title=f"Report {number}", text=_TEXT, source="bench")
    record = make(body, realm=LIVE, origin="BENCH", author="node", label=_LABEL, protocol_time=number, realm_time=number, entropy=entropy)
    return Entry(encode(record), record, bytes(400))
