"""aircraft.json is asked for again and again; what fails shows, is tried again, and stops nothing."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest
from tests.sources.making import LABEL, T0, Enough, S, Taken, serving, settled

from tocsin.core import LIVE, InputError, ManualClock
from tocsin.sources import Fence, Poll


def snapshot(now=0.0, *aircraft):
    rows = aircraft or ({"hex": "4b1815", "lat": 46.0, "lon": 7.0, "seen_pos": 1.0, "alt_baro": 30000, "gs": 400},)
    return json.dumps({"now": T0 / S + now, "messages": 1, "aircraft": list(rows)}).encode()


def feed_of(at, clock=None, **options):
    return Poll("jura", at, label=LABEL, clock=clock or ManualClock(T0), interval_s=0.01, **options)


async def run(feed, taken, *, until=None):
    """Run until `Taken` has enough or `until()` holds."""
    task = asyncio.create_task(feed.run(taken))
    try:
        await settled(lambda: task.done() or (until is not None and until()))
    finally:
        task.cancel()
        with suppress(Enough, asyncio.CancelledError):
            await task


@asynccontextmanager
async def server(answer):
    """HTTP on the loopback: `answer()` gives status line, body and more headers for each request."""

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        status, body, *headers = answer()
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()

    async with serving(handle) as port:
        yield f"http://127.0.0.1:{port}/data/aircraft.json"


def test_a_receiver_is_asked_by_http_and_only_what_is_new_is_handed_on():
    asked = []

    def answer():
        asked.append(1)
        return "200 OK", snapshot(len(asked) // 2 * 5.0)

    async def story():
        taken = Taken(enough=3)
        async with server(answer) as at:
            feed = feed_of(at)
            await run(feed, taken)
        return taken, feed.status()

    taken, status = asyncio.run(story())
    assert taken.times() == [-1.0, 4.0, 9.0]
    assert {(b.feed, b.realm, b.label) for b in taken.batches} == {("jura", LIVE, LABEL)}
    assert (status.state, status.says, status.observations) == ("ok", "", 3)
    assert status.skipped["seen before"] >= 1


def test_a_file_in_a_folder_is_read_as_it_changes(tmp_path):
    path = tmp_path / "aircraft.json"
    path.write_bytes(snapshot(0))

    async def story():
        taken, feed = Taken(enough=2), feed_of(path)
        task = asyncio.create_task(run(feed, taken))
        await settled(lambda: len(taken) > 0)
        path.write_bytes(snapshot(5))
        await task
        return taken.times()

    assert asyncio.run(story()) == [-1.0, 4.0]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (("404 Not Found", b""), "its receiver answers 404"),
        (("302 Found", b"", "Location: http://127.0.0.1:1/"), "its receiver answers 302"),
        (("200 OK", b"<html>"), "aircraft.json"),
        (("200 OK", b'{"now": 1, "aircraft": ['), "aircraft.json"),
        (("200 OK", b"[" * 100_000), "aircraft.json"),
    ],
)
def test_a_bad_answer_shows_in_one_line_and_the_next_good_one_clears_it(answer, says):
    answers = [answer, ("200 OK", snapshot(3))]
    said = []

    async def story():
        taken = Taken()
        async with server(lambda: answers.pop(0) if len(answers) > 1 else answers[0]) as at:
            feed = feed_of(at)
            await run(feed, taken, until=lambda: said.append(feed.status()) or len(taken) > 0)
        return taken.times(), feed.status()

    times, status = asyncio.run(story())
    failed = [s for s in said if s.state == "failed"]
    assert says in failed[0].says
    assert failed[0].says.isprintable()
    assert times == [2.0]
    assert (status.state, status.says) == ("ok", "")


def test_an_answer_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr("tocsin.sources.poll.MOST_BYTES", 1000)

    async def story():
        async with server(lambda: ("200 OK", snapshot(0) + b" " * 2000)) as at:
            feed = feed_of(at)
            await run(feed, Taken(), until=lambda: feed.status().state == "failed")
        return feed.status().says

    assert "more than the 1,000 that are taken" in asyncio.run(story())


def test_a_receiver_that_is_not_there_is_tried_less_and_less_often(tmp_path):
    async def story():
        feed = feed_of(tmp_path / "missing.json")
        asked, read = [], feed._read

        def counted():
            asked.append(asyncio.run_coroutine_threadsafe(_now(), loop).result())
            return read()

        loop = asyncio.get_running_loop()
        feed._read = counted
        await run(feed, Taken(), until=lambda: len(asked) >= 6)
        return asked, feed.status()

    asked, status = asyncio.run(story())
    pauses = [b - a for a, b in pairwise(asked)]
    assert pauses[4] > 3 * pauses[0]
    assert (status.state, status.says) == ("failed", "feed jura: its file cannot be read (No such file or directory)")


async def _now():
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("at", ["http://127.0.0.1:99999/", "http://127.0.0.1:0/", "https:///x", "http://[::1", "http://a:b/"])
def test_an_address_that_is_none_is_refused_at_once(at):
    with pytest.raises(InputError, match="no http"):
        feed_of(at)


def test_an_address_where_nobody_answers_fails_without_ending_the_feed():
    async def story():
        async with server(lambda: ("200 OK", b"")) as at:
            pass
        feed = feed_of(at)
        await run(feed, Taken(), until=lambda: feed.status().state == "failed")
        return feed.status().says

    assert asyncio.run(story()) == "feed jura: its receiver cannot be reached (ConnectError)"


def test_a_file_caught_half_written_gives_its_first_half(tmp_path):
    path = tmp_path / "aircraft.json"
    rows = [{"hex": f"4b18{i:02x}", "lat": 46.0, "lon": 7.0, "seen_pos": 1.0, "alt_baro": 30000} for i in range(20)]
    whole = snapshot(0, *rows)
    path.write_bytes(whole[: len(whole) * 3 // 4])

    async def story():
        taken, feed = Taken(enough=1), feed_of(path)
        await run(feed, taken)
        return len(taken), feed.status().says

    count, says = asyncio.run(story())
    assert 10 <= count < 20
    assert "aircraft.json" in says


def test_what_lies_outside_the_fence_stops_at_the_feed(tmp_path):
    path = tmp_path / "aircraft.json"
    near, far = ({"hex": h, "lat": lat, "lon": 7.0, "seen_pos": 1.0, "alt_baro": 30000} for h, lat in (("4b1815", 46.0), ("3c0001", 52.0)))
    path.write_bytes(snapshot(0, near, far))

    async def story():
        taken, feed = Taken(enough=1), feed_of(path, fence=Fence(((45, 5), (48, 5), (48, 11), (45, 11))))
        await run(feed, taken)
        return [b["latitude"].tolist() for b in taken.batches], feed.status().skipped

    assert asyncio.run(story()) == ([[46.0]], {"outside the fence": 1})


def test_a_poll_writes_only_live_and_needs_an_interval():
    with pytest.raises(InputError, match="live realm"):
        Poll("jura", "x", label=LABEL, clock=ManualClock(), realm="replay:x")
    with pytest.raises(InputError, match="more than 0"):
        Poll("jura", "x", label=LABEL, clock=ManualClock(), interval_s=0)
