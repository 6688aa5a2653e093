"""The archive keeps what was observed, sealed, for whom it may be shown; civil identities leave it after a day."""

import asyncio
import threading
from contextlib import asynccontextmanager

import numpy as np
import pytest
from tests.picture.making import ASTER, BIRCH, FLAG, OPEN, REALM, SHUT, T0, S, at, batch, flight

from tocsin.core import InputError, Label, ManualClock, SeededEntropy
from tocsin.core.observations import COLUMNS
from tocsin.journal import Cost, Journal, NotKept, Vault, VaultExists
from tocsin.picture import Archive

HOUR = 3600
FOREVER = (0, 2**62)


@asynccontextmanager
async def opened(folder, clock, **options):
    secret, entropy = b"a passphrase", SeededEntropy(3)
    try:
        vault = Vault.create(folder, secret, entropy, cost=Cost(passes=1, memory_kib=8, lanes=1))
    except VaultExists:
        vault = Vault.open(folder, secret)
    journal = await Journal.open(folder, vault, clock, entropy)
    try:
        yield Archive(folder / "archive", journal, clock, **options)
    finally:
        await journal.close()


def run(tmp_path, story, **options):
    """Tell `story(archive, clock)` with a real journal."""

    async def told():
        clock = ManualClock(T0)
        async with opened(tmp_path / "node", clock, **options) as archive:
            return await story(archive, clock)

    return asyncio.run(told())


def files(tmp_path):
    return sorted(path for path in (tmp_path / "node" / "archive").rglob("*") if path.is_file())


async def until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come about")


def military(rows):
    return rows.replace(flags=np.full(len(rows), FLAG.MILITARY, np.uint16))


def identities(batches):
    return sorted({int(i) & 0xFFFFFF for one in batches for i in one["identity"]})


def test_what_goes_in_comes_out_before_and_after_it_is_on_disk(tmp_path):
    rows = flight(1, [0, 5, 10], callsign=[b"SWR1", b"", b"SWR100AB"], type=[b"A320", b"", b"B77W"], squawk=[0o7700, -1, 0])

    async def story(archive, clock):
        await archive.add(rows)
        before = archive.read(REALM, ASTER, *FOREVER)
        await archive.flush()
        return before, archive.read(REALM, ASTER, *FOREVER)

    for found in run(tmp_path, story):
        (one,) = found
        assert (one.feed, one.realm, one.label) == (rows.feed, rows.realm, rows.label)
        for name, dtype in COLUMNS.items():
            assert one[name].dtype == dtype
            assert one[name].tobytes() == rows[name].tobytes()


def test_another_process_reads_what_this_one_wrote(tmp_path):
    async def write(archive, clock):
        await archive.add(flight(1, [0, 5]))
        await archive.flush()

    async def read(archive, clock):
        return archive.read(REALM, ASTER, *FOREVER)

    run(tmp_path, write)
    assert len(run(tmp_path, read)[0]) == 2


