"""Trials of the watch on scenes: the recording that they are mixed into, and the work spread over processes."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tocsin.core import InputError, Label, NotReachable, Observations
from tocsin.sources import SWITZERLAND, load, sample
from tocsin.sources.scenes import Knobs, make, read_scene, scene_names
from tocsin.warning import Topic, read_topic, shipped
from tocsin.warning.marks import marks, row
from tocsin.warning.trial import Outcome, run

Json = dict[str, Any]
CURVES: dict[str, dict[str, Knobs]] = {
    "aircraft": {str(n): Knobs(aircraft=n) for n in (2, 3, 4, 6, 12, 60)},
    "dropout": {str(d): Knobs(dropout=d) for d in (0.0, 0.2, 0.4, 0.6)},
    "spacing_error": {str(e): Knobs(spacing_error=e) for e in (0.0, 0.3, 0.6, 1.2)},
    "path": {p: Knobs(path=p) for p in ("direct", "dog-leg", "coastal")},
    "typed": {str(t): Knobs(typed=t) for t in (0.0, 1.0)},
    "hardest": {"4 aircraft that say nothing, 60 % lost, loose": Knobs(aircraft=4, dropout=0.6, typed=0.0, spacing_error=0.6)},
}
"""What is turned, one thing at a time, and to what."""
LOOK_S = 15.0
LONG_LOOK_S = 60.0
_LONG_HOURS = 3.5
_LABEL = Label("trial", 0, frozenset({"TRIAL"}), frozenset({"TRIAL"}))
_TRAFFIC: list[Observations | None] = [None]


class Job(NamedTuple):
    """One scene to be made, or read from `folder`, and tried."""

    group: str
    kind: str
    seed: str
    knobs: Knobs = Knobs()
    folder: str = ""
    topic: Topic | None = None


def recording(cache: Path) -> Observations:
    """The recorded traffic that scenes are mixed into; raises `NotReachable` where it is neither kept in `cache` nor to be had."""
    loaded = load([sample(SWITZERLAND, cache)], feed="recorded", realm="replay:trial", label=_LABEL)
    if loaded.errors:
        raise loaded.errors[0]
    return loaded.observations


def try_made(seed: str, runs: int, *, cache: Path, workers: int, mix: str = "standard", topic: Path | None = None) -> Json:
    """`tocsin bench warning`: the figures over scenes made from seeds that nothing was fitted to; `InputError` for no runs."""
    if not 1 <= runs <= 20_000:
        raise InputError("a number of runs is 1 to 20,000")
    try:
        recording(cache)
        kept: Path | None = cache
    except NotReachable:
        kept = None
    rules, few = _topic(topic), max(1, runs // 20)
    jobs = [Job("mix", "deployment", f"{seed}.{i}", Knobs(mix=mix), topic=rules) for i in range(runs)]
    jobs += [Job("mix", "lookalike", f"{seed}.{i}", Knobs(mix=mix), topic=rules) for i in range(runs)]
    days = max(1, round(30 * min(1.0, runs / 200)))
    jobs += [Job("mix", "background", f"{seed}.{i}", Knobs(mix=mix, hours=24.0), topic=rules) for i in range(days)]
    for what, values in CURVES.items():
        for to, knobs in values.items():
            jobs += [
                Job(f"{what}\n{to}", "deployment", f"{seed}.{what}.{to}.{i}", knobs._replace(mix=mix), topic=rules) for i in range(few)
            ]
    done = list(_spread(jobs, kept, workers))
    curves = {what: {to: [o for job, o in done if job.group == f"{what}\n{to}"] for to in values} for what, values in CURVES.items()}
    found = marks([o for job, o in done if job.group == "mix"], curves)
    return {"seed": seed, "mix": mix, "traffic": "recorded, aircraft held out" if kept else "made: no recording at hand", **found}


def try_scenes(folder: Path, *, workers: int, topic: Path | None = None) -> Json:
    """The same figures over scenes that somebody wrote, with a row for each."""
    rules = _topic(topic)
    jobs = [Job("mix", "", name, folder=str(folder), topic=rules) for name in scene_names(folder)]
    outcomes = [outcome for _, outcome in _spread(jobs, None, workers)]
    return {**marks(outcomes), "scenes": [row(outcome) for outcome in outcomes]}


def _topic(path: Path | None) -> Topic:
    if path is None:
        return shipped("airborne-rapid-deployment")
    try:
        return read_topic(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def _spread(jobs: Sequence[Job], cache: Path | None, workers: int) -> Iterator[tuple[Job, Outcome]]:
    # The longest first, so that no process is left with one at the end; answers come in the order of the jobs.
    order = sorted(range(len(jobs)), key=lambda i: (jobs[i].kind != "background", jobs[i].kind != "lookalike", i))
    work: Callable[[Job], Outcome] = _try
    if workers <= 1 or len(jobs) < 3:
        _begin(cache)
        found = {i: work(jobs[i]) for i in order}
    else:
        # Forking would copy whatever threads the caller has; a fresh interpreter costs a second.
        context = multiprocessing.get_context("spawn")
        # Read when numpy is loaded: threads of one process would only take turns with the other's.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        with ProcessPoolExecutor(min(workers, len(jobs)), context, _begin, (cache,)) as pool:
            answers = pool.map(work, [jobs[i] for i in order], chunksize=1)
            found = dict(zip(order, answers, strict=True))
    yield from ((jobs[i], found[i]) for i in range(len(jobs)))


def _begin(cache: Path | None) -> None:
    _TRAFFIC[0] = None if cache is None else recording(cache)


def _try(job: Job) -> Outcome:
    scene = read_scene(Path(job.folder), job.seed) if job.folder else make(job.kind, job.seed, traffic=_TRAFFIC[0], knobs=job.knobs)
    span = (int(scene.rows["time"][-1]) - int(scene.rows["time"][0])) / 3.6e9 if len(scene.rows["time"]) else 0.0
    topic = job.topic or shipped("airborne-rapid-deployment")
    return run(scene, topic, clock_ns=time.perf_counter_ns, every_s=LONG_LOOK_S if span > _LONG_HOURS else LOOK_S)
