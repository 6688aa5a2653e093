"""A backup opens with the node's secret and nothing else, is whole or refused, and marks what is made of it."""

import hashlib
import shutil
import sqlite3

import pytest
from tests.journal.helpers import SECRET, entry, log_of, opened, vault_of

from tocsin.core import InputError, SeededEntropy
from tocsin.journal import Damaged, WrongSecret
from tocsin.journal.backup import NotEmpty, restore, write

pytestmark = pytest.mark.anyio


def find(_):
    return SECRET


@pytest.fixture
async def node(tmp_path):
    """A folder with a journal, its log, and some files beside."""
    folder = tmp_path / "node"
    journal = await opened(folder)
    await journal.keep([entry("text of a record", realm="live") for _ in range(5)])
    await log_of(journal).checkpoint("live")
    (folder / "node.toml").write_text("id = 1\n")
    (folder / "master.key").write_text("secret")
    (folder / "archive").mkdir()
    (folder / "archive" / "big").write_bytes(bytes(range(256)) * 12_000)
    (folder / "relay").mkdir()
    (folder / "relay" / "store").write_text("x")
    yield folder, journal
    await journal.close()


def read(path):
    with sqlite3.connect(path / "journal.db") as connection:
        found = {
            "records": connection.execute("select * from records order by idx").fetchall(),
            "unsure": connection.execute("select unsure from log_origins").fetchall(),
            "settings": dict(connection.execute("select name, value from settings").fetchall()),
        }
    connection.close()
    return found


async def test_a_backup_of_an_open_journal_restores_to_the_same_records(tmp_path, node):
    folder, journal = node
    kept = journal.records("live")
    made = write(folder, vault_of(folder), tmp_path / "b", 123)
    assert made.digest == hashlib.sha256((tmp_path / "b").read_bytes()).hexdigest()
    assert made.bytes == (tmp_path / "b").stat().st_size
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    found = restore(tmp_path / "b", tmp_path / "again", find, SeededEntropy(5))
    assert (found["made"], found["files"]) == (123, made.files)
    there = tmp_path / "again"
    names = {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()}
    assert names == {"journal.db", "vault.json", "node.toml", "archive/big"}
    assert (there / "archive" / "big").read_bytes() == (folder / "archive" / "big").read_bytes()
    assert all(path.stat().st_mode & 0o077 == 0 for path in [there, *there.rglob("*")])
    again = await opened(there)
    assert again.records("live") == kept
    assert log_of(again).standings()[0].says.startswith("restored")
    await again.close()
    assert not list(folder.glob(".backup-*"))


async def test_what_is_written_while_the_backup_is_made_is_in_it_or_not_but_never_half(tmp_path, node):
    import asyncio

    folder, journal = node
    stop = asyncio.Event()

    async def go_on():
        while not stop.is_set():
            await journal.keep([entry() for _ in range(20)])

    task = asyncio.create_task(go_on())
    for number in range(3):
        await asyncio.to_thread(write, folder, vault_of(folder), tmp_path / f"b{number}", 1)
    stop.set()
    await task
    sizes = []
    for number in range(3):
        restore(tmp_path / f"b{number}", tmp_path / f"r{number}", find, SeededEntropy(5))
        again = await opened(tmp_path / f"r{number}")
        sizes.append(again.size("live"))
        assert len(again.records("live", limit=10**6)) == sizes[-1]
        await again.close()
    assert [(size - 5) % 20 for size in sizes] == [0, 0, 0]


async def test_two_nodes_of_one_backup_repeat_no_key_and_bear_different_marks(tmp_path, node):
    folder, _ = node
    write(folder, vault_of(folder), tmp_path / "b", 1)
    found = []
    for name in ("one", "two"):
        restore(tmp_path / "b", tmp_path / name, find, SeededEntropy(name))
        before = read(tmp_path / name)
        again = await opened(tmp_path / name)
        await again.keep([entry("after")])
        await again.keep([entry("after", realm="exercise:x")])
        log = log_of(again)
        origin = (await log.checkpoint("exercise:x")).checkpoint.origin
        await again.close()
        after = read(tmp_path / name)
        new = [row for row in after["records"] if row not in before["records"]]
        found.append((after["settings"]["restored"], new[0][5:], origin))
    assert found[0][0] != found[1][0]
    assert found[0][1][1][:12] == found[1][1][1][:12], "the same nonce"
    with sqlite3.connect(tmp_path / "one" / "journal.db") as one, sqlite3.connect(tmp_path / "two" / "journal.db") as two:
        keys = [{row[0] for row in c.execute("select wrapped from data_keys order by id desc limit 1")} for c in (one, two)]
    one.close()
    two.close()
    assert not keys[0] & keys[1], "under keys of their own"
    assert found[0][2] != found[1][2], "a log that begins after the backup has a name that the other copy cannot have"