def test_nothing_on_disk_can_be_read_or_tells_whose_it_is(tmp_path):
    async def story(archive, clock):
        await archive.add(flight(1, [0, 5], callsign=[b"SWR1XY", b"SWR1XY"], feed="secret-feed", label=SHUT))
        await archive.flush()

    run(tmp_path, story)
    (path,) = files(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    data = path.read_bytes()
    for text in (b"SWR1XY", b"secret-feed", b"ASTER", b"PAR1", REALM.encode()):
        assert text not in data
    name = path.relative_to(tmp_path / "node" / "archive").as_posix()
    assert name.startswith("civil/2027-01-15/")
    assert all(text not in name.lower() for text in ("secret", "aster", "test"))


def test_a_view_reads_only_what_it_may_and_only_its_realm_and_time(tmp_path):
    async def story(archive, clock):
        await archive.add(flight(1, [0, 5, 10], label=OPEN))
        await archive.add(flight(2, [0, 5], label=SHUT))
        await archive.add(flight(3, [0], label=OPEN, realm="replay:other"))
        await archive.flush()
        await archive.add(flight(4, [5], label=SHUT))
        read = archive.read
        return read(REALM, BIRCH, *FOREVER), read(REALM, ASTER, *FOREVER), read(REALM, ASTER, at(5), at(10)), read("live", ASTER, *FOREVER)

    birch, aster, some, other = run(tmp_path, story)
    assert identities(birch) == [1]
    assert identities(aster) == [1, 2, 4]
    assert {int(t) for one in some for t in one["time"]} == {at(5)}
    assert other == []


def test_what_a_view_may_not_read_changes_nothing_of_what_it_reads(tmp_path):
    def story_with(*, hidden):
        async def story(archive, clock):
            for minute in range(5):
                clock.move_to(T0 + minute * 45 * S)
                await archive.add(flight(1, [minute * 45, minute * 45 + 5], label=OPEN))
                if hidden:
                    await archive.add(flight(1, [minute * 45 + 1], label=SHUT))
            return archive.read(REALM, BIRCH, *FOREVER)

        return story

    a = run(tmp_path / "a", story_with(hidden=False))
    b = run(tmp_path / "b", story_with(hidden=True))
    assert [(x.feed, x.label, [c.tobytes() for c in x.columns.values()]) for x in a] == [
        (x.feed, x.label, [c.tobytes() for c in x.columns.values()]) for x in b
    ]


def test_batches_gather_for_a_minute_into_one_file(tmp_path):
    async def story(archive, clock):
        for second in range(0, 61, 5):
            clock.move_to(T0 + second * S)
            await archive.add(flight(1, [second]))
        before = len(files(tmp_path))
        await until(lambda: [path for path in files(tmp_path) if not path.name.startswith(".")])
        assert before == 0, "whoever brings rows does not wait for the disk"
        return archive.read(REALM, ASTER, *FOREVER)

    (one,) = run(tmp_path, story)
    assert one["time"].tolist() == [at(s) for s in range(0, 61, 5)]


def test_civil_identities_are_gone_after_a_day_and_military_ones_stay(tmp_path):
    async def story(archive, clock):
        await archive.add(flight(1, [0]))
        await archive.add(military(flight(2, [0])))
        await archive.add(flight(3, [0], flags=[FLAG.SIMULATED]))
        await archive.flush()
        clock.move_to(T0 + 23 * HOUR * S)
        await archive.sweep()
        before = identities(archive.read(REALM, ASTER, *FOREVER)), len(files(tmp_path))
        clock.move_to(T0 + 24 * HOUR * S)
        unswept = identities(archive.read(REALM, ASTER, *FOREVER))
        await archive.sweep()
        return before, unswept, identities(archive.read(REALM, ASTER, *FOREVER))

    before, unswept, after = run(tmp_path, story)
    assert before == ([1, 2, 3], 2)
    assert unswept == [2, 3]
    assert after == [2, 3]
    assert [path.parts[-3] for path in files(tmp_path)] == ["state"]


def test_a_node_that_was_off_for_days_drops_them_when_it_starts(tmp_path):
    async def write(archive, clock):
        await archive.add(flight(1, [0]))
        await archive.flush()

    async def later(archive, clock):
        clock.move_to(T0 + 72 * HOUR * S)
        await archive.sweep()
        return archive.read(REALM, ASTER, *FOREVER)

    run(tmp_path, write)
    assert len(files(tmp_path)) == 1
    assert run(tmp_path, later) == []
    assert files(tmp_path) == []


def test_with_a_day_gone_its_key_is_gone_so_that_a_copy_of_its_files_opens_no_more(tmp_path):
    async def story(archive, clock):
        await archive.add(flight(1, [0]))
        await archive.flush()
        (path,) = files(tmp_path)
        backup = path.read_bytes()
        clock.move_to(T0 + 72 * HOUR * S)
        await archive.sweep()
        clock.move_to(T0)
        path.parent.mkdir(parents=True)
        path.write_bytes(backup)
        return archive.read(REALM, ASTER, *FOREVER), archive.damaged

    assert run(tmp_path, story) == ([], 1)


def test_a_setting_may_only_lower_the_day(tmp_path):
    async def story(archive, clock):
        await archive.add(flight(1, [0]))
        clock.move_to(T0 + HOUR * S)
        await archive.sweep()
        return archive.read(REALM, ASTER, *FOREVER), files(tmp_path)

    assert run(tmp_path, story, civil_hours=1) == ([], [])
    for wrong in (24.01, 0, -1, float("inf"), float("nan")):
        with pytest.raises(InputError, match="at most 24 hours"):
            Archive(tmp_path, None, ManualClock(), civil_hours=wrong)


def test_live_rows_that_come_late_are_as_old_as_they_say(tmp_path):
    async def story(archive, clock):
        clock.move_to(T0 + 25 * HOUR * S)
        await archive.add(batch((1, 0, 46, 7), (2, 2 * HOUR, 46, 7), realm="live"))
        first = identities(archive.read("live", ASTER, *FOREVER))
        clock.move_to(T0 + 26 * HOUR * S)
        await archive.sweep()
        return first, archive.read("live", ASTER, *FOREVER), files(tmp_path)

    assert run(tmp_path, story) == ([2], [], [])


def test_a_recording_of_another_year_is_kept_for_a_day_from_when_it_was_stored(tmp_path):
    async def story(archive, clock):
        clock.move_to(T0 + 8 * 365 * 24 * HOUR * S)
        await archive.add(flight(1, [0]))
        await archive.sweep()
        return identities(archive.read(REALM, ASTER, *FOREVER))

    assert run(tmp_path, story) == [1]


@pytest.mark.parametrize("harm", ["cut", "flipped", "other", "empty", "header-of-another"])
def test_a_damaged_file_is_left_out_counted_and_swept(tmp_path, harm):
    async def story(archive, clock):
        await archive.add(flight(1, [0]))
        await archive.add(flight(2, [0], feed="other"))
        await archive.flush()
        one, two = files(tmp_path)
        data, more = one.read_bytes(), two.read_bytes()
        head = 17 + int.from_bytes(data[13:17], "big")
        one.write_bytes(
            {
                "cut": data[: len(data) // 2],
                "flipped": data[:-1] + bytes([data[-1] ^ 1]),
                "other": b"something else",
                "empty": b"",
                "header-of-another": data[:head] + more[17 + int.from_bytes(more[13:17], "big") :],
            }[harm]
        )
        fresh = Archive(tmp_path / "node" / "archive", archive._journal, clock)
        found = fresh.read(REALM, ASTER, *FOREVER)
        damaged = fresh.damaged
        await fresh.sweep()
        return len(found), damaged, len(files(tmp_path))

    assert run(tmp_path, story) == (1, 1, 1)


def test_a_file_moved_to_another_day_does_not_open(tmp_path):
    async def story(archive, clock):
        await archive.add(military(flight(1, [0])))
        await archive.flush()
        (path,) = files(tmp_path)
        moved = path.parent.with_name("2027-01-16")
        moved.mkdir()
        path.rename(moved / path.name)
        fresh = Archive(tmp_path / "node" / "archive", archive._journal, clock)
        return fresh.read(REALM, ASTER, *FOREVER), fresh.damaged

    assert run(tmp_path, story) == ([], 1)


def test_a_disk_that_refuses_loses_nothing_and_says_why(tmp_path, monkeypatch):
    async def story(archive, clock):
        with monkeypatch.context() as patch:
            patch.setattr(archive._journal, "seal", _refuse)
            await archive.add(flight(1, [0]))
            await archive.flush()
            said = archive.says
        waiting = len(archive.read(REALM, ASTER, *FOREVER))
        await archive.add(flight(1, [5]))
        await archive.flush()
        return said, waiting, archive.says, archive.lost, len(archive.read(REALM, ASTER, *FOREVER)[0])

    said, *rest = run(tmp_path, story)
    assert said == "the archive cannot be written: nothing was written: the database says disk full"
    assert rest == [1, "", 0, 2]


def test_while_a_disk_refuses_memory_stays_bounded_and_losses_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("tocsin.picture.archive.MOST_WAITING", 10)

    async def story(archive, clock):
        monkeypatch.setattr(archive._journal, "seal", _refuse)
        for i in range(30):
            await archive.add(flight(1, [i]))
            await archive.flush()
        return archive.lost, sum(len(one) for one in archive.read(REALM, ASTER, *FOREVER))

    assert run(tmp_path, story) == (20, 10)


def test_reading_while_a_file_is_being_written_gives_each_row_once(tmp_path):
    async def story(archive, clock):
        seen = []
        await archive.add(flight(1, list(range(100))))
        writing = asyncio.create_task(archive.flush())
        while not writing.done():
            seen.append(sum(len(one) for one in archive.read(REALM, ASTER, *FOREVER)))
            await asyncio.sleep(0)
        return set(seen), sum(len(one) for one in archive.read(REALM, ASTER, *FOREVER))

    assert run(tmp_path, story) == ({100}, 100)


def test_what_comes_while_files_are_written_is_kept_once(tmp_path, monkeypatch):
    monkeypatch.setattr("tocsin.picture.archive.GATHER_ROWS", 20)

    async def story(archive, clock):
        for second in range(200):
            await archive.add(flight(1, [second]))
            await archive.add(flight(2, [second], feed="other"))
            if second % 50 == 49:
                await archive.flush()
            await asyncio.sleep(0)
        await archive.flush()
        return [one["time"].tolist() for one in archive.read(REALM, ASTER, *FOREVER)]

    assert run(tmp_path, story) == [[at(s) for s in range(200)]] * 2
    assert len(files(tmp_path)) > 4


def test_a_disk_that_is_too_slow_is_waited_for_and_memory_stays_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("tocsin.picture.archive.GATHER_ROWS", 4)
    monkeypatch.setattr("tocsin.picture.archive.MOST_BESIDE", 16)
    let_go = threading.Event()

    async def story(archive, clock):
        seal = archive._journal.seal
        monkeypatch.setattr(archive._journal, "seal", lambda *given: let_go.wait(20) and seal(*given))
        done = []

        async def bring():
            for second in range(100):
                await archive.add(flight(1, [second]))
                done.append(second)

        bringing = asyncio.create_task(bring())
        await until(lambda: len(done) >= 16)
        for _ in range(50):
            await asyncio.sleep(0)
        waited = len(done)
        let_go.set()
        await bringing
        await archive.flush()
        return waited, sum(len(one) for one in archive.read(REALM, ASTER, *FOREVER))

    assert run(tmp_path, story) == (16, 100)


def test_labels_of_many_partners_come_back_as_they_were(tmp_path):
    label = Label("p", 2, frozenset({"ASTER", "DUNE"}), frozenset({"ASTER"}), frozenset({"ORCON", "SENSOR"}))
    reader = ASTER._replace(clearance=type(ASTER.clearance)("p", "ASTER", 2, frozenset({"ORCON", "SENSOR"})))

    async def story(archive, clock):
        await archive.add(flight(1, [0], label=label))
        await archive.flush()
        return archive.read(REALM, reader, *FOREVER), archive.read(REALM, ASTER, *FOREVER)

    found, without = run(tmp_path, story)
    assert found[0].label == label
    assert without == []


def _refuse(*_):
    raise NotKept("disk full")
