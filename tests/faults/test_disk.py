"""A disk that is full: what cannot be kept is not answered for, and comes once there is room."""

import pytest

from tests.faults.processes import judge, place
from tests.faults.recorder import shim
from tests.faults.test_kills import drained

pytestmark = pytest.mark.anyio
TEXT = "A report that takes some room. " * 100
COUNT = 120


def full(tmp_path, name, bytes_left):
    return {
        "LD_PRELOAD": str(shim(tmp_path)),
        "TOCSIN_SHIM_FOLDER": str(tmp_path / name),
        "TOCSIN_SHIM_FULL": str(bytes_left),
        "TOCSIN_SHIM_ROOM": str(tmp_path / "room"),
    }


@pytest.mark.timeout(240)
async def test_a_receiver_whose_disk_is_full_gets_everything_when_there_is_room(tmp_path, verdict):
    async with place(tmp_path, "ASTER", "BIRCH") as town:
        a, b = town["ASTER"], town["BIRCH"]
        await a.start()
        await b.start(env=full(tmp_path, "BIRCH", 1_500_000))
        for first in range(0, COUNT, 10):
            a.order("say", first=first, count=10, text=TEXT)
            await a.until(lambda first=first: len(a.said()) >= first + 10)
        await b.until_state(lambda state: state["counters"]["transport_failures"] > 0)
        assert (await b.state())["size"] < COUNT
        (tmp_path / "room").touch()
        await drained(a, b, range(COUNT))
        await a.stop()
        await b.stop()
        found = await judge(a, b, range(COUNT), TEXT)
        assert found.pop("in_order")
        verdict("disk full at the receiver", **found)


@pytest.mark.timeout(240)
async def test_a_sender_whose_disk_is_full_answers_for_nothing_that_it_did_not_keep(tmp_path, verdict):
    async with place(tmp_path, "ASTER", "BIRCH") as town:
        a, b = town["ASTER"], town["BIRCH"]
        await a.start(env=full(tmp_path, "ASTER", 1_500_000))
        await b.start()
        a.order("say", first=0, count=COUNT, text=TEXT)
        await a.until(lambda: len(a.said()) + len(a.told("unsaid")) == COUNT)
        refused = {one["number"] for one in a.told("unsaid")}
        assert refused
        assert refused.isdisjoint(a.said())
        (tmp_path / "room").touch()
        for number in sorted(refused):
            a.order("say", first=number, count=1, text=TEXT)
        await a.until(lambda: set(a.said()) == set(range(COUNT)))
        await drained(a, b, range(COUNT))
        await a.stop()
        await b.stop()
        found = await judge(a, b, range(COUNT), TEXT)
        assert found.pop("in_order")
        verdict("disk full at the sender", note=f"{len(refused)} refused, then said again", **found)
