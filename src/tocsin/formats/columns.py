"""The form in which observations travel between nodes: msgpack of raw column buffers in one zstd frame.

The frame says how large its content is, and that is checked before anything is unpacked. Feed, realm and label
travel inside. Columns without any value are left out, times go as differences; nothing is rounded. (Byte planes
were tried: on recorded traffic they come out a third larger, because whole values repeat.)
There is one encoding for each batch: bytes that decode but would not be encoded so are refused, so nobody can
read two things in them. `docs/formats.md` has the layout.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
import numpy as np
import zstandard

from ..core import FLAG, BadRealm, Identity, Label, Observations, TooLarge, realms
from ..core.observations import COLUMNS, NULLS, Array
from . import values
from .errors import BadBatch

VERSION: Final = 1
MAX_ROWS: Final = 65_536
MAX_HEADER: Final = 65_536
MAX_FEED: Final = 64
ROW_BYTES: Final = sum(dtype.itemsize for dtype in COLUMNS.values())
MAX_PLAIN: Final = MAX_ROWS * ROW_BYTES + MAX_HEADER
MAX_PACKED: Final = MAX_PLAIN + 4_096
_LEVEL: Final = 3
_MAX_WINDOW: Final = 1 << 23
_FEED = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,64}")
_TEXT = np.zeros(256, bool)
_TEXT[[0, *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"]] = True


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in the frame; `columns` in alphabetical order."""

    v: int
    feed: str
    realm: str
    label: Label
    rows: int
    columns: dict[str, bytes]


_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(Wire)


def pack(observations: Observations) -> bytes:
    """`observations` for the wire; raises `BadBatch` or `TooLarge` for what no partner would take."""
    rows = len(observations)
    if rows > MAX_ROWS:
        raise TooLarge("the number of rows in a batch", rows, MAX_ROWS)
    _check(observations)
    columns = {name: _buffer(observations[name], name) for name in COLUMNS if not _all_null(observations[name], name)}
    plain = _ENCODER.encode(Wire(VERSION, observations.feed, observations.realm, observations.label, rows, columns))
    if (header := len(plain) - sum(map(len, columns.values()))) > MAX_HEADER:
        raise TooLarge("a batch's feed and label", header, MAX_HEADER)
    return zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True, write_checksum=False, write_dict_id=False).compress(plain)


def unpack(data: bytes) -> Observations:
    """The batch that `pack` made these bytes of; raises `BadBatch` or `TooLarge`, and nothing else, for any others."""
    plain = _unframed(data)
    try:
        wire = _DECODER.decode(plain)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The decoder's own text may quote what it read.
        raise BadBatch("a batch's content has another shape than it should") from None
    if wire.v != VERSION:
        raise BadBatch(f"a batch is of version {wire.v}, not {VERSION}: update this node")
    if not 0 <= wire.rows <= MAX_ROWS:
        raise TooLarge("the number of rows in a batch", wire.rows, MAX_ROWS) if wire.rows > 0 else BadBatch("a batch has less than no rows")
    if len(plain) - sum(map(len, wire.columns.values())) > MAX_HEADER:
        raise TooLarge("a batch's feed and label", len(plain), MAX_HEADER)
    if _ENCODER.encode(wire) != plain:
        raise BadBatch("a batch is not encoded in the one way there is")
    columns = {name: _column(wire, name) for name in COLUMNS}
    if unknown := wire.columns.keys() - COLUMNS.keys():
        raise BadBatch(f"a batch holds {len(unknown)} columns that are not known")
    if any(_all_null(columns[name], name) for name in wire.columns):
        raise BadBatch("a batch holds a column without a value")
    observations = Observations(wire.feed, wire.realm, wire.label, columns)
    _check(observations)
    return observations


def _unframed(data: bytes) -> bytes:
    if len(data) > MAX_PACKED:
        raise TooLarge("a packed batch's bytes", len(data), MAX_PACKED)
    try:
        frame = zstandard.get_frame_parameters(data)
        size = frame.content_size
        if size in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR):
            raise BadBatch("a batch's frame does not say how large its content is")
        if size > MAX_PLAIN:
            raise TooLarge("a batch's content", size, MAX_PLAIN)
        if frame.dict_id or frame.window_size > _MAX_WINDOW:
            raise BadBatch("a batch's frame wants a dictionary or a window that is not given")
        plain = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompress(data, allow_extra_data=False)
    except zstandard.ZstdError:
        raise BadBatch("a batch is no whole zstd frame") from None
    if len(plain) != size:
        raise BadBatch("a batch's content is not as large as its frame says")
    return plain


