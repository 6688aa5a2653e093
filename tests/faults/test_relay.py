"""A relay that withholds, doubles, reorders, delays, alters and replays: nothing is forged, lost or doubled, and every gap is noted."""

import asyncio

import pytest

from tests.faults.hostile import Hostile
from tests.faults.processes import judge, place
from tests.faults.test_kills import drained

pytestmark = pytest.mark.anyio

MISCHIEF = {
    "drops": {"withhold": 0.3},
    "doubles": {"double": 0.5},
    "reorders and delays": {"delay": 0.5},
    "alters": {"alter": 0.3},
    "replays": {"replay": 0.5},
    "does everything": {"withhold": 0.15, "double": 0.2, "delay": 0.3, "alter": 0.1, "replay": 0.2},
}


async def between(tmp_path, hostile, count=60):
    async with place(tmp_path, "ASTER", "BIRCH") as town, hostile(town.url) as relay:
        a, b = town["ASTER"], town["BIRCH"]
        await a.start(url=relay.url)
        await b.start(url=relay.url)
        for first in range(0, count, 10):
            a.order("say", first=first, count=10)
            a.order("share", first=first * 100, count=500, pause_s=0.05)
            await a.until(lambda first=first: len(a.said()) >= first + 10, what="to say")
            await asyncio.sleep(0.3)
        await a.until(lambda: len(a.rows_shared()) >= count // 10 * 500, what="to share")
        relay.relent()
        await drained(a, b, range(count))
        # Whatever observations are still waited for come now, or are given up and noted.
        state = await b.state()
        await b.until(lambda: gap_or_all(a, b), seconds=40, what=f"to have or to note every observation: {state['counters']}")
        await a.stop()
        await b.stop()
        found = await judge(a, b, range(count))
        found["acts"] = sum(relay.done.values())
        return found


def gap_or_all(a, b):
    if not a.rows_shared() - set(b.rows_seen()):
        return True
    b.order("state", tag=-1)
    states = b.told("state")
    return bool(states) and states[-1]["counters"]["gaps"] > 0


@pytest.mark.parametrize("name", MISCHIEF)
@pytest.mark.timeout(300)
async def test_a_relay_that_is_hostile_takes_nothing(tmp_path, verdict, name):
    found = await between(tmp_path, lambda url: Hostile(url, name, **MISCHIEF[name]))
    assert found.pop("in_order")
    assert found["acts"] >= 3, "it did nothing worth the name"
    verdict(f"a relay that {name}", note=f"{found.pop('acts')} acts", **found)


@pytest.mark.timeout(300)
async def test_a_relay_that_withholds_the_tail_is_seen_through(tmp_path, verdict):
    async with place(tmp_path, "ASTER", "BIRCH") as town:
        async with Hostile(town.url, "tail", classes=("records", "observations"), withhold=1.0) as relay:
            a, b = town["ASTER"], town["BIRCH"]
            await a.start(url=relay.url)
            await b.start(url=relay.url)
            a.order("say", first=0, count=20)
            a.order("share", first=0, count=100)
            await a.until(lambda: len(a.said()) == 20)
            await b.until_state(lambda state: state["links"][0]["in"] == 20)
            assert relay.done["withhold"] >= 2
            relay.relent()
            await drained(a, b, range(20))
            await b.until(lambda: gap_or_all(a, b), seconds=40)
            await a.stop()
            await b.stop()
            found = await judge(a, b, range(20))
        assert found.pop("in_order")
        verdict("a relay that withholds the tail", note="seen by the heartbeat", **found)
