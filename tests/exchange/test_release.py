"""The sender decides again each time: what may no longer go is marked, never sent."""

import asyncio

import pytest
from tests.exchange.helpers import POLICY, town, until

from tocsin.core import Clearance, InputError, TocsinError
from tocsin.exchange import wire

pytestmark = pytest.mark.anyio


async def test_a_record_that_may_no_longer_go_leaves_a_marker_and_the_chain_goes_on(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await b.transport.cut()
        await a.transport.cut()
        first, _ = await a.say("first", "BIRCH")
        high, _ = await a.say("high", "BIRCH", level=2)
        last, _ = await a.say("last", "BIRCH")
        # BIRCH's clearance is lowered while all three wait.
        await a.book.add(place.card("BIRCH"), Clearance(POLICY, "BIRCH", 1))
        sent = []
        send = a.transport.send

        async def tapped(recipient, tag, klass, data):
            sent.append(data)
            await send(recipient, tag, klass, data)

        a.transport.send = tapped
        await a.transport.restore()
        await b.transport.restore()
        await until(lambda: b.titles() == ["first", "last"])
        await until(lambda: a.state(last) == {"BIRCH": "delivered"})
        assert a.state(first) == {"BIRCH": "delivered"}
        assert a.state(high) == {"BIRCH": "withheld"}
        assert b.counts["withdrawn"] == 1
        assert b.counts["lost"] == 0
        assert b.refusals() == []


async def test_an_erased_record_leaves_a_marker_when_it_is_asked_for_again(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.transport.cut()
        kept, _ = await a.say("to be erased", "BIRCH")
        await a.say("stays", "BIRCH")
        assert await a.journal.erase(kept.record.id)
        await a.transport.restore()
        await until(lambda: b.titles() == ["stays"])
        assert b.counts["withdrawn"] == 1


async def test_a_receiver_that_lost_its_journal_is_told_everything_again(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        for i in range(12):
            await a.say(f"r{i}", "BIRCH")
        await until(lambda: len(b.titles()) == 12)
        await b.stop()
        for file in sorted(b.folder.rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
        await b.start()
        await place.introduce("BIRCH", "ASTER")
        await b.go()
        await until(lambda: b.titles() == [f"r{i}" for i in range(12)])
        assert b.counts["lost"] == b.counts["doubled"] == 0


async def test_saying_a_record_again_sends_nothing_twice(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        record = a.report("once", "BIRCH")
        first, _ = await a.exchange.say(record)
        again, _ = await a.exchange.say(record)
        assert first == again
        await a.say("then", "BIRCH")
        await until(lambda: b.titles() == ["once", "then"])
        assert a.counts["sent"] == 2


async def test_a_node_says_only_what_is_its_own(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        with pytest.raises(InputError, match="originates"):
            await place["ASTER"].exchange.say(place["BIRCH"].report("x", "ASTER"))


async def test_an_envelope_is_shared_by_its_audience_and_by_nobody_else(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        envelopes = {}
        send = a.transport.send

        async def tapped(recipient, tag, klass, data):
            if klass == "records":
                envelopes.setdefault(recipient, []).append(wire.read(data, wire.Packet).envelope)
            await send(recipient, tag, klass, data)

        a.transport.send = tapped
        await a.say("both", "BIRCH", "CEDAR")
        await until(lambda: b.titles() == c.titles() == ["both"])
        await a.say("one", "BIRCH")
        await until(lambda: b.titles() == ["both", "one"])
        assert envelopes["BIRCH"][0] == envelopes["CEDAR"][0]
        assert len(envelopes["CEDAR"]) == 1
        epochs = [wire.read(wire.read(e, wire.Envelope).head, wire.EnvelopeHead).epoch for e in envelopes["BIRCH"]]
        assert epochs[0] != epochs[1]


async def test_a_change_of_membership_begins_new_epochs(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.say("before", "BIRCH")
        await until(lambda: b.titles() == ["before"])
        held = set(b.exchange._inboxes["ASTER"].keys._keys)
        await a.book.remove("CEDAR")
        await a.say("after", "BIRCH")
        await until(lambda: b.titles() == ["before", "after"])
        assert set(b.exchange._inboxes["ASTER"].keys._keys) > held


async def test_epochs_rotate_by_time(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        for i in range(3):
            await a.say(f"r{i}", "BIRCH")
            await until(lambda i=i: len(b.titles()) == i + 1)
            a.clock.ahead += 3_600_000_000
            b.clock.ahead += 3_600_000_000
        assert a.counts["grants_sent"] == 3


async def test_a_grant_that_was_lost_is_asked_for(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        send, lost = a.transport.send, []

        async def lose_first(recipient, tag, klass, data):
            if klass == "control" and not lost and wire.read(wire.read(data, wire.SignedControl).control, wire.Control).kind == "grant":
                lost.append(data)
                return
            await send(recipient, tag, klass, data)

        a.transport.send = lose_first
        await a.say("sealed", "BIRCH")
        await until(lambda: b.titles() == ["sealed"])
        assert lost
        assert b.counts["grants_asked"] >= 1
        assert b.refusals() == []


async def test_what_was_sealed_under_a_forgotten_epoch_is_sealed_afresh(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await b.transport.cut()
        for i in range(5):
            await a.say(f"r{i}", "BIRCH")
        await until(lambda: a.counts["sent"] == 5)
        a.exchange._grants.epochs.end_all()
        # The grant itself is gone from the relay as it would be after a minute.
        client = await place.relay._connect()
        await client.jetstream().purge_stream(wire.stream_name("BIRCH", "ASTER", "control"))
        await client.close()
        await b.transport.restore()
        await until(lambda: b.titles() == [f"r{i}" for i in range(5)])
        assert b.counts["lost"] == b.counts["doubled"] == 0
        assert b.refusals() == []


async def test_links_tell_who_is_up_late_and_down(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await until(lambda: a.exchange.links()[0].state == "up")
        await b.transport.cut()
        await until(lambda: a.exchange.links()[0].state == "late")
        a.clock.ahead += 61_000_000
        assert a.exchange.links()[0].state == "down"
        await until(lambda: a.ear.changes.count("links") >= 3)
        a.clock.ahead = 0
        await b.transport.restore()
        await until(lambda: a.exchange.links()[0].state == "up")


async def test_a_relay_that_is_not_there_keeps_nobody_from_working(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await place.relay.stop()
        kept, _ = await a.say("kept meanwhile", "BIRCH")
        await a.exchange.share(a.observations(5, "BIRCH"))
        assert a.state(kept) == {"BIRCH": "queued"}
        await asyncio.sleep(0.3)
        await place.relay.start([place.card(name) for name in place.nodes])
        await until(lambda: b.titles() == ["kept meanwhile"])


async def test_errors_are_the_cores(tmp_path):
    from tocsin.exchange import errors

    for name in ("BadCard", "BadWire", "Refused", "BadProof", "OpenRelay", "RelayUnreachable", "RelayFull"):
        assert issubclass(getattr(errors, name), TocsinError)
