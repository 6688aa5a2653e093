"""A partner that rotated its keys: what the old ones signed holds by the card of its time, and they sign nothing new."""

import pytest
from tests.exchange.helpers import town, until
from tests.exchange.test_trust import rotate

from tocsin.core import encode
from tocsin.core.times import DAY, HOUR
from tocsin.exchange import BadBundle, BadProof, NodeKeys, receipts, seal, wire
from tocsin.journal import Kept

pytestmark = pytest.mark.anyio


def reports(node):
    return node.journal.records("exercise:night", kind="report")


def old_hands(node):
    """The node's keys as a thief has them, who copied them before a rotation."""
    stolen = NodeKeys.__new__(NodeKeys)
    stolen.__dict__.update(node.keys.__dict__)
    return stolen


async def test_old_records_and_receipts_verify_by_the_card_of_their_time_and_old_keys_sign_nothing_new(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        said, _ = await a.say("before", "BIRCH")
        await b.say("also before", "ASTER")
        await until(lambda: b.titles() == ["before"] and a.titles() == ["also before"])
        await until(lambda: a.exchange.receipt("BIRCH", said.record.id))
        first, stolen = place.card("ASTER"), old_hands(a)
        await rotate(place, "ASTER")
        await until(lambda: b.book.get("ASTER").card.digest() == a.keys.digest())
        await a.say("after", "BIRCH")
        await until(lambda: b.titles() == ["before", "after"])
        old, new = (one for one in reports(b) if one.record.origin == "ASTER")
        assert b.book.verify(old).card.digest() == first.digest()
        assert b.book.verify(new).card.digest() == a.keys.digest()

        # The thief signs a record of today with the old keys: two days later no card of that time has signed it.
        b.clock.ahead = a.clock.ahead = 2 * DAY
        forged = a.report("forged", "BIRCH")
        item = wire.Item(0, encode(forged))
        payload = seal.payload_of(stolen, "exercise:night", (item,), ("report",))
        proof = seal.check_batch(payload, first)[0]
        with pytest.raises(BadProof, match="no card that this partner had at that time"):
            b.book.verify(Kept(0, item.data, forged, proof, b"", b""))
        receipt = seal.make_control(stolen, "BIRCH", wire.Receipt((), (bytes(32),)), b.clock.now())
        with pytest.raises(BadProof):
            b.book.check_receipt("ASTER", receipt, old.data)
        assert b.book.verify(old).card.digest() == first.digest()


async def test_a_file_that_was_signed_before_a_rotation_is_taken_later_but_not_for_ever_and_not_after_a_recovery(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await until(lambda: a.exchange.links()[0].state == "up")
        await a.transport.cut()
        await a.say("by file", "BIRCH")
        late = (await a.exchange.export_bundle("BIRCH")).data
        stolen = old_hands(a)
        await a.transport.restore()
        a.keys.become(a.keys.rotated("Watch of ASTER", a.clock, HOUR))
        await b.book.follow("ASTER", a.keys.links)
        cards, now = b.book.cards("ASTER"), b.clock.now()
        assert [one.digest() for one in b.book.believed_at("ASTER", now)] == [a.keys.digest(), cards[0].card.digest()]
        assert [one.digest() for one in b.book.believed_at("ASTER", now + DAY)] == [a.keys.digest()]
        b.clock.ahead = 31 * DAY
        assert [one.digest() for one in b.book.believed_at("ASTER", now)] == [a.keys.digest()]
        with pytest.raises(BadBundle):
            await b.exchange.take_in_bundle(late)
        b.clock.ahead = DAY
        assert (await b.exchange.take_in_bundle(late)).refused == 0
        assert b.titles() == ["by file"]
        # After a recovery whoever has the old keys is the reason for it: no earlier date helps.
        b.book._cards["ASTER"] = [cards[0], cards[1]._replace(how="recovered")]
        assert [one.digest() for one in b.book.believed_at("ASTER", now)] == [a.keys.digest()]
        with pytest.raises(BadBundle):
            await b.exchange.take_in_bundle(late)
        assert stolen.digest() != a.keys.digest()
        await b.book.remove("ASTER")
        assert b.book.believed_at("ASTER", now) == []


async def test_a_receipt_by_a_card_whose_time_was_over_does_not_hold(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a = place["ASTER"]
        said, _ = await a.say("first", "BIRCH")
        await until(lambda: a.exchange.receipt("BIRCH", said.record.id))
        message = a.exchange.receipt("BIRCH", said.record.id)
        assert a.book.check_receipt("BIRCH", message, said.data)[1].card.digest() == place["BIRCH"].keys.digest()
        at = receipts.sent_at(message)
        await rotate(place, "BIRCH")
        await until(lambda: len(a.book.cards("BIRCH")) == 2)
        a.book.check_receipt("BIRCH", message, said.data)
        cards = a.book.cards("BIRCH")
        a.book._cards["BIRCH"] = [cards[0]._replace(until=at - 2 * HOUR), cards[1]]
        with pytest.raises(BadProof):
            a.book.check_receipt("BIRCH", message, said.data)
        assert a.book.witness_keys()["BIRCH"] == {cards[0].card.ed25519: at - HOUR, cards[1].card.ed25519: None}
        with pytest.raises(BadProof, match="no receipt"):
            a.book.check_receipt("BIRCH", b"nothing", said.data)
