"""Trees hash as RFC 6962 says, and a path proves one leaf and no other."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.exchange import merkle


def by_definition(leaves):
    """RFC 6962, 2.1, word for word: split at the largest power of two smaller than n."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


@given(st.lists(st.binary(max_size=20), max_size=70))
def test_the_root_is_the_definitions(datas):
    leaves = [merkle.leaf_hash(data) for data in datas]
    assert merkle.root(leaves) == by_definition(leaves)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=40, unique=True), st.data())
def test_a_path_leads_from_its_leaf_to_the_root_and_from_no_other(datas, data):
    leaves = [merkle.leaf_hash(one) for one in datas]
    index = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.integers(0, len(leaves) - 1))
    path, root = merkle.paths(leaves)[index], merkle.root(leaves)
    assert merkle.root_from_path(leaves[index], index, len(leaves), path) == root
    if other != index:
        assert merkle.root_from_path(leaves[other], index, len(leaves), path) != root
        assert merkle.root_from_path(leaves[index], other, len(leaves), path) != root
    assert merkle.root_from_path(leaves[index], index, len(leaves), (*path, root)) is None
    assert merkle.root_from_path(leaves[index], len(leaves), len(leaves), path) is None
    if path:
        assert merkle.root_from_path(leaves[index], index, len(leaves), path[:-1]) is None


def test_known_heads():
    # The test inputs of the Certificate Transparency reference code, and the heads that it publishes for them.
    datas = [bytes.fromhex(h) for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
    leaves = [merkle.leaf_hash(data) for data in datas]
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.root(leaves[:3]).hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    assert merkle.root(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("size", [1, 2, 3, 499, 500])
def test_the_path_is_as_long_as_the_tree_is_deep(size):
    leaves = [merkle.leaf_hash(b"%d" % i) for i in range(size)]
    assert max(map(len, merkle.paths(leaves))) == (size - 1).bit_length()
