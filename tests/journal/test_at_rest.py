"""At rest: nothing labelled can be read from the files, what was altered is noticed, what was erased is gone."""

import asyncio
import hashlib
import sqlite3
import stat

import pytest
from sqlalchemy import select
from tests.journal.helpers import CHEAP, DAY, SECRET, entry, opened, vault_of

from tocsin.core import Denied, InputError, ManualClock, SeededEntropy
from tocsin.journal import Damaged, Entry, Erased, Journal, Vault, WrongSecret
from tocsin.journal.tables import data_keys, records

pytestmark = pytest.mark.anyio
TEXT = "a text that stands nowhere else"
TODAY = 20_000


async def kept_and_closed(folder, *entries):
    journal = await opened(folder)
    kept = await journal.keep(entries or [entry(TEXT, proof=b"a proof of this")])
    await journal.close()
    return kept


def alter(folder, statement, *values):
    with sqlite3.connect(folder / "journal.db") as connection:
        connection.execute(statement, values)
    connection.close()


def everything(folder):
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_no_file_holds_what_was_said_while_open_or_closed(tmp_path):
    journal = await opened(tmp_path)
    (kept,) = await journal.keep([entry(TEXT, proof=b"a proof of this")])
    for _ in range(2):
        found = everything(tmp_path)
        for secret in (TEXT.encode(), b"title", b"source", b"ASTER", b"BIRCH", kept.salt, b"a proof of this", kept.data):
            assert secret not in found
        assert kept.leaf in found, "the leaf stands in the clear"
        await journal.close()


async def test_only_the_owner_may_read_the_files(tmp_path):
    journal = await opened(tmp_path / "node")
    await journal.keep([entry()])
    for file in (tmp_path / "node").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert stat.S_IMODE((tmp_path / "node").stat().st_mode) == 0o700
    await journal.close()


async def test_the_columns_of_records_carry_no_text_of_their_own(journal):
    (kept,) = await journal.keep([entry(TEXT)])
    (row,) = journal.read_rows(select(records))
    assert row._asdict().keys() == {"realm", "idx", "kind", "record_id", "leaf", "key_id", "sealed"}
    assert (row.realm, row.idx, row.kind, row.record_id, row.leaf) == ("live", 0, "report", kept.record.id, kept.leaf)


async def test_another_vault_does_not_open_the_journal(tmp_path):
    await kept_and_closed(tmp_path)
    other = Vault.create(tmp_path / "other", SECRET, SeededEntropy(5), cost=CHEAP)
    with pytest.raises(WrongSecret):
        await Journal.open(tmp_path, other, ManualClock(), SeededEntropy(2))
    await (await opened(tmp_path)).close()


@pytest.mark.parametrize(
    "statement",
    [
        "update records set sealed = substr(sealed, 1, 40) || x'00' || substr(sealed, 42)",
        "update records set sealed = substr(sealed, 1, 5)",
        "update records set sealed = x''",
        "update records set leaf = zeroblob(32)",
        "update records set kind = 'claim'",
        "update records set record_id = 'report--00000000-0000-4000-8000-000000000000'",
        "update records set realm = 'exercise:night'",
        "update records set sealed = (select sealed from records where idx = 1) where idx = 0",
    ],
)
async def test_a_row_that_was_altered_is_noticed(tmp_path, statement):
    kept = await kept_and_closed(tmp_path, entry("one"), *([entry("two")] if "idx = 1" in statement else []))
    alter(tmp_path, statement)
    journal = await opened(tmp_path)
    realm = "exercise:night" if "realm =" in statement else "live"
    with pytest.raises(Damaged):
        journal.records(realm)
    with pytest.raises(Damaged):
        journal.get("report--00000000-0000-4000-8000-000000000000" if "record_id" in statement else kept[0].record.id)
    await journal.close()


async def test_a_row_moved_to_another_place_is_noticed(tmp_path):
    await kept_and_closed(tmp_path, entry(), entry())
    alter(tmp_path, "update records set idx = 5 where idx = 0")
    alter(tmp_path, "update records set idx = 0 where idx = 1")
    alter(tmp_path, "update records set idx = 1 where idx = 5")
    journal = await opened(tmp_path)
    with pytest.raises(Damaged):
        journal.records("live")
    await journal.close()


