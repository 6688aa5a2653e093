"""What a partner shows ahead of its turn is checked as in its turn: it is kept once, and nothing that is not urgent comes that way."""

import msgspec
import pytest
from tests.exchange.helpers import REALM, label, until
from tests.exchange.test_hostile import lying, packet_of, refused

from tocsin.core import Recall, Ref, encode
from tocsin.exchange import NodeKeys, seal, urgent, wire
from tocsin.exchange.errors import Refused
from tocsin.exchange.seal import Epoch

pytestmark = pytest.mark.anyio
KNOWN = b"e" * 16  # as `lying` grants it


def recall(node, of, *readers, why="mistaken", **more):
    return node.record(Recall(why=why), *readers, level=more.pop("level", 0), refs=[Ref("recalls", of)], **more)


class Shown:
    """Packets of ASTER's chain, made freely with its keys, and BIRCH's inbox that they are shown to."""

    def __init__(self, place):
        self.a, self.b = place["ASTER"], place["BIRCH"]
        self.card = place.card("ASTER")
        self.inbox = self.b.exchange._inboxes["ASTER"]
        self.chain = next(one for one in self.inbox.chains.values() if one.klass == wire.RECORDS)
        self.first = self.b.ear.records[0].record.id

    def packet(self, *records, kinds=None, epoch=KNOWN, key=b"k" * 32, tag="", **more):
        of = Epoch(epoch, key, frozenset({"BIRCH"}), 0, self.b.clock.now() + 10**9)
        kinds = kinds or [record.kind for record in records]
        return packet_of(self.a.keys, [encode(record) for record in records], self.chain, tag or self.chain.tag, of, kinds=kinds, **more)

    async def take(self, *records, **more):
        await self.inbox.early.take(self.packet(*records, **more), self.card)

    def held(self):
        return [kept.record.id for kept in self.b.journal.records(REALM, kind="recall")]

    async def grant(self, epoch, key):
        of = Epoch(epoch, key, frozenset({"BIRCH"}), 0, self.b.clock.now() + 10**9)
        await self.inbox.grant(seal.make_grant(of, "ASTER", self.b.keys.card("B", self.b.clock), None), self.card)


async def test_whatever_is_shown_early_is_checked_as_in_its_turn_and_leaves_the_chain_where_it_was(tmp_path):
    async with lying(tmp_path) as (place, _):
        shown = Shown(place)
        a, stood = shown.a, (shown.chain.next, shown.chain.hash)
        good = recall(a, shown.first, "BIRCH")
        theirs = msgspec.structs.replace(good, origin="CEDAR", label=label("CEDAR", "ASTER", "BIRCH"))
        two = tuple(wire.Item(0, encode(recall(a, shown.first, "BIRCH", why=why))) for why in ("one", "two"))
        more_than_said = seal.payload_of(a.keys, REALM, two, ("recall", "recall"))
        own, _ = await shown.b.say("of BIRCH itself", "ASTER")
        cases = (
            ("urgent", [a.report("in no hurry", "BIRCH")], {}),
            ("urgent", [good, a.report("beside what is", "BIRCH")], {}),
            ("urgent", [good], {"payload": more_than_said}),
            ("record", [a.report("under a false flag", "BIRCH")], {"kinds": ["recall"]}),
            ("origin", [theirs], {}),
            ("label", [recall(a, shown.first)], {}),
            ("label", [recall(a, shown.first, "BIRCH", level=3)], {}),
            ("recall", [recall(a, own.record.id, "BIRCH")], {}),
            ("realm", [good], {"realm": "live"}),
            ("realm", [recall(a, shown.first, "BIRCH", realm="replay:old")], {"realm": "replay:old", "tag": "b" * 16}),
            ("realm", [recall(a, shown.first, "BIRCH", realm="live")], {}),
            ("signature", [good], {"signer": NodeKeys.make("ASTER")}),
            ("readdressed", [good], {"recipient": "CEDAR"}),
            ("altered", [good], {"key": b"x" * 32}),
        )
        for reason, records, more in cases:
            with pytest.raises(Refused) as refusal:
                await shown.take(*records, **more)
            assert refusal.value.reason == reason, (reason, more)
        assert shown.held() == []
        assert (shown.chain.next, shown.chain.hash) == stood
        assert shown.b.counts.get("taken_early", 0) == 0


async def test_a_recall_that_was_shown_early_is_kept_once_and_found_held_in_its_turn(tmp_path):
    async with lying(tmp_path) as (place, say):
        shown = Shown(place)
        one = recall(shown.a, shown.first, "BIRCH")
        for _ in range(2):
            await shown.take(one)
        assert shown.held() == [one.id]
        assert shown.b.counts["taken_early"] == 1
        assert [kept.record.id for kept in shown.b.ear.records].count(one.id) == 1
        seal.verify_proof(*((kept := shown.b.journal.get(one.id)).data, kept.proof), shown.card)
        after = shown.a.report("after it", "BIRCH")
        await say([encode(one), encode(after)], kinds=["recall", "report"])
        await until(lambda: shown.b.counts.get("already_held", 0) == 1 and after.id in {kept.record.id for kept in shown.b.ear.records})
        # Its turn is over: shown once more it is not even opened.
        late = shown.packet(one, key=b"x" * 32)
        shown.chain.next += 1
        await shown.inbox.early.take(late, shown.card)
        assert shown.b.counts["doubled"] == shown.b.counts["lost"] == 0
        assert shown.b.counts["taken_early"] == 1


async def test_what_is_shown_before_its_key_waits_within_bounds_and_is_taken_when_the_key_comes(tmp_path):
    async with lying(tmp_path) as (place, _):
        shown = Shown(place)
        unheard, key = b"u" * 16, b"v" * 32
        asked = shown.b.counts.get("grants_asked", 0)
        for number in range(urgent.WAITING + 4):
            await shown.take(recall(shown.a, shown.first, "BIRCH", why=f"{number}"), epoch=unheard, key=key)
        assert len(shown.inbox.early._waiting) == urgent.WAITING
        assert shown.b.counts["grants_asked"] == asked + 1, "asked for once, however much waits for it"
        await shown.take(shown.a.report("in no hurry", "BIRCH"), epoch=unheard, key=key)
        assert shown.held() == []
        await shown.grant(unheard, key)
        # The oldest made way; what is not urgent is refused now that it is seen, and keeps nothing else away.
        assert len(shown.held()) == urgent.WAITING - 1
        assert shown.b.counts["early_refused"] == 1
        assert not shown.inbox.early._waiting


async def test_a_partner_that_shows_what_is_not_urgent_is_noted_by_the_wire(tmp_path):
    async with lying(tmp_path) as (place, _):
        shown = Shown(place)
        hurry = wire.Urgent(shown.packet(shown.a.report("in no hurry", "BIRCH")))
        data = seal.make_control(shown.a.keys, "BIRCH", hurry, shown.b.clock.now())
        client = await place.relay._connect()
        await client.jetstream().publish(wire.subject("BIRCH", "ASTER", wire.NO_TAG, wire.CONTROL), data)
        await client.close()
        await refused(shown.b, "urgent")
        assert shown.b.titles() == ["first"]
