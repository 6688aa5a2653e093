"""The page of figures that `tocsin bench all` writes: what was measured, beside what was aimed at."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

from tocsin.core import iso

Json = dict[str, Any]

NOTES = {
    "formats": "Rows (aircraft) a second and ms for each format, from bytes to columns; readsb beside a general decoder.",
    "picture": "One picture into which every aircraft is plotted at each step; ms for a step, a snapshot, a delta.",
    "journal": "Records a second: one caller that waits for each, 5,000 callers at once, fifty in a call, read from disk, from memory; "
    "`leaves_per_s` is 500 in a call with the log's tiles and checkpoint: the middle one of three stretches of 20,000, beside the slowest "
    "and the fastest, and what a leaf takes of a processor; a proof out of a log of `log_leaves`.",
    "release": "Decisions a second by both keys: warm, and cold (parsed policies, pairs never asked); the keys compared on random pairs.",
    "detectors": "Every registered detector and the assessment, a look every 5 s as a node does: ms for a second of data and a look. "
    "One view; ten that differ in a tenth of their tracks; and skies made up to stop a watch: nobody says who they are, all are military.",
    "exchange": "One sender, ten recipients in two further processes, a real relay; every recipient opens, verifies and commits everything "
    "(records: its journal, with fsync; observations: picture and sealed archive). Delays run from `share` to after the commit; "
    "CPU is of all processes and the relay.",
    "memory": "Two whole nodes in a process each, one says and the other hears a million records and an hour's traffic, compressed in "
    "time: resident memory after a warm-up, at 10 %, 50 % and 100 %, and how far any tenth is off the first; CPU a record in the middle "
    "and at the end. TOCSIN_BENCH_RECORDS=100000 takes less time.",
    "demo": "The demonstration's processes: from the source node's intake to a partner's picture, beside two realms at full speed.",
    "warning": "Made deployments and look-alikes in recorded traffic, and recorded traffic alone, on the live engine: how many rang "
    "(exact interval), how long before the line was reached, how often without cause.",
}

GOALS: dict[str, dict[str, tuple[str, float]]] = {
    "journal": {"leaves_per_s": ("≥", 20_000), "single_p99_ms": ("≤", 20), "proof_ms": ("≤", 1)},
    "release": {"warm_per_s": ("≥", 50_000), "cold_per_s": ("≥", 5_000), "disagreements": ("≤", 0)},
    "detectors": {"one_view.ms_per_second_of_data": ("≤", 100), "ten_views.ms_per_second_of_data": ("≤", 250)},
    "exchange": {
        "observations_per_s": ("≥", 100_000),
        "records_per_s": ("≥", 1_000),
        "p99_ms": ("≤", 250),
        "lost": ("≤", 0),
        "doubled": ("≤", 0),
    },
    "memory": {"off_percent.sender": ("≤", 10), "off_percent.recipient": ("≤", 10), "lost": ("≤", 0), "doubled": ("≤", 0)},
    "demo": {"lost": ("≤", 0), "doubled": ("≤", 0)},
    "warning": {
        "pd": ("≥", 0.98),
        "false_warnings_per_30_days": ("≤", 1),
        "median_lead_minutes": ("≥", 20),
        "lookalike_alarms": ("≤", 0.02),
        "took_s": ("≤", 900),
    },
}
"""What was aimed at, for each figure that has a goal."""


def machine() -> Json:
    """The machine that measures, and the day."""
    return {
        "machine": f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}",
        "date": iso(time.time_ns() // 1000)[:10],
    }


def page(found: dict[str, Json], *, small: bool) -> str:
    """The whole page in Markdown; `found` is what each bench measured."""
    here = machine()
    lines = [
        "# Figures",
        "",
        "Written by `tocsin bench all`; do not edit by hand. Machines are shared and noisy: a factor of two between runs is usual.",
        "",
        f"Machine: {here['machine']}. Date: {here['date']}." + (" SMALL RUN: these figures mean nothing." if small else ""),
    ]
    for name, figures in found.items():
        goals = GOALS.get(name, {})
        lines += ["", f"## `tocsin bench {name}`", "", NOTES[name], "", "| figure | value | goal |", "|---|---|---|"]
        lines += [f"| {key} | {number(value)} | {_beside(value, goals.get(key))} |" for key, value in flat(figures)]
    return "\n".join([*lines, ""])


def flat(figures: Json, before: str = "") -> list[tuple[str, Any]]:
    """The figures with their names joined by dots, in their order."""
    rows: list[tuple[str, Any]] = []
    for key, value in figures.items():
        rows += flat(value, f"{before}{key}.") if isinstance(value, dict) else [(before + key, value)]
    return rows


def number(value: Any) -> str:
    """A figure with three digits that count."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _beside(value: Any, goal: tuple[str, float] | None) -> str:
    if goal is None:
        return ""
    sign, aim = goal
    met = value >= aim if sign == "≥" else value <= aim
    return f"{sign} {number(aim)}" + ("" if met else ", **not met**")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
