"""Signed receipts: the sender keeps what its partner signed, a stranger checks it, and nobody else can make one."""

import hashlib

import pytest
from sqlalchemy import func, select
from tests.exchange.helpers import REALM, town, until
from tests.exchange.test_hostile import Tap, tapped

from tocsin.core import BadRecord, Receipt, Ref, SeededEntropy
from tocsin.exchange import BadProof, Card, NodeKeys, receipts, seal, wire
from tocsin.exchange.receipts import Credit, Owed
from tocsin.exchange.tables import signed_receipts

pytestmark = pytest.mark.anyio


async def delivered(place, text, *partners):
    kept, _ = await place["ASTER"].say(text, *partners)
    await until(lambda: all(place["ASTER"].state(kept)[name] == "delivered" for name in partners))
    return kept


async def signed(place, kept, partner="BIRCH"):
    a = place["ASTER"]
    await until(lambda: a.exchange.receipt(partner, kept.record.id), what="a signed receipt")
    return a.exchange.receipt(partner, kept.record.id)


def rows(node):
    return node.journal.read_rows(select(func.count()).select_from(signed_receipts))[0][0]


async def test_a_stranger_checks_what_a_recipient_signed_with_its_card_alone(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        said = [await delivered(place, f"report {i}", "BIRCH", "CEDAR") for i in range(3)]
        for name in ("BIRCH", "CEDAR"):
            card = Card.from_toml(place.card(name).to_toml())
            for kept in said:
                shown = receipts.check(await signed(place, kept, name), card, kept.data)
                assert shown.partner == name
                assert abs(shown.at - place["ASTER"].clock.now()) < 60_000_000
        await place["ASTER"].restart()
        receipts.check(await signed(place, said[0]), place.card("BIRCH"), said[0].data)


async def test_many_records_are_receipted_by_few_messages(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        said = [(await place["ASTER"].say(f"report {i}", "BIRCH"))[0] for i in range(60)]
        for kept in said:
            receipts.check(await signed(place, kept), place.card("BIRCH"), kept.data)
        assert rows(place["ASTER"]) < 30


async def test_a_receipt_shows_only_the_records_that_it_names(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        first, second = await delivered(place, "first", "BIRCH"), await delivered(place, "second", "BIRCH")
        message, card = await signed(place, first), place.card("BIRCH")
        with pytest.raises(BadProof, match="other records"):
            receipts.check(message, card, second.data)
        with pytest.raises(BadProof, match="another than the record's origin"):
            mine, _ = await place["BIRCH"].say("of BIRCH's own", "ASTER")
            receipts.check(message, card, mine.data)
        with pytest.raises(BadRecord):
            receipts.check(message, card, b"{}")
        with pytest.raises(BadProof, match="another partner's"):
            receipts.check(message, place.card("CEDAR"), first.data)
        with pytest.raises(BadProof, match="no receipt"):
            receipts.check(b"nothing", card, first.data)
        with pytest.raises(BadProof, match="no receipt"):
            receipts.check(seal.make_control(place["BIRCH"].keys, "ASTER", wire.NoGrant(bytes(16)), 1), card, first.data)


async def test_a_forged_receipt_is_refused_and_never_kept(tmp_path):
    async with tapped(tmp_path) as (place, tap):
        a, b = place["ASTER"], place["BIRCH"]
        kept = next(one for one in a.journal.records(REALM, kind="report"))
        await signed(place, kept)
        before = rows(a)
        digest = hashlib.sha256(kept.data).digest()
        forger = NodeKeys.from_seeds("BIRCH", SeededEntropy("a forger"))
        forged = seal.make_control(forger, "ASTER", wire.Receipt((), (digest,)), b.clock.now() + 1)
        a.exchange._arrivals.credit.grow("BIRCH", 10)
        await tap.leave("ASTER", "BIRCH", wire.NO_TAG, wire.CONTROL, forged)
        await until(lambda: "signature" in a.refusals())
        assert rows(a) == before
        with pytest.raises(BadProof, match="not signed by this partner's keys"):
            receipts.check(forged, place.card("BIRCH"), kept.data)
        # Nor may the sender itself make one up, or bend one that it has.
        mine = seal.make_control(a.keys, "ASTER", wire.Receipt((), (digest,)), b.clock.now() + 1)
        with pytest.raises(BadProof, match="another partner's"):
            receipts.check(mine, place.card("BIRCH"), kept.data)
        true = a.exchange.receipt("BIRCH", kept.record.id)
        for at in range(0, len(true), 7):
            bent = bytearray(true)
            bent[at] ^= 1
            with pytest.raises(BadProof):
                receipts.check(bytes(bent), place.card("BIRCH"), kept.data)


async def test_a_replayed_receipt_is_refused_and_stands_for_nothing_new(tmp_path):
    async with tapped(tmp_path, "ASTER", "BIRCH", "CEDAR") as (place, tap):
        a, c = place["ASTER"], place["CEDAR"]
        first = next(one for one in a.journal.records(REALM, kind="report"))
        message = await signed(place, first)
        before = rows(a)
        a.exchange._arrivals.credit.grow("BIRCH", 10)
        await tap.leave("ASTER", "BIRCH", wire.NO_TAG, wire.CONTROL, message)
        await until(lambda: "replayed" in a.refusals())
        assert rows(a) == before
        # Given to another node it says nothing there, and it is nobody's receipt for what came later.
        c.exchange._arrivals.credit.grow("BIRCH", 10)
        await tap.leave("CEDAR", "BIRCH", wire.NO_TAG, wire.CONTROL, message)
        await until(lambda: "readdressed" in c.refusals())
        assert rows(c) == 0
        second = await delivered(place, "second", "BIRCH")
        await signed(place, second)
        with pytest.raises(BadProof, match="other records"):
            receipts.check(message, place.card("BIRCH"), second.data)


async def test_a_partner_cannot_fill_the_disk_with_receipts(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await signed(place, await delivered(place, "first", "BIRCH"))
        before = rows(a)
        lies = tuple(hashlib.sha256(bytes([i])).digest() for i in range(200))
        await b.exchange.tell("ASTER", wire.Receipt((), lies))
        await until(lambda: a.counts["receipts_not_kept"] == 1)
        assert rows(a) == before


async def test_what_a_partner_would_not_keep_it_does_not_sign_for(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        # ASTER thinks that BIRCH may have it, BIRCH knows that it may not.
        kept = (await a.exchange.say(a.record(Receipt(state="read"), "BIRCH", refs=[Ref("receipt-of", "report--x")])))[0]
        await signed(place, kept)
        b.exchange._context.clearance = b.exchange._context.clearance.__class__("test", "BIRCH", 0)
        secret, _ = await a.say("above them", "BIRCH")
        after = (await a.exchange.say(a.report("beside", "BIRCH", level=0)))[0]
        await until(lambda: a.exchange.receipt("BIRCH", after.record.id))
        assert a.exchange.receipt("BIRCH", secret.record.id) is None
        await a.exchange.ask_receipts("BIRCH", [secret.record.id, kept.record.id])
        await until(lambda: a.counts["receipts_kept"] >= 3)
        assert a.exchange.receipt("BIRCH", secret.record.id) is None


async def test_a_receipt_that_was_lost_is_asked_for(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        b.exchange._inboxes["ASTER"].held.add = list  # as after a restart in between
        kept = await delivered(place, "first", "BIRCH")
        mine, _ = await b.say("of BIRCH's own", "ASTER")
        assert a.exchange.receipt("BIRCH", kept.record.id) is None
        await a.exchange.ask_receipts("BIRCH", [kept.record.id, mine.record.id, "report--nobody-knows"])
        message = await signed(place, kept)
        receipts.check(message, place.card("BIRCH"), kept.data)
        with pytest.raises(BadProof):
            receipts.check(message, place.card("BIRCH"), mine.data)  # it answers only for what the asker said


async def test_receipts_that_a_file_brings_are_kept(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        tap = Tap(place)
        tap.listen(b)
        await a.transport.cut()
        await b.transport.cut()
        kept, _ = await a.say("by file", "BIRCH")
        await b.exchange.take_in_bundle((await a.exchange.export_bundle("BIRCH")).data)
        await a.exchange.take_in_bundle((await b.exchange.export_bundle("ASTER")).data)
        assert a.state(kept)["BIRCH"] == "delivered"
        receipts.check(await signed(place, kept), place.card("BIRCH"), kept.data)


async def test_a_persons_reading_is_proven_by_the_record_that_says_so(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        kept, other = await delivered(place, "read me", "BIRCH"), await delivered(place, "and me", "BIRCH")
        receipt, _ = await b.say_body(Receipt(state="read"), "ASTER", refs=[Ref("receipt-of", kept.record.id)])
        await until(lambda: a.journal.get(receipt.record.id))
        held = a.journal.get(receipt.record.id)
        assert receipts.check_read(kept.record.id, held.data, held.proof, place.card("BIRCH")) == receipt.record.protocol_time
        with pytest.raises(BadProof, match="does not say that this record was read"):
            receipts.check_read(other.record.id, held.data, held.proof, place.card("BIRCH"))
        with pytest.raises(BadProof, match="another sender"):
            receipts.check_read(kept.record.id, held.data, held.proof, place.card("ASTER"))


def test_what_is_owed_is_told_once_in_order_and_never_more_than_fits():
    owed = Owed()
    digests = [hashlib.sha256(bytes([i % 256, i // 256])).digest() for i in range(wire.MAX_HELD + 10)]
    owed.add(digests)
    assert owed.some() == tuple(digests[: wire.MAX_HELD])
    first = owed.take()
    assert len(first) == wire.MAX_HELD
    owed.put_back(first)
    assert owed.take() == first
    assert owed.take() == tuple(digests[wire.MAX_HELD :])
    assert not owed


def test_credit_is_spent_once():
    credit = Credit()
    assert not credit.spend("BIRCH", 1)
    credit.grow("BIRCH", 3)
    assert not credit.spend("BIRCH", 4)
    assert not credit.spend("BIRCH", 0)
    assert credit.spend("BIRCH", 2)
    assert credit.spend("BIRCH", 1)
    assert not credit.spend("BIRCH", 1)
    assert not credit.spend("CEDAR", 1)
