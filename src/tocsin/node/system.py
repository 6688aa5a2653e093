"""The machine's own clock and randomness: the only place that reads them."""

from __future__ import annotations

import ctypes
import gc
import os
import time

from tocsin.core.times import Micros

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h


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


def give_back_memory() -> None:
    """Have the C library give freed memory back, where it is glibc: for a process that runs for months. Best before threads begin.

    Two arenas for all threads in place of eight a core, and thresholds that stay (mallopt(3)): by itself glibc raises them with the
    largest block it has freed, and batches of observations, files being compressed and answers of a database then stay in the heap.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for option, value in ((_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, 256 * 1024), (_M_TRIM_THRESHOLD, 1024 * 1024)):
        mallopt(option, value)


def settle() -> None:
    """Leave what the start has made out of every later search for garbage: going through it all stops a node for some 70 ms each time."""
    gc.collect()
    gc.freeze()
