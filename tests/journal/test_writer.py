"""The one writer: groups, jobs that fail alone, disks that are full, and processes that are killed."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from tests.journal.helpers import entry, opened

from tocsin.core import Denied
from tocsin.journal import FolderBusy, NotKept, Overloaded, writer
from tocsin.journal.tables import records, settings
from tocsin.people.tables import sessions

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
WRITER = """
import asyncio, sys
from pathlib import Path
from tests.journal.helpers import entry, opened
from tocsin.core import SeededEntropy

async def main(folder, seed):
    journal = await opened(folder)
    print("ready", flush=True)
    entropy = SeededEntropy(seed)
    async def caller():
        while True:
            (kept,) = await journal.keep([entry(entropy=entropy)])
            print(kept.index, kept.record.id, flush=True)
    await asyncio.gather(*(caller() for _ in range(8)))

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def other_process(folder, seed="a"):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), seed], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


async def blocked(journal):
    """A job that holds the writer until its event is set, once it runs."""
    running, go_on = threading.Event(), threading.Event()

    def work(_):
        running.set()
        assert go_on.wait(30)

    task = asyncio.create_task(journal.write(work))
    assert await asyncio.to_thread(running.wait, 30)
    return task, go_on


async def test_whatever_waits_goes_into_one_group(journal):
    before = journal.counters()["groups"]
    task, go_on = await blocked(journal)
    waiting = [asyncio.create_task(journal.keep([entry()])) for _ in range(100)]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(task, *waiting)
    assert journal.counters()["groups"] == before + 2
    assert journal.counters()["jobs"] == 101
    assert journal.counters()["most_waiting"] == 100


async def test_nobody_is_answered_before_the_group_is_on_disk(journal, tmp_path):
    task, go_on = await blocked(journal)
    first = asyncio.create_task(journal.keep([entry()]))
    second, hold = asyncio.create_task(journal.write(lambda _: hold_on.wait(30))), threading.Event()
    hold_on = hold
    await asyncio.sleep(0)
    go_on.set()
    await task
    await asyncio.sleep(0.05)
    assert not first.done(), "its group is still open"
    with sqlite3.connect(tmp_path / "node" / "journal.db") as other:
        assert other.execute("select count(*) from records").fetchone() == (0,)
        hold.set()
        await asyncio.gather(first, second)
        assert other.execute("select count(*) from records").fetchone() == (1,)
    other.close()


async def test_the_writing_connection_is_as_safe_as_sqlite_can_be(journal):
    def pragmas(connection):
        return {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "foreign_keys", "journal_mode", "secure_delete")
        }

    assert await journal.write(pragmas) == {"synchronous": 2, "foreign_keys": 1, "journal_mode": "wal", "secure_delete": 1}


async def test_jobs_that_fail_at_random_leave_no_holes_and_no_halves(journal):
    chance = random.Random(4)

    def also(fails):
        def work(connection, kept):
            connection.execute(insert(settings).values(name=kept[0].record.id, value=b""))
            if fails:
                raise Denied("this one")

        return work

    fails = [chance.random() < 0.3 for _ in range(300)]
    entries = [entry(realm=chance.choice(["live", "exercise:a"])) for _ in fails]
    answers = await asyncio.gather(*(journal.keep([e], also(f)) for e, f in zip(entries, fails, strict=True)), return_exceptions=True)
    assert [isinstance(a, Denied) for a in answers] == fails
    kept = {k.record.id for realm in journal.realms() for k in journal.records(realm, limit=1000)}
    assert kept == {e.record.id for e, f in zip(entries, fails, strict=True) if not f}
    assert {row.name for row in journal.read_rows(select(settings.c.name)) if row.name.startswith("report--")} == kept
    for realm in journal.realms():
        assert [leaf.index for leaf in journal.leaves(realm, limit=1000)] == list(range(journal.size(realm)))
    assert journal.counters()["failed"] == sum(fails)


async def test_a_full_disk_is_a_typed_error_and_nothing_is_half_kept(tmp_path):
    journal = await opened(tmp_path)
    (first,) = await journal.keep([entry()])
    full = await journal.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1").scalar())
    outbox = []

    def also(connection, kept):
        connection.execute(insert(settings).values(name="outbox", value=b""))
        outbox.append(kept)

    with pytest.raises(NotKept, match="SQLITE_FULL"):
        await journal.keep([entry("x" * 4000) for _ in range(50)], also)
    assert journal.records("live") == [first]
    assert journal.size("live") == 1
    assert journal.read_rows(select(func.count()).select_from(records)) == [(1,)]
    assert journal.read_rows(select(settings).where(settings.c.name == "outbox")) == []
    await journal.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {full + 10_000}").scalar())
    assert [k.index for k in await journal.keep([entry(), entry()])] == [1, 2]
    await journal.close()
    journal = await opened(tmp_path)
    assert journal.size("live") == 3
    await journal.close()


async def test_a_group_that_cannot_be_committed_is_refused_whole_and_the_next_goes_on(journal):
    def breaks_at_commit(connection):
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.execute(insert(sessions).values(digest=bytes(32), user_key="nobody", expires=0))

    task, go_on = await blocked(journal)
    waiting = [asyncio.create_task(job) for job in (journal.keep([entry()]), journal.write(breaks_at_commit), journal.keep([entry()]))]
    await asyncio.sleep(0)
    go_on.set()
    await task
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(a) for a in answers] == [NotKept] * 3
    assert journal.size("live") == 0
    (kept,) = await journal.keep([entry()])
    assert kept.index == 0
    assert journal.records("live") == [kept]


