"""How often one may guess: five wrong attempts a name, then waits that double."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from tocsin.core.times import HOUR, SECOND, Micros

from .errors import TooManyAttempts

FREE = 5
FIRST_WAIT: Micros = 10 * SECOND
LONGEST_WAIT: Micros = 900 * SECOND
FORGOTTEN: Micros = HOUR
_BUCKETS = 4096


class _Tally(NamedTuple):
    failures: int
    until: Micros


class Attempts:
    """Counts attempts by name; each counts as wrong until it proves right, so that many at once gain nothing.

    Names that are nobody's share a fixed number of tallies, so that guessing names fills no memory.
    """

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}

    def begin(self, key: str, now: Micros, *, known: bool) -> str:
        """Count an attempt; gives what `succeeded` wants. Raises `TooManyAttempts` while the name has to wait."""
        tally_key = f"user {key}" if known else f"nobody {int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % _BUCKETS}"
        failures, until = self._tallies.get(tally_key, _Tally(0, now))
        until = min(until, now + LONGEST_WAIT)  # in case the clock was set back
        if now < until:
            raise TooManyAttempts(-(-(until - now) // SECOND))
        if now - until > FORGOTTEN:
            failures = 0
        failures += 1
        wait = min(FIRST_WAIT << min(failures - FREE, 20), LONGEST_WAIT) if failures >= FREE else 0
        self._tallies[tally_key] = _Tally(failures, now + wait)
        return tally_key

    def succeeded(self, tally_key: str) -> None:
        """The attempt was right: the name starts afresh."""
        self._tallies.pop(tally_key, None)