def _buffer(column: Array, name: str) -> bytes:
    if name == "time":
        column = np.diff(column, prepend=np.int64(0))
    elif column.dtype.kind == "f":
        column = np.where(np.isnan(column), np.nan, column)  # one NaN of the many there are
    return column.astype(COLUMNS[name], copy=False).tobytes()


def _column(wire: Wire, name: str) -> Array:
    dtype = COLUMNS[name]
    given = wire.columns.get(name)
    if given is None:
        null = NULLS.get(name, np.nan if dtype.kind == "f" else 0)
        return np.full(wire.rows, null, dtype)
    if len(given) != wire.rows * dtype.itemsize:
        raise BadBatch(f"a batch's column {name} has {len(given):,} bytes where {wire.rows * dtype.itemsize:,} are needed")
    column: Array = np.frombuffer(given, dtype)
    if dtype.kind == "f" and _buffer(column, name) != given:
        raise BadBatch(f"a batch's column {name} writes null in a way of its own")
    return np.cumsum(column, dtype=dtype) if name == "time" else column


def _all_null(column: Array, name: str) -> bool:
    if name == "time":
        return len(column) == 0
    empty: Array = np.isnan(column) if column.dtype.kind == "f" else column == NULLS[name]
    return bool(empty.all())


def _check(observations: Observations) -> None:
    """Refuse whatever is out of range: what travels was range-checked where it was parsed, so this is no accident."""
    if not _FEED.fullmatch(observations.feed):
        raise BadBatch("a batch's feed has no fit name")
    try:
        realms.parse(observations.realm)
    except BadRealm:
        raise BadBatch("a batch's realm does not parse") from None
    if observations.label.classification < 0:
        raise BadBatch("a batch's label has no classification")
    identity, flags = observations["identity"], observations["flags"]
    kind, number = identity >> np.uint64(56), identity & np.uint64(Identity.NUMBER)
    limit = np.where(kind == Identity.TRACK >> 56, np.uint64(Identity.NUMBER), np.uint64(0xFFFFFF))
    grounded_and_airborne = FLAG.ON_GROUND | FLAG.AIRBORNE
    fits = {
        "time": _within(observations["time"], values.EARLIEST, values.LATEST),
        "identity": (kind <= Identity.TRACK >> 56) & (number <= limit) & ((kind > 0) | (number == 0)),
        "latitude": _within(observations["latitude"], -90, 90),
        "longitude": _within(observations["longitude"], -180, 180),
        **{name: np.isnan(observations[name]) | _within(observations[name], *bounds) for name, bounds in values.RANGES.items()},
        "course": np.isnan(observations["course"]) | _within(observations["course"], 0, 360),
        "squawk": _within(observations["squawk"], -1, values.MAX_SQUAWK),
        "integrity": (observations["integrity"] <= values.MAX_INTEGRITY) | (observations["integrity"] == NULLS["integrity"]),
        "flags": ((flags & ~np.uint16(values.KNOWN_FLAGS)) == 0) & ((flags & grounded_and_airborne) != grounded_and_airborne),
        "callsign": _written(observations["callsign"]),
        "type": _written(observations["type"]),
    }
    for name, good in fits.items():
        if not good.all():
            raise BadBatch(f"a batch's column {name} holds a value out of range in row {int(good.argmin()):,}")


def _within(column: Array, low: float, high: float) -> Array:
    with np.errstate(invalid="ignore"):
        return np.logical_and(column >= low, column <= high)


def _written(column: Array) -> Array:
    matrix: Array = np.ascontiguousarray(column).view(np.uint8).reshape(len(column), column.dtype.itemsize)
    # Nothing follows the end of the text.
    ends: Array = ((matrix[:, 1:] == 0) | (matrix[:, :-1] != 0)).all(axis=1)
    return ends & _TEXT[matrix].all(axis=1)
