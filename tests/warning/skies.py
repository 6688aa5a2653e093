"""Skies for the tests of the warning room: tracks made directly, without a picture, as a picture would give them."""

from __future__ import annotations

import numpy as np
from geographiclib.geodesic import Geodesic

from tocsin.core import FLAG, Clearance, Identity, Label, SeededEntropy
from tocsin.core.times import SECOND, parse_iso
from tocsin.picture import Tracks
from tocsin.picture.tracks import COLUMNS
from tocsin.policy import View
from tocsin.warning import Watch, shipped

START = parse_iso("2026-11-22T02:00:00Z")
OPEN = Label("demo", 0, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH", "CEDAR"}))
READER = Clearance("demo", "ASTER", 2, frozenset())
STAGING = (46.23, 6.10)
TOWARD = (47.15, 10.1)
TOPIC = shipped("airborne-rapid-deployment")


VIEW = View("0123456789abcdef", READER)


def tracks(size, *, labels=(OPEN,), feed_names=("radar",), **columns):
    """Tracks of `size` rows; columns that are not given are what a picture has where nothing was said."""
    nulls = {"type": b"", "callsign": b"", "flags": FLAG.AIRBORNE, "feeds": 1, "squawk": -1, "updates": 10, "integrity": 255}
    whole = {n: np.full(size, nulls.get(n, np.nan if d.kind == "f" else 0), d) for n, d in COLUMNS.items()}
    whole["number"] = np.arange(1, size + 1, dtype="u4")
    whole["identity"] = Identity.TRACK + np.arange(1, size + 1, dtype="u8")
    for name, values in columns.items():
        whole[name] = np.broadcast_to(np.asarray(values, COLUMNS[name]), size).copy()
    return Tracks(whole, tuple(labels), tuple(feed_names))


def together(*skies):
    """Several skies as one; they have the same labels and feeds. Numbers are given anew by identity."""
    whole = {n: np.concatenate([s.columns[n] for s in skies]) for n in COLUMNS}
    whole["number"] = (np.unique(whole["identity"], return_inverse=True)[1] + 1).astype("u4")
    return Tracks(whole, skies[0].labels, skies[0].feed_names)


class Way:
    """A geodesic from one point towards another, looked up at distances."""

    def __init__(self, start=STAGING, toward=TOWARD):
        self.line = Geodesic.WGS84.InverseLine(*start, *toward)

    def at(self, metres):
        found = [self.line.Position(float(m)) for m in np.atleast_1d(metres)]
        return tuple(np.array([p[k] for p in found]) for k in ("lat2", "lon2", "azi2"))


class Transports:
    """`count` transports that take off one after another `spacing_m` apart and fly in trail to a point past the watch line."""

    def __init__(self, count=12, *, spacing_m=2100.0, speed=160.0, altitude=5800.0, start=START, way=None, flags=FLAG.SIMULATED, first=1):
        self.count, self.spacing, self.speed, self.altitude, self.start = count, spacing_m, speed, altitude, start
        self.way, self.flags, self.first = way or Way(), flags, first

    def at(self, now, *, labels=(OPEN,), feed_names=("radar",), feeds=1, label_of=0):
        gone = (now - self.start) / SECOND * self.speed - np.arange(self.count) * self.spacing
        fly = np.flatnonzero(gone > 0)
        lat, lon, course = self.way.at(gone[fly]) if len(fly) else (np.empty(0),) * 3
        flown = gone[fly] / self.speed
        altitude = np.minimum(self.altitude, 400 + 10.0 * flown)
        return tracks(
            len(fly),
            labels=labels,
            feed_names=feed_names,
            identity=Identity.TRACK + (self.first + fly).astype("u8"),
            time=now,
            latitude=lat,
            longitude=lon,
            course=course % 360,
            speed=self.speed,
            altitude=altitude,
            climb=np.where(altitude < self.altitude, 10.0, 0.0),
            type=b"A400",
            flags=FLAG.AIRBORNE | self.flags,
            feeds=feeds,
            label_of=label_of,
        )


def civil(now, *, count=300, seed=7, labels=(OPEN,), feed_names=("radar",)):
    """Airliners all over the area on straight courses, the same ones at every time."""
    chance = np.random.default_rng(seed)
    lat, lon = chance.uniform(45.5, 48.5, count), chance.uniform(5.5, 11.5, count)
    course, speed = chance.uniform(0, 360, count), chance.uniform(120, 240, count)
    flown = (now - START) / SECOND * speed
    lat = 45.5 + (lat - 45.5 + flown * np.cos(np.radians(course)) / 111_000) % 3.0
    lon = 5.5 + (lon - 5.5 + flown * np.sin(np.radians(course)) / 76_000) % 6.0
    return tracks(
        count,
        labels=labels,
        feed_names=feed_names,
        identity=Identity.ICAO + 0x400000 + np.arange(count, dtype="u8"),
        time=now,
        latitude=lat,
        longitude=lon,
        course=course,
        speed=speed,
        altitude=chance.uniform(3000, 12000, count),
        climb=0.0,
        type=b"A320",
    )


def watch(*, realm="exercise:lantern", view=VIEW, seed=1, topic=TOPIC, node="ASTER"):
    return Watch(topic, realm, view, SeededEntropy(seed), node=node)


def night(watch, sky, *, minutes, every_s=5.0, start=START, feeds=(), coverage=()):
    """Step a watch through a night; yields (time, step)."""
    for tick in range(round(minutes * 60 / every_s) + 1):
        now = start + round(tick * every_s * SECOND)
        yield now, watch.step(sky(now), now, feeds, coverage)
