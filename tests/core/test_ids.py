"""Ids: a kind and a version 4 UUID, in one spelling."""

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
