"""`tocsin backtest`: how a topic would have done."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.core import InputError

from .output import give

if TYPE_CHECKING:
    from tocsin.warning import Topic

Json = dict[str, Any]


def backtest(
    topic: str,
    *,
    series: Path | None = None,
    archive: Path | None = None,
    events: Path | None = None,
    date_column: str = "date",
    count_column: str = "count",
    name: str = "aircraft",
    report: Path | None = None,
    classification: str = "",
    json: bool = False,
) -> None:
    """Run a topic over what is recorded, with nothing but the past in sight, and say how it would have done.

    Parameters
    ----------
    topic
        A topic file, or the name of one that ships.
    series
        A CSV file with a row for each day; the topic is compared with the textbook ways.
    archive
        Instead of a series: a folder of recorded traffic, of any format that is recognised.
    events
        A CSV file with the columns name, start, end and tier: what happened. Days for a series, times for recorded traffic.
    date_column
        The column of `series` that holds the day.
    count_column
        The column of `series` that holds the count.
    name
        What the topic's detectors call the series.
    report
        Write an HTML page with charts here (of a series). In a node's folder `backtests/` the console shows it to the node's own people.
    classification
        The level of that page, as the node's policy names it; a page without one is treated as the highest.
    """
    from tocsin.warning import read_topic, shipped

    file = Path(topic)
    found = read_topic(_read(file), file.name) if file.suffix in {".yaml", ".yml"} or file.exists() else shipped(topic)
    if (series is None) == (archive is None):
        raise InputError("give either --series, a file of daily counts, or --archive, a folder of recorded traffic")
    if archive is not None:
        if report is not None:
            raise InputError("--report is for a --series: of recorded traffic the warnings are told one by one")
        answer = _recorded(found, archive, events)
        give(answer, json=json, text=_text_of_recorded(answer))
        return
    if series is None or events is None:
        raise InputError("a --series needs --events: without what happened there is nothing to judge it by")
    answer = _daily(found, series, events, (date_column, count_column, name), report, classification)
    give(answer, json=json, text=_text(answer, report))


def _daily(topic: Topic, series: Path, events: Path, columns: tuple[str, str, str], report: Path | None, classification: str) -> Json:
    from tocsin.warning.backtest import backtest as run
    from tocsin.warning.backtest import read_events, read_series
    from tocsin.warning.backtest.daily import LABEL
    from tocsin.warning.backtest.report import page

    date, count, name = columns
    read = read_series(_read(series), series.name, date_column=date, count_column=count, name=name, label=LABEL)
    happened = read_events(_read(events), events.name)
    result, days = run(topic, read, happened)
    if report is not None:
        try:
            report.write_text(page(topic, result, days, read.series, happened, classification=classification), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{report} cannot be written: {error.strerror}") from None
    answer: Json = msgspec.to_builtins(result)
    return answer


def _recorded(topic: Topic, archive: Path, events: Path | None) -> Json:
    from tocsin.sources import load
    from tocsin.warning.backtest import backtest_recorded, read_happenings
    from tocsin.warning.trial import LABEL, REALM

    files = sorted(path for path in archive.rglob("*") if path.is_file()) if archive.is_dir() else []
    if not files:
        raise InputError(f"{archive} is no folder with recordings in it")
    loaded = load(files, feed="recording", realm=REALM, label=LABEL)
    if not len(loaded.observations):
        raise InputError(f"nothing in {archive} could be read as recorded traffic: {loaded.errors[0] if loaded.errors else 'no positions'}")
    happened = read_happenings(_read(events), events.name) if events is not None else ()
    faults = [*map(str, loaded.errors), *(f"{count:,} rows left out: {why}" for why, count in loaded.skipped.items())]
    found = backtest_recorded(topic, loaded.observations, happened, clock_ns=time.perf_counter_ns, faults=faults)
    answer: Json = msgspec.to_builtins(found)
    return answer


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
    if found["false_alarms"]:
        lines.append("rang with no event on: " + ", ".join(_span(one) for one in found["false_alarms"]))
    lines.append("compared with")
    for name, row in found["baselines"].items():
        lines.append(f"  {name}: {row['hits']} of {row['of']}, {row['false_alarm_episodes_per_year']:g} false episodes a year")
    lines += [*found["says"], *found["faults"]]
    return "\n".join([*lines, *([f"{report} is written"] if report else [])])


def _span(one: Json) -> str:
    return str(one["first"]) if one["first"] == one["last"] else f"{one['first']} to {one['last']}"


def _text_of_recorded(found: Json) -> str:
    lines = [
        f"{found['topic']} over {found['observations']:,} observations, {found['first']} to {found['last']} ({found['hours']:g} h)",
        f"hits {found['hits']} of {found['of']}, "
        f"false warnings {found['false_warnings']} ({found['false_warnings_per_30_days']:g} in 30 days), "
        f"highest probability {found['highest']:.3f}",
    ]
    for event in found["events"]:
        said = f"rang at {event['first_alarm']}, {event['lead_minutes']:g} min before its end" if event["hit"] else "did not ring"
        lines.append(f"  {event['name']}: {said}")
    lines += [f"  {one['at']} {one['level']}: {one['sentence']}" for one in found["warnings"]]
    return "\n".join([*lines, *found["faults"]])
