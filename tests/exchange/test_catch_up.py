"""Nothing is lost and nothing doubled, whoever is away, cut off, or started again."""

import asyncio

import pytest
from tests.exchange.helpers import REALM, clearance, town, until

from tocsin.core import may_read
from tocsin.core.times import HOUR

pytestmark = pytest.mark.anyio


def whole(node):
    counts = node.counts
    assert counts["lost"] == 0
    assert counts["doubled"] == 0


async def test_a_record_reaches_exactly_those_who_may_have_it(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        kept, release = await a.say("one", "BIRCH")
        assert release.audience == {"BIRCH"}
        await until(lambda: b.titles() == ["one"])
        await until(lambda: a.state(kept) == {"BIRCH": "delivered", "CEDAR": "withheld"} and b.ear.records)
        assert c.titles() == []
        assert [k.record.id for k in b.ear.records] == [kept.record.id]
        assert b.ear.records[0].data == kept.data
        for node in (a, b, c):
            whole(node)
            assert node.counts["refused"] == 0


async def test_a_partner_that_was_cut_off_catches_up_in_order(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        said = ["before"]
        await a.say("before", "BIRCH", "CEDAR")
        await until(lambda: b.titles() == said)
        await b.transport.cut()
        assert not b.transport.connected
        for i in range(120):
            said.append(f"r{i}")
            await a.say(f"r{i}", "BIRCH", "CEDAR")
        await until(lambda: c.titles() == said)
        assert b.titles() == ["before"]
        await b.transport.restore()
        await until(lambda: b.titles() == said)
        for node in (a, b, c):
            whole(node)
        await until(lambda: a.exchange.links()[0].behind_out == 0)
        await until(lambda: len(b.ear.records) >= 121)
        assert len(b.ear.records) == 121


async def test_a_sender_that_was_cut_off_keeps_what_it_said_and_brings_it(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.transport.cut()
        kept = [(await a.say(f"r{i}", "BIRCH"))[0] for i in range(30)]
        assert a.state(kept[0]) == {"BIRCH": "queued"}
        assert a.exchange.links()[0].behind_out == 30
        await a.transport.restore()
        await until(lambda: b.titles() == [f"r{i}" for i in range(30)])
        await until(lambda: a.state(kept[-1]) == {"BIRCH": "delivered"})
        whole(b)


async def test_a_receiver_that_is_started_again_gets_the_key_again_and_goes_on(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.say("first", "BIRCH")
        await until(lambda: b.titles() == ["first"])
        await b.crash()
        for i in range(10):
            await a.say(f"r{i}", "BIRCH")
        await b.start()
        await b.go()
        await until(lambda: b.titles() == ["first", *(f"r{i}" for i in range(10))])
        whole(b)
        assert b.refusals() == []
        assert a.refusals() == []


async def test_a_sender_that_crashed_goes_on_where_the_journal_stands(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.say("first", "BIRCH")
        await until(lambda: b.titles() == ["first"])
        await b.transport.cut()
        for i in range(20):
            await a.say(f"r{i}", "BIRCH")
        await a.crash()
        await a.start()
        await a.go()
        last, _ = await a.say("last", "BIRCH")
        await b.transport.restore()
        await until(lambda: b.titles() == ["first", *(f"r{i}" for i in range(20)), "last"])
        await until(lambda: a.state(last) == {"BIRCH": "delivered"})
        whole(b)
        assert b.refusals() == []


async def test_what_the_relay_lost_is_noticed_and_asked_for(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.say("first", "BIRCH")
        await until(lambda: b.titles() == ["first"])
        send = a.transport.send

        async def lose(recipient, tag, klass, data):
            if klass != "records":
                await send(recipient, tag, klass, data)

        a.transport.send = lose
        kept, _ = await a.say("swallowed", "BIRCH")
        await until(lambda: a.state(kept) == {"BIRCH": "sent"})
        a.transport.send = send
        # Nothing more is said: only the heartbeat shows the lost tail.
        await until(lambda: b.titles() == ["first", "swallowed"])
        await until(lambda: a.state(kept) == {"BIRCH": "delivered"})
        whole(b)


async def test_what_waits_for_its_turn_when_its_keys_time_ends_still_comes(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.say("first", "BIRCH")
        await until(lambda: b.titles() == ["first"])
        send, lost, passing = a.transport.send, [], []

        async def lose_all_but_the_second(recipient, tag, klass, data):
            if klass == "records" and len(lost) != 1:
                lost.append(data)
                return
            if klass == "records":
                passing.append(data)
                lost.append(b"")
            await send(recipient, tag, klass, data)

        a.transport.send = lose_all_but_the_second
        early, _ = await a.say("swallowed", "BIRCH")
        await until(lambda: a.state(early) == {"BIRCH": "sent"})
        late, _ = await a.say("waits", "BIRCH")
        await until(lambda: passing and b.exchange._inboxes["ASTER"]._held)
        (held,) = b.exchange._inboxes["ASTER"]._held.values()
        for node in (a, b):
            node.clock.ahead += 3 * HOUR
        await until(lambda: held.epoch not in b.exchange._inboxes["ASTER"].keys)
        a.transport.send = send
        await until(lambda: b.titles() == ["first", "swallowed", "waits"])
        await until(lambda: a.state(late) == {"BIRCH": "delivered"})
        whole(b)


async def test_realms_are_chains_of_their_own(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        for i in range(5):
            await a.say(f"live{i}", "BIRCH", realm="live")
            await a.say(f"night{i}", "BIRCH")
        _, release = await a.say("again", "BIRCH", realm="replay:old")
        assert release.audience == frozenset()
        await until(lambda: b.titles("live") == [f"live{i}" for i in range(5)] and b.titles(REALM) == [f"night{i}" for i in range(5)])
        assert b.journal.realms() == [REALM, "live"]
        whole(b)


async def test_many_voices_at_once_make_one_chain(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        await asyncio.gather(*(a.say(f"r{i}", "BIRCH", *(["CEDAR"] if i % 3 else [])) for i in range(300)))
        said = [k.record for k in a.journal.records(REALM, limit=1000)]
        await until(lambda: len(b.ear.records) == 300 and len(c.ear.records) == 200)
        assert [k.record.id for k in b.ear.records] == [record.id for record in said]
        assert [k.record.id for k in c.ear.records] == [record.id for record in said if may_read(record.label, clearance("CEDAR"))]
        await until(lambda: [link.behind_out for link in a.exchange.links()] == [0, 0])
        for node in (a, b, c):
            whole(node)


async def test_both_say_at_once(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        for i in range(40):
            await a.say(f"a{i}", "BIRCH")
            await b.say(f"b{i}", "ASTER")
        await until(lambda: b.titles() == [f"a{i}" for i in range(40)] and a.titles() == [f"b{i}" for i in range(40)])
        whole(a)
        whole(b)
