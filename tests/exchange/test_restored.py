"""A sender that was restored from an old backup: both sides note it, and what it says flows again, once each."""

import asyncio
import shutil

import pytest
from tests.exchange.helpers import REALM, town, until

from tocsin.core import body_of

pytestmark = pytest.mark.anyio


def restarts(node):
    return [body_of(kept.record) for kept in node.journal.records(REALM, kind="restart")]


async def backed_up(node, where):
    await node.stop()
    shutil.copytree(node.folder, where)
    await node.start()
    await node.go()


async def restore(node, where):
    await node.stop()
    shutil.rmtree(node.folder)
    shutil.copytree(where, node.folder)
    await node.start()
    await node.go()


async def test_a_restored_sender_begins_anew_and_nothing_is_lost_or_doubled(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        for i in range(5):
            await a.say(f"old{i}", "BIRCH")
        await until(lambda: len(b.titles()) == 5)
        await until(lambda: a.exchange.links()[0].behind_out == 0)
        await backed_up(a, tmp_path / "backup")
        for i in range(4):
            await a.say(f"forgotten{i}", "BIRCH")
        await until(lambda: len(b.titles()) == 9)
        await restore(a, tmp_path / "backup")
        # Said before it knows: these would have been taken for repetitions of what BIRCH holds.
        kept = [(await a.say(f"new{i}", "BIRCH"))[0] for i in range(6)]
        held = [*(f"old{i}" for i in range(5)), *(f"forgotten{i}" for i in range(4))]
        await until(lambda: b.titles() == [*held, *(f"new{i}" for i in range(6))])
        await until(lambda: all(a.state(one) == {"BIRCH": "delivered"} for one in kept))
        assert b.counts["lost"] == b.counts["doubled"] == 0
        (ours,), (theirs,) = restarts(a), restarts(b)
        assert (ours.partner, ours.held) == ("BIRCH", 9)
        assert (theirs.partner, theirs.held) == ("ASTER", 9)
        last, _ = await a.say("and on", "BIRCH")
        await until(lambda: a.state(last) == {"BIRCH": "delivered"})
        # Whatever they still say of the ended chain, two minutes later no other is begun.
        a.clock.ahead += 120_000_000
        b.clock.ahead += 120_000_000
        await asyncio.sleep(1.5)
        assert len(restarts(a)) == len(restarts(b)) == 1
        await until(lambda: a.exchange.links()[0].behind_out == 0)
        # No more complaints: the old chain is not spoken of again.
        counts = b.counts["refused"], a.counts["refused"]
        await place.nodes["BIRCH"].restart()
        await a.say("after their restart", "BIRCH")
        await until(lambda: b.titles()[-1] == "after their restart")
        assert b.counts["refused"] == 0
        assert a.counts["refused"] == counts[1]


async def test_what_had_no_receipt_in_the_backup_is_brought_again_and_kept_once(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await b.transport.cut()
        for i in range(3):
            await a.say(f"r{i}", "BIRCH")
        await backed_up(a, tmp_path / "backup")
        await b.transport.restore()
        await until(lambda: b.titles() == ["r0", "r1", "r2"])
        await a.say("forgotten", "BIRCH")
        await until(lambda: len(b.titles()) == 4)
        await restore(a, tmp_path / "backup")
        kept, _ = await a.say("new", "BIRCH")
        await until(lambda: b.titles() == ["r0", "r1", "r2", "forgotten", "new"] and a.state(kept) == {"BIRCH": "delivered"})
        assert b.counts["doubled"] == b.counts["lost"] == 0


async def test_a_restored_sender_that_starts_again_stays_in_its_new_chain(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.say("old", "BIRCH")
        await until(lambda: b.titles() == ["old"] and a.exchange.links()[0].behind_out == 0)
        await backed_up(a, tmp_path / "backup")
        await a.say("forgotten", "BIRCH")
        await until(lambda: len(b.titles()) == 2)
        await restore(a, tmp_path / "backup")
        await a.say("new", "BIRCH")
        await until(lambda: "new" in b.titles())
        await a.restart()
        kept, _ = await a.say("newer", "BIRCH")
        await until(lambda: b.titles() == ["old", "forgotten", "new", "newer"] and a.state(kept) == {"BIRCH": "delivered"})
        assert len(restarts(a)) == len(restarts(b)) == 1
