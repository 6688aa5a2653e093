"""A clock that is an hour wrong is named at both ends, and costs nothing once it is right."""

import pytest

from tests.faults.processes import judge, place
from tests.faults.test_kills import drained
from tocsin.node.checkup import _clock_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("hours", [1, -1])
@pytest.mark.parametrize("wrong", ["ASTER", "BIRCH"])
@pytest.mark.timeout(200)
async def test_a_clock_that_is_an_hour_off_loses_nothing_and_is_said(tmp_path, verdict, wrong, hours):
    async with place(tmp_path, "ASTER", "BIRCH") as town:
        a, b = town["ASTER"], town["BIRCH"]
        for one in (a, b):
            await one.start(ahead_s=3600 * hours if one.name == wrong else 0)
        a.order("say", first=0, count=20)
        await a.until(lambda: len(a.said()) == 20)
        other = b if wrong == "ASTER" else a
        await other.until_state(lambda state: 3500 < state["links"][0]["clock"] * hours < 3700)
        await town[wrong].until_state(lambda state: 3500 < -state["links"][0]["clock"] * hours < 3700)
        await town[wrong].stop()
        await town[wrong].start()
        a.order("say", first=20, count=20)
        await a.until(lambda: len(a.said()) == 40)
        await drained(a, b, range(40))
        await other.until_state(lambda state: state["links"][0]["clock"] == 0)
        await a.stop()
        await b.stop()
        found = await judge(a, b, range(40))
        assert found.pop("in_order")
        verdict(f"clock of the {'sender' if wrong == 'ASTER' else 'receiver'} off by {hours:+d} h", **found)


def test_the_doctor_says_whose_clock_is_off_and_which_way():
    assert _clock_of(0) == ""
    assert "their clock is off by 60 minutes (ahead" in _clock_of(3600)
    assert "their clock is off by 61 minutes (behind" in _clock_of(-3660.0)
