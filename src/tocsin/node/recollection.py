"""What watches remember, kept sealed in the journal every minute of realm time and at a stop, and taken up at the next start."""

from __future__ import annotations

import asyncio
import logging
from itertools import groupby
from typing import Any

import zstandard
from sqlalchemy import Connection, delete, insert, select

from tocsin.core import Clock, TocsinError
from tocsin.core.times import HOUR, SECOND, Micros
from tocsin.journal import Damaged, Journal
from tocsin.warning.tables import watch_memory

from .worlds import Sight, World

log = logging.getLogger("tocsin")
EVERY: Micros = 60 * SECOND
FRESH: Micros = 24 * HOUR
"""What was kept longer ago than this, by realm time, is not taken up: nobody watched in between."""
SPARE: Micros = 2 * SECOND
"""Protocol time between two writes, at least: an hour may go by in a minute of a replay."""
PART = 256 * 1024
"""Bytes of one row. The database's driver holds on to what it bound last, for as long as it may use the statement again: with a
whole memory in one row that were tens of megabytes, there or not as other statements come by."""
_KLASS = "watch"
_MOST = 1 << 28


class Recollection:
    """Keeps and takes up what the watches of one node remember."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._at: Micros = -SPARE
        self._kept: dict[tuple[str, str], Micros] = {}

    async def keep(self, world: World, sight: Sight, *, now: bool = False) -> None:
        """Keep what the watches of one view remember, if a minute has gone by since (or `now`) and they have looked again."""
        last = self._kept.get((world.realm, sight.view.id), 0)
        at = self._clock.now()
        if sight.last_step <= last or (not now and (sight.last_step - last < EVERY or 0 <= at - self._at < SPARE)):
            return
        self._kept[world.realm, sight.view.id], self._at = sight.last_step, at
        rows: list[dict[str, Any]] = []
        for name, watch in sight.watches.items():
            key = {"realm": world.realm, "view": sight.view.id, "topic": name, "at": sight.last_step, "sealed_at": at}
            try:
                sealed = await asyncio.to_thread(self._seal, watch.keep(), at)
            except TocsinError as error:
                log.warning("what a watch of %s remembers is not kept: %s", name, error)
                continue
            rows += [key | {"part": part, "sealed": sealed[n : n + PART]} for part, n in enumerate(range(0, len(sealed), PART))]
        table = watch_memory.c

        def work(connection: Connection) -> None:
            for row in rows:
                if row["part"] == 0:
                    same = (table.realm == row["realm"]) & (table.view == row["view"]) & (table.topic == row["topic"])
                    connection.execute(delete(watch_memory).where(same))
            connection.execute(insert(watch_memory), rows)

        if rows:
            await self._journal.write(work)

    def take_up(self, world: World, sight: Sight) -> None:
        """Give the watches of a view that was just opened what they remembered before; what is old or does not fit begins anew."""
        table = watch_memory.c
        wanted = select(watch_memory).where(table.realm == world.realm, table.view == sight.view.id).order_by(table.topic, table.part)
        for topic, rows in groupby(self._journal.read_rows(wanted), lambda row: str(row.topic)):
            parts = list(rows)
            if topic not in sight.watches:
                continue
            now, at = sight.clock.now(), parts[0].at
            if now and not 0 <= now - at <= FRESH:
                log.warning("the watch of %s begins anew: what it remembered is too old", topic)
                continue
            try:
                sight.watches[topic].resume(self._open(b"".join(row.sealed for row in parts), parts[0].sealed_at))
            except TocsinError as error:
                log.warning("the watch of %s begins anew: %s", topic, error)
                sight.watches[topic] = world.watch(sight.view, topic)
                continue
            sight.last_step = max(sight.last_step, at)

    def _seal(self, kept: bytes, at: Micros) -> bytes:
        return self._journal.seal(zstandard.ZstdCompressor(level=1).compress(kept), _KLASS, at)

    def _open(self, sealed: bytes, at: Micros) -> bytes:
        kept = self._journal.open_sealed(sealed, _KLASS, at)
        if not kept.startswith(zstandard.FRAME_HEADER):
            return kept  # by a version that did not compress it
        try:
            return zstandard.ZstdDecompressor().decompress(kept, max_output_size=_MOST)
        except zstandard.ZstdError:
            raise Damaged("what was kept is no whole zstd frame") from None
