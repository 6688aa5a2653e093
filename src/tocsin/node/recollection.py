"""What watches remember, kept sealed in the journal every minute of realm time and at a stop, and taken up at the next start."""

from __future__ import annotations

import logging

from sqlalchemy import Connection, delete, insert, select

from tocsin.core import Clock, TocsinError
from tocsin.core.times import HOUR, SECOND, Micros
from tocsin.journal import Journal
from tocsin.warning.tables import watch_memory

from .worlds import Sight, World

log = logging.getLogger("tocsin")
EVERY: Micros = 60 * SECOND
FRESH: Micros = 24 * HOUR
"""What was kept longer ago than this, by realm time, is not taken up: nobody watched in between."""
SPARE: Micros = 2 * SECOND
"""Protocol time between two writes, at least: an hour may go by in a minute of a replay."""
_KLASS = "watch"


class Recollection:
    """Keeps and takes up what the watches of one node remember."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._at: Micros = -SPARE
        self._kept: dict[tuple[str, str], Micros] = {}

    async def keep(self, world: World, sight: Sight, *, now: bool = False) -> None:
        """Keep what the watches of one view remember, if a minute has gone by since (or `now`) and they have looked again."""
        last = self._kept.get((world.realm, sight.view.id), 0)
        at, rows = self._clock.now(), []
        if sight.last_step <= last or (not now and (sight.last_step - last < EVERY or 0 <= at - self._at < SPARE)):
            return
        self._kept[world.realm, sight.view.id], self._at = sight.last_step, at
        for name, watch in sight.watches.items():
            try:
                sealed = self._journal.seal(watch.keep(), _KLASS, at)
            except TocsinError as error:
                log.warning("what a watch of %s remembers is not kept: %s", name, error)
                continue
            key = {"realm": world.realm, "view": sight.view.id, "topic": name}
            rows.append({**key, "at": sight.last_step, "sealed_at": at, "sealed": sealed})
        table = watch_memory.c

        def work(connection: Connection) -> None:
            for row in rows:
                same = (table.realm == row["realm"]) & (table.view == row["view"]) & (table.topic == row["topic"])
                connection.execute(delete(watch_memory).where(same))
                connection.execute(insert(watch_memory).values(**row))

        if rows:
            await self._journal.write(work)

    def take_up(self, world: World, sight: Sight) -> None:
        """Give the watches of a view that was just opened what they remembered before; what is old or does not fit begins anew."""
        table = watch_memory.c
        wanted = select(watch_memory).where(table.realm == world.realm, table.view == sight.view.id)
        for row in self._journal.read_rows(wanted):
            if row.topic not in sight.watches:
                continue
            now = sight.clock.now()
            if now and not 0 <= now - row.at <= FRESH:
                log.warning("the watch of %s begins anew: what it remembered is too old", row.topic)
                continue
            try:
                sight.watches[row.topic].resume(self._journal.open_sealed(row.sealed, _KLASS, row.sealed_at))
            except TocsinError as error:
                log.warning("the watch of %s begins anew: %s", row.topic, error)
                sight.watches[row.topic] = world.watch(sight.view, row.topic)
                continue
            sight.last_step = max(sight.last_step, row.at)
