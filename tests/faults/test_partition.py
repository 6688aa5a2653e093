"""A day without the partner: everything said comes in order, what was seen is noted as a gap, and a warning does not queue."""

import asyncio
import contextlib
import time

import msgspec
import pytest

from tests.exchange.helpers import REALM, label, town, until
from tocsin.core import WarningRecord, make

pytestmark = pytest.mark.anyio
HOUR = 3_600_000_000
HOURS, EACH = 24, 200


def warning(node, number):
    body = WarningRecord(
        warning=f"w{number}", version=1, state="issued", topic="airborne-assault", level="warning", was="watch", sentence="It begins.",
        probabilities={"assault": 0.9}, words={"assault": "very likely"}, confidence="high", innocent=(), base_rate="", evidence=(),
        cannot_see=(), would_change="", drafted_at=node.clock.now(),
    )  # fmt: skip
    return make(
        body,
        realm=REALM,
        origin=node.name,
        author="watch",
        label=label(node.name, "BIRCH"),
        protocol_time=node.clock.now(),
        realm_time=node.clock.now(),
        entropy=node.entropy,
    )


@contextlib.asynccontextmanager
async def seconds():
    """How long the block takes, in `[0]` at its end: what this process works and waits, not what others have of the machine meanwhile."""

    async def tick():
        while True:
            await asyncio.sleep(0.01)
            took[0] += 0.01

    took, began = [0.0], time.process_time()
    ticking = asyncio.create_task(tick())
    try:
        yield took
    finally:
        ticking.cancel()
        took[0] += time.process_time() - began


@pytest.mark.parametrize("cut", ["BIRCH", "ASTER"])
@pytest.mark.timeout(240)
async def test_a_day_apart_ends_with_the_newest_warning_first_and_everything_after_it(tmp_path, verdict, cut):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.say("alone", "BIRCH")
        await a.exchange.share(a.observations(10, "BIRCH"))
        await until(lambda: b.ear.batches)
        await place[cut].transport.cut()
        said = ["alone"]
        for hour in range(HOURS):
            reports = [a.report(f"h{hour} {i} ", "BIRCH") for i in range(EACH)]
            await asyncio.gather(*(a.exchange.say(one) for one in reports))
            said += [f"h{hour} {i} " for i in range(EACH)]
            await a.exchange.share(a.observations(10, "BIRCH", first=100 * hour + 100))
            a.clock.ahead += HOUR
            b.clock.ahead += HOUR
        await place[cut].transport.restore()
        async with seconds() as took:
            kept, _ = await a.exchange.say(warning(a, 1))
            await until(lambda: any(one.record.id == kept.record.id for one in b.ear.records), seconds=60, what="the warning to come")
        then = len(b.ear.records)
        assert took[0] <= 2.0
        assert b.journal.get(kept.record.id).data == kept.data
        await until(lambda: len(b.ear.records) >= len(said) + 1, seconds=90, what="everything to come")
        await until(lambda: a.state(kept)["BIRCH"] == "delivered", seconds=30)
        kept_there = b.journal.records(REALM, kind="report", limit=10_000)
        assert [msgspec.json.decode(one.record.body)["title"] for one in kept_there] == said
        times = [one.record.id for one in b.ear.records]
        assert times.count(kept.record.id) == 1
        gaps = b.journal.records(REALM, kind="gap")
        seen = {int(i) for batch, *_ in b.ear.batches for i in batch["identity"]}
        await until(lambda: len(seen) == 10 + 10 * HOURS or gaps or b.journal.records(REALM, kind="gap"), seconds=30)
        counts = b.counts
        verdict(
            f"24 hours apart, {cut.title()} cut",
            said=len(said) + 1,
            lost=counts["lost"],
            doubled=counts["doubled"] + len(times) - len(set(times)),
            note=f"the warning came in {took[0]:.2f} s, {then} of {len(said)} were there",
        )
