"""kill -9 of sender, receiver and relay at each step; whoever comes back goes on, and everything said is kept once."""

import asyncio

import pytest

from tests.faults.processes import judge, place

pytestmark = pytest.mark.anyio

SENDER_POINTS = (
    ("keep:before", 2),
    ("keep:inside", 2),
    ("keep:after", 2),
    ("send:before:records", 2),
    ("send:after:records", 2),
    ("write:inside", 2),
    ("write:after", 2),
    ("send:before:control", 2),
    ("send:after:control", 2),
    ("arrive:before:control", 4),
    ("arrive:after:control", 4),
    ("send:before:observations", 3),
    ("send:after:observations", 3),
)
RECEIVER_POINTS = (
    ("arrive:before:records", 2),
    ("keep:before", 2),
    ("keep:inside", 2),
    ("keep:after", 2),
    ("arrive:after:records", 2),
    ("send:before:control", 3),
    ("send:after:control", 3),
    ("arrive:before:observations", 3),
    ("arrive:after:observations", 3),
    ("arrive:after:control", 4),
    ("write:inside", 1),
)
EACH = 6


async def drained(sender, receiver, numbers):
    """Until the receiver holds all, and the sender has receipts for all."""
    async with asyncio.timeout(60):
        while True:
            a, b = await sender.state(), await receiver.state()
            if sum(link["out"] for link in a["links"]) == 0 and b["size"] >= len(numbers):
                return
            await asyncio.sleep(0.2)


async def live_through(mortal, sender, point, at, first):
    """One life of `mortal`, which ends at the point; meanwhile the sender says and shares."""
    await mortal.start(point, at)
    await mortal.until(lambda: mortal.ended or mortal.told("up", life=mortal.life), what="to come up")
    for number in range(first, first + EACH):
        if mortal.ended:
            break
        sender.order("say", first=number, count=1)
        sender.order("share", first=number * 100, count=50)
        await sender.until(lambda number=number: mortal.ended or number in sender.said(), what=f"to say {number}")
        await asyncio.sleep(0.1)
    # Some points are passed only when more is said or heard: heartbeats see to that.
    await mortal.death()
    assert mortal.process.returncode == -9


@pytest.mark.timeout(300)
async def test_a_sender_that_is_killed_at_any_step_says_everything_once(tmp_path, verdict):
    async with place(tmp_path, "ASTER", "BIRCH") as town:
        a, b = town["ASTER"], town["BIRCH"]
        await b.start()
        for index, (point, at) in enumerate(SENDER_POINTS):
            await live_through(a, a, point, at, index * EACH)
        await a.start()
        numbers = range(len(SENDER_POINTS) * EACH)
        # Whoever got no answer says it again: the same record, the same id.
        acknowledged = set(a.said())
        for number in numbers:
            if number not in acknowledged:
                a.order("say", first=number, count=1)
        await a.until(lambda: set(a.said()) >= set(numbers), what="to say the rest")
        await drained(a, b, numbers)
        await a.stop()
        await b.stop()
        found = await judge(a, b, numbers)
        assert found.pop("in_order")
        verdict("kill -9 of the sender", note=f"{len(SENDER_POINTS)} points", **found)


@pytest.mark.timeout(300)
async def test_a_receiver_that_is_killed_at_any_step_keeps_everything_once(tmp_path, verdict):
    async with place(tmp_path, "ASTER", "BIRCH") as town:
        a, b = town["ASTER"], town["BIRCH"]
        await a.start()
        for index, (point, at) in enumerate(RECEIVER_POINTS):
            await live_through(b, a, point, at, index * EACH)
        await b.start()
        await a.until(lambda: len(a.said()) >= 1)
        numbers = range(len(RECEIVER_POINTS) * EACH)
        for number in set(numbers) - set(a.said()):
            a.order("say", first=number, count=1)
        await a.until(lambda: set(a.said()) >= set(numbers), what="to say the rest")
        await drained(a, b, numbers)
        await a.stop()
        await b.stop()
        found = await judge(a, b, numbers)
        assert found.pop("in_order")
        verdict("kill -9 of the receiver", note=f"{len(RECEIVER_POINTS)} points", **found)


@pytest.mark.timeout(300)
async def test_a_relay_that_is_killed_again_and_again_loses_nothing(tmp_path, verdict):
    async with place(tmp_path, "ASTER", "BIRCH") as town:
        a, b = town["ASTER"], town["BIRCH"]
        await a.start()
        await b.start()
        for life in range(5):
            a.order("say", first=life * 40, count=40)
            a.order("share", first=life * 1000, count=500, pause_s=0.02)
            # In the midst of it, another moment each time.
            await a.until(lambda life=life: len(a.said()) >= life * 40 + 1 + 9 * life, what="to say some")
            killed = town.relay.restarts
            town.relay._process.kill()
            await a.until(lambda killed=killed: town.relay.restarts > killed, what="to see the relay again")
        numbers = range(200)
        await a.until(lambda: set(a.said()) >= set(numbers), what="to say all")
        await drained(a, b, numbers)
        await a.stop()
        await b.stop()
        found = await judge(a, b, numbers)
        assert found.pop("in_order")
        verdict("kill -9 of the relay", note="5 times", **found)
