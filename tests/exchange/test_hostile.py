"""A wrong key, a replayed, altered or re-addressed envelope, a lying partner: refused, recorded, and visible."""

import asyncio
import hashlib
from contextlib import asynccontextmanager

import msgspec
import pytest
from tests.exchange.helpers import POLICY, REALM, Node, label, town, until

from tocsin.core import LIVE, Clearance, Label, Report, encode, make
from tocsin.exchange import Book, NodeKeys, chain, seal, wire
from tocsin.exchange.seal import Epoch
from tocsin.formats import columns

pytestmark = pytest.mark.anyio


class Tap:
    """The relay in hostile hands: it saw everything that was left with it and can leave anything with anyone."""

    def __init__(self, place):
        self.place, self.seen = place, []

    def listen(self, node):
        send = node.transport.send

        async def tapped(recipient, tag, klass, data):
            self.seen.append((node.name, recipient, tag, klass, data))
            await send(recipient, tag, klass, data)

        node.transport.send = tapped

    def last(self, klass, sender="ASTER", recipient="BIRCH"):
        return next((tag, data) for s, r, tag, k, data in reversed(self.seen) if (s, r, k) == (sender, recipient, klass))

    async def leave(self, recipient, sender, tag, klass, data):
        client = await self.place.relay._connect()
        try:
            await client.jetstream().publish(wire.subject(recipient, sender, tag, klass), data)
        finally:
            await client.close()


@asynccontextmanager
async def tapped(tmp_path, *names):
    async with town(tmp_path, *(names or ("ASTER", "BIRCH"))) as place:
        tap = Tap(place)
        for node in place.nodes.values():
            tap.listen(node)
        await place["ASTER"].say("first", "BIRCH")
        await until(lambda: place["BIRCH"].titles() == ["first"] and place["BIRCH"].ear.records)
        yield place, tap


def altered(data, at=-1):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


async def refused(node, reason, *, sender="ASTER"):
    await until(lambda: reason in node.refusals(), what=f"{reason}, but {node.refusals()}")
    link = next(link for link in node.exchange.links() if link.partner == sender)
    assert link.refused >= 1
    assert node.counts["refused"] >= 1
    assert node.counts[f"refused_{reason.replace('-', '_')}"] >= 1
    await until(lambda: "refusals" in node.ear.changes)


async def still_works(place, text="and on"):
    a, b = place["ASTER"], place["BIRCH"]
    kept, _ = await a.say(text, "BIRCH")
    await until(lambda: b.titles()[-1] == text)
    await until(lambda: a.state(kept)["BIRCH"] == "delivered")
    assert len(b.titles()) == len(set(b.titles()))
    assert b.counts["doubled"] == b.counts["lost"] == 0


