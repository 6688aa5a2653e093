"""Rows that name nobody, joined to tracks by their places: the nearest that a track can have flown to."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy.spatial import cKDTree  # type: ignore[attr-defined]

from tocsin.core import Identity

from ..sphere import EARTH_M, destination

Array = np.ndarray[Any, Any]
_SECOND: Final = 1_000_000
_LOST_S: Final = 300.0
_SLACK_M: Final = 1500.0
_FAST_MS: Final = 300.0
_FIRST: Final = 1 << 40


def number(rows: dict[str, Array], nameless: Array) -> Array:
    """The identities of `rows` (by time), where those that are `nameless` get track numbers of their own.

    Looks are cut where time changes. Each row goes to the free track whose expected place is nearest, within 1.5 km and what its
    age allows; a track that nobody continues for five minutes ends.
    """
    identity = rows["identity"].copy()
    index = np.flatnonzero(nameless)
    state: dict[str, Array] = {k: np.empty(0) for k in ("lat", "lon", "course", "speed", "time")}
    state["id"] = np.empty(0, "u8")
    given = 0
    for look in np.split(index, np.flatnonzero(np.diff(rows["time"][index])) + 1):
        now = rows["time"][look[0]] / _SECOND
        fresh = now - state["time"] <= _LOST_S
        state = {k: v[fresh] for k, v in state.items()}
        age = now - state["time"]
        lat, lon = destination(state["lat"], state["lon"], state["course"], state["speed"] * age)
        found = _assign(_xyz(lat, lon), _xyz(rows["latitude"][look], rows["longitude"][look]), _SLACK_M + 30.0 * np.minimum(age, 120.0))
        new = np.flatnonzero(found < 0)
        ids = np.empty(len(look), "u8")
        ids[found >= 0] = state["id"][found[found >= 0]]
        ids[new] = np.uint64(Identity.TRACK | _FIRST) + np.arange(given, given + len(new), dtype="u8")
        given += len(new)
        identity[look] = ids
        keep = np.ones(len(state["id"]), bool)
        keep[found[found >= 0]] = False
        course, speed = rows["course"][look], rows["speed"][look]
        said = np.isfinite(course) & np.isfinite(speed)
        fresh_rows = {
            "lat": rows["latitude"][look],
            "lon": rows["longitude"][look],
            "course": np.where(said, course, 0.0),
            "speed": np.where(said, np.minimum(speed, _FAST_MS), 0.0),
            "time": np.full(len(look), now),
            "id": ids,
        }
        state = {k: np.concatenate([state[k][keep], fresh_rows[k]]) for k in state}
    return identity


def _assign(tracks: Array, plots: Array, reach_m: Array) -> Array:
    # Nearest first, each once; -1 for a plot that begins a track.
    found = np.full(len(plots), -1)
    if not len(tracks):
        return found
    near, at = cKDTree(tracks).query(plots, k=min(4, len(tracks)))
    near, at = np.atleast_2d(near.reshape(len(plots), -1)), at.reshape(len(plots), -1)
    order = np.argsort(near, axis=None, kind="stable")
    taken = np.zeros(len(tracks), bool)
    for flat in order.tolist():
        plot, k = divmod(flat, near.shape[1])
        track = int(at[plot, k])
        if found[plot] < 0 and not taken[track] and near[plot, k] * EARTH_M <= reach_m[track]:
            found[plot], taken[track] = track, True
    return found


def _xyz(latitude: Array, longitude: Array) -> Array:
    lat, lon = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
