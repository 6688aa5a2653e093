"""Keys change, are stolen and are trusted no more, while nodes go on sharing over a real relay."""

import asyncio

import pytest
from tests.exchange.helpers import QUICK, clearance, label, town, until

from tocsin.core import LIVE, InputError, Revocation, SeededEntropy, make
from tocsin.core.times import HOUR
from tocsin.exchange import NodeKeys, RecoveryKey, Refused, seal, verify_proof, wire
from tocsin.exchange.keys import Prekeys

pytestmark = pytest.mark.anyio
SAFE = RecoveryKey.make(SeededEntropy("safe"))


def with_recovery(name):
    return NodeKeys.make(name, SAFE.digest())


def revocation(node, partner, *readers):
    body = Revocation(partner=partner, card=node.book.get(partner).card.digest().hex(), state="revoked", reason="stolen")
    return make(
        body, realm=LIVE, origin=node.name, author="mara", label=label(node.name, *readers, level=0),
        protocol_time=node.clock.now(), realm_time=node.clock.now(), entropy=node.entropy,
    )  # fmt: skip


async def rotate(place, name):
    node = place[name]
    node.keys.become(node.keys.rotated(f"Watch of {name}", node.clock, HOUR))
    await node.exchange.introduce()


async def test_partners_follow_a_rotation_without_people_and_lose_nothing(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.say("before", "BIRCH")
        await until(lambda: b.titles() == ["before"])
        old = place.card("ASTER")
        proof = b.journal.records("exercise:night", kind="report")[0]
        await rotate(place, "ASTER")
        await a.say("after", "BIRCH")
        await b.say("back", "ASTER")
        await until(lambda: b.titles() == ["before", "after"] and a.titles() == ["back"])
        assert b.book.get("ASTER").card.digest() == a.keys.digest() != old.digest()
        assert b.book.standing("ASTER").state == "rotated"
        assert b.refusals() == a.refusals() == []
        # What was kept under the old card verifies by it, and by no other.
        cards = b.book.cards("ASTER")
        verify_proof(proof.data, proof.proof, cards[0].card)
        with pytest.raises(Exception, match="not signed"):
            verify_proof(proof.data, proof.proof, cards[1].card)
        last = b.journal.records("exercise:night", kind="report")[-2:]
        assert [k for k in last if k.record.origin == "ASTER"]
        for kept in [k for k in last if k.record.origin == "ASTER" and k.data != proof.data]:
            verify_proof(kept.data, kept.proof, cards[1].card)


async def test_a_partner_that_was_away_through_two_rotations_follows_them_all(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await until(lambda: a.exchange.links()[0].state == "up")
        await b.transport.cut()
        await rotate(place, "ASTER")
        await rotate(place, "ASTER")
        await a.say("while away", "BIRCH")
        await a.exchange.share(a.observations(5, "BIRCH"))
        await asyncio.sleep(0.3)
        # Nothing that it could not check is left for it.
        assert a.counts["sent"] == 0
        await b.transport.restore()
        await until(lambda: b.titles() == ["while away"])
        assert [old.how for old in b.book.cards("ASTER")] == ["pinned", "rotated"]
        assert b.refusals() == []


async def test_a_node_that_rotated_comes_back_from_a_restart_with_its_new_keys(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await rotate(place, "ASTER")
        await until(lambda: a.book.told("BIRCH") == a.keys.digest())
        await a.restart()
        await b.restart()
        await a.say("again", "BIRCH")
        await until(lambda: b.titles() == ["again"])


async def test_a_chain_that_leads_from_other_keys_is_refused_on_the_wire(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        held = b.book.get("ASTER").card
        false = NodeKeys.make("ASTER").rotated("Watch of ASTER", a.clock, HOUR)
        message = seal.make_control(false, "BIRCH", wire.Succession(false.links), a.clock.now())
        await a.transport.send("BIRCH", wire.NO_TAG, wire.CONTROL, message)
        await until(lambda: b.refusals() == ["succession"])
        # A true chain in a message that the new keys did not sign is refused too.
        true = a.keys.rotated("Watch of ASTER", a.clock, HOUR)
        message = seal.make_control(false, "BIRCH", wire.Succession(true.links), a.clock.now())
        await a.transport.send("BIRCH", wire.NO_TAG, wire.CONTROL, message)
        await until(lambda: b.refusals() == ["succession", "signature"])
        assert b.book.get("ASTER").card.digest() == held.digest()


async def test_a_recovery_puts_out_whoever_has_the_stolen_keys(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", keys=with_recovery) as place:
        a, b = place["ASTER"], place["BIRCH"]
        stolen = NodeKeys(a.keys._seeds)
        a.keys.become(a.keys.recovered(SAFE, RecoveryKey.make(SeededEntropy("next")), "Watch of ASTER", a.clock))
        # The relay does not know the new log-in: the chain goes by hand, and proves itself.
        await b.book.follow("ASTER", a.keys.links)
        await place.relay.set_members([place.card("ASTER"), place.card("BIRCH")])
        assert b.book.standing("ASTER").state == "recovered"
        await a.say("mine again", "BIRCH")
        await until(lambda: b.titles() == ["mine again"])
        before = len(b.refusals())
        message = seal.make_control(stolen, "BIRCH", wire.Receipt(()), a.clock.now() + 1)
        await a.transport.send("BIRCH", wire.NO_TAG, wire.CONTROL, message)
        await until(lambda: b.refusals()[before:] == ["signature"])
        thief = stolen.rotated("Watch of ASTER", a.clock, HOUR)
        await b.book.follow("ASTER", thief.links)
        assert b.book.get("ASTER").card.digest() == a.keys.digest()


class Tap:
    """Everything that a node hands to the relay, beside the relay itself."""

    def __init__(self, transport):
        self._transport, self.sent = transport, []

    def __getattr__(self, name):
        return getattr(self._transport, name)

    async def send(self, recipient, tag, klass, data):
        self.sent.append((recipient, klass, data))
        await self._transport.send(recipient, tag, klass, data)


async def test_nothing_sealed_after_a_revocation_can_be_opened_by_whom_it_names(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR", wrap=lambda _, transport: Tap(transport)) as place:
        a, b, c = (place[name] for name in ("ASTER", "BIRCH", "CEDAR"))
        await a.say("to both", "BIRCH", "CEDAR")
        await until(lambda: b.titles() == c.titles() == ["to both"])
        tap = a.transport
        await until(lambda: any(recipient == "CEDAR" for recipient, *_ in tap.sent))
        mark = len(tap.sent)
        kept = await a.exchange.put_out("CEDAR", revocation(a, "CEDAR", "BIRCH"), "revoked", "stolen")
        await a.say("to all who are left", "BIRCH", "CEDAR")
        await a.exchange.share(a.observations(20, "BIRCH", "CEDAR"))
        await until(lambda: b.titles() == ["to both", "to all who are left"] and b.ear.batches)
        await asyncio.sleep(1.5)  # three heartbeats
        after = tap.sent[mark:]
        assert {recipient for recipient, *_ in after} == {"BIRCH"}
        # CEDAR has its own keys, the prekeys and epoch keys in its memory, and every byte that the relay saw.
        context = c.exchange._context
        epochs = [key for inbox in c.exchange._inboxes.values() for key, _ in inbox.keys._keys.values()]
        assert epochs
        envelopes = [wire.read(wire.read(data, wire.Packet).envelope, wire.Envelope) for _, klass, data in after if klass != wire.CONTROL]
        assert len(envelopes) >= 3
        grants = []
        for _, klass, data in after:
            control = wire.read(wire.read(data, wire.SignedControl).control, wire.Control) if klass == wire.CONTROL else None
            if control is not None and control.kind == "grant":
                grants.append(wire.read(control.body, wire.Grant))
        assert grants
        for grant in grants:
            for recipient in ("BIRCH", "CEDAR"):
                pairs = [context.keys.kem, *(pair for pair, _ in context.prekeys._held.values())]
                info = seal._grant_info("ASTER", recipient, grant.epoch, grant.commitment)
                assert all(pair.open(grant.wrapped, info) is None for pair in pairs)
        for envelope in envelopes:
            for key in epochs:
                with pytest.raises(Refused):
                    seal.unseal(envelope, key)
        # The others were told, by a record that proves itself.
        told = b.journal.records(LIVE, kind="revocation")
        assert [k.record.id for k in told] == [kept.record.id]
        verify_proof(told[0].data, told[0].proof, b.book.get("ASTER").card)
        assert c.journal.records(LIVE, kind="revocation") == []
        # What it says now is refused, and it is asked nothing.
        await c.say("still here", "ASTER")
        await asyncio.sleep(0.5)
        assert "still here" not in a.titles()


async def test_a_revocation_is_in_force_when_its_record_is_on_disk_and_outlives_a_restart(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a = place["ASTER"]
        await place["CEDAR"].transport.cut()
        left, _ = await a.say("left", "CEDAR")
        await until(lambda: a.state(left)["CEDAR"] == "sent")
        await a.transport.cut()
        owed, _ = await a.say("owed", "CEDAR")
        await a.exchange.put_out("CEDAR", revocation(a, "CEDAR", "BIRCH"), "revoked", "stolen")
        assert a.state(owed)["CEDAR"] == "withheld"
        # What lay at the relay already may have been fetched.
        assert a.fate(left, "CEDAR").state == "sent"
        assert a.fate(left, "CEDAR").reason == "It is revoked. It had left before that: they may have it."
        await a.transport.restore()
        with pytest.raises(InputError, match="no partner"):
            await a.exchange.put_out("CEDAR", revocation(a, "BIRCH"), "revoked", "stolen")
        await a.restart()
        assert a.book.get("CEDAR") is None
        _, release = await a.say("more", "BIRCH", "CEDAR")
        assert release.audience == {"BIRCH"}
        with pytest.raises(InputError, match="not for that partner"):
            await a.exchange.put_out("BIRCH", revocation(a, "BIRCH", "BIRCH"), "revoked", "stolen")
        assert a.book.get("BIRCH") is not None


async def test_a_revocation_that_cannot_be_kept_leaves_the_partner_as_it_was(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]

        def broken(*_):
            raise InputError("no")

        whole = a.book.put_out_rows
        a.book.put_out_rows = broken
        with pytest.raises(InputError):
            await a.exchange.put_out("BIRCH", revocation(a, "BIRCH"), "revoked", "stolen")
        a.book.put_out_rows = whole
        await a.say("still", "BIRCH")
        await until(lambda: b.titles() == ["still"])


async def test_the_relay_drops_whom_it_is_told_to_with_everything_that_was_left_for_it(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = (place[name] for name in ("ASTER", "BIRCH", "CEDAR"))
        await until(lambda: all(link.state == "up" for link in a.exchange.links()))
        drops = a.transport._client, b.transport._client
        await place.relay.set_members([place.card("ASTER"), place.card("BIRCH")])
        await until(lambda: not c.transport.connected)
        client = await place.relay._connect()
        names = {info.config.name for info in await client.jetstream().streams_info()}
        await client.close()
        assert names == {wire.stream_name(x, y, k) for x, y in (("ASTER", "BIRCH"), ("BIRCH", "ASTER")) for k in wire.CLASSES}
        # Those who stay were not dropped.
        assert (a.transport._client, b.transport._client) == drops
        await a.say("on", "BIRCH")
        await until(lambda: b.titles() == ["on"])


# The pairing test


async def last(place, one, other):
    steps = await place[one].exchange.test(other)
    return steps[-1], [step.what for step in steps if step.well]


async def test_a_pairing_test_goes_all_the_way_there_and_back(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a = place["ASTER"]
        await until(lambda: a.exchange.links()[0].state == "up")
        step, well = await last(place, "ASTER", "BIRCH")
        assert step.well
        assert well == [
            "card pinned here",
            "relay",
            "login",
            "inbox",
            "their inbox",
            "heartbeat",
            "my card there",
            "clock",
            "prekey",
            "grant",
            "echo",
        ]
        assert place["BIRCH"].journal.records(LIVE) == []
        assert a.exchange._trust.trials == {}
        step, _ = await last(place, "ASTER", "CEDAR")
        assert (step.side, step.what) == ("here", "card pinned here")


async def test_a_pairing_test_says_that_the_other_side_has_pinned_another_card(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        b = place["BIRCH"]
        await b.book.remove("ASTER")
        wrong = NodeKeys.make("ASTER").card("Watch of ASTER", b.clock)
        await b.book.add(wrong, clearance("ASTER"))
        await b.restart()
        await until(lambda: place["ASTER"].exchange.links()[0].state == "up")
        step, _ = await last(place, "ASTER", "BIRCH")
        assert (step.well, step.side, step.what) == (False, "there", "my card there")
        assert wrong.fingerprint() in step.says
        step, _ = await last(place, "BIRCH", "ASTER")
        assert (step.well, step.side, step.what) == (False, "here", "heartbeat")


async def test_a_pairing_test_says_when_nothing_comes_from_there(tmp_path, monkeypatch):
    monkeypatch.setattr("tocsin.exchange.pairing.ANSWER_S", 1.0)
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await b.book.remove("ASTER")
        await until(lambda: a.exchange._inboxes["BIRCH"].age() is None or a.exchange._inboxes["BIRCH"].age() > 3 * QUICK.heartbeat)
        step, _ = await last(place, "ASTER", "BIRCH")
        assert (step.well, step.side, step.what) == (False, "there", "heartbeat")
        await place.relay.set_members([place.card("ASTER")])
        await until(lambda: not a.transport.has_stream("BIRCH"))
        step, _ = await last(place, "ASTER", "BIRCH")
        assert (step.well, step.side, step.what) == (False, "relay", "inbox")


async def test_a_pairing_test_says_whose_relay_link_is_down_or_refused(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a = place["ASTER"]
        await place.relay.set_members([place.card("BIRCH")])
        await until(lambda: not a.transport.connected)
        step, _ = await last(place, "ASTER", "BIRCH")
        assert (step.well, step.side, step.what) == (False, "relay", "login")
        await place.relay.stop()
        step, _ = await last(place, "ASTER", "BIRCH")
        assert (step.well, step.side, step.what) == (False, "relay", "relay")


@pytest.mark.parametrize(("ahead", "side"), [(HOUR, "here"), (-HOUR, "there")])
async def test_a_pairing_test_names_the_clock(tmp_path, ahead, side):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a = place["ASTER"]
        await until(lambda: a.exchange.links()[0].state == "up")
        a.clock.ahead = ahead
        # What was heard before the clock was set says nothing about now, even if it seems to be of a time to come.
        assert a.exchange.links()[0].state == "down"
        step, _ = await last(place, "ASTER", "BIRCH")
        assert (step.well, step.side, step.what) == (False, side, "clock")
        a.clock.ahead = 0
        await until(lambda: a.exchange.links()[0].state == "up")


async def test_an_altered_trial_is_answered_with_the_check_that_said_no(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await until(lambda: b.exchange.links()[0].state == "up")
        trial = a.exchange._trust.begin(a.book.get("BIRCH"))
        envelope = bytearray(trial.ping.envelope)
        envelope[-1] ^= 1
        await a.exchange._context.control("BIRCH", wire.Ping(trial.ping.nonce, trial.ping.grant, bytes(envelope)))
        await until(lambda: trial.pong is not None)
        assert trial.pong.opened == "altered"
        assert not trial.echoed


def test_prekeys_die_with_their_day():
    from tocsin.core import ManualClock

    clock = ManualClock(1)
    prekeys = Prekeys(clock, SeededEntropy(1))
    first = prekeys.current()
    clock.move_to(26 * HOUR)
    assert prekeys.get(first.id) is None
