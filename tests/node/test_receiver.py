"""The receiver that plays a recording writes lines that the BaseStation reader reads back."""

import asyncio

import numpy as np

from tocsin.core import LIVE, Identity, Label, ManualClock
from tocsin.core.observations import build
from tocsin.formats import parse
from tocsin.node.demo.receiver import Receiver
from tocsin.sources import Sbs

LABEL = Label("p", 0, frozenset({"A"}), frozenset({"A"}))
START = 1_533_124_800_000_000  # 2018-08-01T12:00:00Z


def flown(rows=50):
    return build(
        "r", LIVE, LABEL, rows, time=START + np.arange(rows) * 10_000_000, identity=np.full(rows, Identity.ICAO | 0x4B1815, np.uint64),
        latitude=46 + np.arange(rows) * 0.01, longitude=np.full(rows, 7.5), altitude=np.full(rows, 3048.0), speed=np.full(rows, 154.33),
        course=np.full(rows, 12.5), climb=np.full(rows, 5.08), callsign=np.full(rows, b"SWR12"),
    )  # fmt: skip


async def all_lines(observations):
    clock = ManualClock(START + 10**12)
    receiver = Receiver(observations, clock)
    async with receiver.listening() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        data = b""
        while data.count(b"MSG,3") < len(observations):
            data += await asyncio.wait_for(reader.read(65536), 10)
        writer.close()
        await writer.wait_closed()
    assert receiver.ended
    return data


def test_what_is_played_is_what_was_recorded():
    sent = flown()
    got = parse(asyncio.run(all_lines(sent)), "sbs", feed="r", realm=LIVE, label=LABEL).observations
    assert len(got) == len(sent)
    for name, within in (("latitude", 1e-5), ("longitude", 1e-5), ("altitude", 0.2), ("speed", 0.03), ("course", 0.06), ("climb", 0.01)):
        assert np.allclose(got[name], sent[name], atol=within), name
    assert (got["time"] == sent["time"]).all()
    assert (got["identity"] == sent["identity"]).all()
    assert set(got["callsign"].tolist()) == {b"SWR12"}


def test_it_plays_no_sooner_than_its_clock_says_and_a_feed_hears_all_of_it():
    async def work():
        sent, clock = flown(), ManualClock(START + 95_000_000)
        receiver = Receiver(sent, clock)
        heard = []

        async def emit(batch):
            heard.append(len(batch))

        async with receiver.listening() as port:
            feed = Sbs("r", "127.0.0.1", port, label=LABEL, clock=clock)
            task = asyncio.create_task(feed.run(emit))
            await until(lambda: sum(heard) == 10)
            await asyncio.sleep(0.3)
            assert sum(heard) == 10
            clock.move_to(START + 10**10)
            await until(lambda: sum(heard) == len(sent))
            assert feed.status().observations == len(sent)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(work())


def test_it_plays_the_recording_again_when_it_is_to():
    async def work():
        sent, clock = flown(), ManualClock(START + 10**12)
        receiver = Receiver(sent, clock)
        async with receiver.listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            data = b""
            while data.count(b"MSG,3") < len(sent):
                data += await asyncio.wait_for(reader.read(65536), 10)
            receiver.repeat(3000)
            while data.count(b"MSG,3") < 2 * len(sent):
                data += await asyncio.wait_for(reader.read(65536), 10)
            writer.close()
            await writer.wait_closed()
        got = parse(data, "sbs", feed="r", realm=LIVE, label=LABEL).observations
        times = np.sort(got["time"])
        assert times[len(sent)] - times[0] == 3_000_000_000

    asyncio.run(work())


async def until(true, seconds=45.0):
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to be")
