"""The filter: what a probability is made of, and what may not move it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.warning.skies import START, TOPIC
from tocsin.core.times import HOUR, SECOND
from tocsin.warning.filter import ABSENT, Forward, Item, Rates, entropy_bits, information_gain

RATES = Rates(TOPIC)
STEP = RATES.step
SIGNS = sorted(RATES.log)

items = st.builds(
    lambda number, sign, step, strength: (f"{sign}#{number}", sign, step, strength),
    st.integers(0, 3),
    st.sampled_from(SIGNS),
    st.integers(0, 30),
    st.floats(0.05, 1.0),
)


def forward():
    return Forward(RATES, START)


def fill(filter_, given):
    for name, sign, step, strength in given:
        filter_.add(Item(name, sign, filter_.step_of(START) + step, strength))
    return filter_


@given(st.lists(items, max_size=12), st.integers(0, 400))
@settings(deadline=None)
def test_probabilities_are_probabilities_at_every_time(given_items, steps):
    p = fill(forward(), given_items).posterior(START + steps * STEP)
    assert np.all(p >= 0)
    assert p.sum() == pytest.approx(1.0)


@given(st.lists(items, max_size=10), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_in_which_evidence_is_taken_in_does_not_matter(given_items, chance):
    # Strengths of one episode rise, as an episode's peak does.
    ordered = sorted(given_items, key=lambda i: (i[2], i[3]))
    peaks, rising = {}, []
    for name, sign, step, strength in ordered:
        peaks[name] = max(peaks.get(name, 0.0), strength)
        rising.append((name, sign, step, peaks[name]))
    mixed = list(rising)
    chance.shuffle(mixed)
    one, other = fill(forward(), rising), fill(forward(), mixed)
    at = START + 31 * STEP
    np.testing.assert_allclose(one.posterior(at), other.posterior(at), rtol=1e-12)


@given(st.lists(items, min_size=1, max_size=8), st.sampled_from([1, 10, 60]))
@settings(deadline=None)
def test_ticks_of_1_10_and_60_s_within_a_step_give_the_same(given_items, tick):
    asked, once = fill(forward(), given_items), fill(forward(), given_items)
    for second in range(0, 600, tick * 7):
        inside = asked.posterior(START - START % STEP + 32 * STEP + second * SECOND)
    np.testing.assert_array_equal(inside, once.posterior(START - START % STEP + 32 * STEP))


def test_without_evidence_the_base_rates_stay():
    for steps in (0, 1, 10, 1000):
        np.testing.assert_allclose(forward().posterior(START + steps * STEP), RATES.base, rtol=1e-9)


def test_within_one_step_it_is_bayes_rule():
    f = forward()
    f.add(Item("a", "aircraft-in-stream", f.step_of(START), 1.0))
    likelihood = np.array([TOPIC.indicator("aircraft-in-stream").likelihoods[h] for h in RATES.ids])
    expected = RATES.base * likelihood / (RATES.base @ likelihood)
    np.testing.assert_allclose(f.posterior(START), expected, rtol=1e-9)


def test_half_the_strength_is_the_root_of_the_likelihood_and_none_says_nothing():
    f = forward()
    f.add(Item("a", "line-crossed", f.step_of(START), 0.5))
    likelihood = np.array([TOPIC.indicator("line-crossed").likelihoods[h] for h in RATES.ids]) ** 0.5
    np.testing.assert_allclose(f.posterior(START), RATES.base * likelihood / (RATES.base @ likelihood), rtol=1e-9)
    f = forward()
    assert not f.add(Item("a", "line-crossed", f.step_of(START), 0.0))
    np.testing.assert_allclose(f.posterior(START), RATES.base, rtol=1e-12)


def test_an_episode_counts_once_however_often_it_is_said():
    f, g = forward(), forward()
    for step in range(5):
        f.add(Item("a", "aircraft-in-stream", f.step_of(START) + step, 1.0))
    g.add(Item("a", "aircraft-in-stream", g.step_of(START), 1.0))
    at = START + 6 * STEP
    np.testing.assert_array_equal(f.posterior(at), g.posterior(at))


def test_a_growing_episode_ends_where_a_full_one_would_within_the_step():
    f, g = forward(), forward()
    for strength in (0.5, 0.7, 1.0):
        f.add(Item("a", "aircraft-in-stream", f.step_of(START), strength))
    g.add(Item("a", "aircraft-in-stream", g.step_of(START), 1.0))
    np.testing.assert_array_equal(f.posterior(START), g.posterior(START))


def test_evidence_fades_by_persistence_alone():
    f = forward()
    f.add(Item("a", "aircraft-in-stream", f.step_of(START), 1.0))
    f.end("a", START + HOUR)
    subject = RATES.ids.index("deployment")
    values = [f.posterior(START + hours * HOUR)[subject] for hours in (0, 6, 24, 72, 240)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(RATES.base[subject], rel=0.05)


def test_what_is_taken_back_is_as_if_it_had_never_been():
    f = forward()
    sign = ABSENT + "aircraft-in-stream"
    f.add(Item("absence-1", sign, f.step_of(START), 1.0))
    changed = f.posterior(START)
    f.add(Item("absence-1", sign, f.step_of(START), 0.0))
    assert not np.allclose(changed, RATES.base)
    np.testing.assert_allclose(f.posterior(START), RATES.base, rtol=1e-9)
    assert f.counted(START) == []


def test_a_group_never_passes_its_cap():
    capped = replace(TOPIC, groups=tuple(replace(g, cap=5.0) for g in TOPIC.groups))
    rates = Rates(capped)
    f = Forward(rates, START)
    for number in range(20):
        f.add(Item(f"a{number}", "aircraft-in-stream", f.step_of(START), 1.0))
    ratio = f.posterior(START) / rates.base
    assert ratio.max() / ratio.min() == pytest.approx(5.0)


def test_a_group_never_passes_its_cap_over_several_steps_either():
    many, one = forward(), forward()
    for number in range(12):
        many.add(Item(f"a{number}", "aircraft-in-stream", many.step_of(START) + number // 3, 1.0))
        one.add(Item(f"a{number}", "aircraft-in-stream", one.step_of(START), 1.0))
    subject = RATES.ids.index("deployment")
    at = START + 4 * STEP
    # Repeating a sign does not get past what the whole group may say at once.
    assert many.posterior(at)[subject] <= one.posterior(START)[subject] + 1e-9


def test_a_forgotten_episode_leaves_room_in_its_group():
    f = forward()
    f.add(Item("a", "aircraft-in-stream", f.step_of(START), 1.0))
    f.end("a", START)
    later = START + (RATES.memory + 2) * STEP
    assert f.counted(later) == []
    before = f.posterior(later)
    f.add(Item("b", "aircraft-in-stream", f.step_of(later), 1.0))
    likelihood = np.exp(RATES.log["aircraft-in-stream"])
    np.testing.assert_allclose(f.posterior(later), before * likelihood / (before @ likelihood), rtol=1e-9)


def test_leaving_out_an_item_is_as_if_it_had_never_been():
    f, g = forward(), forward()
    for filter_ in (f, g):
        filter_.add(Item("a", "airlift-surge", f.step_of(START), 1.0))
    f.add(Item("b", "aircraft-in-stream", f.step_of(START) + 1, 0.8))
    at = START + 2 * STEP
    np.testing.assert_allclose(f.posterior(at, without="b"), g.posterior(at), rtol=1e-12)


def test_a_year_of_watching_keeps_no_more_than_a_few_days():
    f = forward()
    for day in range(365):
        at = START + day * 24 * HOUR
        f.add(Item(f"e{day}", "airlift-surge", f.step_of(at), 1.0))
        f.end(f"e{day}", at + HOUR)
        f.posterior(at)
    assert len(f._items) < 5


def test_settling_the_past_changes_no_answer():
    f, g = forward(), forward()
    for filter_ in (f, g):
        filter_.add(Item("a", "aircraft-in-stream", f.step_of(START) + 3, 1.0))
        filter_.end("a", START + 10 * HOUR)
    for hours in range(0, 100, 3):
        f.posterior(START + hours * HOUR)
    np.testing.assert_allclose(f.posterior(START + 100 * HOUR), g.posterior(START + 100 * HOUR), rtol=1e-9)


def test_information_gain_is_nothing_for_a_sign_that_says_nothing_and_all_for_one_that_says_all():
    p = np.array([0.5, 0.5])
    assert information_gain(p, [0.3, 0.3]) == pytest.approx(0.0, abs=1e-12)
    assert information_gain(p, [1.0, 0.0]) == pytest.approx(1.0)
    assert entropy_bits(np.array([1.0, 0.0])) == 0.0


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_looking_never_loses_information(p, a, b):
    whole = np.array([p, 1 - p])
    assert 0.0 <= information_gain(whole, [a, b]) <= entropy_bits(whole) + 1e-12


def test_what_an_answer_would_tell_follows_the_probabilities():
    rates = Rates(TOPIC)
    first, second = rates.base, np.array([0.2, 0.3, 0.5])
    for probabilities in (first, second, first, first.copy()):
        expected = {sign: information_gain(probabilities, np.exp(log)) for sign, log in rates.log.items()}
        assert rates.gains(probabilities) == expected
    assert rates.gains(first) != rates.gains(second)
