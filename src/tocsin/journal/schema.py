"""The database: engines as the journal needs them, and its one line of versions for all rooms."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from .errors import Damaged, NotKept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Connection, Engine, Table

FILE = "journal.db"
MIGRATIONS = Path(__file__).with_name("migrations")
_WRITER = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON", "journal_size_limit = 67108864")
_READER = ("query_only = ON",)


def engines(folder: Path) -> tuple[Engine, Engine]:
    """The writer's engine, of one connection, and the readers', which cannot write."""
    # Made here so that nobody else may read it; SQLite gives its side files the same mode.
    os.close(os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600))
    url = f"sqlite:///{folder / FILE}"
    common: dict[str, Any] = {"hide_parameters": True, "poolclass": QueuePool}
    writer = create_engine(url, pool_size=1, max_overflow=0, **common)
    reader = create_engine(url, pool_size=4, max_overflow=12, **common)
    _as_sqlite(writer, "BEGIN IMMEDIATE", _WRITER)
    _as_sqlite(reader, "BEGIN", _READER)
    return writer, reader


def migrate(engine: Engine) -> None:
    """Bring the database to this version of Tocsin, all or nothing.

    Raises `Damaged` if a newer Tocsin has written it, `NotKept` if the database refuses.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    try:
        with engine.connect() as connection:
            at = MigrationContext.configure(connection).get_current_revision()
            connection.rollback()
            if at == script.get_current_head():
                return
            if at is not None and at not in {version.revision for version in script.walk_revisions()}:
                raise Damaged("this journal was written by a newer Tocsin: update this one, or restore the journal from a backup")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except SQLAlchemyError as error:
        raise unreadable(error) from None


def checkpoint(engine: Engine) -> None:
    """Move SQLite's write-ahead log into the database and empty it, unless a reader is in the way just now."""
    with engine.connect() as connection:
        connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


def insert_rows(connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of plain values, all at once. `columns`: their names in `table`, in the rows' order."""
    if not rows:
        return
    # What SQLAlchemy makes of each row's parameters costs as much as the insert itself.
    places = ", ".join("?" * len(columns))
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({places})", list(rows))  # noqa: S608 - names of ours


def held(connection: Connection, column: Column[str], values: Sequence[str]) -> set[str]:
    """Which of `values` a column holds already."""
    # As one parameter: a place for each of hundreds of values costs more than looking them up.
    text = f"SELECT {column.name} FROM {column.table.name} WHERE {column.name} IN (SELECT value FROM json_each(?))"  # noqa: S608 - names of ours
    return set(connection.exec_driver_sql(text, (msgspec.json.encode(values).decode(),)).scalars())


def unreadable(error: Exception) -> Damaged | NotKept:
    """What the database's refusal to open means: `Damaged` if the file is not whole, else `NotKept`."""
    says = reason(error)
    if says.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return Damaged(f"the journal's file is damaged ({says}): restore the node's folder from its backup")
    return NotKept(says)


def reason(error: Exception) -> str:
    """The database's error code or class, never its text, which may quote what was to be written."""
    original = getattr(error, "orig", None) or error
    return str(getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None) or type(original).__name__)


def _as_sqlite(engine: Engine, begin: str, pragmas: tuple[str, ...]) -> None:
    # The driver's own transactions leave out savepoints and DDL, so they are off and BEGIN is said here.
    def on_connect(connection: Any, _: object) -> None:
        connection.isolation_level = None
        for pragma in ("busy_timeout = 10000", *pragmas):
            connection.execute(f"PRAGMA {pragma}").close()

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
