"""Reading a daily series and a list of events from CSV, and saying everything that is odd about them.

A day that is not in the file, or has no number, is missing: never zero. What is odd is reported and never quietly mended:
a back-test is worth as much as what is known of its data.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tocsin.core import TooLarge

from ..errors import BadSeries
from ..series import Series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.core import Label

MAX_BYTES: Final = 32 * 1024 * 1024
_NONE: Final = frozenset({"", "-", "--", "na", "n/a", "nan", "null", "none", "."})
EVENT_COLUMNS: Final = ("name", "start", "end", "tier")
_DATE: Final = re.compile(r"(\d{2,4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?|(\d{4})(\d{2})(\d{2})")
_MINGUO: Final = 1911  # years of the Republic of China count from 1912 as their first
_HALF: Final = 150
_SURE: Final = 4.5  # standard errors: days that follow each other are alike, so the usual three would cry wolf
_ZEROS: Final = 14


class DailyFile(NamedTuple):
    """A series as it was read. `faults`: what was odd, a sentence each; `missing`: days between first and last without a count."""

    series: Series
    faults: tuple[str, ...]
    rows: int
    missing: int


class Event(NamedTuple):
    """Something that happened, from `start` to `end` (days since 1970-01-01, both taken in)."""

    name: str
    start: int
    end: int
    tier: str


def read_series(data: bytes, file: str, *, date_column: str, count_column: str, name: str, label: Label) -> DailyFile:
    """The counts of one column by day. Raises `BadSeries` with file and line for what cannot be a series, and `TooLarge`."""
    found: dict[int, float] = {}
    order: list[int] = []
    odd = _Odd()
    rows = 0
    for line, row in rows_of(data, file, (date_column, count_column)):
        rows += 1
        day, minguo = _day(row[date_column], file, line)
        odd.add("years are of the Republic of China's calendar and were moved by 1911", line, minguo)
        value = _count(row[count_column])
        if value is None:
            odd.add(f"no count in {count_column!r}: the day is missing, not zero", line, row[count_column].strip().lower() in _NONE)
            odd.add(f"{count_column!r} is not a count: the day is missing", line, row[count_column].strip().lower() not in _NONE)
            continue
        if day in found:
            odd.add("the same day again with the same count: left out", line, found[day] == value)
            odd.add("the same day again with another count: the later row counts", line, found[day] != value)
        elif order and day < order[-1]:
            odd.add("days are not in order: sorted", line)
        found[day] = value
        order.append(day)
    if not found:
        raise BadSeries(file, 2, f"no row's {count_column!r} is a count: a number that is not below 0")
    days = np.array(sorted(found), np.int64)
    series = Series(name, days, np.array([found[day] for day in days.tolist()], np.float64), label, file)
    missing = int(days[-1] - days[0]) + 1 - len(days)
    if missing:
        odd.says.append(f"{missing} days between the first and the last have no count: missing, not zero.")
    return DailyFile(series, (*odd.lines(), *_zeros(series), *_shift(series)), rows, missing)


def read_events(data: bytes, file: str) -> tuple[Event, ...]:
    """Events of a file with the columns name, start, end and tier, by their start; without a head line, in that order.

    Raises `BadSeries`, `TooLarge`.
    """
    found: list[Event] = []
    for line, row in rows_of(data, file, EVENT_COLUMNS[:3], bare=EVENT_COLUMNS):
        event = Event(row["name"].strip(), _day(row["start"], file, line)[0], _day(row["end"], file, line)[0], row.get("tier", "").strip())
        if not event.name or event.end < event.start:
            raise BadSeries(file, line, "an event has a name, and ends no earlier than it starts")
        if event not in found:
            found.append(event)
    return tuple(sorted(found, key=lambda e: (e.start, e.end, e.name)))


class _Odd:
    """What was odd, each kind with its lines."""

    def __init__(self) -> None:
        self.says: list[str] = []
        self._at: dict[str, list[int]] = {}

    def add(self, what: str, line: int, so: bool = True) -> None:
        if so:
            self._at.setdefault(what, []).append(line)

    def lines(self) -> list[str]:
        found = []
        for what, at in self._at.items():
            where = ", ".join(map(str, at[:5])) + (f" and {len(at) - 5} more" if len(at) > 5 else "")
            found.append(f"Line{'s' if len(at) > 1 else ''} {where}: {what}.")
        return [*found, *self.says]


def rows_of(data: bytes, file: str, needs: tuple[str, ...], bare: tuple[str, ...] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row of a CSV file with its line, as cells by column; raises `BadSeries` unless each of `needs` is a column, and `TooLarge`.

    `bare`: what the columns are if the first line has a date in its second cell, and so is no head.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(f"series {file}", len(data), MAX_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSeries(file, data[: error.start].count(b"\n") + 1, "not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lstrip("\ufeff") for name in next(reader, [])]
        if bare and len(header) > 1 and _DATE.fullmatch(header[1]):
            yield reader.line_num, dict(zip(bare, [*header, *[""] * len(bare)], strict=False))
            header = list(bare)
        for need in needs:
            if header.count(need) != 1:
                raise BadSeries(file, 1, f"{header.count(need)} columns named {need!r}: there are {', '.join(header[:20]) or 'none'}")
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(header):
                raise BadSeries(file, reader.line_num, f"{len(row)} cells under {len(header)} columns")
            yield reader.line_num, dict(zip(header, [*row, *[""] * (len(header) - len(row))], strict=True))
    except csv.Error as error:
        raise BadSeries(file, reader.line_num, f"not CSV: {error}") from None


def _day(text: str, file: str, line: int) -> tuple[int, bool]:
    found = _DATE.fullmatch(text.strip())
    if found is None:
        raise BadSeries(file, line, f"{text.strip()[:20]!r} is not a date: write 2025-12-29")
    year, month, day = (int(part) for part in found.groups() if part is not None)
    minguo = year < 200
    try:
        return int(np.datetime64(f"{year + _MINGUO if minguo else year:04d}-{month:02d}-{day:02d}", "D").astype(np.int64)), minguo
    except ValueError:
        raise BadSeries(file, line, f"{text.strip()[:20]!r} is no day of the calendar") from None


def _count(text: str) -> float | None:
    try:
        value = float(text.strip().replace(",", ""))
    except ValueError:
        return None
    return value if np.isfinite(value) and 0 <= value <= 1e9 else None


def _zeros(series: Series) -> list[str]:
    longest = run = 0
    end = 0
    for at, value in enumerate(series.value.tolist()):
        run = run + 1 if value == 0 else 0
        if run > longest:
            longest, end = run, int(series.day[at])
    if longest < _ZEROS:
        return []
    return [f"{longest} zeros in a row to {np.datetime64(end, 'D')}: perhaps days that were missing and written as zero."]


def _shift(series: Series) -> list[str]:
    """Says so if the level of whole months changes at once by a factor of two: perhaps the column's meaning did."""
    n = len(series)
    if n < 2 * _HALF:
        return []
    # Square roots, cut at their highest: patrols and exercises hardly move their mean.
    root = np.sqrt(series.value)
    at = np.arange(_HALF, n - _HALF + 1)
    means = np.concatenate([[0.0], np.cumsum(np.minimum(root, np.quantile(root, 0.95)))])
    before = (means[at] - means[at - _HALF]) / _HALF
    after = (means[at + _HALF] - means[at]) / _HALF
    worst = int(np.argmax(np.abs(after - before)))
    ratio = (max(float(after[worst]), 0.3) / max(float(before[worst]), 0.3)) ** 2
    middle = int(at[worst])
    spread = root[middle - _HALF : middle].var() + root[middle : middle + _HALF].var()
    error = float(spread / _HALF) ** 0.5
    if 0.5 < ratio < 2.0 or abs(float(after[worst] - before[worst])) < _SURE * error:
        return []
    where = np.datetime64(int(series.day[at[worst]]), "D").astype("M8[M]")
    return [f"About {where} the usual level changes to {ratio:.1f} times what it was: did the meaning of the column change?"]
