"""Merkle trees as RFC 6962 hashes them: roots and proofs out of stored nodes, and the checks of proofs. No I/O.

Whoever has a tree gives `node(height, index)`: the hash over the leaves `index * 2**height` up to the next such
node, for complete subtrees alone. Everything else follows from those.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Node = Callable[[int, int], bytes]

EMPTY = hashlib.sha256(b"").digest()
MOST_PATH = 63  # hashes of a proof: no tree here is higher


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 ‖ entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """The levels above a power of two of hashes, these first, the one root last."""
    levels = [list(hashes)]
    sha256 = hashlib.sha256
    while len(below := levels[-1]) > 1:
        levels.append([sha256(b"\x01" + below[i] + below[i + 1]).digest() for i in range(0, len(below), 2)])
    return levels


def root(node: Node, size: int) -> bytes:
    """The tree head over the first `size` leaves: MTH of RFC 6962, section 2.1."""
    return _range(node, 0, size) if size else EMPTY


def inclusion(node: Node, index: int, size: int) -> list[bytes]:
    """The path of leaf `index` in the tree of `size` leaves, the leaf's sibling first: PATH of section 2.1.1.

    Raises `ValueError` unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError("the tree has no such leaf")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range(node, middle, end))
            end = middle
        else:
            path.append(_range(node, start, middle))
            start = middle
    return path[::-1]


def consistency(node: Node, old: int, size: int) -> list[bytes]:
    """The proof that the tree of `old` leaves is the beginning of that of `size`: PROOF of section 2.1.2; empty for 0 or no growth.

    Raises `ValueError` unless 0 <= old <= size.
    """
    if not 0 <= old <= size:
        raise ValueError("the tree was never of that size")
    if old in {0, size}:
        return []
    path: list[bytes] = []
    start, end, whole = 0, size, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range(node, middle, end))
            end = middle
        else:
            path.append(_range(node, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(_range(node, start, end))
    return path[::-1]


def leads_to(entry_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf's hash and its path lead to (RFC 9162, section 2.1.3.2); None if the path has the wrong length."""
    if not 0 <= index < size or len(path) > MOST_PATH:
        return None
    at, last, found = index, size - 1, entry_hash
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def is_consistent(old: int, size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether `proof` shows that the tree `old_root` is the beginning of `new_root` (RFC 9162, section 2.1.4.2).

    From the empty tree, whose root is SHA-256 of nothing, everything grows, without a proof.
    """
    if not 0 <= old <= size or len(proof) > MOST_PATH:
        return False
    if old == size:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY
    left = list(proof) if old & (old - 1) else [old_root, *proof]
    if not left:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    was = now = left[0]
    for one in left[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            was, now = node_hash(one, was), node_hash(one, now)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            now = node_hash(now, one)
        at, last = at >> 1, last >> 1
    return last == 0 and was == old_root and now == new_root


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _range(node: Node, start: int, end: int) -> bytes:
    # `start` is a multiple of the largest power of two that is no more than the count, as every split makes it.
    parts: list[bytes] = []
    while start < end:
        height = (end - start).bit_length() - 1
        parts.append(node(height, start >> height))
        start += 1 << height
    found = parts.pop()
    while parts:
        found = node_hash(parts.pop(), found)
    return found
