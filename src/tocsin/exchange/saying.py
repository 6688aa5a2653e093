"""Saying: what several callers say at one moment is kept in one write, with everything that it owes to partners."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from tocsin.core import TocsinError, encode
from tocsin.journal import Entry

from . import store
from .tasks import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy import Connection

    from tocsin.core import Clock, Record
    from tocsin.journal import Journal, Kept
    from tocsin.policy import Release

MOST_AT_ONCE = 256

Chains = dict[tuple[str, str], store.OutChain]


class _Said(NamedTuple):
    entry: Entry
    release: Release
    answer: asyncio.Future[Kept | None]


class Sayings:
    """Keeps records with their outbox rows, in the order in which they were said.

    `noted` hears what was kept, and how far chains have come.
    """

    def __init__(self, journal: Journal, clock: Clock, noted: Callable[[Chains, Sequence[Kept]], Awaitable[None]]) -> None:
        self._journal, self._clock, self._noted = journal, clock, noted
        self._waiting: list[_Said] = []
        self._writer: asyncio.Task[None] | None = None

    async def keep(self, record: Record, release: Release) -> Kept | None:
        """Keep one record; answers once it and what it owes are on disk, None if the journal had it. Raises what `Journal.keep` does."""
        answer: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Said(Entry(encode(record), record), release, answer))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all(), name="sayings")
        return await answer

    async def stop(self) -> None:
        """End; who still waits is told that nothing came of it."""
        if self._writer is not None:
            await end([self._writer])
        for said in self._waiting:
            said.answer.cancel()
        self._waiting.clear()

    async def _write_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                await self._write(group)
            except TocsinError:
                # One that cannot be kept fails alone.
                for said in group:
                    try:
                        await self._write([said])
                    except TocsinError as error:
                        if not said.answer.done():
                            said.answer.set_exception(error)
            except BaseException:
                for said in group:
                    said.answer.cancel()
                raise

    async def _write(self, group: Sequence[_Said]) -> None:
        chains: Chains = {}
        now = self._clock.now()
        releases = {said.entry.record.id: said.release for said in group}

        def also(connection: Connection, new: list[Kept]) -> None:
            chains.update(store.enqueue(connection, new, [releases[one.record.id] for one in new], now))

        kept = {one.record.id: one for one in await self._journal.keep([said.entry for said in group], also)}
        if kept:
            await self._noted(chains, list(kept.values()))
        for said in group:
            if not said.answer.done():
                said.answer.set_result(kept.get(said.entry.record.id))
