"""Comma-separated files as Arrow columns, without a Python object per row.

The fast way believes the file. If that fails, the slow way reads everything as bytes, finds the rows that do
not fit, counts them, keeps the rest, and says which row was the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import values
from .arrow import Column, InvalidRow, Table, pa, pc, pv
from .errors import BadFile, FileTooLarge
from .salvage import bounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.observations import Array
    from .parsed import Tally

MAX_LINE = 65_536
MAX_ODD = 50_000
_BLOCK = 1 << 20
# Nothing that is read is written in more than ASCII, and one spoiled byte must not cost its whole block.
_ASCII = bytes(byte if byte < 128 else ord("?") for byte in range(256))
_NUMBER = r"^\s*(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?|[-+]?(?:nan|NaN|NAN|inf|Inf|Infinity))?\s*$"
_NULL = r"^\s*(?:NULL|null|None|NA|N/A|nan|NaN|NAN)?\s*$"
_TRUTHS = r"^\s*(?:[tT]rue|TRUE|[fF]alse|FALSE|-?1|0|NULL|null|None|nan|NaN)?\s*$"


class Layout(NamedTuple):
    """The columns to take: numbers, texts (as bytes) and truths; `header` where the file does not name its columns."""

    numbers: frozenset[str]
    texts: frozenset[str]
    truths: frozenset[str] = frozenset()
    header: tuple[str, ...] | None = None
    guessed: frozenset[str] = frozenset()  # columns whose type is left to the file


def read(data: bytes, layout: Layout, tally: Tally, ignore: Callable[[str], bool] = lambda _text: False) -> Table | None:
    """The columns of `layout` that the file has, in its order; None if there is nothing to read.

    `ignore` says which lines of another width are known and harmless; they are counted as "other message".
    """
    data = _bounded(data.removeprefix(b"\xef\xbb\xbf").translate(_ASCII, b'"'), tally)
    if not data.strip():
        tally.fault(BadFile(tally.name, "holds nothing"))
        return None
    odd: list[InvalidRow] = []
    try:
        table = _parse(data, layout, _into(odd), believing=True)
    except pa.ArrowInvalid:
        return _slowly(data, layout, tally, ignore)
    if any(not ignore(row.text) for row in odd):
        return _slowly(data, layout, tally, ignore)
    tally.skipped["other message"] += len(odd)
    tally.rows += table.num_rows + len(odd)
    return table


def bytes_of(column: Column, width: int) -> tuple[Array, Array]:
    """Distinct texts as fixed-width bytes, and for each row which of them it is (the last, empty one for null)."""
    encoded = column.combine_chunks().dictionary_encode()
    distinct = [value[: width + 1] if value.isascii() else b"" for value in encoded.dictionary.to_pylist()]
    return np.array([*distinct, b""], f"S{width + 1}"), encoded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)


def numbers_of(column: Column) -> Array:
    """float64 of a column of bytes that may or may not be numbers; NaN where not."""
    told = pc.if_else(pc.match_substring_regex(column, _NUMBER), column, None)
    told = pc.if_else(pc.match_substring_regex(told, _NULL), None, told)
    trimmed = pc.ascii_trim_whitespace(told.cast(pa.string())).combine_chunks()
    return values.floats(trimmed)


def _parse(data: bytes, layout: Layout, handler: Callable[[InvalidRow], str], *, believing: bool) -> Table:
    header = layout.header or tuple(_header(data))
    wanted = [name for name in header if name in layout.numbers | layout.texts | layout.truths | layout.guessed]
    types = {name: pa.binary() for name in wanted if not believing or name not in layout.guessed}
    if believing:
        types |= {name: pa.float64() for name in wanted if name in layout.numbers}
        types |= {name: pa.bool_() for name in wanted if name in layout.truths}
    return pv.read_csv(
        pa.BufferReader(data),
        read_options=pv.ReadOptions(use_threads=believing, block_size=_BLOCK, column_names=header, skip_rows=0 if layout.header else 1),
        parse_options=pv.ParseOptions(quote_char=False, invalid_row_handler=handler),
        convert_options=pv.ConvertOptions(column_types=types, include_columns=wanted, strings_can_be_null=True),
    )


def _into(odd: list[InvalidRow]) -> Callable[[InvalidRow], str]:
    """Collect rows of another width, up to a number that says that the file is another kind of thing."""

    def handler(row: InvalidRow) -> str:
        odd.append(row)
        return "skip" if len(odd) <= MAX_ODD else "error"

    return handler


def _header(data: bytes) -> list[str]:
    first = data.split(b"\n", 1)[0].rstrip(b"\r")
    names = [name.strip() for name in first.decode("ascii", "replace").split(",")]
    position = {name: index for index, name in reversed(list(enumerate(names)))}
    # Of two columns with one name the first counts.
    return [name if position[name] == index else f"{name} #{index}" for index, name in enumerate(names)]


def _slowly(data: bytes, layout: Layout, tally: Tally, ignore: Callable[[str], bool]) -> Table | None:
    data = _without_long_lines(data, tally)
    table, odd = _attempt(data, layout)
    if table is None and len(odd) > MAX_ODD:
        last = odd[-1].number or 1
        tally.fault(BadFile(tally.name, f"more than {MAX_ODD:,} rows have another width", f"nothing after row {last:,} is read"))
        table, odd = _attempt(data[: int(np.flatnonzero(np.frombuffer(data, np.uint8) == 0x0A)[last - 2]) + 1], layout)
    if table is None:
        tally.fault(BadFile(tally.name, "is not comma-separated values"))
        return None
    wrong = [row for row in odd if not ignore(row.text)]
    faults: list[tuple[int, str]] = [
        (row.number, f"has {row.actual_columns} columns where {row.expected_columns} are needed") for row in wrong[:1]
    ]
    bad = np.zeros(table.num_rows, bool)
    for name in table.column_names:
        pattern = _NUMBER if name in layout.numbers else _TRUTHS if name in layout.truths else None
        if pattern is not None:
            fits = pc.or_(pc.match_substring_regex(table[name], pattern), pc.match_substring_regex(table[name], _NULL))
            unfit = ~fits.fill_null(True).combine_chunks().to_numpy(zero_copy_only=False)
            if unfit.any() and not (bad & unfit).any():
                row = _row_number(int(unfit.argmax()), odd, 1 if layout.header else 2)
                faults.append((row, f"has no {'number' if name in layout.numbers else 'yes or no'} in column {name}"))
            bad |= unfit
    tally.rows += table.num_rows + len(odd)
    tally.skipped["other message"] += len(odd) - len(wrong)
    tally.skipped["wrong number of columns"] += len(wrong)
    tally.skipped["mistyped"] += int(bad.sum())
    if faults:
        row, what = min(faults)
        tally.fault(BadFile(tally.name, f"row {row:,} {what}", "left out"))
    table = table.filter(pa.array(~bad))
    for index, name in enumerate(table.column_names):
        if name in layout.numbers:
            table = table.set_column(index, name, pa.chunked_array([pa.array(numbers_of(table[name]))]))
        elif name in layout.truths:
            truth = pc.match_substring_regex(table[name], r"^\s*(?:[tT]rue|TRUE|-?1)\s*$")
            table = table.set_column(index, name, truth)
    return table


def _attempt(data: bytes, layout: Layout) -> tuple[Table | None, list[InvalidRow]]:
    odd: list[InvalidRow] = []
    try:
        return _parse(data, layout, _into(odd), believing=False), odd
    except pa.ArrowInvalid:
        return None, odd


def _row_number(index: int, odd: list[InvalidRow], first: int) -> int:
    # Rows that were left out for their width stand before some of those that were kept.
    number = index + first
    for row in odd:
        if row.number is None or row.number > number:
            break
        number += 1
    return number


def _bounded(data: bytes, tally: Tally) -> bytes:
    lines = data.count(b"\n")
    if lines <= tally.caps.rows + 1:
        return data
    tally.fault(FileTooLarge(f"the number of rows in {tally.name}", lines, tally.caps.rows))
    data = bounded(data, b"\n", 4 * tally.caps.rows, tally)
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 0x0A)
    return data[: int(ends[min(tally.caps.rows, len(ends) - 1)]) + 1]


def _without_long_lines(data: bytes, tally: Tally) -> bytes:
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 0x0A)
    edges = np.concatenate([[-1], ends, [len(data)]])
    long = np.diff(edges) > MAX_LINE
    if not long.any():
        return data
    first = int(long.argmax())
    tally.fault(BadFile(tally.name, f"row {first + 1:,} is longer than {MAX_LINE:,} bytes", "nothing after it is read"))
    return data[: int(edges[first]) + 1]