async def test_a_row_that_is_missing_is_noticed_at_the_start(tmp_path):
    await kept_and_closed(tmp_path, entry(), entry(), entry())
    alter(tmp_path, "delete from records where idx = 1")
    with pytest.raises(Damaged, match="records are missing in realm live"):
        await opened(tmp_path)
    alter(tmp_path, "delete from records where idx = 0")
    with pytest.raises(Damaged):
        await opened(tmp_path)


async def test_a_file_that_is_no_database_says_so_and_lets_the_folder_go(tmp_path):
    tmp_path.joinpath("journal.db").write_bytes(b"this is no database, but long enough to be looked at" * 100)
    for _ in range(2):
        with pytest.raises(Damaged, match="SQLITE_NOTADB"):
            await opened(tmp_path)


async def test_a_database_cut_short_is_noticed(tmp_path):
    await kept_and_closed(tmp_path, *(entry("x" * 500) for _ in range(100)))
    path = tmp_path / "journal.db"
    path.write_bytes(path.read_bytes()[: 15 * 4096])
    with pytest.raises(Damaged):
        journal = await opened(tmp_path)
        journal.records("live")


async def test_erasing_a_day_makes_its_bodies_unreadable_and_leaves_the_leaves(tmp_path):
    clock = ManualClock(TODAY * DAY)
    journal = await opened(tmp_path, clock)
    old = await journal.keep([entry("old one"), entry("old two")])
    clock.move_to((TODAY + 1) * DAY)
    (new,) = await journal.keep([entry("new")])
    leaves = journal.leaves("live")
    assert await journal.erase_day(TODAY) == 1
    assert await journal.erase_day(TODAY) == 0
    for _ in range(2):
        assert [journal.get(k.record.id) for k in old] == [None, None]
        assert journal.records("live") == [new]
        assert journal.get(new.record.id) == new
        assert journal.leaves("live") == leaves
        assert journal.size("live") == 3
        await journal.close()
        journal = await opened(tmp_path, clock)
    (newer,) = await journal.keep([entry("newer")])
    assert newer.index == 3
    await journal.close()


async def test_the_key_of_an_erased_day_is_in_no_file(tmp_path):
    journal = await opened(tmp_path)
    await journal.keep([entry()])
    (key,) = journal.read_rows(select(data_keys))
    assert key.wrapped in everything(tmp_path)
    await journal.erase_day(key.day)
    assert key.wrapped not in everything(tmp_path)
    await journal.close()
    assert key.wrapped not in everything(tmp_path)


async def test_what_is_kept_after_a_day_was_erased_can_be_read(tmp_path):
    journal = await opened(tmp_path)
    await journal.keep([entry()])
    await journal.erase_day(TODAY)
    (kept,) = await journal.keep([entry()])
    await journal.close()
    journal = await opened(tmp_path)
    assert journal.records("live") == [kept]
    await journal.close()


async def test_keeping_and_erasing_at_once_loses_nothing_that_is_answered_after(tmp_path):
    journal = await opened(tmp_path)
    for _ in range(10):
        await asyncio.gather(
            journal.keep([entry()]), journal.erase_day(TODAY), journal.keep([entry()]), journal.erase_day(TODAY, "observations")
        )
        (kept,) = await journal.keep([entry()])
        assert journal.get(kept.record.id) == kept
    last = kept
    await journal.close()
    journal = await opened(tmp_path)
    assert journal.get(last.record.id) == last
    assert [leaf.index for leaf in journal.leaves("live")] == list(range(30))
    await journal.close()


async def test_one_record_can_be_erased_alone(tmp_path):
    journal = await opened(tmp_path)
    one, other = await journal.keep([entry("one"), entry("other")])
    leaves = journal.leaves("live")
    assert await journal.erase(one.record.id)
    assert not await journal.erase(one.record.id)
    assert not await journal.erase("report--none")
    for _ in range(2):
        assert journal.get(one.record.id) is None
        assert journal.records("live") == [other]
        assert journal.leaves("live") == leaves
        await journal.close()
        journal = await opened(tmp_path)
    assert await journal.keep([Entry(one.data, one.record)]) == [], "what was erased does not come back"
    await journal.close()


async def test_a_leaf_still_proves_what_was_said_to_who_has_salt_and_bytes(journal):
    (kept,) = await journal.keep([entry()])
    await journal.erase_day(TODAY)
    (leaf,) = journal.leaves("live")
    assert leaf.leaf == hashlib.sha256(kept.salt + kept.data).digest()


