"""The ladder: up at once, down late, never flickering."""

from hypothesis import given
from hypothesis import strategies as st

from tests.warning.skies import START, TOPIC
from tocsin.core.times import SECOND
from tocsin.warning.levels import Ladder

MINUTE = 60 * SECOND
NAMES = TOPIC.level_names


def ladder():
    return Ladder(TOPIC.levels, START)


def test_it_rises_at_once_and_past_rungs_in_between():
    one = ladder()
    assert one.step(0.6, START)
    assert (NAMES[one.rank], NAMES[one.was], one.since) == ("HIGH", "NORMAL", START)


def test_between_down_and_up_it_stays_for_ever():
    one = ladder()
    one.step(0.6, START)
    for minute in range(0, 2000, 7):
        assert not one.step(0.45, START + minute * MINUTE)
    assert NAMES[one.rank] == "HIGH"


def test_it_falls_only_after_holding_below():
    one = ladder()
    one.step(0.6, START)
    assert not one.step(0.2, START + MINUTE)
    assert not one.step(0.2, START + 30 * MINUTE)
    assert one.step(0.2, START + 31 * MINUTE)
    assert NAMES[one.rank] == "ELEVATED"


def test_a_moment_above_begins_the_hold_anew():
    one = ladder()
    one.step(0.6, START)
    one.step(0.2, START + MINUTE)
    one.step(0.5, START + 20 * MINUTE)
    one.step(0.2, START + 21 * MINUTE)
    assert not one.step(0.2, START + 40 * MINUTE)
    assert one.step(0.2, START + 51 * MINUTE)


def test_it_falls_to_the_rung_that_still_holds():
    one = ladder()
    one.step(0.6, START)
    one.step(0.0, START + MINUTE)
    one.step(0.0, START + 31 * MINUTE)
    assert NAMES[one.rank] == "NORMAL"


def test_a_cap_holds_it_down_and_when_lifted_lets_it_rise():
    one = ladder()
    cap = TOPIC.rank("ELEVATED")
    one.step(0.9, START, cap=cap)
    assert NAMES[one.rank] == "ELEVATED"
    assert one.step(0.9, START + MINUTE)
    assert NAMES[one.rank] == "HIGH"


def test_a_cap_that_comes_later_brings_it_down_after_the_hold():
    one = ladder()
    cap = TOPIC.rank("ELEVATED")
    one.step(0.9, START)
    assert not one.step(0.9, START + MINUTE, cap=cap)
    assert one.step(0.9, START + 31 * MINUTE, cap=cap)
    assert NAMES[one.rank] == "ELEVATED"


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 40), st.none() | st.integers(0, 3)), max_size=60))
def test_it_is_never_above_what_was_reached_and_never_falls_without_the_hold(steps):
    one, now = ladder(), START
    for probability, minutes, cap in steps:
        now += minutes * MINUTE
        before, since = one.rank, one.since
        one.step(probability, now, cap=cap)
        if one.rank > before:
            assert probability >= TOPIC.levels[one.rank].up
            assert cap is None or one.rank <= cap
        if one.rank < before:
            assert now - since >= TOPIC.levels[before].hold_minutes * MINUTE
            assert probability < TOPIC.levels[before].down or (cap is not None and cap < before)
