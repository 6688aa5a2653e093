"""From what formats write to what observations hold: units, numbers, text and the ranges that are believed.

Arrays in, arrays out; a value that is absent, unreadable or past belief is null, and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.observations import COLUMNS, FLAG, NULLS, Array, Identity, fill
from .arrow import Column, pa, pc

if TYPE_CHECKING:
    from .parsed import Tally

FOOT = 0.3048  # m, exact by definition
KNOT = 1852 / 3600  # m/s, exact by definition
FOOT_PER_MINUTE = FOOT / 60  # m/s

# Wider than anything that flies, narrower than anything a broken decoder says.
RANGES: dict[str, tuple[float, float]] = {
    "altitude": (-1_500.0, 40_000.0),
    "speed": (0.0, 1_500.0),
    "course": (-180.0, 360.0),
    "climb": (-300.0, 300.0),
    "accuracy": (0.0, 1e7),
}
EARLIEST = 631_152_000_000_000  # 1990-01-01
LATEST = 4_102_444_800_000_000  # 2100-01-01
MAX_SQUAWK = 0o7777
MAX_INTEGRITY = 11
KNOWN_FLAGS = FLAG.ON_GROUND | FLAG.AIRBORNE | FLAG.MILITARY | FLAG.MLAT | FLAG.TISB | FLAG.SIMULATED

_BAD = 255
_HEX = np.full(256, _BAD, np.uint8)
for _digit, _character in enumerate(b"0123456789abcdef"):
    _HEX[_character] = _digit
for _digit, _character in enumerate(b"ABCDEF", start=10):
    _HEX[_character] = _digit
_SAID = np.zeros(256, np.uint8)  # upper case of what a call sign may hold; 0 elsewhere
for _character in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-":
    _SAID[_character] = _character
for _character in b"abcdefghijklmnopqrstuvwxyz":
    _SAID[_character] = _character - 32


def numbers(values: list[Any]) -> Array:
    """float64 of numbers and None; whole numbers past what that holds are infinite, so out of every range."""
    try:
        return np.array(values, np.float64)
    except OverflowError:
        return np.array([np.inf if isinstance(value, int) and abs(value) > 2**1000 else value for value in values], np.float64)


def texts(values: list[str], width: int) -> Array:
    """Fixed-width bytes of `values`, one longer than `width` so that what is too long can be told; not ASCII: empty."""
    try:
        return np.array(values, f"S{width + 1}")
    except UnicodeEncodeError:
        return np.array([value if value.isascii() else "" for value in values], f"S{width + 1}")


def micros(stamps: Array) -> Array:
    """float64 µs UTC of times since 1970 in seconds, ms, µs or ns: whichever gives a year that aircraft flew in.

    Seconds stay below 1e11 until the year 5138, and the other units lie a thousand times further each.
    """
    size = np.abs(stamps)
    scale = np.select([size < 1e11, size < 1e14, size < 1e17], [1e6, 1e3, 1.0], 1e-3)
    micros: Array = np.rint(stamps * scale)
    return micros


def iso_micros(stamps: Column) -> Array:
    """float64 µs UTC of ISO 8601 strings (dates with hyphens or slashes; no zone means UTC), NaN where one is none."""
    pattern = r"^(?P<d>\d{4}[-/]\d\d[-/]\d\d)[T ](?P<t>\d\d:\d\d:\d\d)(?P<f>\.\d{1,9})?(?P<z>Z|[+-]\d\d:?\d\d)?$"
    parts = pc.extract_regex(stamps.cast(pa.string()), pattern=pattern)
    parts = parts.combine_chunks() if isinstance(parts, pa.ChunkedArray) else parts
    date, time, fraction, zone = (pc.struct_field(parts, name) for name in "dtfz")
    moment = pc.binary_join_element_wise(pc.replace_substring(date, "/", "-"), time, " ")
    whole = pc.strptime(moment, format="%Y-%m-%d %H:%M:%S", unit="s", error_is_null=True)
    # 31 February would become 3 March.
    same_day = pc.equal(pc.day(whole), pc.utf8_slice_codeunits(date, 8, 10).cast(pa.int64()))
    whole = pc.if_else(same_day, whole, None).cast(pa.int64())
    digits = pc.if_else(pc.equal(fraction, ""), "0", fraction).cast(pa.float64())
    return (floats(whole) + floats(digits)) * 1e6 - _offsets(zone) * 1e6


def floats(values: Column) -> Array:
    """float64 of Arrow numbers or booleans, NaN where null."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    numbers: Array = whole.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return numbers


def identities(addresses: Array) -> Array:
    """Identities of hexadecimal addresses; `~` before one means that it is not the aircraft's own. 0: unreadable."""
    stripped: Array = np.strings.strip(addresses)
    other = np.strings.startswith(stripped, b"~")
    digits: Array = np.where(other, np.strings.slice(stripped, 1, None), stripped)
    matrix = _matrix(digits)
    value, good = np.zeros(len(digits), np.uint64), np.ones(len(digits), bool)
    for column in matrix.T:
        there = column != 0
        digit = _HEX[column]
        good &= ~there | (digit != _BAD)
        value = np.where(there, value * np.uint64(16) + digit, value)
    good &= (np.strings.str_len(digits) <= 6) & (value > 0)
    kind = np.where(other, np.uint64(Identity.OTHER), np.uint64(Identity.ICAO))
    return np.where(good, kind | value, np.uint64(0))


