"""A partner that something is withheld from receives not one byte that depends on it."""

import asyncio

import pytest
from tests.exchange.helpers import QUICK, REALM, town, until

from tocsin.exchange import seal, wire

pytestmark = pytest.mark.anyio

STILL = type(QUICK)(**{**QUICK.__dict__, "heartbeat": 3_600_000_000, "receipt_s": 0.02})
COUNTED = "records", "observations", "control"


async def night(tmp_path, *, withheld):
    """One night; what CEDAR was sent by ASTER: the plaintexts in order, and how many messages of each class and what lengths."""
    tmp_path.mkdir()
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR", settings=STILL, levels={"CEDAR": 1}) as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        seen, opened = [], []
        send, take = a.transport.send, seal.unseal

        async def tapped(recipient, tag, klass, data):
            if recipient == "CEDAR":
                seen.append((klass, len(data) if klass != "control" else 0))
            await send(recipient, tag, klass, data)

        a.transport.send = tapped
        inbox = c.exchange._inboxes["ASTER"]
        place_one = inbox._take

        async def watched(one, header, envelope, card):
            payload = take(envelope, inbox.keys[seal.read_head(envelope).epoch])
            opened.append((payload.klass, payload.realm, payload.kinds, len(payload.items), header.first, header.count))
            await place_one(one, header, envelope, card)

        inbox._take = watched
        # The link-up heartbeats, which come at their own time, are over.
        await asyncio.sleep(0.3)
        seen.clear()
        for i in range(6):
            if withheld:
                await a.say(f"secret {i}", "BIRCH")
                await a.say(f"above {i}", "BIRCH", "CEDAR", level=2)
                await a.exchange.share(a.observations(5, "BIRCH", first=1000 + i))
                await a.say("another realm", "BIRCH", realm="exercise:other")
            await a.say(f"open {i}", "BIRCH", "CEDAR")
            await until(lambda i=i: c.titles() and c.titles()[-1] == f"open {i}")
            await a.exchange.share(a.observations(5, "BIRCH", "CEDAR", first=10 * i))
            await until(lambda i=i: len(c.ear.batches) == i + 1)
        if withheld:
            await until(lambda: len(b.titles()) == 18)
        await asyncio.sleep(0.2)
        records = [(k.record.kind, k.record.label, k.index) for k in c.journal.records(REALM)]
        counts = {klass: sum(k == klass for k, _ in seen) for klass in COUNTED}
        titles = c.titles()
        batches = [batch["identity"].tolist() for batch, *_ in c.ear.batches]
        assert c.journal.realms() == [REALM]
        assert c.refusals() == []
        return titles, records, batches, opened, counts, [one for one in seen if one[0] == "records"]


async def test_nothing_that_a_partner_receives_depends_on_what_it_may_not_have(tmp_path):
    without, with_ = await night(tmp_path / "without", withheld=False), await night(tmp_path / "with", withheld=True)
    for what, one, other in zip(("titles", "records", "batches", "opened", "counts", "lengths"), without, with_, strict=True):
        assert one == other, what
    assert without[4]["records"] == 6
    assert without[4]["observations"] == 6


async def test_nothing_at_all_is_sent_to_a_partner_that_may_have_nothing(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR", settings=STILL) as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        await asyncio.sleep(0.3)
        client = await place.relay._connect()
        names = [wire.stream_name("CEDAR", "ASTER", klass) for klass in wire.CLASSES]

        async def last():
            return [(await client.jetstream().stream_info(name)).state.last_seq for name in names]

        before = await last()
        for i in range(5):
            kept, _ = await a.say(f"secret {i}", "BIRCH")
            await a.exchange.share(a.observations(5, "BIRCH"))
        await until(lambda: len(b.titles()) == 5 and b.ear.batches)
        await asyncio.sleep(0.3)
        assert await last() == before
        await client.close()
        assert c.titles() == []
        assert c.journal.realms() == []
        assert {row.partner: row.state for row in a.exchange.ledger(kept.record.id)}["CEDAR"] == "withheld"


async def test_the_relay_sees_no_realm_kind_label_or_text(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        seen = []
        send = a.transport.send

        async def tapped(recipient, tag, klass, data):
            seen.append((tag, data))
            await send(recipient, tag, klass, data)

        a.transport.send = tapped
        await a.say("columns at the river", "BIRCH")
        await a.exchange.share(a.observations(5, "BIRCH"))
        await until(lambda: b.titles() and b.ear.batches)
        await asyncio.sleep(0.6)
        for tag, data in seen:
            for word in (b"night", b"exercise", b"report", b"radar", b"river", b"releasable", b"classification"):
                assert word not in data
                assert word.decode() not in tag
        tags = {tag for tag, _ in seen}
        assert len(tags) == 3  # control, and two classes of one realm that cannot be told from two realms


async def test_sizes_come_in_classes(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        lengths = {}
        send = a.transport.send

        async def tapped(recipient, tag, klass, data):
            if klass == "records":
                lengths[wire.read(wire.read(data, wire.Packet).header, wire.Header).first] = len(data)
            await send(recipient, tag, klass, data)

        a.transport.send = tapped
        for text in ("a", "a" * 10, "b" * 20, "c" * 2000):
            await a.say(text, "BIRCH")
            await until(lambda text=text: b.titles() and b.titles()[-1] == text)
        assert max(lengths[i] for i in range(3)) - min(lengths[i] for i in range(3)) <= 4  # the header's numbers, no more
        assert lengths[3] - lengths[2] > 4096