async def test_files_are_sealed_for_their_day_and_class(journal):
    time = TODAY * DAY + 5
    sealed = journal.seal(b"parquet", "observations", time)
    assert b"parquet" not in sealed
    assert journal.open_sealed(sealed, "observations", TODAY * DAY + DAY - 1) == b"parquet"
    with pytest.raises(Damaged):
        journal.open_sealed(sealed, "records", time)
    with pytest.raises(Damaged):
        journal.open_sealed(sealed, "observations", time + DAY)
    assert journal.seal(b"parquet", "observations", time) != sealed


async def test_a_sealed_file_that_was_altered_or_is_none_is_refused(journal):
    sealed = journal.seal(b"x" * 50, "observations", 0)
    for at in range(len(sealed)):
        with pytest.raises((Damaged, Erased, InputError)):
            journal.open_sealed(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], "observations", 0)
    for data in (b"", b"\x01", b"PAR1" + bytes(100), sealed[:30]):
        with pytest.raises(InputError):
            journal.open_sealed(data, "observations", 0)


async def test_sealed_files_open_after_a_restart_until_their_day_is_erased(tmp_path):
    journal = await opened(tmp_path)
    sealed, other = journal.seal(b"a", "observations", 0), journal.seal(b"b", "observations", DAY)
    await journal.close()
    journal = await opened(tmp_path)
    assert journal.open_sealed(sealed, "observations", 0) == b"a"
    again = journal.seal(b"c", "observations", 0)
    assert await journal.erase_day(0, "observations") == 2, "one key for each opening"
    for gone in (sealed, again):
        with pytest.raises(Erased):
            journal.open_sealed(gone, "observations", 0)
    assert journal.open_sealed(other, "observations", DAY) == b"b"
    later = journal.seal(b"d", "observations", 0)
    assert journal.open_sealed(later, "observations", 0) == b"d"
    await journal.close()


async def test_a_key_made_in_a_job_that_fails_seals_nothing_afterwards(tmp_path):
    journal = await opened(tmp_path)

    def fail(_):
        journal.seal(b"lost", "observations", 0)
        raise Denied("no")

    with pytest.raises(Denied):
        await journal.write(fail)
    assert journal.read_rows(select(data_keys)) == []
    sealed = await journal.write(lambda _: journal.seal(b"kept", "observations", 0))
    outside = journal.seal(b"too", "observations", 0)
    await journal.close()
    journal = await opened(tmp_path)
    assert journal.open_sealed(sealed, "observations", 0) == b"kept"
    assert journal.open_sealed(outside, "observations", 0) == b"too"
    await journal.close()


async def test_no_key_seals_under_one_nonce_twice_even_from_a_restored_backup(tmp_path):
    await kept_and_closed(tmp_path / "node")
    backup = {file.name: file.read_bytes() for file in (tmp_path / "node").iterdir()}
    seen = set()
    for _ in range(3):
        for name, data in backup.items():
            (tmp_path / "node" / name).write_bytes(data)
        journal = await opened(tmp_path / "node")
        await journal.keep([entry(), entry()])
        rows = journal.read_rows(select(records.c.sealed, data_keys.c.wrapped).join(data_keys, data_keys.c.id == records.c.key_id))
        wrapped = {(row.wrapped, row.sealed[:12]) for row in rows}
        assert len(wrapped) == len(rows) == 3
        seen |= wrapped
        await journal.close()
    assert len(seen) == 1 + 3 * 2, "only the backup's own row is the same in all three"


async def test_keys_are_not_shared_between_days_or_classes(tmp_path):
    clock = ManualClock(TODAY * DAY)
    journal = await opened(tmp_path, clock)
    await journal.keep([entry()])
    clock.move_to((TODAY + 1) * DAY)
    await journal.keep([entry()])
    journal.seal(b"", "observations", TODAY * DAY)
    rows = journal.read_rows(select(data_keys.c.day, data_keys.c.klass).order_by(data_keys.c.id))
    assert [tuple(row) for row in rows] == [(TODAY, "records"), (TODAY + 1, "records"), (TODAY, "observations")]
    vault = vault_of(tmp_path)
    keys = {vault.unwrap(row.wrapped, f"data key v1 {row.day} {row.klass}") for row in journal.read_rows(select(data_keys))}
    assert len(keys) == 3
    await journal.close()
