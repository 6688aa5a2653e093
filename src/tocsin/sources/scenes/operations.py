"""An airborne operation: transports that gather, take off, join up in streams, come, descend and drop past the watch line."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..sphere import bearing, distance
from .envelopes import DROP_HIGH, DROP_LOW, LOW, TRANSPORT
from .flying import Flown, Point, Profile, at, beside, detour, fly, length, off
from .places import Ground, way

if TYPE_CHECKING:
    from .flying import Array


class Flight(NamedTuple):
    """One aircraft in a scene: when it begins (s of the scene), how it flies, and what it says of itself."""

    begins: float
    flown: Flown
    kind: str
    callsign: str
    force: bool

    def track(self) -> tuple[Array, Array, Array]:
        """Seconds of the scene, latitudes and longitudes."""
        return self.begins + self.flown.time, self.flown.latitude, self.flown.longitude


class Plan(NamedTuple):
    """What an operation is like. Distances in km, seconds; `path`: direct, dog-leg, coastal; `split`: streams it flies in."""

    aircraft: int
    spacing_km: float
    spacing_error: float
    interval_s: float
    path: str
    low: bool
    split: int
    abreast: int
    types: tuple[str, ...]
    drop_high: bool
    join: bool = True


def stream(
    rng: np.random.Generator, ground: Ground, plan: Plan, begins: float, *, turn_back: float | None = None, label: str = "HAWK"
) -> list[Flight]:
    """The force's flights, the first taking off at `begins` s. `turn_back`: the share of the way after which it goes home instead."""
    shares = np.array_split(np.arange(plan.aircraft), plan.split)
    flights: list[Flight] = []
    for part, members in enumerate(shares):
        if len(members):
            lag = 0.0 if part == 0 else float(rng.uniform(0, 900))
            flights += _one_stream(rng, ground, plan, begins + lag, part, len(members), turn_back, f"{label}{part + 1}")
    return flights


def _one_stream(
    rng: np.random.Generator, ground: Ground, plan: Plan, begins: float, part: int, count: int, turn_back: float | None, label: str
) -> list[Flight]:
    kind = plan.types[part % len(plan.types)]
    envelope = TRANSPORT[kind]
    height = float(rng.uniform(*LOW)) if plan.low else float(rng.uniform(*envelope.height))
    cruise = float(rng.uniform(*envelope.cruise)) * (0.93 if plan.low else 1.0)
    base = ground.base(part)
    route = _route(rng, ground, base, plan.path, turn_back)
    join = off(base, float(bearing(*base, *route[1])), min(float(distance(*base, *route[1])) * 0.35, float(rng.uniform(15_000, 45_000))))
    headway = plan.spacing_km * 1000.0 / cruise
    # Who would be at the joining point too early flies a detour: the first ones if they leave far apart, the last if close together.
    late = np.arange(count) * plan.interval_s - (np.arange(count) // plan.abreast) * headway if plan.join else np.zeros(count)
    extra = (late.max() - late) * cruise
    field = float(rng.uniform(0, 400))
    end: dict[str, Any] = {}
    if turn_back is None:
        dropping = float(rng.uniform(*DROP_HIGH)) if plan.drop_high else float(rng.uniform(*DROP_LOW))
        after = float(rng.uniform(15_000, 30_000))
        speed = float(rng.uniform(*envelope.drop)) * (1.3 if plan.drop_high else 1.0)
        end = {
            "end_m": after + float(rng.uniform(15_000, 30_000)),
            "end_height": min(dropping, height),
            "end_speed": speed,
            "after_m": after,
        }
    else:
        end = {"end_m": 2_000.0, "end_height": field, "end_speed": 72.0}
    level, climb = max(height, field + 150.0), float(rng.uniform(*envelope.climb))
    profile = Profile(cruise, level, climb, field=field)._replace(**end)
    flights = []
    for i in range(count):
        bend = detour(base, join, float(extra[i]), 1 if part % 2 else -1)
        flown = fly([base, bend, join, *route[1:]], profile)
        flown = _station(rng, flown, plan, cruise, i)
        flights.append(Flight(begins + i * plan.interval_s, flown, kind, f"{label}{i + 1:02d}", True))
    return flights


def _route(rng: np.random.Generator, ground: Ground, base: Point, path: str, turn_back: float | None) -> list[Point]:
    route = way(rng, ground, base, path, float(rng.uniform(30_000, 90_000)))
    if turn_back is None:
        return route
    whole = length(route[:-1]) * turn_back
    out = [route[0]]
    for one, two in pairwise(route):
        leg = float(distance(*one, *two))
        if whole <= leg:
            out.append(off(one, float(bearing(*one, *two)), max(whole, 1000.0)))
            break
        out.append(two)
        whole -= leg
    side = off(out[-1], float(bearing(*out[-1], *base)) + 70.0, 15_000.0)
    return [*out, side, base]


def _station(rng: np.random.Generator, flown: Flown, plan: Plan, cruise: float, index: int) -> Flown:
    """Nobody keeps station to the metre: a lasting error and a slow swing along the course, wingmen to the side, small steps in height."""
    metres = plan.spacing_km * 1000.0 * plan.spacing_error
    grown = np.minimum(flown.time / 900.0, 1.0)
    swing = np.sin(2 * np.pi * flown.time / float(rng.uniform(300, 700)) + float(rng.uniform(0, 6.28)))
    lag = grown * (float(rng.normal(0, metres)) + 0.3 * metres * swing) / cruise
    flown = at(flown, np.clip(flown.time - lag, 0, flown.time[-1]))._replace(time=flown.time)
    place = index % plan.abreast
    side = (place + 1) // 2 * (1 if place % 2 else -1) * float(rng.uniform(250, 900)) + float(rng.normal(0, 80))
    return beside(flown, side, float(rng.normal(0, 40)))


def arrivals(rng: np.random.Generator, ground: Ground, plan: Plan, until: float, label: str) -> list[Flight]:
    """Some of the force's aircraft as they fly in and land in the hour before."""
    flights = []
    for i in range(int(rng.integers(2, max(3, min(plan.aircraft, 12))))):
        kind = plan.types[i % len(plan.types)]
        envelope, base = TRANSPORT[kind], ground.base(i)
        begin = off(base, float(rng.uniform(0, 360)), float(rng.uniform(90_000, 220_000)))
        profile = Profile(
            float(rng.uniform(*envelope.cruise)), float(rng.uniform(4000, 8000)), 8.0, 2_000.0, 100.0, 70.0, 0.0, airborne=True
        )
        flown = fly([begin, base], profile)
        flights.append(Flight(until - float(rng.uniform(200, 3300)) - float(flown.time[-1]), flown, kind, f"{label}{i + 40:02d}", True))
    return flights
