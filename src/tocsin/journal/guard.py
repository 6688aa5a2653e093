"""Guards: tables whose rows nobody but this node can have written, whoever can write its database.

A guard holds a tag over all rows of its tables, HMAC-SHA256 under a key of the vault's, changed in the same commit as they are. It
counts the changes, and a small file beside the database holds the count that was seen last, so that neither the tables nor the
tag with them can be put back as they were.
"""

from __future__ import annotations

import contextlib
import hmac
import os
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import delete, insert, select

from .errors import Altered
from .tables import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Executable, Row, Table

    from .service import Journal

SEEN = ".seen"  # of the files that hold a count; a backup leaves them out
_COUNT, _TAG = 8, 32


class Guard:
    """Guards `tables` of `journal` under the name `name`; whoever writes to them does it inside `changing`."""

    def __init__(self, journal: Journal, name: str, *tables: Table) -> None:
        self._journal, self._name, self._tables = journal, name, tables
        self._setting = f"guard of {name}"
        self._file = journal.folder / f"{name}{SEEN}"

    def check(self) -> bool:
        """Whether the tables are as this node left them; False if they were never guarded. Raises `Altered`."""
        return self._check(self._journal.read_rows)

    @contextlib.contextmanager
    def changing(self, connection: Connection) -> Iterator[None]:
        """Change the tables in the block, in a transaction; `noted` is to follow its commit.

        Raises `Altered` before anything is written.
        """

        def rows(statement: Executable) -> Sequence[Row[Any]]:
            return connection.execute(statement).all()

        self._check(rows)
        count = self._count(self._value(rows)) + 1
        yield
        value = count.to_bytes(_COUNT, "big") + self._tag(count, rows)
        connection.execute(delete(settings).where(settings.c.name == self._setting))
        connection.execute(insert(settings).values(name=self._setting, value=value))

    def noted(self) -> None:
        """A change is on disk: nothing older counts from now on."""
        count = self._count(self._value(self._journal.read_rows)).to_bytes(_COUNT, "big")
        beside = self._file.with_suffix(".new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(count + self._journal.mac(count, f"{self._setting}: seen"))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)

    def _check(self, rows: Callable[[Executable], Sequence[Row[Any]]]) -> bool:
        value, seen = self._value(rows), self._seen()
        if value is None:
            if seen is not None:
                raise Altered(self._name)
            return False
        count = self._count(value)
        if count < (seen or 0) or not hmac.compare_digest(value[_COUNT:], self._tag(count, rows)):
            raise Altered(self._name)
        return True

    def _value(self, rows: Callable[[Executable], Sequence[Row[Any]]]) -> bytes | None:
        found = rows(select(settings.c.value).where(settings.c.name == self._setting))
        if not found:
            return None
        if not isinstance(value := found[0].value, bytes) or len(value) != _COUNT + _TAG:
            raise Altered(self._name)
        return value

    def _count(self, value: bytes | None) -> int:
        return int.from_bytes(value[:_COUNT], "big") if value else 0

    def _seen(self) -> int | None:
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return None
        count = data[:_COUNT]
        if len(data) != _COUNT + _TAG or not hmac.compare_digest(data[_COUNT:], self._journal.mac(count, f"{self._setting}: seen")):
            raise Altered(self._name)
        return int.from_bytes(count, "big")

    def _tag(self, count: int, rows: Callable[[Executable], Sequence[Row[Any]]]) -> bytes:
        found = [
            ["".join(table.name), [list(row) for row in rows(select(table).order_by(*table.primary_key.columns))]] for table in self._tables
        ]
        return self._journal.mac(msgspec.msgpack.encode([count, found]), self._setting)
