"""Back-tests: how a topic would have done over what is recorded, on the engine that runs live and with only the past in sight."""

from .daily import Days, Result, backtest, watch_days
from .series_file import DailyFile, Event, read_events, read_series

__all__ = ["DailyFile", "Days", "Event", "Result", "backtest", "read_events", "read_series", "watch_days"]
