"""JSON lists of rows: the fast way believes the bytes, the slow way saves what can be saved and says what broke.

A list that was cut short, or that holds an object of the wrong shape, still holds all its other objects.
The slow way finds where each one begins and ends without decoding (vectorised over the bytes), decodes each
by itself, leaves out and counts those that do not fit, and stops where the text itself is broken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from .errors import BadFile, FileTooLarge

if TYPE_CHECKING:
    from ..core.observations import Array
    from .parsed import Tally

Row = TypeVar("Row")
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BYTE = re.compile(r"\(byte (\d+)\)")
_SHAPE = re.compile(r"Expected `[a-z |]+`, got `[a-z]+`|Number out of range")
_NO_NUMBER = re.compile(rb"(?<=[:,\[\s])-?(?:NaN|Infinity)(?=[,\]}\s])")

_NO_WORD = re.compile(rb"NaN|Infinity")


@dataclass(frozen=True, slots=True)
class Elements:
    """Where the containers in a list begin and end (byte numbers), and where the list does, if it does."""

    starts: Array
    ends: Array
    too_deep: Array
    end: int | None


def elements(data: bytes, at: int, depth: int) -> Elements:
    """The objects and arrays directly in the list or object that opens at byte `at`, as far as they are whole.

    `too_deep` is true for those that nest more than `depth` levels.
    """
    raw = np.frombuffer(data, np.uint8)[at:]
    quotes = np.flatnonzero(_unescaped_quotes(raw))
    opens, closes = (raw == 0x5B) | (raw == 0x7B), (raw == 0x5D) | (raw == 0x7D)
    places = np.flatnonzero(opens | closes)
    places = places[np.searchsorted(quotes, places) % 2 == 0]  # brackets inside strings nest nothing
    level = np.cumsum(np.where(opens[places], 1, -1))
    closed = np.flatnonzero(level == 0)
    end = int(closed[0]) if len(closed) else None
    inside = slice(None, end)
    starts = places[inside][opens[places[inside]] & (level[inside] == 2)]
    ends = places[inside][closes[places[inside]] & (level[inside] == 1)] + 1
    starts = starts[: len(ends)]
    deep = np.zeros(len(starts), bool)
    beyond = places[inside][level[inside] > depth]
    if len(beyond) and len(starts):
        which = np.searchsorted(starts, beyond, side="right") - 1
        # What lies past the last whole element is in the one that was cut off.
        deep[which[beyond < ends[which]]] = True
    return Elements(starts + at, ends + at, deep, None if end is None else at + int(places[end]) + 1)


def rows(data: bytes, at: int, decoder: msgspec.json.Decoder[Row], tally: Tally, what: str, error: Exception) -> list[Row]:
    """Every whole and well-formed element of the list at byte `at`; the others are counted, the first is named.

    `error` is what decoding the whole raised: past the byte that it names nothing is looked at.
    """
    for mark, most in ((b"[", 8), (b"{", 8), (b'"', 32)):
        data = bounded(data, mark, most * tally.caps.rows, tally)  # more than well-formed rows could need
    breaks = _break(data, error)
    found = elements(data if breaks is None else data[:breaks], at, tally.caps.depth)
    kept: list[Row] = []
    for index, (start, end, deep) in enumerate(zip(found.starts.tolist(), found.ends.tolist(), found.too_deep.tolist(), strict=True)):
        if index >= tally.caps.rows:
            tally.fault(FileTooLarge(f"the number of rows in {tally.name}", len(found.starts), tally.caps.rows))
            return kept
        tally.rows += 1
        where = f"left out, at byte {start:,}"
        try:
            if deep:
                raise RecursionError
            kept.append(_one(data[start:end], decoder, tally))
        except RecursionError:
            tally.skipped["nested too deep"] += 1
            tally.fault(BadFile(tally.name, f"{what} {index} nests deeper than {tally.caps.depth}", where))
        except msgspec.ValidationError as unfit:
            tally.skipped["mistyped"] += 1
            tally.fault(BadFile(tally.name, f"{what} {index} does not fit: {shape_of(unfit)}", where))
        except (msgspec.DecodeError, UnicodeDecodeError):
            tally.skipped["malformed"] += 1
            tally.fault(BadFile(tally.name, f"{what} {index} is not JSON, nothing after it is read", f"at byte {start:,}"))
            return kept
    if found.end is None and breaks is not None:
        tally.fault(BadFile(tally.name, f"{what} {len(found.starts)} is not JSON, nothing after it is read", f"at byte {breaks:,}"))
    elif found.end is None:
        last = int(found.ends[-1]) if len(found.ends) else at + 1
        tally.fault(BadFile(tally.name, f"ends in the middle of {what} {len(found.starts)}", f"what stands before byte {last:,} is read"))
    return kept


def _break(data: bytes, error: Exception) -> int | None:
    """The byte at which the text itself breaks, unless it only holds a number that JSON has no word for."""
    place = byte_of(error) if type(error) is msgspec.DecodeError else None
    # A number that was cut off is called wrong at the byte after the last.
    return None if place is None or place >= len(data) or _NO_WORD.search(data, max(0, place - 2), place + 9) else place


def list_at(data: bytes, *keys: str) -> int | None:
    """The byte at which the list under one of `keys` opens."""
    found = re.search(rb'"(?:' + "|".join(keys).encode() + rb')"\s*:\s*\[', data)
    return found.end() - 1 if found else None


def bounded(data: bytes, mark: bytes, cap: int, tally: Tally) -> bytes:
    """`data`, or so much of it that `mark` stands in it at most `cap` times: no bigger heap than was meant."""
    count = data.count(mark)
    if count <= cap:
        return data
    tally.fault(FileTooLarge(f"the number of values in {tally.name}", count, cap))
    while count > cap:
        data = data[: len(data) * cap // count]
        count = data.count(mark)
    return data


def without_odd_numbers(data: bytes) -> tuple[bytes, int]:
    """`data` with null for the NaN and Infinity that some writers put where JSON has no word, and how many there were."""
    return _NO_NUMBER.subn(b"null", data)


def broken(error: Exception, size: int) -> tuple[str, str]:
    """What is wrong with a whole document and where, out of what the decoder said; no content is quoted."""
    if isinstance(error, msgspec.ValidationError):
        return f"has another shape than it should: {shape_of(error)}", ""
    if isinstance(error, RecursionError):
        return "nests too deep", ""
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8", ""
    place = byte_of(error)
    return ("ends too early", f"at byte {size:,}") if place is None or place >= size else ("is not JSON", f"at byte {place:,}")


def shape_of(error: Exception) -> str:
    """What was expected and found, and under which key; never a value."""
    if isinstance(error, RecursionError):
        return "it nests too deep"
    text = str(error)
    found = _SHAPE.search(text)
    path = text.rpartition(" - at ")[2].strip("`$").lstrip(".") if " - at " in text else ""
    key = re.sub(r"[^A-Za-z0-9_.\[\]]", "?", path)[:60]
    return (found[0].replace("`", "") if found else "a value of another kind") + (f" under {key}" if key else "")


def byte_of(error: Exception) -> int | None:
    """The byte that a decoder's error names."""
    found = _BYTE.search(str(error))
    return int(found[1]) if found else None


def _one(data: bytes, decoder: msgspec.json.Decoder[Any], tally: Tally) -> Any:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        repaired, odd = without_odd_numbers(data)
        if not odd:
            raise
        row = decoder.decode(repaired)
        tally.nulled["not a number"] += odd
        return row


def _unescaped_quotes(raw: Array) -> Array:
    quotes: Array = raw == 0x22
    slashes = np.flatnonzero(raw == 0x5C)
    if len(slashes):
        # A quote after an odd run of backslashes is escaped.
        first = np.flatnonzero(np.diff(slashes, prepend=-2) != 1)
        last = np.append(first[1:], len(slashes)) - 1
        odd = (slashes[last] - slashes[first]) % 2 == 0
        escaped = slashes[last][odd] + 1
        quotes[escaped[escaped < len(raw)]] = False
    return quotes
