"""One archive file's content: a small header that says whose rows these are, and the rows as Parquet, each sealed by itself."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow
import pyarrow.parquet

from tocsin.core import InputError, Label, Observations
from tocsin.core.observations import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, Any]

pa: Final[Any] = pyarrow  # it says nothing of its types
pq: Final[Any] = pyarrow.parquet

_MAGIC: Final = b"TOCSIN-OBS-1\n"
_SIZE: Final = 4
_MOST_HEADER: Final = 1 << 20


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose rows a file holds. Times in µs UTC: `stored` by the protocol clock, `first` and `last` observed.

    `order` counts the files of one `stored`; `digest` is the SHA-256 of the sealed rows.
    """

    realm: str
    feed: str
    label: Label
    civil: bool
    stored: int
    order: int
    first: int
    last: int
    rows: int
    digest: bytes


def encode(batch: Observations, header: Header, seal: Callable[[bytes], bytes]) -> bytes:
    """The whole file; `header.digest` is filled in."""
    fields = []
    for name, dtype in COLUMNS.items():
        column = np.ascontiguousarray(batch[name])
        if dtype.kind == "S":
            kind = pa.binary(dtype.itemsize)
            fields.append(pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(column.tobytes())]))
        else:
            fields.append(pa.array(column))
    # Dictionaries cost twice as much time as all the rest, and the frame is smaller without them.
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(fields, list(COLUMNS)), sink, compression="zstd", use_dictionary=False)
    rows = seal(sink.getvalue())
    head = seal(msgspec.json.encode(msgspec.structs.replace(header, digest=hashlib.sha256(rows).digest())))
    return _MAGIC + len(head).to_bytes(_SIZE, "big") + head + rows


def read_header(data: bytes, unseal: Callable[[bytes], bytes]) -> Header:
    """The header out of a file's first bytes (all of them, or `_MOST_HEADER`); raises `InputError` or what `unseal` raises."""
    try:
        return msgspec.json.decode(unseal(_split(data)[0]), type=Header)
    except msgspec.DecodeError:
        raise _damaged() from None


def decode(data: bytes, unseal: Callable[[bytes], bytes]) -> tuple[Header, Observations]:
    """What `encode` was given; raises `InputError` or what `unseal` raises if it was altered."""
    header = read_header(data, unseal)
    sealed = _split(data)[1]
    if hashlib.sha256(sealed).digest() != header.digest:
        raise _damaged()
    try:
        table = pq.read_table(pa.BufferReader(unseal(sealed)))
        columns = {name: _column(table[name], dtype) for name, dtype in COLUMNS.items()}
    except (pa.ArrowException, KeyError):
        raise _damaged() from None
    return header, Observations(header.feed, header.realm, header.label, columns)


def _column(column: Any, dtype: np.dtype[Any]) -> Array:
    if dtype.kind != "S":
        return np.ascontiguousarray(column.to_numpy(), dtype)
    whole = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    at = whole.offset
    return np.frombuffer(whole.buffers()[1], dtype)[at : at + len(whole)].copy() if len(whole) else np.empty(0, dtype)


def _split(data: bytes) -> tuple[bytes, bytes]:
    begin = len(_MAGIC) + _SIZE
    size = int.from_bytes(data[len(_MAGIC) : begin], "big")
    if not data.startswith(_MAGIC) or size > _MOST_HEADER or len(data) < begin + size:
        raise _damaged()
    return data[begin : begin + size], data[begin + size :]


def _damaged() -> InputError:
    return InputError("an archive file is damaged: its rows are left out")
