"""Realms: a name is one of three shapes, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import LIVE, BadRealm, realms

ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)


@given(ids)
def test_every_id_makes_an_exercise_and_a_replay(name):
    assert realms.parse(f"exercise:{name}") == f"exercise:{name}"
    assert realms.parse(f"replay:{name}") == f"replay:{name}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Live",
        "live ",
        " live",
        "live\n",
        "live:",
        "live:a",
        "exercise",
        "exercise:",
        "exercise:-a",
        "exercise:A",
        "exercise:a_b",
        "exercise:a/b",
        "exercise:" + "a" * 41,
        "exercise:a\n",
        "replay:é",
        "replay:a:b",
        "drill:a",
        "exercise:a\x00",
        "exercise:\uff11",
    ],
)
def test_anything_else_is_no_realm(text):
    with pytest.raises(BadRealm, match="use live, exercise:<id> or replay:<id>"):
        realms.parse(text)


@given(st.text(max_size=60))
def test_a_refusal_is_one_short_line(text):
    try:
        assert realms.parse(text) == text
    except BadRealm as error:
        said = str(error)
        assert "\n" not in said
        assert len(said) < 400


def test_each_realm_is_of_one_sort():
    assert (realms.is_exercise(LIVE), realms.is_replay(LIVE)) == (False, False)
    assert (realms.is_exercise("exercise:a"), realms.is_replay("exercise:a")) == (True, False)
    assert (realms.is_exercise("replay:a"), realms.is_replay("replay:a")) == (False, True)


def test_only_live_is_ever_actual():
    assert realms.cap_status("live") == "Actual"
    assert realms.cap_status("exercise:night") == "Exercise"
    assert realms.cap_status("replay:swiss") == "Test"
    for text in ("", "exercise", "LIVE", "drill:a"):
        with pytest.raises(BadRealm):
            realms.cap_status(text)