def names(values: Array, width: int) -> tuple[Array, Array]:
    """Call signs or type designators in capitals, at most `width` letters, digits and hyphens; anything else is empty.

    The second array is true where something else stood.
    """
    stripped = np.strings.strip(values)
    matrix = _matrix(stripped)
    said = _SAID[matrix]
    bad = ((said == 0) & (matrix != 0)).any(axis=1) | (np.strings.str_len(stripped) > width)
    bad |= ((matrix[:, 1:] != 0) & (matrix[:, :-1] == 0)).any(axis=1)  # a NUL inside
    said[bad] = 0
    return np.ascontiguousarray(said).view(f"S{said.shape[1]}").ravel().astype(f"S{width}"), bad


def feet(said: list[Any], tally: Tally) -> tuple[Array, Array]:
    """Altitudes as numbers, and where `"ground"` was said instead; any other word is null and counted."""
    ground = np.array([value == "ground" for value in said], bool)
    words = sum(1 for value in said if value.__class__ is str)
    tally.nulled["altitude"] += words - int(ground.sum())
    return numbers([None if value.__class__ is str else value for value in said] if words else said), ground


def squawks(written: Array) -> tuple[Array, Array]:
    """Transponder codes, bytes of up to four octal digits, as octal numbers; -1 where there is none.

    The second array is true where something else stood.
    """
    matrix = _matrix(written)
    there, octal = matrix != 0, (matrix >= ord("0")) & (matrix <= ord("7"))
    length = there.sum(axis=1)
    good = (octal | ~there).all(axis=1) & (length <= 4)
    value = np.zeros(len(written), np.int64)
    for column in matrix[:, :4].T:
        value = np.where(column != 0, value * 8 + (column & 7), value)
    return np.where(good & (length > 0), value, -1), ~good


def codes(values: list[Any]) -> Array:
    """The digits of transponder codes that are written as texts, as decimal numbers, or not at all."""
    if not set(map(type, values)) <= {str, type(None)}:
        # 47.0 is what is left of 0047 in a column of numbers.
        values = [v if isinstance(v, str) or v is None else f"{v:.10g}" if abs(v) < 1e6 else "?" for v in values]
    return texts([value or "" for value in values], 4)


def observe(size: int, tally: Tally, **columns: Any) -> dict[str, Array]:
    """Observation columns of the rows that can be used, in their order; the others are counted.

    `columns` as in `core.observations`, SI units, `time` as float64 µs with NaN where not said. A row needs a
    time, an identity and a position that lies on Earth; other values past `RANGES` become null.
    """
    raw_time = np.asarray(columns.pop("time"), np.float64)
    with np.errstate(invalid="ignore"):
        whole = fill(size, time=np.where(np.isnan(raw_time), 0, np.clip(raw_time, -1e18, 9e18)).astype(np.int64), **columns)
    keep = np.ones(size, bool)
    latitude, longitude = whole["latitude"], whole["longitude"]
    with np.errstate(invalid="ignore"):
        reasons = {
            "no time": np.isnan(raw_time),
            "time out of range": (whole["time"] < EARLIEST) | (whole["time"] > LATEST),
            "no identity": whole["identity"] == 0,
            "no position": np.isnan(latitude) | np.isnan(longitude),
            "position out of range": ~((np.abs(latitude) <= 90) & (np.abs(longitude) <= 180)),
            # What a decoder without a position writes, not a place where aircraft are seen.
            "position 0, 0": (latitude == 0) & (longitude == 0),
        }
    for reason, bad in reasons.items():
        tally.skipped[reason] += int((keep & bad).sum())
        keep &= ~bad
    kept = whole if keep.all() else {name: column[keep] for name, column in whole.items()}
    for name, (low, high) in RANGES.items():
        _believe(kept, name, low, high, tally)
    # Some writers count from -180 to 180; -0.0 and 360 are north.
    turned = kept["course"] % np.float32(360)
    kept["course"] = np.where(turned >= 360, np.float32(0), np.abs(turned))
    kept["accuracy"][kept["accuracy"] == 0] = np.nan
    return kept


def integrities(values: Array, tally: Tally) -> Array:
    """NIC 0 to 11, the null where it is not said or past that."""
    with np.errstate(invalid="ignore"):
        good = (values >= 0) & (values <= MAX_INTEGRITY)
    tally.nulled["integrity"] += int((~good & ~np.isnan(values)).sum())
    return np.where(good, values, NULLS["integrity"]).astype(COLUMNS["integrity"])


def _believe(columns: dict[str, Array], name: str, low: float, high: float, tally: Tally) -> None:
    column = columns[name]
    with np.errstate(invalid="ignore"):
        bad = (column < low) | (column > high)
    if bad.any():
        tally.nulled[name] += int(bad.sum())
        columns[name] = np.where(bad, np.float32(np.nan), column)


def _matrix(values: Array) -> Array:
    matrix: Array = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.dtype.itemsize)
    return matrix


def _offsets(zone: Column) -> Array:
    """Seconds east of UTC of `Z`, `+hh:mm`, `-hhmm` or nothing."""
    encoded = zone.dictionary_encode()
    known = []
    for text in encoded.dictionary.to_pylist():
        digits = text.replace(":", "")
        known.append(0.0 if text in ("", "Z") else int(digits[0] + "1") * (int(digits[1:3]) * 3600 + int(digits[3:]) * 60))
    seconds: Array = np.array([*known, 0.0], np.float64)
    which: Array = encoded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    return seconds[which]
