"""The exchange by file: in any order, twice, late; a file that is cut or altered is refused whole and loses nothing."""

import random

import pytest
from tests.exchange.helpers import QUICK, REALM, Town, town, until

from tocsin.core import InputError
from tocsin.exchange import BadBundle, NoTransport, bundle

pytestmark = pytest.mark.anyio
HOUR = 3_600_000_000


class Gap(Town):
    """Two nodes that never see a relay."""

    def make_transport(self, node):
        return NoTransport()


async def apart(tmp_path, *names):
    place = Gap(tmp_path, names, QUICK)
    for node in place.nodes.values():
        await node.start()
    for one in names:
        for other in names:
            if one != other:
                await place.introduce(one, other)
    for node in place.nodes.values():
        await node.go()
    return place


@pytest.fixture
async def gap(tmp_path):
    place = await apart(tmp_path, "ASTER", "BIRCH", "CEDAR")
    yield place
    for node in place.nodes.values():
        await node.stop()


async def test_a_file_brings_what_is_owed_and_a_file_back_brings_the_receipts(gap):
    a, b = gap["ASTER"], gap["BIRCH"]
    kept = [(await a.say(f"r{i}", "BIRCH", *(["CEDAR"] if i % 2 else [])))[0] for i in range(20)]
    await a.say("not for BIRCH", "CEDAR")
    made = await a.exchange.export_bundle("BIRCH")
    assert (made.records, made.more) == (20, False)
    found = await b.exchange.take_in_bundle(made.data)
    assert (found.sender, found.taken, found.repeated, found.refused, found.waiting) == ("ASTER", 20, 0, 0, False)
    assert b.titles() == [f"r{i}" for i in range(20)]
    assert a.state(kept[0])["BIRCH"] == "sent"
    back = await b.exchange.export_bundle("ASTER")
    assert (await a.exchange.take_in_bundle(back.data)).receipts >= 1
    assert {a.state(one)["BIRCH"] for one in kept} == {"delivered"}
    assert (await a.exchange.export_bundle("BIRCH")).records == 0
    assert b.counts["lost"] == b.counts["doubled"] == 0
    assert b.refusals() == a.refusals() == []


@pytest.mark.parametrize("seed", range(4))
async def test_files_come_in_any_order_twice_and_late(gap, seed):
    a, b = gap["ASTER"], gap["BIRCH"]
    files, chance = [], random.Random(seed)
    for i in range(6):
        await a.say(f"r{i}", "BIRCH")
        files.append((await a.exchange.export_bundle("BIRCH", since=i)).data)
    order = [*files, *chance.sample(files, 3)]
    chance.shuffle(order)
    b.clock.ahead += 40 * 24 * HOUR
    for at, data in enumerate(order):
        await b.exchange.take_in_bundle(data)
        if at == 3:
            # What waits for its turn waits on disk.
            await b.restart()
    assert b.titles() == [f"r{i}" for i in range(6)]
    assert b.counts["lost"] == b.counts["doubled"] == 0
    assert b.refusals() == []


async def test_a_file_that_is_cut_or_altered_anywhere_is_refused_whole_and_the_right_one_still_goes(gap):
    a, b = gap["ASTER"], gap["BIRCH"]
    for i in range(3):
        await a.say(f"r{i}", "BIRCH")
    data = (await a.exchange.export_bundle("BIRCH")).data
    chance = random.Random(5)
    for cut in (0, 3, 15, 16, 19, 20, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(BadBundle) as refused:
            await b.exchange.take_in_bundle(data[:cut])
        assert "\n" not in str(refused.value)
    for _ in range(60):
        at = chance.randrange(len(data))
        changed = data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        with pytest.raises(InputError):
            await b.exchange.take_in_bundle(changed)
    with pytest.raises(BadBundle):
        await b.exchange.take_in_bundle(data + b"\0")
    assert b.titles() == []
    assert (await b.exchange.take_in_bundle(data)).taken == 3


async def test_a_file_opens_for_its_partner_alone(gap):
    a, c = gap["ASTER"], gap["CEDAR"]
    await a.say("secret", "BIRCH")
    data = (await a.exchange.export_bundle("BIRCH")).data
    with pytest.raises(BadBundle, match="not for this node"):
        await c.exchange.take_in_bundle(data)
    # A member that copies the messages into a file of its own gets no further: each is bound to sender and recipient.
    _, messages = bundle.read(data, gap.card("ASTER"), "BIRCH")
    for keys, recipient in ((gap["BIRCH"].keys, "CEDAR"), (a.keys, "CEDAR")):
        copied = bundle.write(keys, recipient, messages, a.clock.now())
        found = await c.exchange.take_in_bundle(copied)
        assert (found.taken, found.refused) != (1, 0)
        assert found.taken == 0
    assert c.titles() == []
    with pytest.raises(InputError, match="no partner"):
        await a.exchange.export_bundle("DUNE")


async def test_a_file_and_the_relay_bring_one_chain_together(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await b.transport.cut()
        for i in range(5):
            await a.say(f"r{i}", "BIRCH")
        found = await b.exchange.take_in_bundle((await a.exchange.export_bundle("BIRCH")).data)
        assert found.taken == 5
        await b.transport.restore()
        last, _ = await a.say("over the relay", "BIRCH")
        await until(lambda: b.titles() == [*(f"r{i}" for i in range(5)), "over the relay"] and a.state(last)["BIRCH"] == "delivered")
        assert b.counts["lost"] == b.counts["doubled"] == 0
        assert b.refusals() == []


async def test_what_was_recalled_is_void_in_the_next_file_and_the_recall_comes_with_it(gap):
    a, b = gap["ASTER"], gap["BIRCH"]
    kept, _ = await a.say("wrong", "BIRCH")
    await a.say("right", "BIRCH")
    await a.recall(kept)
    found = await b.exchange.take_in_bundle((await a.exchange.export_bundle("BIRCH")).data)
    assert found.refused == 0
    assert b.titles() == ["right"]
    assert len(b.journal.records(REALM, kind="recall")) == 1
    await a.exchange.take_in_bundle((await b.exchange.export_bundle("ASTER")).data)
    assert a.fate(kept, "BIRCH").recalled_at is not None
