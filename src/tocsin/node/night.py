"""The demonstration's night: twelve simulated transports, and recorded traffic around them where a recording is at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tocsin.core import Label, Observations, Realm, SeededEntropy, parse_iso
from tocsin.core.observations import concat
from tocsin.core.times import Micros
from tocsin.sources import load, retime
from tocsin.sources.scenario import night

FEED = "exercise control"
START: Micros = parse_iso("2026-03-01T02:20:00Z")
LENGTH_S = 55 * 60.0
KEEP_ONE_IN = 3
"""Of the recording's aircraft: enough to hide in, few enough to see through."""

STEPS = (("quiet", 0), ("surge", 55), ("bell", 75), ("acknowledged", 90), ("issued", 110), ("changed", 150))
"""What a newcomer meets in a rehearsal of four minutes, and about when (s); the console has the words."""


def observations(realm: Realm, label: Label, seed: int, background: Path | None = None) -> Observations:
    """The night's observations from `START` on, by time; the same for the same seed and background."""
    scene = night(feed=FEED, realm=realm, label=label, start=START, seed=seed).observations
    parts = [scene.select(scene["time"] >= START)]
    if background is not None:
        loaded = load([background], feed=FEED, realm=realm, label=label)
        kept = loaded.observations.select(_some(loaded.observations["identity"]))
        parts.append(retime(kept, start=START, window_s=LENGTH_S, entropy=SeededEntropy(seed).child("background")))
    whole = concat(parts)
    return whole.select(np.argsort(whole["time"], kind="stable"))


def _some(identity: np.ndarray[tuple[int, ...], np.dtype[np.uint64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    every = np.unique(identity)
    chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = np.isin(identity, every[::KEEP_ONE_IN])
    return chosen
