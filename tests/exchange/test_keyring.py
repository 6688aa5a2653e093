"""The keys that one partner grants: checked, bounded in number and in time, and asked for no more often than they are missed."""

from collections import Counter
from types import SimpleNamespace

import pytest

from tocsin.core import ManualClock, SeededEntropy
from tocsin.core.times import HOUR, SECOND
from tocsin.exchange import NodeKeys, Settings, seal, wire
from tocsin.exchange.errors import Refused
from tocsin.exchange.keyring import EPOCHS, GRACE, LONGEST, TRIES, Keyring
from tocsin.exchange.keys import Prekeys
from tocsin.exchange.seal import Epoch

pytestmark = pytest.mark.anyio
START = 1_790_000_000 * SECOND


class Place:
    """BIRCH's keyring of ASTER's epochs, with real keys, and what it says to ASTER."""

    def __init__(self, life=1):
        self.clock, self.said = ManualClock(START), []
        self.keys = NodeKeys.make("BIRCH")
        self.prekeys = Prekeys(self.clock, SeededEntropy(life))
        self.counts, self.settings = Counter(), Settings(ask_again=5 * SECOND)
        context = SimpleNamespace(
            clock=self.clock, keys=self.keys, prekeys=self.prekeys, counts=self.counts, settings=self.settings, control=self.control
        )
        self.ring = Keyring(context, "ASTER")

    async def control(self, partner, body):
        self.said.append((partner, body))
        return True

    def grant(self, number, *, until=None, prekey=None, to="BIRCH", sender="ASTER"):
        keys = self.keys if to == "BIRCH" else NodeKeys.make(to)
        epoch = Epoch(id_of(number), key_of(number), frozenset({to}), START, START + HOUR if until is None else until)
        return seal.make_grant(epoch, sender, keys.card(to, self.clock), prekey)


def id_of(number):
    return number.to_bytes(16, "big")


def key_of(number):
    return b"k" * 16 + number.to_bytes(16, "big")


async def test_a_key_is_held_until_its_time_and_a_grace_are_over():
    place = Place()
    assert await place.ring.learn(place.grant(1, until=START + HOUR))
    assert id_of(1) in place.ring
    assert place.ring[id_of(1)] == key_of(1)
    place.clock.move_to(START + HOUR + GRACE - 1)
    assert await place.ring.tick() == []
    assert id_of(1) in place.ring
    place.clock.move_to(START + HOUR + GRACE)
    await place.ring.tick()
    assert id_of(1) not in place.ring


async def test_a_grant_for_ever_is_held_for_a_day():
    place = Place()
    assert await place.ring.learn(place.grant(1, until=2**62))
    place.clock.move_to(START + LONGEST + GRACE)
    await place.ring.tick()
    assert id_of(1) not in place.ring


async def test_a_partner_that_grants_without_end_takes_the_place_of_its_own_oldest_keys():
    place = Place()
    for number in (*range(EPOCHS), 2, *range(EPOCHS, EPOCHS + 3)):  # the third is given again: the newest once more
        await place.ring.learn(place.grant(number))
    held = [number for number in range(EPOCHS + 3) if id_of(number) in place.ring]
    assert len(held) == EPOCHS
    assert 2 in held
    assert not {0, 1, 3} & set(held)


@pytest.mark.parametrize("wrong", [{"to": "CEDAR"}, {"sender": "CEDAR"}])
async def test_a_grant_for_another_or_by_another_gives_no_key(wrong):
    place = Place()
    with pytest.raises(Refused, match="grant"):
        await place.ring.learn(place.grant(1, **wrong))
    assert id_of(1) not in place.ring
    assert place.said == []


async def test_a_grant_to_a_prekey_of_before_a_restart_is_asked_for_anew_under_the_prekey_of_now():
    before, place = Place(), Place(life=2)
    grant = place.grant(1, prekey=before.prekeys.current())
    assert not await place.ring.learn(grant)
    assert id_of(1) not in place.ring
    assert place.said == [("ASTER", wire.AskGrant(id_of(1), place.prekeys.current()))]
    assert await place.ring.learn(place.grant(1, prekey=place.prekeys.current()))
    assert place.ring[id_of(1)] == key_of(1)
    place.clock.move_to(START + 60 * SECOND)
    assert await place.ring.tick() == []
    assert len(place.said) == 1, "what came is not asked for again"


async def test_a_key_that_does_not_come_is_asked_for_a_few_times_and_given_up():
    place, asked = Place(), []
    for _ in range(3):
        await place.ring.need(id_of(7))
    assert len(place.said) == 1
    for turn in range(4 * TRIES):
        place.clock.move_to(START + (turn + 1) * 5 * SECOND // 2)
        if vain := await place.ring.tick():
            asked.append((turn, vain))
            break
    assert asked, "it is asked for without end"
    assert asked[0][1] == [id_of(7)]
    assert len(place.said) == place.counts["grants_asked"] == TRIES + 1
    place.ring.forget(id_of(7))
    assert await place.ring.tick() == []
    await place.ring.need(id_of(7))
    assert len(place.said) == TRIES + 2, "what needs it later may ask again"
