"""What is said at one moment is kept together, and each saying is answered for itself."""

import asyncio

import msgspec
import pytest
from tests.exchange.helpers import REALM, town, until

from tocsin.core import InputError

pytestmark = pytest.mark.anyio


async def test_voices_at_one_moment_share_a_write_and_keep_their_order(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        before = a.journal.counters()["jobs"]
        await a.exchange._context.transport.cut()
        said = await asyncio.gather(*(a.say(f"r{i}", "BIRCH") for i in range(100)))
        assert a.journal.counters()["jobs"] - before < 50
        assert [kept.index for kept, _ in said] == list(range(100))
        await a.exchange._context.transport.restore()
        await until(lambda: b.titles() == [f"r{i}" for i in range(100)])


async def test_the_same_record_said_twice_at_once_is_kept_once(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        record = a.report("once", "BIRCH")
        (one, _), (other, _) = await asyncio.gather(a.exchange.say(record), a.exchange.say(record))
        assert one.data == other.data
        assert one.index == other.index == 0
        await until(lambda: b.titles() == ["once"])
        assert a.journal.size(REALM) == 1


async def test_one_that_cannot_be_kept_fails_alone(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        good, bad = a.report("good", "BIRCH"), msgspec.structs.replace(a.report("bad", "BIRCH"), realm="no such realm")
        found = await asyncio.gather(a.exchange.say(bad), a.exchange.say(good), return_exceptions=True)
        assert isinstance(found[0], InputError)
        assert found[1][0].record == good
        await until(lambda: b.titles() == ["good"])
        assert a.counts["lost"] == b.counts["lost"] == 0


async def test_a_node_that_ends_leaves_nobody_waiting(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a = place["ASTER"]
        saying = [asyncio.create_task(a.say(f"r{i}", "BIRCH")) for i in range(600)]
        await asyncio.sleep(0)
        await a.exchange.stop()
        async with asyncio.timeout(10):
            found = await asyncio.gather(*saying, return_exceptions=True)
        kept = [one for one in found if isinstance(one, tuple)]
        assert len(kept) <= a.journal.size(REALM)
        assert all(isinstance(one, (tuple, asyncio.CancelledError)) for one in found)
