"""One line of versions for all rooms, and tables that are what their room says they are."""

import importlib
import pkgutil
import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.journal.helpers import entry, opened

import tocsin
from tocsin.journal import Damaged, metadata
from tocsin.journal.schema import MIGRATIONS, held
from tocsin.journal.tables import records

pytestmark = pytest.mark.anyio


def rooms_with_tables():
    found = []
    for room in pkgutil.iter_modules(tocsin.__path__):
        if room.ispkg and importlib.util.find_spec(f"tocsin.{room.name}.tables"):
            importlib.import_module(f"tocsin.{room.name}.tables")
            found.append(room.name)
    return found


async def test_migrations_make_exactly_the_tables_that_rooms_define(journal):
    assert {"journal", "people"} <= set(rooms_with_tables())

    def compare(connection):
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    assert await journal.write(compare) == []


def test_there_is_one_line_of_versions():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert len(script.get_heads()) == len(script.get_bases()) == 1
    line = [version.revision for version in script.walk_revisions()]
    assert line == sorted(line, reverse=True), "named in the order in which they run"


async def test_a_journal_of_a_newer_tocsin_is_refused_and_left_as_it_was(tmp_path):
    journal = await opened(tmp_path)
    await journal.keep([entry()])
    await journal.close()
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    connection.close()
    with pytest.raises(Damaged, match="newer Tocsin"):
        await opened(tmp_path)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [("9999",)]
        assert connection.execute("select count(*) from records").fetchone() == (1,)
    connection.close()


async def test_a_migration_that_fails_leaves_nothing_behind(tmp_path):
    tmp_path.mkdir(exist_ok=True)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("create table sessions (something_else text)")
    connection.close()
    for _ in range(2):
        with pytest.raises(Exception, match="the database says"):
            await opened(tmp_path)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        names = connection.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'").fetchall()
    connection.close()
    assert names == [("sessions",)]


async def test_opening_again_changes_nothing_in_the_schema(tmp_path):
    def schema():
        with sqlite3.connect(tmp_path / "journal.db") as connection:
            found = connection.execute("select sql from sqlite_master order by name").fetchall()
        connection.close()
        return found

    await (await opened(tmp_path)).close()
    first = schema()
    await (await opened(tmp_path)).close()
    assert schema() == first


async def test_what_is_held_is_found_among_thousands_whatever_is_in_their_names(tmp_path):
    journal = await opened(tmp_path)
    kept = await journal.keep([entry(f"{number}") for number in range(3)])
    mine = [one.record.id for one in kept]
    others = [*(f"report--{number}" for number in range(9_000)), "", "'", '"', "\\", "null", "[1]", "é", "a\0b"]
    ask = [*others, *mine, *mine]
    assert await journal.write(lambda connection: held(connection, records.c.record_id, ask)) == set(mine)
    assert await journal.write(lambda connection: held(connection, records.c.record_id, others)) == set()
    await journal.close()


def test_no_column_depends_on_one_database():
    rooms_with_tables()
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.schema import CreateTable

    for table in metadata.sorted_tables:
        for dialect in (sqlite.dialect(), postgresql.dialect()):
            assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))
