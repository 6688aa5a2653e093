"""What receivers were told: one row for each thing that one of them fetched, written before it is given.

The rows of one receiver, in the order in which it was told, are the order of its feed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import insert, select

from . import rows
from .model import Act
from .receivers import MARK
from .tables import tellings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from tocsin.core import Clock, Realm
    from tocsin.journal import Journal

    from .receivers import Receiver


class Item(NamedTuple):
    """One thing to tell: the record `cursor`, which is about `record`. They are the same unless it recalls that."""

    cursor: str
    record: str


class Telling(NamedTuple):
    """One thing that was told: `at` in protocol time, µs; `since`: when that receiver was added.

    `place` counts what any receiver was told, and is shown to none.
    """

    place: int
    receiver: str
    since: int
    partner: str
    cursor: str
    record: str
    at: int

    @property
    def item(self) -> Item:
        """What was told."""
        return Item(self.cursor, self.record)


class Tellings:
    """What the receivers of one node were told."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock

    async def note(self, receiver: Receiver, realm: Realm, items: Sequence[Item]) -> None:
        """Write down, and into the audit, that `receiver` is told `items` now, in that order; what it was told before stays as it is."""
        now = self._clock.now()
        who = {"receiver": receiver.name, "since": receiver.added_at, "partner": receiver.clearance.partner, "realm": realm}
        mine = (tellings.c.receiver == receiver.name) & (tellings.c.since == receiver.added_at)

        def work(connection: Connection) -> None:
            # A request that was cut off may have been written down all the same.
            wanted = select(tellings.c.cursor).where(mine, tellings.c.cursor.in_([item.cursor for item in items]))
            held = set(connection.scalars(wanted))
            if new := [item for item in items if item.cursor not in held]:
                connection.execute(insert(tellings), [{**who, **item._asdict(), "at": now} for item in new])
                rows.note_each(connection, now, MARK + receiver.name, Act.RECORD_TELL, [item.cursor for item in new])

        if items:
            await self._journal.write(work)

    def to(self, receiver: Receiver, realm: Realm | None = None, after: int = 0, limit: int = -1) -> list[Telling]:
        """What `receiver` was told in `realm`, or in any, past `after`, the first first; all of it if `limit` is below 0."""
        mine = (tellings.c.receiver == receiver.name) & (tellings.c.since == receiver.added_at) & (tellings.c.id > after)
        wanted = select(tellings).where(mine).order_by(tellings.c.id)
        if realm is not None:
            wanted = wanted.where(tellings.c.realm == realm)
        found = self._journal.read_rows(wanted.limit(limit) if limit >= 0 else wanted)
        return [Telling(row.id, row.receiver, row.since, row.partner, row.cursor, row.record, row.at) for row in found]

    def place(self, receiver: Receiver, realm: Realm, cursor: str) -> int | None:
        """The place of what `receiver` was told in `realm` by the record `cursor`; None if it never was."""
        mine = (tellings.c.receiver == receiver.name) & (tellings.c.since == receiver.added_at)
        found = self._journal.read_rows(select(tellings.c.id).where(mine, tellings.c.realm == realm, tellings.c.cursor == cursor))
        return found[0].id if found else None

    def of(self, record: str) -> list[Telling]:
        """Who was told of `record`, removed receivers too, and who was told that it is recalled; the first first."""
        found = self._journal.read_rows(select(tellings).where(tellings.c.record == record).order_by(tellings.c.id))
        return [Telling(row.id, row.receiver, row.since, row.partner, row.cursor, row.record, row.at) for row in found]
