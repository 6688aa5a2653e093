"""Randomness that is handed in: the same seed says the same, and streams do not move each other."""

from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import SeededEntropy, stream


@given(st.integers() | st.text() | st.binary())
def test_the_same_seed_gives_the_same_bytes(seed):
    assert SeededEntropy(seed).take(100) == SeededEntropy(seed).take(100)


@given(st.lists(st.integers(0, 100), max_size=20))
def test_how_it_is_cut_does_not_matter(sizes):
    entropy = SeededEntropy(1)
    assert b"".join(entropy.take(size) for size in sizes) == SeededEntropy(1).take(sum(sizes))


def test_each_size_is_what_was_asked_for():
    entropy = SeededEntropy(1)
    for size in (0, 1, 31, 32, 33, 64, 1000):
        assert len(entropy.take(size)) == size


def test_seeds_of_another_type_are_other_seeds():
    assert len({SeededEntropy(seed).take(32) for seed in (1, "1", b"1", 2, "", b"")}) == 6


def test_a_child_does_not_move_its_parent_nor_its_siblings():
    alone, parent = SeededEntropy(7), SeededEntropy(7)
    first = parent.child("a").take(64)
    parent.child("b").take(1000)
    assert parent.take(64) == alone.take(64)
    assert parent.child("a").take(64) == first


def test_children_differ_by_name_by_parent_and_from_the_parent():
    root = SeededEntropy(7)
    many = [root.child("a"), root.child("b"), root.child("a").child("a"), SeededEntropy(8).child("a"), root.child(""), SeededEntropy(7)]
    assert len({entropy.take(32) for entropy in many}) == len(many)


def test_each_realm_and_view_has_a_stream_of_its_own():
    root = SeededEntropy(7)
    places = [("live", "v1"), ("live", "v2"), ("exercise:a", "v1"), ("exercise:b", "v1"), ("live", "")]
    drawn = {place: stream(root, *place).take(32) for place in places}
    assert len(set(drawn.values())) == len(places)
    busy = stream(root, "exercise:a", "v1")
    busy.take(10_000)
    assert stream(root, "live", "v1").take(32) == drawn["live", "v1"]


def test_bytes_are_spread_evenly_enough_to_stand_for_chance():
    drawn = SeededEntropy(3).take(64_000)
    counts = [drawn.count(bytes([value])) for value in range(256)]
    assert all(170 < count < 340 for count in counts), "250 each, within about five standard deviations"
