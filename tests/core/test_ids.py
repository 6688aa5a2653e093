"""Ids: a kind and a UUID, in one spelling; those of records in the order of their times."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import InputError, SeededEntropy, kind_of_id, new_id

UUID = "6f1c2f0e-9a45-4c3a-8d5e-0123456789ab"


@given(st.from_regex(r"[a-z][a-z0-9-]{0,39}", fullmatch=True), st.integers())
def test_a_new_id_says_its_kind(kind, seed):
    made = new_id(kind, SeededEntropy(seed))
    assert kind_of_id(made) == kind
    assert uuid.UUID(made[len(kind) + 2 :]).version == 4


def test_ids_of_one_stream_differ_and_those_of_one_seed_agree():
    stream = SeededEntropy(1)
    many = [new_id("report", stream) for _ in range(1000)]
    assert len(set(many)) == 1000
    again = SeededEntropy(1)
    assert [new_id("report", again) for _ in range(1000)] == many


@given(st.integers(), st.integers(0, 2**58))
def test_an_id_with_a_time_is_a_uuid_of_version_7_and_begins_with_its_milliseconds(seed, time):
    made = uuid.UUID(new_id("report", SeededEntropy(seed), time).removeprefix("report--"))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == time // 1000 % 2**48


def test_ids_of_later_records_stand_after_those_of_earlier_ones():
    stream = SeededEntropy(1)
    made = [new_id("report", stream, 1_700_000_000_000_000 + 1000 * step) for step in range(1000)]
    assert made == sorted(made)


def test_ids_of_one_moment_differ_in_all_that_is_not_its_time():
    stream = SeededEntropy(1)
    many = {new_id("report", stream, 1_700_000_000_000_000) for _ in range(10_000)}
    assert len(many) == 10_000
    spread = [uuid.UUID(one.removeprefix("report--")).int for one in many]
    drawn = [bit for bit in range(80) if len({one >> bit & 1 for one in spread}) == 2]
    assert len(drawn) == 74


def test_a_time_before_1970_is_taken_as_1970():
    assert new_id("report", SeededEntropy(1), -5).startswith("report--00000000-0000-7")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "report",
        UUID,
        "--" + UUID,
        "report-" + UUID,
        "Report--" + UUID,
        "report--" + UUID.upper(),
        "report--" + UUID[:-1],
        f"report--{UUID}0",
        f"report--{UUID}\n",
        f" report--{UUID}",
        f"1report--{UUID}",
        "a" * 41 + "--" + UUID,
        "report--" + UUID.replace("-", ""),
        f"report--{{{UUID}}}",
        "report--\uff16" + UUID[1:],
    ],
)
def test_another_spelling_is_no_id(text):
    with pytest.raises(InputError, match="is no id"):
        kind_of_id(text)


def test_a_kind_may_hold_hyphens():
    assert kind_of_id("marked-copy--" + UUID) == "marked-copy"
    assert kind_of_id("a--b--" + UUID) == "a--b"
