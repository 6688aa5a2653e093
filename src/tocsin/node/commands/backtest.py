"""`tocsin backtest`: how a topic would have done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tocsin.core import InputError

from .output import give

Json = dict[str, Any]


def backtest(
    topic: str,
    *,
    series: Path,
    events: Path,
    date_column: str = "date",
    count_column: str = "count",
    name: str = "aircraft",
    report: Path | None = None,
    json: bool = False,
) -> None:
    """Run a topic over a daily series with nothing but the past in sight, and compare it with the textbook ways.

    Parameters
    ----------
    topic
        A topic file, or the name of one that ships.
    series
        A CSV file with a row for each day.
    events
        A CSV file with the columns name, start, end and tier: what happened.
    date_column
        The column of `series` that holds the day.
    count_column
        The column of `series` that holds the count.
    name
        What the topic's detectors call the series.
    report
        Write an HTML page with charts here.
    """
    import msgspec

    from tocsin.warning import read_topic, shipped
    from tocsin.warning.backtest import backtest as run
    from tocsin.warning.backtest import read_events, read_series
    from tocsin.warning.backtest.daily import LABEL
    from tocsin.warning.backtest.report import page

    file = Path(topic)
    found = read_topic(_read(file), file.name) if file.suffix in {".yaml", ".yml"} or file.exists() else shipped(topic)
    read = read_series(_read(series), series.name, date_column=date_column, count_column=count_column, name=name, label=LABEL)
    happened = read_events(_read(events), events.name)
    result, days = run(found, read, happened)
    if report is not None:
        try:
            report.write_text(page(found, result, days, read.series, happened), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{report} cannot be written: {error.strerror}") from None
    answer: Json = msgspec.to_builtins(result)
    give(answer, json=json, text=_text(answer, report))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None


def _text(found: Json, report: Path | None) -> str:
    lines = [
        f"{found['topic']} over {found['series']}, {found['first']} to {found['last']} ({found['days']} days, {found['missing']} missing)",
        f"hits {found['hits']} of {found['of']}, false alarm episodes {found['false_alarm_episodes_per_year']:g} a year, "
        f"alarm days {found['alarm_days_per_year']:g} a year",
    ]
    for event in found["events"]:
        said = f"alarm on {event['first_alarm']}, lead {event['lead_days']} days" if event["hit"] else "missed"
        lines.append(f"  {event['name']} ({event['start']} to {event['end']}): {said}")
    lines.append("compared with")
    for name, row in found["baselines"].items():
        lines.append(f"  {name}: {row['hits']} of {row['of']}, {row['false_alarm_episodes_per_year']:g} false episodes a year")
    lines += [*found["says"], *found["faults"]]
    return "\n".join([*lines, *([f"{report} is written"] if report else [])])
