"""`tocsin bench`: every figure that the docs quote, measured here and now."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from tocsin.core import InputError, NotReachable

from . import figures
from .output import give

Json = dict[str, Any]
FIGURES = Path("docs/figures.md")
MEMORY_RECORDS = int(os.environ.get("TOCSIN_BENCH_RECORDS", "1000000"))


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
        Of `warning` (the seed of `all` too): what scenes are drawn from, and how many deployments (and as many look-alikes) there are.
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
        begun = time.perf_counter()
        found = _warning(given)
        give({**figures.machine(), **found, "took_s": round(time.perf_counter() - begun, 1)}, json=True)
        return
    if name == "all":
        # A small trial of warnings still takes minutes: it has a test of its own.
        every: dict[str, Json] = {}
        for each in (*BENCHES, *(() if small else ("warning",))):
            every[each] = _alone(each, seed, small=small)
            out.write_text(figures.page(every, small=small))  # after each: what was measured stays if the next one fails
        give(every, json=json, text=f"{out} is written")
        return
    if name not in BENCHES:
        raise InputError(f"no bench {name[:40]!r}: use {', '.join([*BENCHES, 'warning', 'all'])}")
    one = BENCHES[name](small)
    give({**figures.machine(), **one, name: one}, json=True)


def _alone(name: str, seed: str, *, small: bool) -> Json:
    """What a bench says in a process of its own, so that none measures what another left behind."""
    command = [sys.executable, "-m", "tocsin", "bench", name, "--seed", seed, *(["--small"] if small else [])]
    run = subprocess.run(command, capture_output=True, check=False, timeout=3600)
    if run.returncode:
        raise NotReachable(f"bench {name} ended with {run.returncode}: {run.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    found: Json = msgspec.json.decode(run.stdout)
    return {key: value for key, value in found.items() if key not in {name, *figures.machine()}}


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
    from tocsin.journal.measure import Clocks, measure
    from tocsin.node.system import SystemEntropy

    clocks, size, leaves = Clocks(time.perf_counter_ns, time.process_time_ns), 200 if small else 5_000, 0 if small else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        return dict(measure(Path(folder), clocks, SystemEntropy(), size=size, leaves=leaves))


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
    from tocsin.node.endurance import measure

    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), 200, 20) if small else measure(Path(folder), MEMORY_RECORDS, 3600)


def _demo(small: bool) -> Json:
    if small:
        return {"left out": "the demonstration has no small form"}
    run = subprocess.run([sys.executable, "-m", "tocsin", "demo", "--once", "--json"], capture_output=True, check=False, timeout=600)
    if run.returncode:
        raise NotReachable(f"the demonstration ended with {run.returncode}: {run.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    found = msgspec.json.decode(run.stdout)
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
    return {key: found[key] for key in keys}


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
