"""What looks like an operation and is none: banks of airliners, relief, training, an announced exercise, cargo and tankers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ..sphere import bearing
from .envelopes import AIRLINER, AIRLINERS, FREIGHTERS, OPERATORS, TANKERS, TRANSPORT
from .flying import Profile, detour, fly, off
from .operations import Flight, Plan, stream

if TYPE_CHECKING:
    from .flying import Point
    from .places import Ground

SORTS: Final = ("bank", "relief", "training", "exercise", "cargo")


def airliner(
    rng: np.random.Generator, begins: float, route: list[Point], *, airborne: bool, operator: str = "", kinds: tuple[str, ...] = AIRLINERS
) -> Flight:
    """One airliner along a route, at a flight level of its direction."""
    operator = operator or str(rng.choice(OPERATORS))
    east = float(bearing(*route[0], *route[-1])) < 180.0
    # Even thousands of feet west, odd ones east (ICAO Annex 2, appendix 3).
    level = (int(rng.integers(14, 20)) * 2 + (1 if east else 0)) * 1000 * 0.3048
    profile = Profile(float(rng.uniform(*AIRLINER.cruise)), level, float(rng.uniform(*AIRLINER.climb)), airborne=airborne)
    return Flight(begins, fly(route, profile), str(rng.choice(kinds)), f"{operator}{int(rng.integers(1, 2000))}", False)


def bank(rng: np.random.Generator, ground: Ground, begins: float) -> list[Flight]:
    """One or two waves of 10 to 24 airliners out of a hub beside (or in) a staging area, towards and over the line."""
    hub = off(ground.base(0), float(rng.uniform(0, 360)), float(rng.uniform(0, 70_000)))
    flights, operator = [], str(rng.choice(OPERATORS))
    for wave in range(int(rng.integers(1, 3))):
        begin, gap = begins + wave * float(rng.uniform(2400, 3600)), float(rng.uniform(60, 130))
        for i in range(int(rng.integers(10, 25))):
            spread = float(rng.normal(0, 40_000)) if rng.random() < 0.5 else 0.0
            toward = off(ground.toward, ground.course + 90.0, spread)
            ahead = off(toward, float((bearing(*toward, *hub) + 180.0) % 360.0), 150_000.0)
            own = operator if rng.random() < 0.7 else ""
            flights.append(airliner(rng, begin + i * gap + float(rng.uniform(-15, 15)), [hub, toward, ahead], airborne=False, operator=own))
    return flights


def relief(rng: np.random.Generator, ground: Ground, begins: float, hours: float) -> list[Flight]:
    """Transports one by one, 8 to 40 minutes apart, to an airport short of the line or beyond it, where they land."""
    kinds, flights = list(TRANSPORT), []
    kind, gap = str(rng.choice(kinds)), float(rng.uniform(480, 2400))
    field = off(ground.toward, ground.course, float(rng.uniform(-60_000, 120_000)))
    time, i = begins, 0
    while time < begins + (hours - 1.2) * 3600:
        envelope = TRANSPORT[kind]
        profile = Profile(float(rng.uniform(*envelope.cruise)), float(rng.uniform(*envelope.height)), 9.0, 2_000.0, 60.0, 70.0)
        flown = fly([ground.base(0), off(ground.toward, ground.course + 90.0, float(rng.normal(0, 4000))), field], profile)
        flights.append(Flight(time, flown, kind, f"RLF{i + 1:03d}", True))
        time, i = time + gap * float(rng.uniform(0.7, 1.3)), i + 1
    return flights


def training(rng: np.random.Generator, ground: Ground, plan: Plan, begins: float) -> list[Flight]:
    """A stream that flies a racetrack of two to four rounds around its staging area and lands there again."""
    base, kind = ground.base(0), plan.types[0]
    envelope, radius = TRANSPORT[kind], 1000.0 * ground.staging[0].radius_km
    reach, wide = float(rng.uniform(0.8, 1.6)) * radius + 8_000.0, float(rng.uniform(8_000, 20_000))
    axis = ground.course + float(rng.uniform(-60, 60))
    corners = [off(off(base, axis, a * reach), axis + 90.0, b * wide) for a, b in ((1, 0), (1, 1), (-1, 1), (-1, 0))]
    route = [base, *(corners * int(rng.integers(2, 5))), corners[0], base]
    cruise = float(rng.uniform(*envelope.cruise)) * 0.85
    profile = Profile(cruise, float(rng.uniform(1500, 6000)), float(rng.uniform(*envelope.climb)), 2_000.0, 60.0, 72.0)
    flights, headway = [], plan.spacing_km * 1000.0 / cruise
    late = np.arange(plan.aircraft) * (plan.interval_s - headway)
    for i in range(plan.aircraft):
        bend = detour(base, corners[0], float((late.max() - late[i]) * cruise), -1)
        flights.append(Flight(begins + i * plan.interval_s, fly([base, bend, *route[1:]], profile), kind, f"TRNG{i + 1:02d}", True))
    return flights


def exercise(rng: np.random.Generator, ground: Ground, plan: Plan, begins: float) -> list[Flight]:
    """A stream towards the line that turns back after half to four fifths of the way; it was announced."""
    return stream(rng, ground, plan, begins, turn_back=float(rng.uniform(0.5, 0.8)), label="EXER")


def cargo(rng: np.random.Generator, ground: Ground, begins: float, hours: float) -> list[Flight]:
    """Freighters and tankers across the line, 4 to 15 minutes apart, in both directions."""
    flights, time = [], begins
    while time < begins + (hours - 0.8) * 3600:
        side = off(ground.toward, ground.course + 90.0, float(rng.normal(0, 15_000)))
        one, two = off(side, ground.course + 180.0, float(rng.uniform(250_000, 400_000))), off(side, ground.course, 150_000.0)
        route = [one, side, two] if rng.random() < 0.65 else [two, side, one]
        kinds = FREIGHTERS if rng.random() < 0.8 else TANKERS
        flights.append(airliner(rng, time, route, airborne=True, kinds=kinds))
        time += float(rng.uniform(240, 900))
    return flights


def passing(rng: np.random.Generator, ground: Ground, count: int, hours: float) -> list[Flight]:
    """Airliners that cross the area at any time on any way, some along a common airway: what is there where no recording is at hand."""
    middle = off(ground.base(0), ground.course, ground.way_m / 2)
    flights, airway = [], float(rng.uniform(0, 180))
    for _ in range(count):
        common = rng.random() < 0.4
        course = (airway if common else float(rng.uniform(0, 360))) + (180.0 if rng.random() < 0.5 else 0.0)
        through = off(middle, course + 90.0, float(rng.normal(0, 3_000)) if common else float(rng.uniform(-300_000, 300_000)))
        route = [off(through, course, -350_000.0), off(through, course, 350_000.0)]
        flights.append(airliner(rng, float(rng.uniform(-2000, hours * 3600)), route, airborne=True))
    return flights


def single(rng: np.random.Generator, ground: Ground, begins: float) -> Flight:
    """One transport out of a staging area to anywhere: what is usual there, and a decoy beside an operation."""
    kind = str(rng.choice(list(TRANSPORT)))
    envelope, base = TRANSPORT[kind], ground.base(int(rng.integers(0, len(ground.staging))))
    goal = off(base, float(rng.uniform(0, 360)), float(rng.uniform(150_000, 400_000)))
    profile = Profile(float(rng.uniform(*envelope.cruise)), float(rng.uniform(*envelope.height)), float(rng.uniform(*envelope.climb)))
    return Flight(
        begins, fly([base, goal], profile), kind, f"{rng.choice(['LIFT', 'MULE', 'CARGO', 'RCH'])}{int(rng.integers(10, 999))}", True
    )
