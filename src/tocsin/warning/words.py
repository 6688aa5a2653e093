"""Words for figures: counts up to twelve, the ICD 203 terms of likelihood, weights, lists and times of day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.core import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core.times import Micros

_COUNTS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

LIKELIHOOD: Final = (
    (0.05, "almost no chance"),
    (0.20, "very unlikely"),
    (0.45, "unlikely"),
    (0.55, "roughly even chance"),
    (0.80, "likely"),
    (0.95, "very likely"),
    (1.01, "almost certain"),
)
"""Upper bounds and terms of Intelligence Community Directive 203 (2 January 2015), D.6.e.(2)(a), first row.

The directive's bands are 1-5, 5-20, 20-45, 45-55, 55-80, 80-95 and 95-99 percent; a bound belongs to the band above it.
"""
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def count_word(count: int, *, capital: bool = False) -> str:
    """`count` as a word up to twelve, in digits above; zero is "no"."""
    word = _COUNTS[count] if 0 <= count <= 12 else f"{count:,}"
    return word[:1].upper() + word[1:] if capital else word


def likelihood(probability: float) -> str:
    """The ICD 203 term for a probability of 0 to 1."""
    return next(word for bound, word in LIKELIHOOD if probability < bound)


def percent(probability: float) -> str:
    """`71 %`; never 0 % or 100 %, which nobody can know, but `under 1 %` and `over 99 %`."""
    if probability < 0.01:
        return "under 1 %"
    return "over 99 %" if probability > 0.99 else f"{round(probability * 100)} %"


def weight(ratio: float) -> str:
    """How many times likelier an item makes something: `about four times likelier`, `makes hardly any difference`."""
    if ratio >= 1.25:
        return _times(ratio, "likelier", "about twice as likely")
    if ratio <= 0:
        return "rules it out"
    return _times(1 / ratio, "less likely", "about half as likely") if ratio <= 0.8 else "makes hardly any difference"


def listed(items: Sequence[str], *, joint: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; nothing is the empty text."""
    return f" {joint} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def sentence(text: str) -> str:
    """`text` with a capital first letter and one full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""


def minutes(span: Micros) -> str:
    """A span of time as `48 s`, `6 min`, `3 h`."""
    seconds = max(0, round(span / 1_000_000))
    if seconds < 90:
        return f"{seconds} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"


def clock(time: Micros) -> str:
    """`03:30Z`."""
    return iso(time)[11:16] + "Z"


def hour_of_week(hour: int) -> str:
    """`Sunday 03h` for hour 0 to 167 of the week, which begins on Monday at 00 UTC."""
    return f"{_DAYS[hour // 24 % 7]} {hour % 24:02d}h"


def _times(ratio: float, than: str, twice: str) -> str:
    if ratio < 1.75:
        return f"about one and a half times {than}"
    if ratio >= 100:
        return f"more than a hundred times {than}"
    rounded = round(ratio) if ratio < 20 else round(ratio, -1)
    return twice if rounded == 2 else f"about {count_word(int(rounded))} times {than}"
