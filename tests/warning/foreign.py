"""Scenes as somebody else would write them: other kinematics, other habits of spelling, nothing of `tocsin.sources.scenes` in them.

Flights are straight great circles in steps of 20 s, with a plain climb; a `Style` says how a file is spelt.
"""

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np

EARTH_KM = 6371.0
NM = 1.852


class Style(NamedTuple):
    """How a file is spelt. `step`: seconds between rows of an aircraft, from and to; `lost`: share of rows that are not there."""

    columns: tuple[str, ...] = (
        *("timestamp", "icao24", "callsign", "typecode", "latitude", "longitude"),
        *("altitude", "groundspeed", "track", "vertical_rate"),
    )
    step: tuple[float, float] = (12.0, 18.0)
    lost: float = 0.0
    times: str = "iso"
    upper: bool = False
    blank: tuple[str, ...] = ()
    gz: bool = True
    shuffled: bool = False
    holes: float = 0.0


def unit(lat, lon):
    lat, lon = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)


def degrees(v):
    return np.degrees(np.arcsin(np.clip(v[..., 2], -1, 1))), np.degrees(np.arctan2(v[..., 1], v[..., 0]))


def go(lat, lon, course, km):
    """The place so many km from another, on a course."""
    lat, lon, course, way = np.radians(lat), np.radians(lon), np.radians(course), np.asarray(km) / EARTH_KM
    to = np.arcsin(np.sin(lat) * np.cos(way) + np.cos(lat) * np.sin(way) * np.cos(course))
    by = np.arctan2(np.sin(course) * np.sin(way) * np.cos(lat), np.cos(way) - np.sin(lat) * np.sin(to))
    return np.degrees(to), (np.degrees(lon + by) + 180) % 360 - 180


class Flight(NamedTuple):
    """One aircraft: rows at `t` s of the scene."""

    t: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    feet: np.ndarray
    knots: np.ndarray
    icao: str
    call: str
    kind: str


def fly(points, begins, knots, feet, fpm=1500, *, icao, call="", kind="", airborne=False, until=None, limit=0.0):
    """A flight through `points`; from the ground at 140 kt, 1 kt faster a second, unless `airborne`; 250 kt at most below `limit` feet."""
    at, way = [0.0], unit(*np.array(points, float).T)
    for a, b in pairwise(way):
        at.append(at[-1] + EARTH_KM * float(np.arccos(np.clip(a @ b, -1, 1))))
    t = np.arange(0, 6 * 3600.0, 5.0)
    speed = np.full(len(t), float(knots)) if airborne else np.minimum(140.0 + t, knots)
    speed = np.where(t * fpm / 60 < (0 if airborne else limit), np.minimum(speed, 250.0), speed)
    km = np.concatenate([[0.0], np.cumsum(speed[:-1] * NM / 3600 * 5.0)])
    keep = km < at[-1]
    t, speed, km = t[keep], speed[keep], km[keep]
    leg = np.clip(np.searchsorted(at, km, side="right") - 1, 0, len(way) - 2)
    share = (km - np.array(at)[leg]) / np.maximum(np.diff(at)[leg], 1e-9)
    v = way[leg] * (1 - share[:, None]) + way[leg + 1] * share[:, None]
    lat, lon = degrees(v / np.linalg.norm(v, axis=1, keepdims=True))
    height = np.full(len(t), float(feet)) if airborne else np.minimum(feet, t / 60 * fpm)
    flight = Flight(t + begins, lat, lon, height, speed, icao, call, kind)
    if until is not None:
        flight = Flight(*(c[flight.t <= until] if isinstance(c, np.ndarray) else c for c in flight))
    return flight


class Scene(NamedTuple):
    flights: list
    truth: dict
    hours: float
    start: float = 1_772_000_000.0


