"""Nodes and relay as processes of their own: started, waited for, asked, and ended without remains."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tocsin.core import NotReachable

START_S = 60.0
END_S = 10.0


@contextlib.asynccontextmanager
async def running(*arguments: str, log: Path) -> AsyncIterator[str]:
    """`tocsin ARGUMENTS` until the block ends; gives the first line it prints, its address. Raises `NotReachable`."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tocsin", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=errors,
            env=_environment(),
            # The terminal's signals are for the demonstration alone, which ends what it started in order.
            start_new_session=True,
        )  # fmt: skip
    try:
        yield await _first_line(process, log, arguments)
    finally:
        await _end(process)


def _environment() -> dict[str, str]:
    # One thread each for the numeric libraries: the processes share two cores, and their arrays are small.
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), "1")
    return {**os.environ, **limits}


async def _first_line(process: asyncio.subprocess.Process, log: Path, arguments: tuple[str, ...]) -> str:
    if process.stdout is None:
        raise NotReachable("a process has no output")
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_S)
    except TimeoutError:
        line = b""
    if not line:
        last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
        raise NotReachable(f"`tocsin {' '.join(arguments[:2])}` did not start: {last[0][:300]}")
    return line.decode().strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
