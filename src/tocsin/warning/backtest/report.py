"""A back-test as one page of HTML: what it found, beside what, and charts drawn as SVG. It needs nothing else to be shown."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core.observations import Array

    from ..model import Topic
    from ..series import Series
    from .daily import Days, Result
    from .series_file import Event

_WIDE: Final = 1080
_HIGH: Final = 200
_EDGE: Final = 44
_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2733;--soft:#5b6b7b;--rule:#d5dde5;--back:#fbfcfd;
--mark:#b3541e;--line:#1f5f99;--event:#f0d9a8}
@media (prefers-color-scheme:dark){:root{--ink:#dbe4ec;--soft:#93a3b3;--rule:#2c3947;--back:#10161d;
--mark:#f0a060;--line:#7fb6e8;--event:#4a3c18}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);margin:2rem auto;max-width:1100px;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
td,th{border-bottom:1px solid var(--rule);padding:.3rem .6rem;text-align:left}td.n,th.n{text-align:right}tr.own{font-weight:600}
.scroll{overflow-x:auto}svg{width:100%;height:auto;min-width:640px}
text{fill:var(--soft);font:11px system-ui,sans-serif}.soft{color:var(--soft)}
""".strip()


def page(topic: Topic, result: Result, days: Days, series: Series, events: Sequence[Event], *, classification: str = "") -> str:
    """The whole page. Everything out of files is escaped. `classification`: at which level a node keeps it; without one, its highest."""
    counts = np.full(len(days.day), np.nan)
    counts[series.day - days.day[0]] = series.value
    alarm = days.level >= topic.rank(topic.warn_at)
    bar = topic.levels[topic.rank(topic.warn_at)].up
    subject = topic.hypothesis(topic.subject).title
    parts = [
        f"<h1>Back-test: {escape(topic.title)}</h1>",
        f"<p class='soft'>{escape(result.series)}, {result.first} to {result.last}: {result.days:,} days, {result.missing:,} missing.</p>",
        _list(result.says),
        "<h2>Against the other ways</h2>",
        _table_of_ways(result),
        "<h2>Event by event</h2>",
        _table_of_events(result),
        *_false_alarms(result),
        f"<h2>Counts, with alarms (dots) and events (bands)</h2>{_chart(days, counts, events, marks=alarm)}",
        f"<h2>Probability of: {escape(subject)}</h2>{_chart(days, days.probability, events, top=1.0, bar=bar)}",
        "<h2>Calibration</h2>",
        f"<p>Brier score {result.brier:.5f}; saying the base rate every day would have {result.brier_of_base_rate:.5f}.</p>",
        _reliability(result),
        f"<p class='soft'>{result.configurations_tried:,} configurations were tried in all; this topic's own numbers are one of them.</p>",
    ]
    if result.faults:
        parts += ["<h2>What is odd about the series</h2>", _list(result.faults)]
    body = "\n".join(parts)
    level = f"<meta name='tocsin-classification' content='{escape(classification)}'>" if classification else ""
    head = f"<meta charset='utf-8'>{level}<title>Back-test</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang='en'>{head}<body>{body}</body></html>\n"


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _table_of_ways(result: Result) -> str:
    own = {
        "hits": result.hits,
        "of": result.of,
        "interval": result.interval,
        "false_alarm_episodes_per_year": result.false_alarm_episodes_per_year,
        "alarm_days_per_year": result.alarm_days_per_year,
        "pre_event_alarms": result.pre_event_alarms,
        "chance_of_pre_event_alarm": result.chance_of_pre_event_alarm,
        "threshold_by": "fixed beforehand",
    }
    rows = []
    for index, (name, row) in enumerate([("This topic", own), *result.baselines.items()]):
        low, high = row["interval"]
        cells = (
            f"{row['hits']} of {row['of']}",
            f"{low:.0%} to {high:.0%}",
            f"{row['false_alarm_episodes_per_year']:.2f}",
            f"{row['alarm_days_per_year']:.1f}",
            f"{row['pre_event_alarms']} ({row['chance_of_pre_event_alarm']:.0%} by chance)",
        )
        numbers = "".join(f"<td class='n'>{cell}</td>" for cell in cells)
        kind = " class='own'" if index == 0 else ""
        rows.append(f"<tr{kind}><td>{escape(name)}</td>{numbers}<td>{escape(str(row['threshold_by']))}</td></tr>")
    heads = ("hits", "95 %", "false episodes a year", "alarm days a year", "alarms before events")
    head = "<th>way</th>" + "".join(f"<th class='n'>{one}</th>" for one in heads) + "<th>threshold</th>"
    return f"<div class='scroll'><table><tr>{head}</tr>{''.join(rows)}</table></div>"


def _table_of_events(result: Result) -> str:
    rows = []
    for event in result.events:
        said = f"{event.first_alarm}" if event.hit else "missed"
        lead = "" if event.lead_days is None else str(event.lead_days)
        cells = f"<td>{escape(event.name)}</td><td>{escape(event.tier)}</td><td>{event.start} to {event.end}</td><td>{said}</td>"
        rows.append(f"<tr>{cells}<td class='n'>{lead}</td></tr>")
    head = "<tr><th>event</th><th>tier</th><th>days</th><th>first alarm</th><th class='n'>lead, days</th></tr>"
    return f"<div class='scroll'><table>{head}{''.join(rows)}</table></div>"


