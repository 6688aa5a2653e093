"""`tocsin bench`: every figure that the docs quote, measured here and now."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from tocsin.core import InputError, NotReachable, iso

from .output import give

Json = dict[str, Any]
FIGURES = Path("docs/figures.md")
MEMORY_RECORDS = int(os.environ.get("TOCSIN_BENCH_RECORDS", "60000"))


def bench(
    name: str,
    *,
    json: bool = False,
    small: bool = False,
    out: Path = FIGURES,
    seed: str = "1",
    runs: int = 200,
    scenes: Path | None = None,
    topic: Path | None = None,
    mix: Literal["standard", "stress"] = "standard",
    workers: int = 2,
    cache: Path = Path(".cache"),
) -> None:
    """Measure formats, picture, journal, release, detectors, exchange, memory, demo or warning; or `all`, which writes docs/figures.md.

    Parameters
    ----------
    small
        Little data, to see that it works; the figures mean nothing then.
    out
        Where `all` writes.
    seed, runs
        Of `warning`: what scenes are drawn from, and how many deployments (and as many look-alikes) there are.
    scenes
        Of `warning`: a folder of scenes to try in place of made ones: NAME.csv.gz and NAME.json each.
    topic
        Of `warning`: a topic file in place of the shipped airborne-rapid-deployment; its places give way to a scene's.
    mix
        Of `warning`: stress draws from other assumptions.
    workers, cache
        Of `warning`: processes, and where the recording is kept.
    """
    if name == "warning":
        given = Trial(seed, 6 if small else runs, scenes, topic, mix, workers, cache)
        give({**_machine(), **_warning(given)}, json=True)
        return
    if name == "all":
        found = {each: BENCHES[each](small) for each in BENCHES}
        out.write_text(_page(found, small=small))
        give(found, json=json, text=f"{out} is written")
        return
    if name not in BENCHES:
        raise InputError(f"no bench {name[:40]!r}: use {', '.join([*BENCHES, 'warning', 'all'])}")
    figures = BENCHES[name](small)
    give({**_machine(), **figures, name: figures}, json=True)


class Trial(NamedTuple):
    """What `bench warning` is given."""

    seed: str
    runs: int
    scenes: Path | None
    topic: Path | None
    mix: str
    workers: int
    cache: Path


def _warning(given: Trial) -> Json:
    from tocsin.node.trials import try_made, try_scenes

    if given.scenes is not None:
        return try_scenes(given.scenes, workers=given.workers, topic=given.topic)
    return try_made(given.seed, given.runs, cache=given.cache, workers=given.workers, mix=given.mix, topic=given.topic)


def _formats(small: bool) -> Json:
    from tocsin.formats.measure import measure

    return measure(time.perf_counter_ns, rows=300, repeats=1) if small else measure(time.perf_counter_ns)


def _picture(small: bool) -> Json:
    from tocsin.picture.measure import measure

    return dict(measure(time.perf_counter_ns, tracks=300 if small else 15_000))


def _journal(small: bool) -> Json:
    from tocsin.journal.measure import measure

    with tempfile.TemporaryDirectory() as folder:
        return dict(measure(Path(folder), time.perf_counter_ns, size=200 if small else 5_000, leaves=0 if small else 1_000_000))


def _detectors(small: bool) -> Json:
    from tocsin.warning.measure import Clocks, measure

    return measure(Clocks(time.perf_counter_ns, time.process_time_ns), tracks=300 if small else 20_000, seconds=5 if small else 65)


def _exchange(small: bool) -> Json:
    from tocsin.node import stored
    from tocsin.node.measuring import SMALL, Size, measure

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "stored").mkdir()
        found = measure(Path(folder), SMALL if small else Size())
        costs = stored.measure(Path(folder) / "stored", (100, 1_000) if small else (10_000, 1_000_000), 1 if small else 20)
        return found | {"cost_per_envelope": costs}


def _memory(small: bool) -> Json:
    from tocsin.node.measuring import measure_memory

    with tempfile.TemporaryDirectory() as folder:
        return measure_memory(Path(folder), 200, 20) if small else measure_memory(Path(folder), MEMORY_RECORDS, 3600)


def _demo(small: bool) -> Json:
    import subprocess
    import sys

    if small:
        return {"left out": "the demonstration has no small form"}
    run = subprocess.run([sys.executable, "-m", "tocsin", "demo", "--once", "--json"], capture_output=True, check=False, timeout=600)
    if run.returncode:
        raise NotReachable(f"the demonstration ended with {run.returncode}: {run.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    figures = msgspec.json.decode(run.stdout)
    keys = (
        "speed",
        "observations",
        "observations_delivered",
        "aircraft_real",
        "lost",
        "doubled",
        "gaps",
        "latency_ms",
        "latency_while_cut_ms",
    )
    return {key: figures[key] for key in keys}


def _release(small: bool) -> Json:
    from tocsin.core import SeededEntropy
    from tocsin.policy.measure import measure

    size = {"pairs": 500, "cold": 200, "warm": 1_000} if small else {}
    return dict(measure(time.perf_counter_ns, time.process_time_ns, SeededEntropy("bench"), **size))


BENCHES: dict[str, Callable[[bool], Json]] = {
    "formats": _formats,
    "picture": _picture,
    "journal": _journal,
    "detectors": _detectors,
    "release": _release,
    "exchange": _exchange,
    "memory": _memory,
    "demo": _demo,
}


NOTES = {
    "release": "Decisions a second by both keys: warm, and cold (parsed policies, pairs never asked); the keys compared on random pairs.",
    "formats": "Rows (aircraft) a second and ms for each format, from bytes to columns; readsb beside a general decoder.",
    "picture": "One picture into which every aircraft is plotted at each step; ms for a step, a snapshot, a delta.",
    "journal": "Records a second: one caller that waits for each, 5,000 callers at once, fifty in a call, read from disk, from memory; "
    "`leaves_per_s` is 500 in a call with the log's tiles and checkpoint; a proof out of a log of `log_leaves`.",
    "detectors": "Every registered detector and the assessment, a look every 5 s as a node does: ms for a second of data and a look. "
    "One view; ten that differ in a tenth of their tracks; and skies made up to stop a watch: nobody says who they are, all are military.",
    "exchange": "One sender, ten recipients in two further processes, a real relay; every recipient opens, verifies and commits everything "
    "(records: its journal, with fsync; observations: picture and sealed archive). Delays run from `share` to after the commit; "
    "CPU is of all processes and the relay.",
    "memory": "A sender and one recipient in a process each: resident memory and CPU a record after half of the records and an hour's "
    "traffic, when caches are full, and at the end. TOCSIN_BENCH_RECORDS=1000000 gives it more.",
    "demo": "The demonstration's processes: from the source node's intake to a partner's picture, beside two realms at full speed.",
}


def _machine() -> Json:
    return {
        "machine": f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}",
        "date": iso(time.time_ns() // 1000)[:10],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _page(found: dict[str, Json], *, small: bool) -> str:
    machine = _machine()
    lines = [
        "# Figures",
        "",
        "Written by `tocsin bench all`; do not edit by hand. Machines are shared and noisy: a factor of two between runs is usual.",
        "",
        f"Machine: {machine['machine']}. Date: {machine['date']}." + (" SMALL RUN: these figures mean nothing." if small else ""),
    ]
    for name, figures in found.items():
        lines += ["", f"## `tocsin bench {name}`", "", NOTES[name], "", "| figure | value |", "|---|---|"]
        lines += [f"| {key} | {_number(value)} |" for key, value in _flat(figures)]
    return "\n".join([*lines, ""])


def _flat(figures: Json, before: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in figures.items():
        rows += _flat(value, f"{before}{key}.") if isinstance(value, dict) else [(before + key, value)]
    return rows


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
