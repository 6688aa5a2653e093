"""Worlds step by realm time, follow data that has no clock of its own, and count feeds for each reader apart."""

import itertools

import numpy as np
import pytest

from tocsin.core import Clearance, Label, ManualClock, SeededEntropy
from tocsin.core.observations import build
from tocsin.core.times import SECOND
from tocsin.node.worlds import MAX_LEAP, STEP, DemoClock, FollowClock, World
from tocsin.policy import Views

START = 1_800_000_000 * SECOND
LOW = Label("p", 0, frozenset({"A"}), frozenset({"A"}))
HIGH = Label("p", 1, frozenset({"A"}), frozenset({"A"}))


def batch(time, label=LOW, realm="exercise:x", feed="f"):
    times = np.atleast_1d(np.asarray(time, np.int64))
    count = len(times)
    return build(feed, realm, label, count, time=times, identity=np.arange(1, count + 1), latitude=[46.0] * count, longitude=[7.0] * count)


def world(clock, realm="exercise:x"):
    return World(realm, clock, (), node="A", entropy=SeededEntropy(1))


def test_a_follow_clock_stands_at_the_latest_observation():
    clock = FollowClock()
    clock.follow(batch([START, START + SECOND]))
    assert clock.now() == START + SECOND
    clock.follow(batch([START - 50 * SECOND]))
    assert clock.now() == START + SECOND
    clock.follow(batch([]))
    assert clock.now() == START + SECOND


def test_one_wrong_time_does_not_carry_the_realm_away():
    clock = FollowClock()
    clock.follow(batch([START]))
    clock.follow(batch([START + 3600 * 24 * SECOND]))
    assert clock.now() == START + MAX_LEAP


def test_a_demonstrations_clock_stands_until_it_is_let_go():
    base = ManualClock(START)
    clock = DemoClock(base, 1000 * SECOND, 60)
    base.move_to(START + 5 * SECOND)
    assert clock.now() == 1000 * SECOND
    clock.let_go(START + 10 * SECOND)
    assert clock.now() == 1000 * SECOND
    base.move_to(START + 11 * SECOND)
    assert clock.now() == 1060 * SECOND
    clock.let_go(START + 11 * SECOND, 10)
    assert clock.now() == 1060 * SECOND
    base.move_to(START + 12 * SECOND)
    assert clock.now() == 1070 * SECOND


def test_looks_are_due_at_whole_steps_and_never_twice():
    clock = ManualClock(START)
    here = world(clock)
    assert list(here.due()) == [START // STEP * STEP]
    here.step(START // STEP * STEP)
    assert list(here.due()) == []
    clock.move_to(START + 3 * STEP)
    due = list(here.due())
    assert [b - a for a, b in itertools.pairwise(due)] == [STEP, STEP]
    for at in due:
        here.step(at)
    assert list(here.due()) == []


def test_after_a_long_pause_only_the_present_is_looked_at():
    clock = ManualClock(START)
    here = world(clock)
    here.step(START // STEP * STEP)
    clock.move_to(START + 1000 * STEP)
    assert len(list(here.due())) == 1


@pytest.mark.parametrize("order", [(LOW, HIGH), (HIGH, LOW)])
def test_a_feed_is_counted_for_each_reader_as_far_as_it_may_read(order):
    views = Views()
    low, high = views.of(Clearance("p", "A", 0)), views.of(Clearance("p", "A", 1))
    here = world(FollowClock())
    for view in (low, high):
        here.sight(view)
    for number, label in enumerate(order):
        here.take(batch([START + number, START + number + 1], label), "A")
    assert [f.observations for f in here.feeds(low)] == [2]
    assert [f.observations for f in here.feeds(high)] == [4]
    assert here.feeds(views.of(Clearance("p", "B", 1))) == []


def test_a_feed_that_falls_silent_says_so():
    clock = ManualClock(START)
    here = world(clock, "live")
    view = Views().of(Clearance("p", "A", 0))
    here.sight(view)
    here.take(batch([START], realm="live"), "A")
    (feed,) = here.feeds(view)
    assert [feed.state(START + s * SECOND).state for s in (0, 31, 121)] == ["ok", "late", "silent"]
