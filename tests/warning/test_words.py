"""Figures in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.times import SECOND, parse_iso
from tocsin.warning import words


def test_counts_are_words_up_to_twelve():
    assert [words.count_word(n) for n in (0, 1, 2, 12, 13, 1400)] == ["no", "one", "two", "twelve", "13", "1,400"]
    assert words.count_word(12, capital=True) == "Twelve"


@pytest.mark.parametrize(
    ("probability", "term"),
    [
        (0.0, "almost no chance"),
        (0.0499, "almost no chance"),
        (0.05, "very unlikely"),
        (0.2, "unlikely"),
        (0.45, "roughly even chance"),
        (0.549, "roughly even chance"),
        (0.55, "likely"),
        (0.71, "likely"),
        (0.8, "very likely"),
        (0.95, "almost certain"),
        (1.0, "almost certain"),
    ],
)
def test_likelihood_follows_icd_203(probability, term):
    assert words.likelihood(probability) == term


def test_nothing_is_ever_0_or_100_percent():
    assert words.percent(0.0) == "under 1 %"
    assert words.percent(0.0099) == "under 1 %"
    assert words.percent(0.71) == "71 %"
    assert words.percent(1.0) == "over 99 %"


@given(st.floats(0, 1))
def test_percent_never_says_more_than_is_known(probability):
    assert words.percent(probability) not in {"0 %", "100 %"}


def test_weights_read_as_people_say_them():
    assert words.weight(4.1) == "about four times likelier"
    assert words.weight(2.2) == "about twice as likely"
    assert words.weight(0.5) == "about half as likely"
    assert words.weight(0.25) == "about four times less likely"
    assert words.weight(1.05) == "makes hardly any difference"
    assert words.weight(1.4) == "about one and a half times likelier"
    assert words.weight(63.0) == "about 60 times likelier"
    assert words.weight(4000.0) == "more than a hundred times likelier"
    assert words.weight(0.0) == "rules it out"


def test_lists_and_sentences():
    assert words.listed([]) == ""
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b"]) == "a and b"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.sentence("radar is late.") == "Radar is late."
    assert words.sentence("") == ""


def test_spans_and_times_of_day():
    assert [words.minutes(s * SECOND) for s in (0, 48, 89, 90, 360, 7200)] == ["0 s", "48 s", "89 s", "2 min", "6 min", "2 h"]
    assert words.clock(parse_iso("2026-11-22T03:30:59Z")) == "03:30Z"
    assert words.hour_of_week(0) == "Monday 00h"
    assert words.hour_of_week(6 * 24 + 3) == "Sunday 03h"