class Attack(NamedTuple):
    """What a deployment is like. `off_km`: how far from its field each one switches its transponder off, and `dark` the share that does."""

    at: tuple[float, float] = (44.0, 20.0)
    course: float = 60.0
    way_km: float = 300.0
    count: int = 10
    knots: float = 280.0
    slower: float = 0.0
    limit: float = 0.0
    feet: float = 18_000.0
    fpm: float = 1500.0
    spacing_nm: float = 5.0
    kinds: tuple[str, ...] = ("C130",)
    called: bool = True
    call: str = "ANVIL"
    fields: int = 1
    split: int = 1
    radius_km: float = 20.0
    off_km: float = 0.0
    dark: float = 0.0
    background: int = 30
    line: tuple[tuple[float, float], ...] | None = None
    jitter: float = 0.15
    launch_s: float = 1500.0


def deployment(a: Attack, seed=0):
    """A deployment in trail from its fields over the line, and where and when it got there."""
    rng = np.random.default_rng([seed, 77])
    fields = [a.at, *(tuple(map(float, go(*a.at, a.course + 90 + 60 * i, 70.0))) for i in range(a.fields - 1))]
    goal = tuple(map(float, go(*a.at, a.course, a.way_km)))
    line = a.line or tuple(tuple(map(float, go(*goal, a.course + 90, d))) for d in (-160, -70, 10, 90, 170))
    ahead = tuple(map(float, go(*goal, a.course, 120.0)))
    flights, reached, gap = [], [], a.spacing_nm / a.knots * 3600
    for i in range(a.count):
        field, part = fields[i % len(fields)], i % a.split
        side = tuple(map(float, go(*goal, a.course + 90, 25.0 * part)))
        over = tuple(map(float, go(*ahead, a.course + 90, 25.0 * part)))
        begins = a.launch_s + (i // max(a.split, len(fields))) * gap * (1 + a.jitter * rng.normal()) + 40.0 * part
        kind = a.kinds[i % len(a.kinds)]
        call = f"{a.call}{i + 11}" if a.called else ""
        whole = fly(
            [field, side, over],
            begins,
            (a.knots - a.slower * (i % 2)) * (1 + 0.01 * rng.normal()),
            a.feet,
            a.fpm,
            icao=f"{0x3B0000 + i:06x}",
            call=call,
            kind=kind,
            limit=a.limit,
        )
        apart = EARTH_KM * np.arccos(np.clip(unit(whole.lat, whole.lon) @ unit(*goal), -1, 1))
        reached.append(float(whole.t[np.argmin(apart)]))
        if rng.random() < a.dark:
            out = EARTH_KM * np.arccos(np.clip(unit(whole.lat, whole.lon) @ unit(*field), -1, 1)) <= a.off_km
            whole = Flight(*(c[out] if isinstance(c, np.ndarray) else c for c in whole))
        flights.append(whole)
    ends = min(reached) + 600
    flights = [Flight(*(c[f.t <= ends] if isinstance(c, np.ndarray) else c for c in f)) for f in flights]
    flights += passers(rng, tuple(map(float, go(*a.at, a.course, a.way_km / 2))), a.background, ends)
    staging = [{"lat": lat, "lon": lon, "radius_km": a.radius_km} for lat, lon in fields]
    truth = {
        "staging": staging,
        "watch_line": [list(p) for p in line],
        "kind": "deployment",
        "launch": a.launch_s,
        "line_reached": min(reached),
    }
    return Scene([f for f in flights if len(f.t)], truth, ends / 3600)


def passers(rng, middle, count, ends):
    """Airliners on ways of their own."""
    found = []
    for i in range(count):
        through = tuple(map(float, go(*middle, rng.uniform(0, 360), rng.uniform(0, 300))))
        course = rng.uniform(0, 360)
        ends_at = [tuple(map(float, go(*through, course + 180, 300))), tuple(map(float, go(*through, course, 300)))]
        found.append(
            fly(
                ends_at,
                rng.uniform(-2000, ends),
                rng.uniform(390, 490),
                float(rng.integers(28, 41)) * 1000,
                icao=f"{0x780000 + i:06x}",
                call=f"{rng.choice(['DLH', 'THY', 'CCA', 'UAE', 'XQ'])}{rng.integers(1, 9999)}",
                kind=str(rng.choice(["A320", "B738", "A359", ""])),
                airborne=True,
                until=ends,
            )
        )
    return [Flight(*(c[f.t >= 0] if isinstance(c, np.ndarray) else c for c in f)) for f in found]


PLAIN = Style()


def write(folder, name, scene, style=PLAIN, seed=0):
    """Write NAME.csv(.gz) and NAME.json as `style` has it."""
    rng = np.random.default_rng([seed, 5])
    lines = []
    for f in scene.flights:
        if len(f.t) < 2:
            continue
        t, moments = float(f.t[0]), []
        while t < f.t[-1]:
            moments.append(t)
            t += rng.uniform(*style.step)
        at = np.array(moments)
        at = at[rng.random(len(at)) >= style.lost]
        if len(at) < 1:
            continue
        v = np.stack([np.interp(at, f.t, c) for c in unit(f.lat, f.lon).T], -1)
        later = np.stack([np.interp(at + 5, f.t, c) for c in unit(f.lat, f.lon).T], -1)
        before = np.stack([np.interp(at - 5, f.t, c) for c in unit(f.lat, f.lon).T], -1)
        lat, lon = degrees(v / np.linalg.norm(v, axis=1, keepdims=True))
        (la, lo), (lb, lp) = degrees(before), degrees(later)
        turn = np.radians((lp - lo + 180) % 360 - 180)
        y, x = (
            np.sin(turn) * np.cos(np.radians(lb)),
            np.cos(np.radians(la)) * np.sin(np.radians(lb)) - np.sin(np.radians(la)) * np.cos(np.radians(lb)) * np.cos(turn),
        )
        course = np.degrees(np.arctan2(y, x)) % 360
        feet, knots = np.interp(at, f.t, f.feet), np.interp(at, f.t, f.knots)
        climb = (np.interp(at + 10, f.t, f.feet) - np.interp(at - 10, f.t, f.feet)) * 3
        for i in range(len(at)):
            when = scene.start + at[i]
            row = {
                "timestamp": f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M:%S+00:00}" if style.times == "iso" else f"{when:.0f}",
                "icao24": f.icao.upper() if style.upper else f.icao,
                "callsign": f.call,
                "typecode": f.kind,
                "latitude": f"{lat[i]:.5f}",
                "longitude": f"{lon[i]:.5f}",
                "altitude": "ground" if feet[i] <= 0 else f"{feet[i]:.0f}",
                "groundspeed": f"{knots[i]:.0f}",
                "track": f"{course[i]:.1f}",
                "vertical_rate": f"{climb[i]:.0f}",
            }
            for key in style.blank:
                row[key] = ""
            for key in ("callsign", "typecode", "vertical_rate", "groundspeed", "track", "altitude"):
                if style.holes and rng.random() < style.holes:
                    row[key] = ""
            lines.append((when, row))
    lines.sort(key=lambda line: line[0])
    if style.shuffled:
        lines = [lines[i] for i in rng.permutation(len(lines))]
    text = io.StringIO()
    out = csv.DictWriter(text, style.columns, restval="x", extrasaction="ignore")
    out.writeheader()
    out.writerows(row for _, row in lines)
    data = text.getvalue().encode()
    (folder / f"{name}.csv{'.gz' if style.gz else ''}").write_bytes(gzip.compress(data) if style.gz else data)
    truth = dict(scene.truth)
    for key in ("launch", "line_reached"):
        if truth.get(key) is not None:
            when = scene.start + truth[key]
            truth[key] = f"{datetime.fromtimestamp(when, UTC):%Y-%m-%dT%H:%M:%SZ}" if style.times == "iso" else when
    (folder / f"{name}.json").write_text(json.dumps(truth))
