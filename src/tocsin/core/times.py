"""Time: int64 microseconds UTC everywhere, and clocks that are handed in.

Realm time (what the watched world's clock says) and protocol time (the system's) are two `Clock`s;
only `node/` has one that reads the machine's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from .errors import InputError

Micros = int
SECOND: Micros = 1_000_000
HOUR: Micros = 3600 * SECOND
DAY: Micros = 24 * HOUR
LAST: Micros = 253_402_300_799_999_999
"""The last microsecond of the year 9999, past which no calendar here goes."""


class Clock(Protocol):
    """Something that says what time it is."""

    def now(self) -> Micros:
        """Microseconds since 1970-01-01 UTC."""
        ...


class ManualClock:
    """A clock that stands until it is moved; never backwards."""

    def __init__(self, start: Micros = 0) -> None:
        self._now = start

    def now(self) -> Micros:
        """The time it was last moved to."""
        return self._now

    def move_to(self, time: Micros) -> None:
        """Move on to `time`; an earlier time changes nothing."""
        self._now = max(self._now, time)


class ScaledClock:
    """Realm time that runs `speed` times as fast as `base`; it says `start` when `base` says `zero` (by default: now)."""

    def __init__(self, base: Clock, start: Micros, speed: float, zero: Micros | None = None) -> None:
        self._base, self._start, self._speed = base, start, speed
        self._zero = base.now() if zero is None else zero

    def now(self) -> Micros:
        """Realm time now."""
        return self._start + int((self._base.now() - self._zero) * self._speed)


def seconds(value: float) -> Micros:
    """`value` seconds as microseconds."""
    return round(value * SECOND)


def iso(time: Micros) -> str:
    """`time` as ISO 8601 with microseconds only where there are any: `2026-11-22T03:11:42Z`; raises `InputError` past year 9999."""
    try:
        moment = datetime.fromtimestamp(time // SECOND, UTC).replace(microsecond=time % SECOND)
    except (ValueError, OverflowError, OSError):
        raise InputError("a time outside the years 1 to 9999 cannot be written") from None
    return moment.isoformat().replace("+00:00", "Z")


def parse_iso(text: str) -> Micros:
    """The time that an ISO 8601 `text` with zone says; raises `InputError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text[:40]!r} is no ISO 8601 time") from None
    if moment.tzinfo is None:
        raise InputError(f"{text[:40]!r} has no zone: end it in Z or an offset")
    try:
        whole = moment.astimezone(UTC)
    except OverflowError:
        raise InputError(f"{text[:40]!r} is outside the years 1 to 9999") from None
    return int(whole.replace(microsecond=0).timestamp()) * SECOND + whole.microsecond
