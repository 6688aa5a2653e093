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


def close_pairs(position: Array, distance_m: float) -> Array:
    """Pairs (n, 2) of indexes of unit vectors that are at most `distance_m` apart, the lower index first.

    Of more than 1,500 each is paired with its 12 nearest alone: thousands of made-up tracks in one spot must not stop the watch.
    """
    tree = cKDTree(position)
    pairs: Array
    if len(position) <= _ALL_PAIRS:
        pairs = tree.query_pairs(chord(distance_m), output_type="ndarray")
        return pairs
    _, near = tree.query(position, k=_NEAREST + 1, distance_upper_bound=chord(distance_m))
    one, two = np.repeat(np.arange(len(position)), _NEAREST + 1), near.ravel()
    real = (two < len(position)) & (one != two)
    pairs = np.unique(np.sort(np.column_stack([one[real], two[real]]), axis=1), axis=0)
    return pairs


def large_parts(part: Array, at_least: int) -> Array:
    """The numbers of the parts with `at_least` members, the largest first, no more than 64."""
    size = np.bincount(part)
    found: Array = np.flatnonzero(size >= at_least)
    return found[np.argsort(-size[found], kind="stable")][:MAX_PARTS]


def parts(pairs: Array, size: int) -> Array:
    """The connected part that each of `size` things belongs to, where `pairs` (n, 2) are linked."""
    link = coo_array((np.ones(len(pairs), "i1"), (pairs[:, 0], pairs[:, 1])), shape=(size, size))  # type: ignore[no-untyped-call]
    part: Array = connected_components(link, directed=False)[1]
    return part


def rising(count: int, at_least: int, full_at: int) -> float:
    """Strength of a count: 0.5 at `at_least`, 1 from `full_at` on."""
    return 1.0 if count >= full_at else 0.5 + 0.5 * (count - at_least) / (full_at - at_least)
