"""`tocsin claim`, `sighting` and `count`: what people say that is evidence, from the shell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from tocsin.core import InputError
from tocsin.core.times import parse_iso

from .calls import Console
from .output import give

User = Annotated[str, Parameter(name=("--as", "--user"))]
_MOST_DAYS = 2000


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Marks:
    """Who may have what is said, and in which realm.

    Parameters
    ----------
    classification
        The level of its label; the lowest, if not given.
    to
        Partners that may have it, with commas between.
    caveats
        Its caveats, with commas between.
    realm
        Live, or an exercise by its name.
    """

    classification: str = ""
    to: str = ""
    caveats: str = ""
    realm: str = "live"

    def fields(self, console: Console) -> dict[str, Any]:
        """As the API takes them."""
        level = self.classification or console.get("/session")["levels"][0]
        return {"realm": self.realm, "classification": level, "releasable_to": _names(self.to), "caveats": _names(self.caveats)}


NO_MARKS = Marks()


def claim(
    folder: Path,
    text: str,
    *,
    user: User,
    source: str,
    indicator: str = "",
    grade: str = "",
    root: str = "",
    at: str = "",
    marks: Marks = NO_MARKS,
    json: bool = False,
) -> None:
    """Say a graded claim: a statement out of a document, which may assert a topic's indicator.

    Parameters
    ----------
    indicator
        What it asserts, such as training, or exercise-announced; the console's form lists what is listened to.
    grade
        Admiralty grade, such as B2.
    root
        Who said it first, if that is known. Claims whose origin nobody knows count as one.
    at
        When it was so, as 2026-11-22T03:30:00Z; now, if not given.
    """
    fields = {"text": text, "source": source, "indicator": indicator, "grade": grade, "root": root, "channel": "document"}
    _say(folder, user, "/claims", fields | _when(at), marks, json=json)


def sighting(
    folder: Path,
    text: str,
    *,
    user: User,
    indicator: str = "",
    channel: Literal["sighting", "telephone"] = "sighting",
    source: str = "",
    grade: str = "",
    place: str = "",
    at: str = "",
    marks: Marks = NO_MARKS,
    json: bool = False,
) -> None:
    """Say what you saw yourself, or were told by telephone.

    Parameters
    ----------
    source
        Who called; yourself, if not given.
    place
        Latitude and longitude in degrees with a comma between.
    """
    fields: dict[str, Any] = {"text": text, "source": source or user, "indicator": indicator, "grade": grade, "channel": channel}
    if place:
        latitude, longitude = _place(place)
        fields |= {"latitude": latitude, "longitude": longitude}
    _say(folder, user, "/claims", fields | _when(at), marks, json=json)


def count(
    folder: Path,
    file: Path,
    *,
    user: User,
    source: str,
    series: str = "aircraft",
    date_column: str = "date",
    count_column: str = "count",
    grade: str = "",
    marks: Marks = NO_MARKS,
    json: bool = False,
) -> None:
    """Say the daily counts of a CSV file. A day that was said before takes the later count."""
    from tocsin.warning.backtest import read_series
    from tocsin.warning.backtest.daily import LABEL

    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    read = read_series(data, file.name, date_column=date_column, count_column=count_column, name=series, label=LABEL)
    days, counts = read.series.day.tolist(), read.series.value.tolist()
    console = Console(folder, user)
    records = []
    for first in range(0, len(days), _MOST_DAYS):
        part = slice(first, first + _MOST_DAYS)
        fields = {"series": series, "source": source, "days": days[part], "counts": counts[part], "grade": grade}
        records.append(console.post("/counts", fields | marks.fields(console))["record"])
    found = {"records": records, "days": len(days), "missing": read.missing, "faults": list(read.faults)}
    give(found, json=json, text="\n".join([f"{len(days):,} days of {series} are said", *read.faults]))


def _say(folder: Path, user: str, path: str, fields: dict[str, Any], marks: Marks, *, json: bool) -> None:
    console = Console(folder, user)
    found = console.post(path, fields | marks.fields(console))
    unheard = fields.get("indicator") and not found.get("heard_by")
    note = f"; no topic of this node listens to {fields['indicator']!r} said so" if unheard else ""
    give(found, json=json, text=f"said as {found['record']}{note}")


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _place(text: str) -> tuple[float, float]:
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        latitude = longitude = math.nan
    # Written so that NaN is refused too.
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise InputError(f"{text[:40]!r} is no place: write 47.1,8.3")
    return latitude, longitude


def _when(at: str) -> dict[str, Any]:
    return {"claimed_at": parse_iso(at)} if at else {}
