"""Moving recorded flights in time, each as a whole, so that a long recording fills a short window evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tocsin.core import InputError, seconds
from tocsin.core.times import SECOND

if TYPE_CHECKING:
    from tocsin.core import Entropy, Observations
    from tocsin.core.times import Micros

Array = np.ndarray[Any, Any]

PAUSE_S: Final = 600.0
"""A silence longer than this ends a flight."""
APART_S: Final = 180.0
"""Two flights of one aircraft stay further apart than a track without plots is kept."""
_BIN_S: Final = 10.0


class Retimed(NamedTuple):
    """Moved observations, by time, and what was done, in lines for people."""

    observations: Observations
    notes: tuple[str, ...]


def retime(observations: Observations, *, start: Micros, window_s: float, entropy: Entropy) -> Observations:
    """What `retimed` gives, without the notes."""
    return retimed(observations, start=start, window_s=window_s, entropy=entropy).observations


def retimed(observations: Observations, *, start: Micros, window_s: float, entropy: Entropy) -> Retimed:
    """Every flight moved as a whole into `window_s` seconds from `start`, so that about equally many are in the air throughout.

    A flight is one identity's rows without a silence over `PAUSE_S`. One longer than the window is cut at its
    end; one whose aircraft already flies whenever it could is left out. The same `entropy` gives the same
    result. Raises `InputError` for a window under 60 s.
    """
    if not window_s >= 60:
        raise InputError("a window for flights is 60 s or longer")
    order = np.lexsort((observations["time"], observations["identity"]))
    time, identity = observations["time"][order], observations["identity"][order]
    new = np.ones(len(order), bool)
    new[1:] = (identity[1:] != identity[:-1]) | (np.diff(time) > seconds(PAUSE_S))
    begins = np.flatnonzero(new)
    flight = np.cumsum(new) - 1
    into = time - time[begins][flight]
    within = into <= seconds(window_s)
    lasts = np.zeros(len(begins), np.int64)
    np.maximum.at(lasts, flight[within], into[within])
    offsets = _place(lasts / SECOND, identity[begins], window_s, entropy)
    kept = within & (offsets >= 0)[flight]
    moved = start + np.round(offsets[flight[kept]] * SECOND).astype(np.int64) + into[kept]
    rows = order[kept]
    by_time = np.argsort(moved, kind="stable")
    left_out = int((offsets < 0).sum())
    notes = [f"{len(begins) - left_out:,} recorded flights were moved in time onto one window of {window_s / 60:.0f} min"]
    if cut := len(np.unique(flight[~within])):
        notes.append(f"{cut:,} flights longer than the window were cut")
    if left_out:
        notes.append(f"{left_out:,} flights were left out because their aircraft flies already throughout")
    return Retimed(observations.select(rows[by_time]).replace(time=moved[by_time]), tuple(notes))


def _place(lasts_s: Array, identity: Array, window_s: float, entropy: Entropy) -> Array:
    """Seconds into the window at which each flight begins, -1 where there is no room; the longest choose first."""
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(entropy.take(16), "big")))
    bins = int(window_s // _BIN_S)
    in_air = np.zeros(bins, np.int64)
    offsets = np.full(len(lasts_s), -1.0)
    taken: dict[int, list[tuple[float, float]]] = {}
    for i in np.argsort(-lasts_s, kind="stable").tolist():
        length = float(lasts_s[i])
        covers = min(int(length // _BIN_S) + 1, bins)
        before = np.append(0, np.cumsum(in_air))
        crowd = (before[covers:] - before[:-covers]).astype(float)
        begins = np.arange(len(crowd)) * _BIN_S
        for a, b in taken.get(int(identity[i]), ()):
            crowd[(begins + length + _BIN_S + APART_S > a) & (begins < b + APART_S)] = np.inf
        least = crowd.min()
        if not np.isfinite(least):
            continue
        at = int(generator.choice(np.flatnonzero(crowd == least)))
        in_air[at : at + covers] += 1
        # Somewhere within its ten seconds, or recordings on a common beat would all plot at once.
        offsets[i] = min(at * _BIN_S + generator.uniform(0, _BIN_S), window_s - length)
        taken.setdefault(int(identity[i]), []).append((offsets[i], offsets[i] + length))
    return offsets
