"""What several detectors need to tell a group: who is near whom, who hangs together, how strong a count is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree  # type: ignore[attr-defined]

from ..geodesy import chord

if TYPE_CHECKING:
    from tocsin.core.observations import Array


MAX_PARTS: Final = 64
_ALL_PAIRS: Final = 1500
_NEAREST: Final = 12
_CROWDED: Final = 20
_FEW: Final = 1000


def close_pairs(position: Array, distance_m: float) -> Array:
    """Pairs (n, 2) of indexes of unit vectors that are at most `distance_m` apart, the lower index first.

    Of more than 1,500 that are also crowded each is paired with its 12 nearest alone: thousands of made-up tracks in one spot must
    not stop the watch.
    """
    tree, reach, size = cKDTree(position, compact_nodes=False, balanced_tree=False), chord(distance_m), len(position)
    pairs: Array
    if size <= _ALL_PAIRS or int(tree.count_neighbors(tree, reach)) <= (2 * _CROWDED + 1) * size:
        pairs = tree.query_pairs(reach, output_type="ndarray")
        return pairs
    _, near = tree.query(position, k=_NEAREST + 1, distance_upper_bound=reach)
    one, two = np.repeat(np.arange(size), _NEAREST + 1), near.ravel()
    real = (two < size) & (one != two)
    # A pair as one number: rows of numbers take ten times as long to sort.
    number = np.unique(np.minimum(one[real], two[real]) * size + np.maximum(one[real], two[real]))
    pairs = np.column_stack(np.divmod(number, size))
    return pairs


def large_parts(part: Array, at_least: int) -> Array:
    """The numbers of the parts with `at_least` members, the largest first, no more than 64."""
    size = np.bincount(part)
    found: Array = np.flatnonzero(size >= at_least)
    return found[np.argsort(-size[found], kind="stable")][:MAX_PARTS]


def parts(pairs: Array, size: int) -> Array:
    """The connected part that each of `size` things belongs to, where `pairs` (n, 2) are linked; numbered by their first members."""
    if len(pairs) + size <= _FEW:
        return _parts_of_few(pairs.tolist(), size)
    link = coo_array((np.ones(len(pairs), "i1"), (pairs[:, 0], pairs[:, 1])), shape=(size, size))  # type: ignore[no-untyped-call]
    part: Array = connected_components(link, directed=False)[1]
    return part


def _parts_of_few(pairs: list[list[int]], size: int) -> Array:
    # Preparing a sparse matrix takes longer than joining a few by hand: each points to one before it, up to the first of its part.
    before = list(range(size))
    for pair in pairs:
        one, two = (_begin_of(at, before) for at in pair)
        before[max(one, two)] = min(one, two)
    part, count = [0] * size, 0
    for at, earlier in enumerate(before):
        if earlier == at:
            part[at], count = count, count + 1
        else:
            part[at] = part[earlier]
    return np.array(part, "i4")


def _begin_of(at: int, before: list[int]) -> int:
    while before[at] != at:
        before[at] = before[before[at]]
        at = before[at]
    return at


def median(values: Array) -> float:
    """The middle of values without NaN, at least one: what `np.median` gives, without its preparation."""
    ordered, half = np.sort(values), len(values) // 2
    return float(ordered[half]) if len(values) % 2 else float((ordered[half - 1] + ordered[half]) / 2)


def rising(count: int, at_least: int, full_at: int) -> float:
    """Strength of a count: 0.5 at `at_least`, 1 from `full_at` on."""
    return 1.0 if count >= full_at else 0.5 + 0.5 * (count - at_least) / (full_at - at_least)
