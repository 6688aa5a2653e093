"""Observations flow in time, never wait for anyone, and a hole in them is noted."""

import msgspec
import numpy as np
import pytest
from tests.exchange.helpers import QUICK, REALM, town, until

pytestmark = pytest.mark.anyio


def identities(node):
    return [int(i) for batch, *_ in node.ear.batches for i in batch["identity"]]


def gaps(node):
    return [msgspec.json.decode(k.record.body) for k in node.journal.records(REALM, kind="gap")]


async def test_observations_arrive_as_they_were_shared(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        batch = a.observations(500, "BIRCH")
        release = await a.exchange.share(batch)
        assert release.audience == {"BIRCH"}
        await until(lambda: b.ear.batches)
        found, sender, sent_at, heard_at = b.ear.batches[0]
        assert (sender, found.realm, found.label, found.feed) == ("ASTER", REALM, batch.label, "radar")
        for name, column in batch.columns.items():
            np.testing.assert_array_equal(found[name], column)
        assert sent_at <= heard_at
        assert c.ear.batches == []


async def test_one_flush_is_one_batch_for_each_feed(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        for i in range(20):
            await a.exchange.share(a.observations(10, "BIRCH", first=10 * i))
            await a.exchange.share(a.observations(10, "BIRCH", feed="sbs", first=1000 + 10 * i))
        await until(lambda: len(identities(b)) == 400)
        assert len(b.ear.batches) == 2
        assert identities(b)[:200] == [(1 << 56) + i for i in range(200)]


async def test_a_large_share_is_split(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.exchange.share(a.observations(45_000, "BIRCH"))
        await until(lambda: len(identities(b)) == 45_000)
        assert [len(batch) for batch, *_ in b.ear.batches] == [20_000, 20_000, 5_000]


async def test_a_short_absence_is_filled_from_what_the_sender_still_holds(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.exchange.share(a.observations(10, "BIRCH"))
        await until(lambda: len(identities(b)) == 10)
        await a.transport.cut()
        for i in range(1, 4):
            await a.exchange.share(a.observations(10, "BIRCH", first=10 * i))
            await until(lambda i=i: a.exchange._streams.heads("BIRCH")[0].next == i + 1)
        await a.transport.restore()
        await until(lambda: sorted(identities(b)) == [(1 << 56) + i for i in range(40)])
        assert gaps(b) == []


async def test_a_long_absence_leaves_a_gap_that_is_noted(tmp_path):
    settings = type(QUICK)(**{**QUICK.__dict__, "queue": 2, "ring": 3})
    async with town(tmp_path, "ASTER", "BIRCH", settings=settings) as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.exchange.share(a.observations(10, "BIRCH"))
        await until(lambda: len(identities(b)) == 10)
        await a.transport.cut()
        for i in range(1, 11):
            await a.exchange.share(a.observations(10, "BIRCH", first=10 * i))
            await until(lambda i=i: a.exchange._streams.heads("BIRCH")[0].next == i + 1)
        assert a.counts["batches_dropped"] == 8
        await a.transport.restore()
        # Batches 8 to 10 are in the sender's ring still; 1 to 7 are not.
        await until(lambda: gaps(b))
        assert [(g["sender"], g["first"], g["last"]) for g in gaps(b)] == [("ASTER", 1, 7)]
        await until(lambda: sorted(identities(b)) == [(1 << 56) + i for i in (*range(10), *range(80, 110))])
        assert b.exchange.links()[0].gaps == 1
        await a.exchange.share(a.observations(10, "BIRCH", first=200))
        await until(lambda: (1 << 56) + 200 in identities(b))
        assert len(gaps(b)) == 1


async def test_a_lost_tail_shows_by_the_heartbeat(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        send = a.transport.send

        async def lose(recipient, tag, klass, data):
            if klass != "observations":
                await send(recipient, tag, klass, data)

        a.transport.send = lose
        await a.exchange.share(a.observations(10, "BIRCH"))
        await until(lambda: a.counts.get("batches_sent") == 1)
        a.transport.send = send
        await until(lambda: len(identities(b)) == 10)


async def test_sharing_never_waits_and_drops_the_oldest(tmp_path):
    settings = type(QUICK)(**{**QUICK.__dict__, "pending_rows": 1000})
    async with town(tmp_path, "ASTER", "BIRCH", settings=settings) as place:
        a, b = place["ASTER"], place["BIRCH"]
        for i in range(30):
            await a.exchange.share(a.observations(100, "BIRCH", first=100 * i))
        await until(lambda: len(identities(b)) == 1000)
        assert identities(b)[0] == (1 << 56) + 2000
        assert a.counts["observations_dropped"] == 2000


async def test_a_sender_started_again_begins_a_new_chain(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.exchange.share(a.observations(10, "BIRCH"))
        await until(lambda: len(identities(b)) == 10)
        await a.restart()
        await a.exchange.share(a.observations(10, "BIRCH", first=50))
        await until(lambda: len(identities(b)) == 20)
        assert len([tag for tag, klass in b.exchange._inboxes["ASTER"].chains if klass == "observations"]) == 1
        assert b.refusals() == []


async def test_a_receiver_started_again_takes_no_batch_twice(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.exchange.share(a.observations(10, "BIRCH"))
        await until(lambda: len(identities(b)) == 10)
        await b.restart()
        await a.exchange.share(a.observations(10, "BIRCH", first=50))
        await until(lambda: identities(b))
        assert identities(b) == [(1 << 56) + i for i in range(50, 60)]
        assert gaps(b) == []


async def test_what_a_sink_does_wrong_stops_nothing(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        hear = b.ear.on_observations

        async def fail(*args):
            raise RuntimeError("a bug elsewhere")

        b.ear.on_observations = fail
        await a.exchange.share(a.observations(10, "BIRCH"))
        await until(lambda: b.counts.get("sink_failed") == 1)
        b.ear.on_observations = hear
        await a.exchange.share(a.observations(10, "BIRCH", first=50))
        await until(lambda: len(identities(b)) == 10)


async def test_what_is_dropped_before_it_was_sealed_leaves_a_gap_that_is_noted(tmp_path):
    settings = type(QUICK)(**{**QUICK.__dict__, "pending_rows": 1000})
    async with town(tmp_path, "ASTER", "BIRCH", settings=settings) as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.exchange.share(a.observations(10, "BIRCH", first=5000))
        await until(lambda: len(identities(b)) == 10)
        for i in range(30):
            await a.exchange.share(a.observations(100, "BIRCH", first=100 * i))
        await until(lambda: len(identities(b)) == 1010)
        await until(lambda: gaps(b))
        assert [(g["sender"], g["first"], g["last"]) for g in gaps(b)] == [("ASTER", 1, 1)]


async def test_a_sender_started_anew_leaves_a_gap_for_what_it_had_under_way(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.exchange.share(a.observations(10, "BIRCH"))
        await until(lambda: len(identities(b)) == 10)
        await a.transport.cut()
        await a.exchange.share(a.observations(10, "BIRCH", first=20))
        await a.crash()
        await a.start()
        await a.go()
        await a.exchange.share(a.observations(10, "BIRCH", first=50))
        await until(lambda: gaps(b))
        assert [(g["first"], g["last"]) for g in gaps(b)] == [(1, 1)]
        assert "under way" in gaps(b)[0]["reason"]
