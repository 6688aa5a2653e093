"""What goes into the journal comes out as it was, once, in order."""

import asyncio
import hashlib

import pytest
from sqlalchemy import insert, select, text
from tests.journal.helpers import entry, opened, record

from tocsin.core import BadRealm, Denied, InputError, ManualClock, Record, encode
from tocsin.journal import Closed, Entry, FolderBusy, NotKept
from tocsin.journal.tables import records, settings

pytestmark = pytest.mark.anyio


async def test_a_record_comes_out_as_the_bytes_that_went_in(journal):
    given = entry(proof=b"path and signature")
    (kept,) = await journal.keep([given])
    assert (kept.index, kept.data, kept.record, kept.proof) == (0, given.data, given.record, given.proof)
    assert kept.leaf == hashlib.sha256(kept.salt + given.data).digest()
    assert len(kept.salt) == 32
    assert journal.get(given.record.id) == kept
    assert journal.records("live") == [kept]


async def test_everything_is_the_same_after_a_restart(tmp_path):
    first = await opened(tmp_path)
    kept = await first.keep([entry(), entry(kind="finding"), entry(realm="exercise:night")])
    await first.close()
    second = await opened(tmp_path)
    assert second.records("live") == kept[:2]
    assert second.records("live", kind="finding") == [kept[1]]
    assert second.records("exercise:night") == [kept[2]]
    assert [second.get(k.record.id) for k in kept] == kept
    assert second.realms() == ["exercise:night", "live"]
    (more,) = await second.keep([entry()])
    assert more.index == 2
    await second.close()


async def test_indexes_count_from_0_in_each_realm_without_holes(journal):
    realms = ["live", "exercise:a", "live", "replay:b", "exercise:a", "live"]
    await asyncio.gather(*(journal.keep([entry(realm=realm)]) for realm in realms))
    for realm in set(realms):
        assert [k.index for k in journal.records(realm)] == list(range(realms.count(realm)))
        assert [leaf.index for leaf in journal.leaves(realm)] == list(range(realms.count(realm)))
        assert journal.size(realm) == realms.count(realm)


async def test_a_record_that_is_held_is_not_kept_again(journal):
    one, other = entry(), entry()
    (kept,) = await journal.keep([one, one])
    assert [k.index for k in await journal.keep([one, other])] == [1]
    assert await journal.keep([one, other]) == []
    assert journal.get(one.record.id) == kept
    assert journal.size("live") == 2


async def test_two_that_bring_the_same_record_at_once_keep_it_once(journal):
    given = entry()
    answers = await asyncio.gather(*(journal.keep([given]) for _ in range(20)))
    assert sorted(map(len, answers)) == [0] * 19 + [1]


async def test_pages_of_one_kind_go_on_where_the_last_ended(journal):
    await journal.keep([entry(kind="finding" if n % 3 == 0 else "report") for n in range(30)])
    seen, after = [], -1
    while page := journal.records("live", kind="finding", after=after, limit=4):
        assert len(page) <= 4
        seen += [k.index for k in page]
        after = page[-1].index
    assert seen == list(range(0, 30, 3))
    assert journal.records("live", kind="warning") == []
    assert journal.records("exercise:none") == []
    assert journal.records("live", after=29) == []
    assert journal.records("live", limit=0) == []


async def test_also_writes_in_the_same_transaction_and_sees_what_was_kept(journal):
    def also(connection, kept):
        connection.execute(insert(settings).values(name="outbox", value=kept[0].record.id.encode()))

    (kept,) = await journal.keep([entry()], also)
    assert journal.read_rows(select(settings.c.value).where(settings.c.name == "outbox")) == [(kept.record.id.encode(),)]


async def test_if_also_fails_nothing_is_kept_and_the_next_takes_its_index(journal):
    def also(connection, kept):
        connection.execute(insert(settings).values(name="half", value=b""))
        raise Denied("not this one")

    lost = entry()
    with pytest.raises(Denied, match="not this one"):
        await journal.keep([lost], also)
    assert journal.get(lost.record.id) is None
    assert journal.read_rows(select(settings).where(settings.c.name == "half")) == []
    (kept,) = await journal.keep([lost])
    assert kept.index == 0


async def test_also_is_called_even_if_nothing_was_new(journal):
    calls = []
    given = entry()
    await journal.keep([given])
    await journal.keep([given], lambda _, kept: calls.append(kept))
    assert calls == [[]]


async def test_one_job_that_fails_does_not_fail_its_neighbours(journal):
    def fail(connection):
        connection.execute(insert(settings).values(name="x", value=b""))
        connection.execute(insert(settings).values(name="x", value=b""))

    jobs = [journal.keep([entry()]) for _ in range(10)]
    jobs.insert(5, journal.write(fail))
    answers = await asyncio.gather(*jobs, return_exceptions=True)
    assert isinstance(answers.pop(5), NotKept)
    assert [a[0].index for a in answers] == list(range(10))
    assert journal.read_rows(select(settings).where(settings.c.name == "x")) == []


async def test_what_is_answered_can_be_read_at_once(journal):
    for n in range(50):
        (kept,) = await journal.keep([entry()])
        assert journal.records("live", after=n - 1) == [kept]


async def test_bytes_that_say_something_else_than_the_record_are_refused(journal):
    a, b = record("one"), record("other")
    for data in (encode(b), encode(a)[:-1], b"", encode(a) + b"{}"):
        with pytest.raises(InputError, match="differ"):
            await journal.keep([Entry(data, a)])
    assert journal.realms() == []


async def test_a_record_with_a_wrong_id_or_realm_is_refused(journal):
    made = record()
    header = {name: getattr(made, name) for name in Record.__struct_fields__}
    for changes, error in (({"id": "claim--" + made.id[8:]}, InputError), ({"id": "x"}, InputError), ({"realm": "nowhere"}, BadRealm)):
        wrong = Record(**{**header, **changes})
        with pytest.raises(error):
            await journal.keep([Entry(encode(wrong), wrong)])
    assert journal.realms() == []


async def test_a_reading_connection_cannot_write(journal):
    await journal.keep([entry()])
    with pytest.raises(InputError):
        journal.read_rows(records.delete().returning(records.c.idx))
    assert journal.size("live") == len(journal.leaves("live")) == 1


async def test_a_closed_journal_says_so(tmp_path):
    journal = await opened(tmp_path)
    await journal.close()
    await journal.close()
    with pytest.raises(Closed):
        await journal.keep([entry()])
    with pytest.raises(Closed):
        journal.read_rows(text("select 1"))


async def test_closing_writes_what_waits(tmp_path):
    journal = await opened(tmp_path)
    waiting = [asyncio.create_task(journal.keep([entry()])) for _ in range(200)]
    await asyncio.sleep(0)
    await journal.close()
    assert len(await asyncio.gather(*waiting)) == 200
    again = await opened(tmp_path)
    assert again.size("live") == 200
    await again.close()


async def test_a_second_node_in_the_same_folder_is_refused(tmp_path):
    journal = await opened(tmp_path)
    with pytest.raises(FolderBusy, match="in use by another process"):
        await opened(tmp_path)
    await journal.close()
    await (await opened(tmp_path, ManualClock(1))).close()
