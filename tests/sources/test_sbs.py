"""BaseStation lines over TCP: gathered into batches, joined across them, and a broken line or connection ends nothing."""

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.sources.making import LABEL, T0, Enough, S, Taken, serving, settled

from tocsin.core import LIVE, InputError, ManualClock
from tocsin.sources import Sbs


def stamp(seconds):
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=T0 + round(seconds * S))
    return f"{moment:%Y/%m/%d,%H:%M:%S.%f}"[:-3]


def line(kind, seconds, tail, hex_code="4B1815"):
    return f"MSG,{kind},1,1,{hex_code},1,{stamp(seconds)},{stamp(seconds)},{tail}\r\n".encode()


def position(seconds, *, latitude=46.0, hex_code="4B1815"):
    return line(3, seconds, f",30000,,,{latitude},7.0,,,0,0,0,0", hex_code)


def velocity(seconds):
    return line(4, seconds, ",,400,90,,,0,,,,,0")


def name(seconds):
    return line(1, seconds, "SWR100  ,,,,,,,,,,,0")


@asynccontextmanager
async def decoder(*connections):
    """A decoder on the loopback. Each connection gets its pieces with a pause after each; the last one stays open."""
    made = []

    async def handle(reader, writer):
        number = len(made)
        made.append(number)
        for piece in connections[min(number, len(connections) - 1)]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.15)
        if number >= len(connections) - 1:
            await reader.read()

    async with serving(handle) as port:
        yield port


def listen(*connections, enough, clock=None):
    """Run a feed on such a decoder until it has handed on `enough` rows."""

    async def story():
        taken = Taken(enough)
        async with decoder(*connections) as port:
            feed = Sbs("jura", "127.0.0.1", port, label=LABEL, clock=clock or ManualClock(T0))
            with suppress(Enough):
                async with asyncio.timeout(60):
                    await feed.run(taken)
        return taken, feed.status()

    return asyncio.run(story())


def test_lines_become_batches_with_what_companion_lines_said():
    taken, status = listen([name(-2) + velocity(-1.5) + position(-1)], enough=1)
    (batch,) = taken.batches
    assert (batch.feed, batch.realm, batch.label) == ("jura", LIVE, LABEL)
    assert taken.times() == [-1.0]
    assert batch["callsign"].tolist() == [b"SWR100"]
    assert batch["speed"][0] == pytest.approx(205.8, abs=0.1)
    assert (status.state, status.observations) == ("ok", 1)


def test_what_was_said_in_an_earlier_batch_goes_with_a_later_position():
    taken, _ = listen([name(-3) + velocity(-2.5), position(-2), position(-1, latitude=46.01)], enough=2)
    assert len(taken.batches) == 2
    for batch in taken.batches:
        assert batch["callsign"].tolist() == [b"SWR100"]
        assert batch["course"].tolist() == [90.0]


def test_a_position_is_handed_on_once():
    taken, _ = listen([position(-3), velocity(-2.5), position(-2), name(-1.5), position(-1)], enough=3)
    assert taken.times() == [-3.0, -2.0, -1.0]


def test_a_line_that_comes_in_two_pieces_is_one_line():
    whole = position(-1)
    taken, _ = listen([whole[:40], whole[40:]], enough=1)
    assert taken.times() == [-1.0]


def test_rubbish_between_lines_is_skipped():
    rubbish = b"\x00\xff\x1b[2J\nMSG,3\r\nMSG,9,,,,,,,,,\r\nnothing at all\r\n"
    taken, status = listen([rubbish + position(-1) + rubbish, position(-0.5)], enough=2)
    assert taken.times() == [-1.0, -0.5]
    assert sum(status.skipped.values()) > 0


def test_a_line_without_end_is_dropped_and_the_feed_goes_on():
    taken, status = listen([b"MSG,3," + b"x" * 400_000, b"\r\n" + position(-1)], enough=1)
    assert taken.times() == [-1.0]
    assert status.skipped["line too long"] >= 1


def test_a_connection_that_breaks_is_made_again():
    taken, status = listen([position(-2)], [position(-1)], enough=2)
    assert taken.times() == [-2.0, -1.0]
    assert status.state == "ok"


def test_a_decoder_that_is_not_there_shows_and_does_not_end_the_feed():
    async def story():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        feed = Sbs("jura", "127.0.0.1", port, label=LABEL, clock=ManualClock(T0))
        task = asyncio.create_task(feed.run(Taken()))
        await settled(lambda: feed.status().state == "failed")
        assert not task.done()
        task.cancel()
        return feed.status()

    assert asyncio.run(story()).says == "feed jura: its decoder cannot be reached (ConnectionRefusedError)"


@pytest.mark.parametrize("hours", [1, -5, 5.75, 13])
def test_a_decoder_that_writes_local_time_is_found_out(hours):
    taken, status = listen([position(3600 * hours - 1)], enough=1)
    assert taken.times() == [-1.0]
    assert status.says == f"feed jura: it writes local time, {hours:+g} h from UTC, which is put right"


@pytest.mark.parametrize("seconds", [-1000, 1300, 86_400 * 3])
def test_a_clock_that_is_simply_wrong_is_not_put_right_but_said(seconds):
    taken, status = listen([position(seconds)], enough=1)
    assert taken.times() == [seconds]
    assert "its clock differs from ours by" in status.says


def test_only_live_is_written():
    with pytest.raises(InputError, match="live realm"):
        Sbs("jura", "localhost", 1, label=LABEL, clock=ManualClock(), realm="exercise:x")


def test_what_is_remembered_of_companions_stays_bounded():
    feed = Sbs("jura", "localhost", 1, label=LABEL, clock=ManualClock(T0))

    async def story():
        for i in range(40):
            await feed._parse(b"".join(velocity(-i) for _ in range(400)))

    asyncio.run(story())
    assert len(feed._companions) <= 1 << 18
    assert feed._companions.startswith(b"MSG,4")
    assert np.all([part.startswith(b"MSG,4") for part in feed._companions.splitlines()])
