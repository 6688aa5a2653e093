"""Batches and pictures for the tests of this room."""

import numpy as np

from tocsin.core import FLAG, Clearance, Identity, Label, SeededEntropy
from tocsin.core.observations import build
from tocsin.picture import Picture
from tocsin.policy import View
from tocsin.sources.sphere import destination

T0 = 1_800_000_000_000_000
S = 1_000_000
REALM = "replay:test"
OPEN = Label("p", 0, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"}))
SHUT = Label("p", 0, frozenset({"ASTER"}), frozenset({"ASTER"}))
BIRCH = View("birch", Clearance("p", "BIRCH", 1))
ASTER = View("aster", Clearance("p", "ASTER", 3))


def picture(view=ASTER, **options):
    return Picture(REALM, view, entropy=SeededEntropy("picture"), **options)


def batch(*rows, feed="radar", label=OPEN, realm=REALM, **columns):
    """Rows of (aircraft number, seconds after T0, latitude, longitude); 100 m/s at 3 km unless `columns` say otherwise."""
    number, time, latitude, longitude = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    columns.setdefault("altitude", np.full(len(rows), 3000.0))
    columns.setdefault("speed", np.full(len(rows), 100.0))
    return build(
        feed,
        realm,
        label,
        len(rows),
        identity=np.array([Identity.ICAO | n if n else 0 for n in number], np.uint64),
        time=np.array([T0 + round(t * S) for t in time], np.int64),
        latitude=latitude,
        longitude=longitude,
        **columns,
    )


def flight(number, times, *, start=(46.0, 7.0), course=90.0, speed=100.0, **options):
    """One aircraft on a straight path, seen at `times` (seconds)."""
    latitude, longitude = destination(*start, course, speed * np.asarray(times, float))
    rows = list(zip([number] * len(times), times, latitude.tolist(), longitude.tolist(), strict=True))
    return batch(*rows, speed=np.full(len(rows), speed), **options)


def at(seconds):
    return T0 + round(seconds * S)


def text_of(tracks):
    """Every byte of a snapshot."""
    return (
        {name: (column.dtype.str, column.tobytes()) for name, column in tracks.columns.items()},
        tracks.labels,
        tracks.feed_names,
    )


__all__ = ["ASTER", "BIRCH", "FLAG", "OPEN", "REALM", "SHUT", "T0", "S", "at", "batch", "flight", "picture", "text_of"]
