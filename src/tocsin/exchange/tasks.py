"""Ending tasks for sure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

PATIENCE_S = 0.5


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` and return once each has ended, however it ended.

    Asked more than once: what waits inside a library through `asyncio.wait_for` of Python 3.11 loses a cancellation that
    comes in the moment in which its wait is over.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=PATIENCE_S)
        for task in done:
            if not task.cancelled():
                task.exception()  # looked at, so that nobody is warned about it
