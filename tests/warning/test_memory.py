"""What is remembered by track key, against a plain dictionary."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.times import SECOND
from tocsin.warning.scene import Memory, among

KEEP_S = 30
KEYS = st.lists(st.integers(0, 12), max_size=10)
LOOKS = st.lists(st.tuples(st.integers(1, 25), KEYS), max_size=8)


def keys(values):
    return np.array(values, "u8")


@settings(max_examples=150, deadline=None)
@given(LOOKS, KEYS)
def test_it_remembers_what_a_dictionary_would(looks, asked):
    memory = Memory(KEEP_S, height=np.float64(np.nan), place=np.zeros(3), seen=np.bool_(False))
    model, now = {}, 0
    for number, (wait, given_keys) in enumerate(looks):
        now += wait * SECOND
        height = np.arange(len(given_keys)) + 100.0 * number
        memory.keep(
            keys(given_keys),
            now,
            height=height,
            place=np.repeat(height[:, None], 3, axis=1),
            seen=np.ones(len(given_keys), bool),
        )
        model = {key: (at, value) for key, (at, value) in model.items() if at >= now - KEEP_S * SECOND}
        # Of a key that is given twice the first counts.
        model |= {key: (now, float(value)) for key, value in list(zip(given_keys, height, strict=True))[::-1]}
    known, found = memory.recall(keys(asked))
    assert known.tolist() == found["seen"].tolist() == [key in model for key in asked]
    expected = [model[key][1] if key in model else np.nan for key in asked]
    np.testing.assert_array_equal(found["height"], expected)
    np.testing.assert_array_equal(found["place"], [[0.0 if np.isnan(one) else one] * 3 for one in expected] or np.empty((0, 3)))
    later = now + 10 * SECOND
    others, columns = memory.others(keys(asked), later)
    left = {key: value for key, (at, value) in model.items() if at >= later - KEEP_S * SECOND and key not in asked}
    assert dict(zip(others.tolist(), columns["height"].tolist(), strict=True)) == left
    assert len(memory) == len(model)


def test_what_is_recalled_may_be_written_to():
    memory = Memory(KEEP_S, height=np.float64(0))
    memory.keep(keys([1, 2]), SECOND, height=np.array([1.0, 2.0]))
    _, found = memory.recall(keys([1, 2]))
    found["height"][:] = 9.0
    assert memory.recall(keys([1, 2]))[1]["height"].tolist() == [1.0, 2.0]


@given(KEYS, KEYS)
def test_among_says_what_numpy_says(values, ordered):
    table = np.unique(keys(ordered))
    assert among(keys(values), table).tolist() == np.isin(keys(values), table).tolist()
