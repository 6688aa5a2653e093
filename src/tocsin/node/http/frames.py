"""Tracks as frames for the console: columns as JSON lists, nulls where a feed did not say."""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.core import FLAG, Realm
from tocsin.core.times import Micros
from tocsin.picture import Delta

Column = np.ndarray[Any, Any]


def frame(realm: Realm, time: Micros, delta: Delta, *, full: bool) -> dict[str, Any]:
    """One frame of `delta`; positions to about a metre, so that frames stay small."""
    tracks = delta.changed
    columns = tracks.columns
    flags = columns["flags"]
    return {
        "type": "tracks",
        "full": full,
        "realm": realm,
        "time": time,
        "cursor": delta.cursor,
        "n": columns["number"].tolist(),
        "lat": np.round(columns["latitude"], 5).tolist(),
        "lon": np.round(columns["longitude"], 5).tolist(),
        "alt": _nullable(columns["altitude"], 0),
        "speed": _nullable(columns["speed"], 1),
        "course": _nullable(columns["course"], 1),
        "climb": _nullable(columns["climb"], 1),
        "call": np.char.decode(columns["callsign"], "ascii", "replace").tolist(),
        "what": np.char.decode(columns["type"], "ascii", "replace").tolist(),
        "mil": ((flags & FLAG.MILITARY) > 0).astype(int).tolist(),
        "sim": ((flags & FLAG.SIMULATED) > 0).astype(int).tolist(),
        "seen": columns["time"].tolist(),
        "gone": np.asarray(delta.gone).tolist(),
    }


def _nullable(column: Column, digits: int) -> list[float | None]:
    rounded = np.round(column.astype(np.float64), digits)
    values: list[float | None] = rounded.tolist()
    for row in np.flatnonzero(np.isnan(rounded)).tolist():
        values[row] = None
    return values
