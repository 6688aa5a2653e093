"""Who hangs together, by hand for few and by a sparse matrix for many: the same parts under the same numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.warning.detectors import groups


@st.composite
def linked(draw):
    size = draw(st.integers(1, 40))
    ends = st.integers(0, size - 1)
    return size, np.array(draw(st.lists(st.tuples(ends, ends), max_size=60)), "i8").reshape(-1, 2)


@settings(max_examples=200, deadline=None)
@given(linked())
def test_few_are_joined_as_many_are(made):
    size, pairs = made
    few = groups.parts(pairs, size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "_FEW", -1)
        many = groups.parts(pairs, size)
    assert few.tolist() == many.tolist()


def test_a_long_chain_is_one_part_whatever_the_order_of_its_links():
    order = np.random.default_rng(1).permutation(400)
    pairs = np.column_stack([np.arange(400), np.arange(1, 401)])[order]
    assert groups.parts(pairs, 402).tolist() == [0] * 401 + [1]


def test_nobody_hangs_together_without_a_link():
    assert groups.parts(np.empty((0, 2), "i8"), 3).tolist() == [0, 1, 2]


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30))
def test_the_middle_is_what_numpy_says(values):
    assert groups.median(np.array(values)) == float(np.median(np.array(values)))
