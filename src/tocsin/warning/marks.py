"""What many trials say together: hits with exact intervals, lead, false warnings, and how hits depend on one thing at a time."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import beta  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .trial import Outcome

Json = dict[str, Any]


def interval(hits: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval of a share (Clopper and Pearson 1934); 0 to 1 of nothing."""
    if of == 0:
        return 0.0, 1.0
    tail = (1.0 - level) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, of - hits + 1))
    high = 1.0 if hits == of else float(beta.ppf(1 - tail, hits + 1, of - hits))
    return round(low, 4), round(high, 4)


def marks(outcomes: Sequence[Outcome], curves: dict[str, dict[str, list[Outcome]]] | None = None) -> Json:
    """The figures of `outcomes`; `curves` holds those of settings, by what was set and to what."""
    attacks = [o for o in outcomes if o.kind == "deployment"]
    alike = [o for o in outcomes if o.kind == "lookalike"]
    plain = [o for o in outcomes if o.kind == "background"]
    hits = [o for o in attacks if o.hit]
    leads = sorted(o.lead_minutes for o in hits if o.lead_minutes is not None)
    quiet_hours = sum(o.hours for o in plain)
    # A ring before launch rests on nothing that the scene calls the deployment.
    false = sum(len(o.rings) for o in plain)
    looks = [o.look_ms for o in outcomes]
    rang = [o for o in alike if o.rings]
    return {
        "rings_means": "a warning is drafted on the floor: the subject reaches the topic's warn_at level",
        "runs": len(attacks),
        "pd": _share(len(hits), len(attacks)),
        "pd_interval": interval(len(hits), len(attacks)),
        "pd_curves": {what: {to: _point(some) for to, some in values.items()} for what, values in (curves or {}).items()},
        "early_rings": sum(o.early for o in attacks),
        "median_lead_minutes": round(float(np.median(leads)), 1) if leads else None,
        "lead_minutes_p10": round(float(np.percentile(leads, 10)), 1) if leads else None,
        "median_minutes_after_launch": _median(o.after_launch_minutes for o in hits),
        "background_days": round(quiet_hours / 24.0, 2),
        "false_warnings": false,
        "false_warnings_per_30_days": round(false * 720.0 / quiet_hours, 3) if quiet_hours else None,
        "lookalikes": len(alike),
        "lookalike_alarms": _share(len(rang), len(alike)),
        "lookalike_interval": interval(len(rang), len(alike)),
        "lookalike_alarms_by_sort": _by_sort(alike),
        "latency_s": round(float(np.median([ms[0] for ms in looks])) / 1000.0, 4) if looks else None,
        "latency_p99_s": round(max(ms[1] for ms in looks) / 1000.0, 4) if looks else None,
        "missed": [o.name for o in attacks if not o.hit],
        "rang": [o.name for o in rang],
    }


def row(outcome: Outcome) -> Json:
    """One scene as a row of an answer."""
    first = outcome.rings[0] if outcome.rings else None
    return {
        "name": outcome.name,
        "kind": outcome.kind,
        "rang": bool(outcome.rings),
        "hit": outcome.hit,
        "early": outcome.early,
        "lead_minutes": outcome.lead_minutes,
        "after_launch_minutes": outcome.after_launch_minutes,
        "rang_at": None if first is None else first.at,
        "level": None if first is None else first.level,
        "sentence": None if first is None else first.sentence,
        "highest": outcome.highest,
        "opened": outcome.opened,
        "hours": outcome.hours,
    }


def _by_sort(outcomes: Iterable[Outcome]) -> Json:
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in outcomes:
        found[one.sort][0] += bool(one.rings)
        found[one.sort][1] += 1
    return {sort: {"rang": rang, "of": of} for sort, (rang, of) in sorted(found.items())}


def _point(outcomes: Sequence[Outcome]) -> Json:
    hits = sum(bool(o.hit) for o in outcomes)
    leads = _median(o.lead_minutes for o in outcomes)
    return {
        "pd": _share(hits, len(outcomes)),
        "interval": interval(hits, len(outcomes)),
        "runs": len(outcomes),
        "median_lead_minutes": leads,
    }


def _share(part: int, of: int) -> float | None:
    return round(part / of, 4) if of else None


def _median(values: Iterable[float | None]) -> float | None:
    some = [value for value in values if value is not None]
    return round(float(np.median(some)), 1) if some else None
