"""Merkle trees as RFC 6962, section 2.1, hashes them: one signature on a root covers a batch, one path proves one leaf."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The tree head over leaf hashes; SHA-256 of nothing where there are none."""
    return _levels(leaves)[-1][0] if leaves else _EMPTY


def paths(leaves: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """For each leaf hash its inclusion path, the lowest sibling first."""
    return root_and_paths(leaves)[1]


def root_and_paths(leaves: Sequence[bytes]) -> tuple[bytes, list[tuple[bytes, ...]]]:
    """`root` and `paths` of the same leaves, for the price of one."""
    if not leaves:
        return _EMPTY, []
    levels = _levels(leaves)
    # From the root down: a node's path is its sibling, and then its parent's path.
    found: list[tuple[bytes, ...]] = [()]
    for level in reversed(levels[:-1]):
        last = len(level) - 1
        found = [found[at >> 1] if at ^ 1 > last else (level[at ^ 1], *found[at >> 1]) for at in range(last + 1)]
    return levels[-1][0], found


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root to which a leaf hash, its index, the tree's size and a path lead; None if the path has the wrong length."""
    if not 0 <= index < size:
        return None
    at, last, left = leaf, size - 1, list(reversed(path))
    while last:
        # A node that is the last of its level and has no sibling is carried up as it is.
        if index & 1 or index < last:
            if not left:
                return None
            sibling = left.pop()
            at = node_hash(sibling, at) if index & 1 else node_hash(at, sibling)
        index, last = index >> 1, last >> 1
    return None if left else at


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    # Pairing from the left and carrying an odd last node up gives the same tree as RFC 6962's split at the largest power of two.
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        levels.append(above + below[len(below) & ~1 :])
    return levels