async def test_a_job_that_ends_the_transaction_by_itself_is_refused(journal):
    with pytest.raises(NotKept):
        await journal.write(lambda connection: connection.exec_driver_sql("ROLLBACK"))
    with pytest.raises(NotKept):
        await journal.write(lambda connection: connection.exec_driver_sql("COMMIT"))
    (kept,) = await journal.keep([entry()])
    assert journal.records("live") == [kept]


async def test_an_error_of_the_database_never_quotes_what_was_written(journal):
    def work(connection):
        for _ in range(2):
            connection.execute(insert(settings).values(name="SECRET NAME", value=b"SECRET VALUE"))

    with pytest.raises(NotKept) as refusal:
        await journal.write(work)
    assert str(refusal.value) == "nothing was written: the database says SQLITE_CONSTRAINT_PRIMARYKEY"
    assert refusal.value.__cause__ is None


async def test_whatever_else_a_job_raises_comes_back_to_who_asked(journal):
    with pytest.raises(ZeroDivisionError):
        await journal.write(lambda _: 1 // 0)
    assert await journal.write(lambda _: 5) == 5


async def test_who_stops_waiting_disturbs_nobody(journal):
    task, go_on = await blocked(journal)
    waiting = [asyncio.create_task(journal.keep([entry()])) for _ in range(20)]
    await asyncio.sleep(0)
    for cancelled in waiting[::2]:
        cancelled.cancel()
    await asyncio.sleep(0.01)
    go_on.set()
    await task
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(a, asyncio.CancelledError) for a in answers] == [True, False] * 10
    assert [a[0].index for a in answers[1::2]] == list(range(10))


async def test_more_than_the_queue_takes_is_refused_at_once(journal, monkeypatch):
    monkeypatch.setattr(writer, "MOST_WAITING", 10)
    task, go_on = await blocked(journal)
    waiting = [asyncio.create_task(journal.keep([entry()])) for _ in range(25)]
    await asyncio.sleep(0.01)
    assert sum(t.done() for t in waiting) == 15
    go_on.set()
    await task
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(a) for a in answers] == [list] * 10 + [Overloaded] * 15
    assert journal.size("live") == 10
    assert await journal.keep([entry()])


async def test_threads_read_while_the_writer_writes(journal):
    stop, wrong = threading.Event(), []

    def read():
        while not stop.is_set():
            found = journal.records("live", limit=1000)
            if [k.index for k in found] != list(range(len(found))) or any(journal.get(k.record.id) != k for k in found[-3:]):
                wrong.append(len(found))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        await asyncio.gather(*(journal.keep([entry()]) for _ in range(5)))
    stop.set()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert wrong == []
    assert journal.size("live") == 150


async def test_what_was_answered_survives_a_kill(tmp_path):
    answered = {}
    for round_, seed in enumerate(["a", "b"]):
        with other_process(tmp_path, seed) as process:
            assert await asyncio.to_thread(process.stdout.readline) == "ready\n", process.stderr.read()
            for _ in range(60):
                index, record_id = (await asyncio.to_thread(process.stdout.readline)).split()
                answered[int(index)] = record_id
            process.send_signal(signal.SIGKILL)
            for line in process.stdout.read().splitlines(keepends=True):
                if line.endswith("\n"):
                    index, record_id = line.split()
                    answered[int(index)] = record_id
        journal = await opened(tmp_path)
        leaves = {leaf.index: leaf.record_id for leaf in journal.leaves("live", limit=100_000)}
        assert len(answered) >= 60 * (round_ + 1)
        assert {index: leaves.get(index) for index in answered} == answered
        assert list(leaves) == list(range(len(leaves)))
        assert [k.record.id for k in journal.records("live", limit=100_000)] == list(leaves.values())
        assert journal.read_rows(select(func.count()).select_from(records)) == [(len(leaves),)]
        await journal.close()


async def test_another_process_is_refused_while_one_has_the_folder_and_let_in_after(tmp_path):
    journal = await opened(tmp_path)
    process = other_process(tmp_path)
    said, error = await asyncio.to_thread(process.communicate, None, 60)
    assert process.returncode != 0
    assert said == ""
    assert f"FolderBusy: this node's folder is in use by another process (process {os.getpid()})" in error.splitlines()[-1]
    await journal.close()
    with other_process(tmp_path) as process:
        assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
        with pytest.raises(FolderBusy, match=str(process.pid)):
            await opened(tmp_path)
        process.kill()


async def test_a_closed_journal_leaves_no_thread_and_no_open_file(tmp_path):
    before = set(threading.enumerate())
    journal = await opened(tmp_path / "node")
    await journal.keep([entry()])
    journal.records("live")
    assert [t.name for t in set(threading.enumerate()) - before if t.name.startswith("tocsin")] == ["tocsin-writer"]
    await journal.close()
    assert not [t.name for t in set(threading.enumerate()) - before if t.name.startswith("tocsin")]
    held = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [path for path in held if path.startswith(str(tmp_path))]
    assert {file.name for file in (tmp_path / "node").iterdir()} == {"journal.db", "vault.json", "lock"}