async def test_a_folder_that_holds_anything_is_left_as_it_is(tmp_path, node):
    folder, _ = node
    write(folder, vault_of(folder), tmp_path / "b", 1)
    there = tmp_path / "there"
    there.mkdir()
    (there / "x").write_text("x")
    with pytest.raises(NotEmpty):
        restore(tmp_path / "b", there, find, SeededEntropy(1))
    assert [path.name for path in there.iterdir()] == ["x"]
    with pytest.raises(NotEmpty):
        restore(tmp_path / "b", there / "x", find, SeededEntropy(1))
    (there / "x").unlink()
    restore(tmp_path / "b", there, find, SeededEntropy(1))


async def test_no_file_is_written_over(tmp_path, node):
    folder, _ = node
    (tmp_path / "b").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        write(folder, vault_of(folder), tmp_path / "b", 1)
    assert (tmp_path / "b").read_text() == "mine"
    with pytest.raises(InputError, match="No such file"):
        write(folder, vault_of(folder), tmp_path / "no" / "b", 1)


async def test_the_wrong_secret_opens_nothing_and_leaves_nothing(tmp_path, node):
    folder, _ = node
    write(folder, vault_of(folder), tmp_path / "b", 1)
    with pytest.raises(WrongSecret):
        restore(tmp_path / "b", tmp_path / "again", lambda _: b"another secret", SeededEntropy(1))
    assert not (tmp_path / "again").exists()
    assert not list(tmp_path.glob("*.restoring"))


async def test_nothing_readable_stands_in_a_backup(tmp_path, node):
    folder, _ = node
    write(folder, vault_of(folder), tmp_path / "b", 1)
    data = (tmp_path / "b").read_bytes()
    for word in (b"node.toml", b"text of a record", b"journal", b"SQLite", b"secret", bytes(range(64))):
        assert word not in data


async def test_a_backup_that_was_cut_or_altered_anywhere_is_refused_and_leaves_nothing(tmp_path, node):
    folder, _ = node
    write(folder, vault_of(folder), tmp_path / "b", 1)
    data = (tmp_path / "b").read_bytes()
    spots = sorted({0, 5, 17, 20, 25, 60, 300, *range(400, len(data), len(data) // 25), len(data) - 1})
    broken = [data[:at] for at in spots] + [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in spots] + [data + b"x", b""]
    for one in broken:
        (tmp_path / "broken").write_bytes(one)
        with pytest.raises((Damaged, InputError, WrongSecret)):
            restore(tmp_path / "broken", tmp_path / "again", find, SeededEntropy(1))
        assert not (tmp_path / "again").exists()
        assert not (tmp_path / "again.restoring").exists()


async def test_chunks_of_a_backup_cannot_change_places(tmp_path, node):
    folder, _ = node
    write(folder, vault_of(folder), tmp_path / "b", 1)
    data = (tmp_path / "b").read_bytes()
    at = 17 + 4 + int.from_bytes(data[17:21], "big")
    head, chunks = data[:at], []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunks.append(data[at : at + 4 + size])
        at += 4 + size
    assert len(chunks) >= 3
    for changed in ([chunks[1], chunks[0], *chunks[2:]], chunks[:-1], [*chunks, chunks[-1]], chunks[1:]):
        (tmp_path / "broken").write_bytes(head + b"".join(changed))
        with pytest.raises(Damaged):
            restore(tmp_path / "broken", tmp_path / "again", find, SeededEntropy(1))


async def test_a_damaged_journal_is_not_restored(tmp_path, node):
    folder, journal = node
    await journal.close()
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    data = bytearray((copy / "journal.db").read_bytes())
    data[4096 * 3 : 4096 * 8] = bytes(4096 * 5)
    (copy / "journal.db").write_bytes(data)
    (copy / "journal.db-wal").unlink(missing_ok=True)
    with pytest.raises(Damaged, match="journal"):
        write(copy, vault_of(copy), tmp_path / "b", 1)
        restore(tmp_path / "b", tmp_path / "again", find, SeededEntropy(1))
