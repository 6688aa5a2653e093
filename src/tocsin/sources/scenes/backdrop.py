"""Recorded traffic as a backdrop: flights held out by aircraft, moved in time, and turned rigidly on the sphere to where a scene is.

A rotation of the whole sphere keeps every distance, speed and angle between flights; only north moves, so
courses are turned with it. Aircraft are split once for all by a hash of their address: those that train never test.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from ..flights import retime
from .flying import off

if TYPE_CHECKING:
    from tocsin.core import Entropy, Observations
    from tocsin.core.times import Micros

    from .flying import Point

Array = np.ndarray[Any, Any]
Part = Literal["train", "test"]
HOME: Final[Point] = (46.8, 8.2)
"""The middle of the recording over Switzerland, which is what gets moved."""


def held_out(observations: Observations, part: Part) -> Observations:
    """The half of the aircraft that trains, or the one that tests."""
    identities, row = np.unique(observations["identity"], return_inverse=True)
    mine = np.array([(sha256(b"held out:%d" % int(i)).digest()[0] & 1 == 0) == (part == "train") for i in identities.tolist()])
    return observations.select(mine[row])


def moved(observations: Observations, *, to: Point, turn: float) -> Observations:
    """The same traffic around `to`, turned by `turn` degrees."""
    position = _unit(observations["latitude"], observations["longitude"])
    north, east = _axes(observations["latitude"], observations["longitude"])
    way = np.radians(observations["course"].astype("f8"))
    heading = np.cos(way)[:, None] * north + np.sin(way)[:, None] * east
    turned = _frame(to, turn) @ _frame(HOME, 0.0).T
    position, heading = position @ turned.T, heading @ turned.T
    latitude = np.degrees(np.arcsin(np.clip(position[:, 2], -1, 1)))
    longitude = np.degrees(np.arctan2(position[:, 1], position[:, 0]))
    north, east = _axes(latitude, longitude)
    course = np.degrees(np.arctan2((heading * east).sum(axis=1), (heading * north).sum(axis=1))) % 360.0
    return observations.replace(latitude=latitude, longitude=longitude, course=course.astype("f4"))


def backdrop(observations: Observations, *, around: Point, start: Micros, hours: float, flights: int, entropy: Entropy) -> Observations:
    """`flights` aircraft of a recording in a window of `hours` from `start`, around a place."""
    rng = np.random.Generator(np.random.PCG64(int.from_bytes(entropy.take(16), "big")))
    identities = np.unique(observations["identity"])
    chosen = rng.choice(identities, min(flights, len(identities)), replace=False)
    some = observations.select(np.isin(observations["identity"], chosen))
    timed = retime(some, start=start, window_s=hours * 3600.0, entropy=entropy.child("times"))
    to = off(around, float(rng.uniform(0, 360)), float(rng.uniform(0, 60_000)))
    return moved(timed, to=to, turn=float(rng.uniform(0, 360)))


def _unit(latitude: Array, longitude: Array) -> Array:
    lat, lon = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _axes(latitude: Array, longitude: Array) -> tuple[Array, Array]:
    lat, lon = np.radians(latitude), np.radians(longitude)
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=-1)
    return north, np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lat)], axis=-1)


def _frame(point: Point, turn: float) -> Array:
    latitude, longitude = np.array([point[0]]), np.array([point[1]])
    up, (north, east) = _unit(latitude, longitude)[0], _axes(latitude, longitude)
    way = np.radians(turn)
    ahead = np.cos(way) * north[0] + np.sin(way) * east[0]
    return np.column_stack([up, ahead, np.cross(up, ahead)])