def _false_alarms(result: Result) -> list[str]:
    if not result.false_alarms:
        return []
    rows = "".join(f"<tr><td>{one.first}</td><td>{one.last}</td><td class='n'>{one.days}</td></tr>" for one in result.false_alarms)
    head = "<tr><th>first day</th><th>last day</th><th class='n'>alarm days</th></tr>"
    return ["<h2>When it rang and nothing in the events was on</h2>", f"<div class='scroll'><table>{head}{rows}</table></div>"]


def _chart(
    days: Days, values: Array, events: Sequence[Event], *, top: float | None = None, bar: float | None = None, marks: Array | None = None
) -> str:
    some = values[~np.isnan(values)]
    most = top or max(1.0, float(some.max()) if len(some) else 1.0)
    first, span = int(days.day[0]), max(1, len(days.day) - 1)

    def x(day: float) -> float:
        return round(_EDGE + (_WIDE - _EDGE - 8) * (day - first) / span, 1)

    def y(value: float) -> float:
        return round(8 + (_HIGH - 32) * (1 - min(value, most) / most), 1)

    parts = []
    for event in events:
        if event.end >= first and event.start <= first + span:
            left, right = x(max(event.start, first) - 0.5), x(min(event.end, first + span) + 0.5)
            size = f"width='{max(2.0, right - left):.1f}' height='{_HIGH - 32}'"
            parts.append(f"<rect x='{left}' y='8' {size} fill='var(--event)'><title>{escape(event.name)}</title></rect>")
    for value in (0.0, most / 2, most):
        parts.append(f"<line x1='{_EDGE}' x2='{_WIDE - 8}' y1='{y(value)}' y2='{y(value)}' stroke='var(--rule)'/>")
        parts.append(
            f"<text x='{_EDGE - 6}' y='{y(value) + 4}' text-anchor='end'>{value:,.1f}</text>" if most <= 2 else _tick(value, y(value))
        )
    if bar is not None:
        parts.append(f"<line x1='{_EDGE}' x2='{_WIDE - 8}' y1='{y(bar)}' y2='{y(bar)}' stroke='var(--mark)' stroke-dasharray='4 4'/>")
    dates = np.linspace(first, first + span, 7).astype(int).tolist()
    parts += [f"<text x='{x(day)}' y='{_HIGH - 6}' text-anchor='middle'>{np.datetime64(day, 'D')}</text>" for day in dates]
    for points in _pieces(values):
        path = " ".join(f"{x(first + at)},{y(float(values[at]))}" for at in points)
        parts.append(f"<polyline points='{path}' fill='none' stroke='var(--line)' stroke-width='1'/>")
    if marks is not None:
        marked = np.flatnonzero(marks & ~np.isnan(values)).tolist()
        parts += [f"<circle cx='{x(first + at)}' cy='{y(float(values[at]))}' r='3' fill='var(--mark)'/>" for at in marked]
    return f"<div class='scroll'><svg viewBox='0 0 {_WIDE} {_HIGH}' role='img'>{''.join(parts)}</svg></div>"


def _tick(value: float, at: float) -> str:
    return f"<text x='{_EDGE - 6}' y='{at + 4}' text-anchor='end'>{value:,.0f}</text>"


def _pieces(values: Array) -> list[list[int]]:
    """Runs of values without a gap: a missing day breaks the line."""
    there = np.flatnonzero(~np.isnan(values))
    if not len(there):
        return []
    return [part.tolist() for part in np.split(there, np.flatnonzero(np.diff(there) > 1) + 1)]


def _reliability(result: Result) -> str:
    rows = "".join(
        f"<tr><td class='n'>{one.forecast:.0%}</td><td class='n'>{one.observed:.0%}</td><td class='n'>{one.days:,}</td></tr>"
        for one in result.reliability
    )
    dots = "".join(
        f"<circle cx='{30 + 200 * one.forecast:.1f}' cy='{210 - 200 * one.observed:.1f}' "
        f"r='{2 + min(8.0, one.days**0.33):.1f}' fill='var(--line)'/>"
        for one in result.reliability
    )
    frame = "<rect x='30' y='10' width='200' height='200' fill='none' stroke='var(--rule)'/>"
    frame += "<line x1='30' y1='210' x2='230' y2='10' stroke='var(--rule)'/>"
    names = "<text x='130' y='228' text-anchor='middle'>forecast</text>"
    names += "<text x='12' y='110' transform='rotate(-90 12 110)' text-anchor='middle'>observed</text>"
    svg = f"<svg viewBox='0 0 240 236' style='max-width:280px;min-width:0' role='img'>{frame}{dots}{names}</svg>"
    table = f"<table><tr><th class='n'>forecast</th><th class='n'>observed</th><th class='n'>days</th></tr>{rows}</table>"
    return f"<div style='display:grid;grid-template-columns:minmax(200px,280px) 1fr;gap:2rem'>{svg}{table}</div>"
