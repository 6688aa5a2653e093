"""The machine's own clock and randomness: the only place that reads them."""

from __future__ import annotations

import gc
import os
import time

from tocsin.core.times import Micros


class SystemClock:
    """Protocol time: the machine's clock, in µs UTC, never backwards within one run."""

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> Micros:
        """Microseconds since 1970-01-01 UTC."""
        self._last = max(self._last, time.time_ns() // 1000)
        return self._last


class SystemEntropy:
    """The operating system's randomness."""

    def take(self, size: int) -> bytes:
        """`size` fresh random bytes."""
        return os.urandom(size)

    def child(self, name: str) -> SystemEntropy:  # noqa: ARG002 - every draw is independent already
        """An independent stream."""
        return self


def settle() -> None:
    """Leave what the start has made out of every later search for garbage: going through it all stops a node for some 70 ms each time."""
    gc.collect()
    gc.freeze()
