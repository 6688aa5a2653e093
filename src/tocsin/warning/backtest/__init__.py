"""Back-tests: how a topic would have done over what is recorded, on the engine that runs live and with only the past in sight."""

from .daily import Days, Result, backtest, watch_days
from .recorded import Happening, Recorded, backtest_recorded, read_happenings
from .series_file import DailyFile, Event, read_events, read_series

__all__ = [
    "DailyFile",
    "Days",
    "Event",
    "Happening",
    "Recorded",
    "Result",
    "backtest",
    "backtest_recorded",
    "read_events",
    "read_happenings",
    "read_series",
    "watch_days",
]
