"""Trees are RFC 6962's, and a proof that is not one is never taken."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import InputError
from tocsin.journal import tiles, tree

sizes = st.integers(1, 700)


def naive_root(leaves):
    """MTH, written down from RFC 6962, section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(index, leaves):
    if len(leaves) == 1:
        return []
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(old, leaves, whole=True):
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if old <= k:
        return [*naive_proof(old, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_proof(old - k, leaves[k:], False), naive_root(leaves[:k])]


def leaves_of(size, salt=b""):
    return [tree.leaf_hash(salt + n.to_bytes(4, "big")) for n in range(size)]


def grown(leaves, steps):
    """A tree's tiles, grown by the given steps and then to its whole."""
    held = {}
    at = 0

    def fetch(level, n):
        return held.get((level, n), b"")

    for step in [*steps, len(leaves)]:
        end = min(at + step, len(leaves))
        held.update(tiles.grow(fetch, at, leaves[at:end]))
        at = end
    return held


def node_of(held, room=64):
    return tiles.Pyramids(lambda level, n: held.get((level, n), b""), room).node


def test_a_leaf_and_a_node_hash_differ_by_their_first_byte():
    assert tree.leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()
    assert tree.node_hash(b"a", b"b") == hashlib.sha256(b"\x01ab").digest()


@given(sizes, st.lists(st.integers(1, 300), max_size=5))
def test_roots_and_paths_out_of_tiles_are_the_rfcs(size, steps):
    leaves = leaves_of(size)
    node = node_of(grown(leaves, steps))
    assert tree.root(node, size) == naive_root(leaves)
    for index in {0, size // 3, size // 2, size - 1}:
        path = tree.inclusion(node, index, size)
        assert path == naive_path(index, leaves)
        assert tree.leads_to(leaves[index], index, size, path) == naive_root(leaves)


@given(sizes, st.data())
def test_every_earlier_tree_is_still_in_the_tiles(size, data):
    leaves = leaves_of(size)
    node = node_of(grown(leaves, [7, 256, 3]))
    old = data.draw(st.integers(1, size))
    assert tree.root(node, old) == naive_root(leaves[:old])
    proof = tree.consistency(node, old, size)
    assert proof == naive_proof(old, leaves)
    assert tree.is_consistent(old, size, proof, naive_root(leaves[:old]), naive_root(leaves))


def test_every_pair_of_small_sizes_is_consistent_and_no_other_root_is():
    leaves = leaves_of(40)
    node = node_of(grown(leaves, []))
    roots = [tree.EMPTY, *(naive_root(leaves[:n]) for n in range(1, 41))]
    for old in range(1, 41):
        for size in range(old, 41):
            proof = tree.consistency(node, old, size)
            assert tree.is_consistent(old, size, proof, roots[old], roots[size])
            for wrong in {roots[old - 1], roots[size], bytes(32)} - {roots[old]}:
                assert not tree.is_consistent(old, size, proof, wrong, roots[size])
            assert not tree.is_consistent(old, size, proof, roots[old], bytes(32))


@given(st.integers(2, 300), st.data())
def test_an_altered_proof_of_growth_is_refused(size, data):
    leaves = leaves_of(size)
    node = node_of(grown(leaves, []))
    old = data.draw(st.integers(1, size - 1))
    proof = tree.consistency(node, old, size)
    before, after = naive_root(leaves[:old]), naive_root(leaves)
    at = data.draw(st.integers(0, len(proof) - 1))
    assert not tree.is_consistent(old, size, [*proof[:at], bytes(32), *proof[at + 1 :]], before, after)
    assert not tree.is_consistent(old, size, proof[:-1], before, after)
    assert not tree.is_consistent(old, size, [*proof, bytes(32)], before, after)
    assert not tree.is_consistent(old + 1, size, proof, before, after)


@given(st.integers(2, 300), st.data())
def test_another_history_is_not_consistent(size, data):
    old = data.draw(st.integers(1, size - 1))
    leaves = leaves_of(size)
    other = [*leaves_of(old, b"other"), *leaves[old:]]
    proof = tree.consistency(node_of(grown(other, [])), old, size)
    assert not tree.is_consistent(old, size, proof, naive_root(leaves[:old]), naive_root(other))


def test_a_tree_grows_out_of_nothing_without_a_proof_and_out_of_nothing_else():
    root = naive_root(leaves_of(5))
    assert tree.is_consistent(0, 5, [], tree.EMPTY, root)
    assert not tree.is_consistent(0, 5, [], bytes(32), root)
    assert not tree.is_consistent(0, 5, [root], tree.EMPTY, root)
    assert tree.is_consistent(5, 5, [], root, root)
    assert not tree.is_consistent(5, 5, [], root, bytes(32))
    assert not tree.is_consistent(5, 4, [], root, root)
    assert not tree.is_consistent(-1, 4, [], root, root)
    assert not tree.is_consistent(3, 5, [], root, root)


@given(st.integers(1, 300), st.data())
def test_an_altered_path_leads_elsewhere(size, data):
    leaves = leaves_of(size)
    node = node_of(grown(leaves, []))
    index = data.draw(st.integers(0, size - 1))
    path, root = tree.inclusion(node, index, size), naive_root(leaves)
    for at in range(len(path)):
        assert tree.leads_to(leaves[index], index, size, [*path[:at], bytes(32), *path[at + 1 :]]) != root
    assert tree.leads_to(leaves[index], index, size, [*path, bytes(32)]) is None
    assert tree.leads_to(leaves[index], size, size, path) is None
    assert tree.leads_to(bytes(32), index, size, path) != root
    if path:
        assert tree.leads_to(leaves[index], index, size, path[:-1]) != root
    for other in {0, size // 2, size - 1} - {index}:
        assert tree.leads_to(leaves[index], other, size, path) != root


def test_a_path_without_end_is_refused_before_it_is_hashed():
    assert tree.leads_to(bytes(32), 0, 2**62, [bytes(32)] * 64) is None
    assert not tree.is_consistent(1, 2**62, [bytes(32)] * 64, bytes(32), bytes(32))


def test_a_leaf_or_size_that_never_was_has_no_proof():
    node = node_of(grown(leaves_of(3), []))
    for index, size in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(ValueError, match="no such leaf"):
            tree.inclusion(node, index, size)
    with pytest.raises(ValueError, match="never of that size"):
        tree.consistency(node, 4, 3)
    with pytest.raises(LookupError):
        tree.root(node, 4)


def test_growing_by_one_costs_one_tile_a_level_at_most():
    leaves, held, most = leaves_of(256 * 256 + 2), {}, 0
    held.update(tiles.grow(lambda level, n: b"", 0, leaves[: 256 * 256 - 3]))
    fetched = []

    def fetch(level, n):
        fetched.append((level, n))
        return held.get((level, n), b"")

    for at in range(256 * 256 - 3, len(leaves)):
        fetched.clear()
        changed = tiles.grow(fetch, at, [leaves[at]])
        most = max(most, len(changed), len(fetched))
        held.update(changed)
    assert most == 3
    assert tree.root(node_of(held), len(leaves)) == naive_root(leaves)


def test_tiles_of_seventy_thousand_leaves_are_those_of_the_standard():
    found = tiles.tiles_of(70_000)
    by_level = {level: [t for t in found if t.level == level] for level in (-1, 0, 1, 2, 3)}
    assert [len(by_level[level]) for level in (-1, 0, 1, 2, 3)] == [274, 274, 2, 1, 0]
    assert [by_level[level][-1].width for level in (-1, 0, 1, 2)] == [112, 112, 17, 1]
    assert [t.path() for t in tiles.tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]


@given(st.integers(-1, 63), st.integers(0, 10**9), st.integers(1, 256))
def test_a_tiles_path_reads_back(level, n, width):
    tile = tiles.Tile(level, n, width)
    assert tiles.parse_path(tile.path()) == tile


def test_a_tiles_path_is_the_standards():
    assert tiles.Tile(0, 1234067).path() == "tile/0/x001/x234/067"
    assert tiles.Tile(63, 5, 9).path() == "tile/63/005.p/9"
    for wrong in (
        "tile/64/000", "tile/00/000", "tile/0/0", "tile/0/x000/001", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01",
        "tile/0/001/002", "tile//000", "tile/0/x001", "/tile/0/000", "tile/0/000\n", "tile/entries/", "tile/0/../000", "tile/-1/000",
    ):  # fmt: skip
        with pytest.raises(InputError, match="no path of a tile"):
            tiles.parse_path(wrong)


@given(st.lists(st.binary(max_size=70), max_size=300))
def test_a_bundle_holds_its_entries(entries):
    data = tiles.bundle(entries)
    assert tiles.unbundle(data) == entries
    ends = [sum(2 + len(entry) for entry in entries[:n]) for n in range(len(entries) + 1)]
    for cut in {1, len(data) // 2, len(data) - 1} & set(range(1, len(data))):
        if cut in ends:
            assert tiles.unbundle(data[:cut]) == entries[: ends.index(cut)]
        else:
            with pytest.raises(InputError, match="cut short"):
                tiles.unbundle(data[:cut])
