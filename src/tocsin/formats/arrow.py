"""Arrow's modules and kinds of value under names that mypy accepts: it ships no types of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

Table = Any
Column = Any  # pyarrow.Array or pyarrow.ChunkedArray
InvalidRow = Any

if TYPE_CHECKING:
    pa: Any
    pc: Any
    pv: Any
else:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pv

__all__ = ["Column", "InvalidRow", "Table", "pa", "pc", "pv"]
