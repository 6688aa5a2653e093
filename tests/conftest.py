"""What holds for all tests."""

from pathlib import Path

import pytest

# Each file goes to one process whole, so that what its tests share is made once: those that take longest go first, lest one is left alone
# at the end.
LONGEST = (
    "node/test_demo.py",
    "node/test_no_interference.py",
    "node/test_bench.py",
    "node/test_ways_out.py",
    "node/test_walls.py",
    "warning/test_night.py",
    "warning/test_recordings.py",
    "warning/backtest/test_recorded.py",
    "warning/test_trial.py",
    "node/test_shelves.py",
    "console/test_console_units.py",
    "exchange/test_hostile.py",
)
_TURN = {Path(__file__).parent / name: turn for turn, name in enumerate(LONGEST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, and browser tests last: their driver keeps an event loop in the process, beside which no other can run."""
    items.sort(key=lambda item: (item.get_closest_marker("browser") is not None, _TURN.get(item.path, len(LONGEST))))