async def test_a_replayed_envelope_is_refused_and_never_doubled(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        tag, data = tap.last("records")
        await tap.leave("BIRCH", "ASTER", tag, "records", data)
        await refused(place["BIRCH"], "replayed")
        assert place["BIRCH"].titles() == ["first"]
        assert len(place["BIRCH"].ear.records) == 1
        await still_works(place)


async def test_a_replay_is_refused_after_a_restart_too(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        tag, data = tap.last("records")
        await place["BIRCH"].restart()
        await tap.leave("BIRCH", "ASTER", tag, "records", data)
        await refused(place["BIRCH"], "replayed")
        await still_works(place)


async def test_replayed_observations_and_heartbeats_are_refused(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        a, b = place["ASTER"], place["BIRCH"]
        await a.exchange.share(a.observations(10, "BIRCH"))
        await until(lambda: b.ear.batches)
        tag, data = tap.last("observations")
        await tap.leave("BIRCH", "ASTER", tag, "observations", data)
        await refused(b, "replayed")
        assert len(b.ear.batches) == 1
        before = b.counts["refused"]
        tag, data = tap.last("control")
        await asyncio.sleep(0.2)
        await tap.leave("BIRCH", "ASTER", tag, "control", data)
        await until(lambda: b.counts["refused"] > before)


async def test_observations_of_a_chain_that_ended_do_not_come_back(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        a, b = place["ASTER"], place["BIRCH"]
        await a.exchange.share(a.observations(10, "BIRCH"))
        await until(lambda: b.ear.batches)
        tag, data = tap.last("observations")
        await a.restart()
        await a.exchange.share(a.observations(10, "BIRCH", first=50))
        await until(lambda: len(b.ear.batches) == 2)
        # The old epoch's key is in memory still, and the old chain is forgotten: its time gives it away.
        await tap.leave("BIRCH", "ASTER", tag, "observations", data)
        await refused(b, "replayed")
        assert len(b.ear.batches) == 2


@pytest.mark.parametrize("klass", ["records", "observations", "control"])
async def test_an_altered_message_is_refused(tmp_path, klass):
    async with tapped(tmp_path) as (place, tap):
        a, b = place["ASTER"], place["BIRCH"]
        await a.exchange.share(a.observations(10, "BIRCH"))
        await until(lambda: b.ear.batches)
        tag, data = tap.last(klass)
        await tap.leave("BIRCH", "ASTER", tag, klass, altered(data, -20 if klass != "control" else -70))
        await until(lambda: set(b.refusals()) & {"altered", "signature", "malformed"})
        await still_works(place)


async def test_an_envelope_whose_header_was_altered_is_refused(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        tag, data = tap.last("records")
        packet = wire.read(data, wire.Packet)
        header = wire.read(packet.header, wire.Header)
        forged = wire.write(msgspec.structs.replace(header, first=1, before=header.after))
        await tap.leave("BIRCH", "ASTER", tag, "records", wire.write(msgspec.structs.replace(packet, header=forged)))
        await refused(place["BIRCH"], "signature")
        await still_works(place)


async def test_an_envelope_in_another_header_is_refused(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        await place["ASTER"].say("second", "BIRCH")
        await until(lambda: len(place["BIRCH"].titles()) == 2)
        (tag, second), first = tap.last("records"), next(d for *_, k, d in tap.seen if k == "records")
        one, two = wire.read(first, wire.Packet), wire.read(second, wire.Packet)
        await tap.leave("BIRCH", "ASTER", tag, "records", wire.write(msgspec.structs.replace(two, envelope=one.envelope)))
        await refused(place["BIRCH"], "altered")
        await still_works(place)


async def test_an_envelope_for_another_recipient_is_refused(tmp_path):
    async with tapped(tmp_path, "ASTER", "BIRCH", "CEDAR") as (place, tap):
        await place["ASTER"].say("for both", "BIRCH", "CEDAR")
        await until(lambda: place["CEDAR"].titles() == ["for both"])
        tag, data = tap.last("records", recipient="CEDAR")
        await tap.leave("BIRCH", "ASTER", tag, "records", data)
        await refused(place["BIRCH"], "readdressed")
        await still_works(place)


async def test_an_envelope_under_another_realm_tag_or_class_is_refused(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        _, data = tap.last("records")
        await tap.leave("BIRCH", "ASTER", "a" * 16, "records", data)
        await refused(place["BIRCH"], "readdressed")
        await tap.leave("BIRCH", "ASTER", "a" * 16, "observations", data)
        await until(lambda: len(place["BIRCH"].refusals()) == 2)
        await still_works(place)


async def test_a_partner_cannot_speak_for_another(tmp_path):
    async with tapped(tmp_path, "ASTER", "BIRCH", "CEDAR") as (place, tap):
        tag, data = tap.last("records")
        await tap.leave("BIRCH", "CEDAR", tag, "records", data)
        await refused(place["BIRCH"], "sender", sender="CEDAR")
        control_tag, control = tap.last("control")
        await tap.leave("BIRCH", "CEDAR", control_tag, "control", control)
        await until(lambda: place["BIRCH"].refusals().count("sender") == 2)
        await still_works(place)


async def test_someone_with_other_keys_is_refused(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        b, mallory = place["BIRCH"], NodeKeys.make("ASTER")
        tag, _ = tap.last("records")
        head = b.exchange._inboxes["ASTER"].chains[tag, "records"]
        record = place["ASTER"].report("forged", "BIRCH")
        epoch = Epoch(b"e" * 16, b"k" * 32, frozenset({"BIRCH"}), 0, b.clock.now() + 10**9)
        grant = seal.make_grant(epoch, "ASTER", place.card("BIRCH"), None)
        await tap.leave("BIRCH", "ASTER", "0", "control", seal.make_control(mallory, "BIRCH", grant, b.clock.now()))
        await refused(b, "signature")
        packet = packet_of(mallory, [encode(record)], head, tag, epoch)
        await tap.leave("BIRCH", "ASTER", tag, "records", packet)
        await until(lambda: b.refusals().count("signature") == 2)
        assert b.titles() == ["first"]
        await still_works(place)


def packet_of(keys, datas, head, tag, epoch, *, kinds=None, realm=REALM, signer=None, recipient="BIRCH", payload=None):
    items = tuple(wire.Item(0, data) for data in datas)
    payload = payload or seal.payload_of(signer or keys, realm, items, tuple(kinds or ["report"] * len(datas)))
    envelope = seal.seal(payload, epoch.key, epoch.id, keys.partner, b"s" * 32)
    hashes = [chain.item_hash(item) for item in items]
    return seal.make_packet(
        keys,
        recipient=recipient,
        tag=tag,
        klass="records",
        first=head.next,
        before=head.hash,
        items=hashes,
        envelope=envelope,
        sent_at=head.sent_at + 1000,
    )


@asynccontextmanager
async def lying(tmp_path):
    """ASTER's keys in the hands of someone who makes envelopes freely; ASTER's own node is silent."""
    async with tapped(tmp_path) as (place, tap):
        a, b = place["ASTER"], place["BIRCH"]
        await a.transport.cut()
        tag, _ = tap.last("records")
        epoch = Epoch(b"e" * 16, b"k" * 32, frozenset({"BIRCH"}), 0, b.clock.now() + 10**9)
        grant = seal.make_grant(epoch, "ASTER", place.card("BIRCH"), None)
        await tap.leave("BIRCH", "ASTER", "0", "control", seal.make_control(a.keys, "BIRCH", grant, b.clock.now()))
        inbox = b.exchange._inboxes["ASTER"]
        await until(lambda: epoch.id in inbox.keys)

        async def say(datas, **more):
            await tap.leave("BIRCH", "ASTER", tag, "records", packet_of(a.keys, datas, inbox.chains[tag, "records"], tag, epoch, **more))

        yield place, say


async def only_refused(b, reason):
    await refused(b, reason)
    assert b.titles() == ["first"]
    assert b.counts["lost"] == b.counts["doubled"] == 0


async def test_a_record_of_another_origin_is_refused_and_the_chain_goes_on(tmp_path):
    async with lying(tmp_path) as (place, say):
        a, b = place["ASTER"], place["BIRCH"]
        stolen = make(
            Report(title="t", text="t", source="s"),
            realm=REALM,
            origin="CEDAR",
            author="x",
            label=label("CEDAR", "BIRCH"),
            protocol_time=1,
            realm_time=1,
            entropy=a.entropy,
        )
        await say([encode(stolen)])
        await only_refused(b, "origin")
        await say([encode(a.report("true", "BIRCH"))])
        await until(lambda: b.titles() == ["first", "true"])


async def test_a_record_whose_label_does_not_allow_us_is_refused(tmp_path):
    async with lying(tmp_path) as (place, say):
        a, b = place["ASTER"], place["BIRCH"]
        await say([encode(a.report("not for you"))])
        await only_refused(b, "label")
        await say([encode(a.report("too high", "BIRCH", level=3))])
        await until(lambda: b.refusals().count("label") == 2)
        other = msgspec.structs.replace(
            a.report("other policy", "BIRCH"), label=Label("q", 0, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"}))
        )
        await say([encode(other)])
        await until(lambda: b.refusals().count("label") == 3)
        assert b.titles() == ["first"]


@pytest.mark.parametrize("realm", ["replay:old", "nowhere", "live"])
async def test_an_envelope_of_a_replay_or_of_another_realm_than_its_chain_is_refused(tmp_path, realm):
    async with lying(tmp_path) as (place, say):
        await say([encode(place["ASTER"].report("x", "BIRCH"))], realm=realm)
        await only_refused(place["BIRCH"], "realm")


async def test_a_record_of_another_realm_than_its_envelope_is_refused(tmp_path):
    async with lying(tmp_path) as (place, say):
        await say([encode(place["ASTER"].report("x", "BIRCH", realm=LIVE))])
        await only_refused(place["BIRCH"], "realm")


async def test_a_record_that_the_strict_reader_refuses_is_refused(tmp_path):
    async with lying(tmp_path) as (place, say):
        good = encode(place["ASTER"].report("x", "BIRCH"))
        await say([good.replace(b'"realm":', b'"realm":"live","realm":', 1), b"\xff", encode(place["ASTER"].report("fine", "BIRCH"))])
        await until(lambda: place["BIRCH"].refusals() == ["record", "record"])
        # What is sound in the same envelope is kept, and its proof holds alone.
        await until(lambda: place["BIRCH"].titles() == ["first", "fine"] and len(place["BIRCH"].ear.records) == 2)
        kept = place["BIRCH"].ear.records[-1]
        seal.verify_proof(kept.data, kept.proof, place.card("ASTER"))


async def test_a_batch_signed_by_others_is_refused(tmp_path):
    async with lying(tmp_path) as (place, say):
        await say([encode(place["ASTER"].report("x", "BIRCH"))], signer=NodeKeys.make("ASTER"))
        await only_refused(place["BIRCH"], "signature")


async def test_another_record_under_an_id_that_is_taken_is_refused(tmp_path):
    async with lying(tmp_path) as (place, say):
        a, b = place["ASTER"], place["BIRCH"]
        first = b.ear.records[0].record
        await say([encode(msgspec.structs.replace(a.report("second face", "BIRCH"), id=first.id))])
        await only_refused(b, "identity")


async def test_a_grant_with_a_false_commitment_is_refused(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        a, b = place["ASTER"], place["BIRCH"]
        await a.transport.cut()
        epoch = Epoch(b"e" * 16, b"k" * 32, frozenset({"BIRCH"}), 0, b.clock.now() + 10**9)
        epoch.commitment = lambda: seal.commit(b"another key")
        grant = seal.make_grant(epoch, "ASTER", place.card("BIRCH"), None)
        await tap.leave("BIRCH", "ASTER", "0", "control", seal.make_control(a.keys, "BIRCH", grant, b.clock.now()))
        await refused(b, "commitment")


@pytest.mark.parametrize(
    "body",
    [
        wire.Receipt((wire.Have("a" * 16, 2**64 - 1, bytes(32)),)),
        wire.Receipt((wire.Have("a" * 16, 1, bytes(32), tuple(range(1000))),)),
        wire.AskRange("a" * 16, "records", 0, 2**63),
        wire.AskRange("a" * 16, "records", -1, 3),
        wire.Gone("a" * 16, 5, 2**64 - 1),
        wire.Heartbeat((wire.Head("a" * 16, "records", 2**63, bytes(32)),), (), wire.Prekey(b"1" * 8, bytes(1216), 1)),
        wire.Heartbeat((), (), wire.Prekey(b"1" * 8, b"short", 1)),
        wire.Heartbeat((wire.Head("a" * 16, "records", 1, bytes(32)),) * 300, (), wire.Prekey(b"1" * 8, bytes(1216), 1)),
        wire.AskGrant(b"e" * 16, wire.Prekey(b"", bytes(1216), 1)),
    ],
)
async def test_a_partners_absurd_figures_are_refused(tmp_path, body):
    async with tapped(tmp_path) as (place, tap):
        a, b = place["ASTER"], place["BIRCH"]
        await a.transport.cut()
        await tap.leave("BIRCH", "ASTER", "0", "control", seal.make_control(a.keys, "BIRCH", body, b.clock.now()))
        await refused(b, "malformed")
        assert b.counts["transport_failures"] == 0


async def test_a_range_of_a_chain_that_never_was_is_refused(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        a, b = place["ASTER"], place["BIRCH"]
        await a.transport.cut()
        ask = wire.AskRange("a" * 16, "records", 0, 5)
        await tap.leave("BIRCH", "ASTER", "0", "control", seal.make_control(a.keys, "BIRCH", ask, b.clock.now()))
        await refused(b, "range")


async def test_a_receipt_that_does_not_fit_the_chain_closes_nothing(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        a, b = place["ASTER"], place["BIRCH"]
        await b.transport.cut()
        kept, _ = await a.say("second", "BIRCH")
        await until(lambda: a.state(kept) == {"BIRCH": "sent"})
        tag, _ = tap.last("records")
        false = wire.Receipt((wire.Have(tag, 2, bytes(32)),))
        await tap.leave("ASTER", "BIRCH", "0", "control", seal.make_control(b.keys, "ASTER", false, a.clock.now()))
        await refused(a, "receipt", sender="BIRCH")
        assert a.state(kept)["BIRCH"] in {"queued", "sent"}  # once more, in a chain that begins anew
        await b.transport.restore()
        await until(lambda: a.state(kept) == {"BIRCH": "delivered"})


async def test_refusals_are_kept_at_a_bounded_rate_and_all_are_counted(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        b = place["BIRCH"]
        for i in range(30):
            await tap.leave("BIRCH", "ASTER", "a" * 16, "records", b"nonsense %d" % i)
        await until(lambda: b.counts["refused"] == 30)
        assert len(b.refusals()) == b.exchange._context.settings.refusals_a_minute == 20
        assert b.counts["refusals_not_kept"] == 10
        b.clock.ahead += 61_000_000
        await tap.leave("BIRCH", "ASTER", "a" * 16, "records", b"nonsense again")
        await until(lambda: len(b.refusals()) == 21)


async def test_a_removed_partner_is_not_heard_and_not_told(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        a, b = place["ASTER"], place["BIRCH"]
        await b.book.remove("ASTER")
        before = len(tap.seen)
        await a.say("unheard", "BIRCH")
        await asyncio.sleep(0.3)
        assert b.titles() == ["first"]
        release = (await b.say("untold", "ASTER"))[1]
        assert release.audience == frozenset()
        await asyncio.sleep(1)
        assert not [seen for seen in tap.seen[before:] if seen[:2] == ("BIRCH", "ASTER")]
        await b.book.add(place.card("ASTER"), Clearance(POLICY, "ASTER", 2))
        await until(lambda: b.titles() == ["first", "unheard"])


async def test_a_card_that_was_altered_on_disk_is_not_taken(tmp_path):
    from sqlalchemy import update

    from tocsin.exchange.tables import partners
    from tocsin.journal import Altered

    async with town(tmp_path, "ASTER", "BIRCH") as place:
        journal = place["BIRCH"].journal
        text = place.card("ASTER").to_toml().replace("Watch of ASTER", "Watch of DUNE")
        await journal.write(lambda connection: connection.execute(update(partners).values(card=text)))
        with pytest.raises(Altered, match="not as this node left them"):
            Book(journal, place["BIRCH"].clock)
        assert isinstance(place["BIRCH"], Node)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda a: a.observations(5), "label"),
        (lambda a: a.observations(5, "BIRCH", realm="exercise:other"), "realm"),
        (lambda a: b"no batch at all", "observations"),
    ],
)
async def test_observations_that_are_not_for_us_or_not_what_they_say_are_refused(tmp_path, change, reason):
    async with tapped(tmp_path) as (place, tap):
        a, b = place["ASTER"], place["BIRCH"]
        await a.transport.cut()
        epoch = Epoch(b"e" * 16, b"k" * 32, frozenset({"BIRCH"}), 0, b.clock.now() + 10**9)
        grant = seal.make_grant(epoch, "ASTER", place.card("BIRCH"), None)
        await tap.leave("BIRCH", "ASTER", "0", "control", seal.make_control(a.keys, "BIRCH", grant, b.clock.now()))
        batch = change(a)
        packed = batch if isinstance(batch, bytes) else columns.pack(batch)
        packet = seal.make_packet(
            a.keys,
            recipient="BIRCH",
            tag="b" * 16,
            klass="observations",
            first=0,
            before=wire.ZERO,
            items=[hashlib.sha256(packed).digest()],
            envelope=seal.seal(seal.payload_of_observations(a.keys, REALM, packed), epoch.key, epoch.id, "ASTER", b"s" * 32),
            sent_at=b.clock.now(),
        )
        await tap.leave("BIRCH", "ASTER", "b" * 16, "observations", packet)
        await refused(b, reason)
        assert b.ear.batches == []
