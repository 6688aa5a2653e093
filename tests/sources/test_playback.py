"""A recording plays by its realm's clock: in order, nothing early, nothing twice, nothing lost."""

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sources.making import T0, S, Taken, rows

from tocsin.core import InputError, ManualClock, ScaledClock
from tocsin.sources import Playback, paced


def play(observations, *, step_s=1.0, start=0.0, slow=None):
    """Play with a clock that `pace` moves; gives the batches with the realm time at which each came."""
    clock, heard = ManualClock(T0 + round(start * S)), []

    async def pace(seconds):
        clock.move_to(clock.now() + round(seconds * S))

    async def emit(batch):
        heard.append(((clock.now() - T0) / S, ((batch["time"] - T0) / S).tolist()))
        if slow is not None:
            clock.move_to(clock.now() + round(slow * S))

    feed = Playback(observations, clock, step_s, pace=pace)
    before = feed.status()
    asyncio.run(feed.run(emit))
    return heard, before, feed.status()


def test_each_row_comes_in_the_step_in_which_it_is_due():
    heard, _, _ = play(rows([0.5, 1.0, 1.5, 4.0]))
    assert heard == [(1.0, [0.5, 1.0]), (2.0, [1.5]), (4.0, [4.0])]


def test_what_was_due_before_the_start_comes_at_once():
    heard, _, _ = play(rows([1, 2, 30]), start=10)
    assert heard[0] == (10, [1, 2])


def test_rows_out_of_order_are_put_in_order():
    heard, _, _ = play(rows([3, 1, 2]), start=10)
    assert heard == [(10, [1, 2, 3])]


def test_a_listener_that_is_slow_gets_everything_that_came_due_meanwhile():
    heard, _, _ = play(rows(range(20)), slow=5)
    assert [t for _, times in heard for t in times] == list(range(20))
    assert len(heard) < 6


def test_a_batch_is_never_larger_than_its_cap(monkeypatch):
    monkeypatch.setattr("tocsin.sources.playback.MOST_ROWS", 7)
    heard, _, _ = play(rows(range(20)), start=100)
    assert [len(times) for _, times in heard] == [7, 7, 6]


def test_its_state_goes_from_silent_to_ended_and_counts():
    _, before, after = play(rows([1, 2]))
    assert (before.state, before.last, before.lateness_s, before.observations) == ("silent", None, float("inf"), 0)
    assert (after.state, after.last, after.observations, after.says) == ("ended", T0 + 2 * S, 2, "the recording is over")


def test_how_late_it_is_shows_in_its_state():
    clock = ManualClock(T0)
    feed = Playback(rows([0, 1000]), clock, pace=None)
    asyncio.run(_first(feed))
    states = []
    for t in (0, 20, 21, 120, 121):
        clock.move_to(T0 + t * S)
        states.append(feed.status().state)
    assert states == ["ok", "ok", "late", "late", "silent"]


async def _first(feed):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await feed.run(Taken())


def test_a_scaled_clock_and_its_pace_play_an_hour_in_a_tenth_of_a_second():
    class Loop:
        def now(self):
            return round(asyncio.get_running_loop().time() * S)

    async def story():
        taken, clock = Taken(), ScaledClock(Loop(), T0, 36_000)
        await Playback(rows(range(0, 3600, 10)), clock, 60, pace=paced(36_000)).run(taken)
        return taken

    taken = asyncio.run(story())
    assert taken.times() == list(range(0, 3600, 10))
    assert len(taken.batches) > 5


def test_a_recording_never_plays_live():
    with pytest.raises(InputError, match="never live"):
        Playback(rows([0], realm="live"), ManualClock())


@pytest.mark.parametrize("wrong", [0, -1, float("nan")])
def test_a_step_or_speed_of_nothing_is_refused(wrong):
    with pytest.raises(InputError, match="more than 0"):
        Playback(rows([0]), ManualClock(), wrong)
    with pytest.raises(InputError, match="more than 0"):
        paced(wrong)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 100), max_size=40), st.floats(0.5, 20))
def test_nothing_comes_early_twice_or_not_at_all(times, step):
    heard, _, _ = play(rows(times), step_s=step)
    assert all(t <= now for now, ts in heard for t in ts)
    played = [t for _, ts in heard for t in ts]
    assert np.allclose(played, sorted(times), atol=1e-6)
