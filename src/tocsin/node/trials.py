"""Trials of the watch on scenes: the recording that they are mixed into, and the work spread over processes."""

from __future__ import annotations

from pathlib import Path

from tocsin.core import Label, Observations
from tocsin.sources import SWITZERLAND, load, sample

_LABEL = Label("trial", 0, frozenset({"TRIAL"}), frozenset({"TRIAL"}))


def recording(cache: Path) -> Observations:
    """The recorded traffic that scenes are mixed into; raises `NotReachable` where it is neither kept in `cache` nor to be had."""
    loaded = load([sample(SWITZERLAND, cache)], feed="recorded", realm="replay:trial", label=_LABEL)
    if loaded.errors:
        raise loaded.errors[0]
    return loaded.observations
