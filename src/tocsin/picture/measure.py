"""How fast a picture takes observations: a pure function that `tocsin bench` and the tests call with a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tocsin.core import Clearance, Identity, Label, SeededEntropy, seconds
from tocsin.core.observations import build
from tocsin.policy import View
from tocsin.sources.sphere import destination

from .service import Picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.core import Observations

_START = 1_800_000_000_000_000
_LABEL = Label("bench", 0, frozenset({"BENCH"}), frozenset({"BENCH"}))
_VIEW = View("bench", Clearance("bench", "BENCH", 0))


def measure(clock_ns: Callable[[], int], *, tracks: int = 15_000, steps: int = 30, step_s: float = 5) -> dict[str, float]:
    """What a picture of `tracks` aircraft does on this machine, every one of them plotted at each of `steps`.

    `clock_ns` reads a monotonic clock in nanoseconds. Gives `tracks`, `observations_per_s` and
    `update_ms` (median of one batch with all aircraft), `snapshot_ms` and `delta_ms` (medians).
    """
    picture = Picture("replay:bench", _VIEW, entropy=SeededEntropy("bench"))
    spent: dict[str, list[int]] = {"update": [], "snapshot": [], "delta": []}
    cursor = 0
    for step in range(steps):
        now = _START + seconds(step * step_s)
        batch = _traffic(tracks, step * step_s)
        marks = [clock_ns()]
        picture.update(batch, now)
        marks.append(clock_ns())
        shown = picture.tracks(now)
        marks.append(clock_ns())
        cursor = picture.since(cursor, now).cursor
        marks.append(clock_ns())
        # The first steps make tracks rather than update them.
        if step >= 2:
            for times, start, end in zip(spent.values(), marks, marks[1:], strict=False):
                times.append(end - start)
    median = {name: max(float(np.median(times)), 1.0) for name, times in spent.items()}
    return {
        "tracks": len(shown),
        "observations_per_s": tracks / median["update"] * 1e9,
        **{f"{name}_ms": value / 1e6 for name, value in median.items()},
    }


def _traffic(size: int, at_s: float) -> Observations:
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(SeededEntropy("bench").take(16), "big")))
    start, course, speed = (
        generator.uniform((40, 0), (55, 20), (size, 2)),
        generator.uniform(0, 360, size),
        generator.uniform(80, 260, size),
    )
    latitude, longitude = destination(start[:, 0], start[:, 1], course, speed * at_s)
    return build(
        "bench",
        "replay:bench",
        _LABEL,
        size,
        identity=Identity.ICAO | generator.permutation(size).astype(np.uint64) + 1,
        time=np.full(size, _START + seconds(at_s)),
        latitude=latitude,
        longitude=longitude,
        altitude=np.full(size, 9000.0),
        speed=speed,
        course=course,
    )
