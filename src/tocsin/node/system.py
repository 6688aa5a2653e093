"""The machine's own clock and randomness: the only place that reads them."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import os
import time
from typing import Any

from tocsin.core.times import Micros

TRIM_S = 10.0
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
    """Have freed memory go back to the system, where the C library is glibc: for a process that runs for months. Best before threads begin.

    Two arenas for all threads in place of eight a core, and thresholds that stay (mallopt(3)): by itself glibc raises them with the
    largest block it has freed, and batches of observations, files being compressed and answers of a database then stay in the heap.
    Arrow takes its memory from there too, in place of a pool of its own that keeps what it had.
    """
    if (library := _c_library("mallopt")) is None:
        return
    for option, value in ((_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, 256 * 1024), (_M_TRIM_THRESHOLD, 1024 * 1024)):
        library.mallopt(option, value)
    arrow: Any = importlib.import_module("pyarrow")  # it says nothing of its types
    arrow.set_memory_pool(arrow.system_memory_pool())


async def trim_memory(every_s: float = TRIM_S) -> None:
    """Again and again, give back the pages between blocks in use, which freeing alone leaves in the heap; returns where it cannot be done.

    The first time takes some 10 ms for each 100 MB, later ones a few ms; none holds the interpreter.
    """
    if (library := _c_library("malloc_trim")) is None:
        return
    while True:
        await asyncio.sleep(every_s)
        await asyncio.to_thread(library.malloc_trim, 0)


def _c_library(function: str) -> Any:
    """The C library if it has `function`, else None."""
    try:
        library = ctypes.CDLL(None)
        getattr(library, function)
    except (OSError, AttributeError):
        return None
    return library


def settle() -> None:
    """Leave what the start has made out of every later search for garbage: going through it all stops a node for some 70 ms each time."""
    gc.collect()
    gc.freeze()
