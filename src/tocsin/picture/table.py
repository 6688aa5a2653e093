"""Slots for tracks: columns that grow by doubling, and an index from identity to slot. No rules about tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .tracks import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

Array = np.ndarray[Any, Any]

_OWN: Final[Mapping[str, np.dtype[Any]]] = {
    "revision": np.dtype("<i8"),  # of the picture, when this slot last changed
    "derived": np.dtype("?"),  # speed and course are out of plots
    "doubt_plots": np.dtype("u1"),  # consistent plots elsewhere, in a row
    "doubt_time": np.dtype("<i8"),
    "doubt_first": np.dtype("<i8"),
    "doubt_latitude": np.dtype("<f8"),
    "doubt_longitude": np.dtype("<f8"),
}
_DTYPES: Final = {**COLUMNS, **_OWN}
_NULLS: Final[Mapping[str, Any]] = {
    "squawk": -1,
    "integrity": 255,
    **{name: np.nan for name, dtype in _DTYPES.items() if dtype.kind == "f"},
    **{name: b"" for name, dtype in _DTYPES.items() if dtype.kind == "S"},  # a number would become the text "0"
}


class Table:
    """Columns of slots, each free or one identity's. `table[name]` is the whole column, free slots included."""

    def __init__(self, capacity: int = 1024) -> None:
        self._columns = {name: np.full(capacity, _NULLS.get(name, 0), dtype) for name, dtype in _DTYPES.items()}
        self._free = np.arange(capacity - 1, -1, -1)
        self._identities = np.empty(0, np.uint64)  # sorted, with the slot of each beside it
        self._slots = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._slots)

    def __getitem__(self, name: str) -> Array:
        return self._columns[name]

    def slots(self) -> Array:
        """The slots in use, by identity."""
        return self._slots

    def find(self, identities: Array) -> Array:
        """The slot of each identity, -1 where there is none."""
        if not len(self._identities):
            return np.full(len(identities), -1, np.int64)
        at = np.minimum(np.searchsorted(self._identities, identities), len(self._identities) - 1)
        return np.where(self._identities[at] == identities, self._slots[at], -1)

    def add(self, identities: Array) -> Array:
        """Fresh slots for identities that have none; they must be sorted and differ."""
        while len(identities) > len(self._free):
            self._grow()
        cut = len(self._free) - len(identities)
        slots, self._free = self._free[cut:][::-1].copy(), self._free[:cut]
        self.clear(slots)
        self._columns["identity"][slots] = identities
        at = np.searchsorted(self._identities, identities)
        self._identities = np.insert(self._identities, at, identities)
        self._slots = np.insert(self._slots, at, slots)
        return slots

    def clear(self, slots: Array) -> None:
        """Make slots as they were when fresh, but for their identity."""
        for name, column in self._columns.items():
            if name != "identity":
                column[slots] = _NULLS.get(name, 0)

    def remove(self, slots: Array) -> None:
        """Give slots back."""
        out = np.isin(self._slots, slots)
        self._free = np.concatenate([self._free, self._slots[out][::-1]])
        self._identities, self._slots = self._identities[~out], self._slots[~out]

    def _grow(self) -> None:
        size = len(self._columns["identity"])
        for name, dtype in _DTYPES.items():
            self._columns[name] = np.concatenate([self._columns[name], np.full(size, _NULLS.get(name, 0), dtype)])
        self._free = np.concatenate([np.arange(2 * size - 1, size - 1, -1), self._free])
