"""Making one scene from one seed: what happens, what else flies, and what a feed would have seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tocsin.core import Identity, InputError, SeededEntropy, seconds
from tocsin.core.observations import fill
from tocsin.core.times import SECOND, iso

from . import lookalikes, operations
from .anonymous import number
from .backdrop import Part, backdrop, held_out
from .envelopes import AIRLINERS, TRANSPORT
from .flying import at, off
from .form import Announced, PlainScene, Truth
from .places import Ground, draw_ground, first_reached

if TYPE_CHECKING:
    from tocsin.core import Observations
    from tocsin.core.times import Micros

    from .operations import Flight

Array = np.ndarray[Any, Any]
KINDS: Final = ("deployment", "lookalike", *lookalikes.SORTS, "background")
"""What can be made. `lookalike` is one of the five sorts by chance."""
_DAY: Final[Micros] = 1_735_689_600 * SECOND  # 2025-01-01


class Knobs(NamedTuple):
    """What to fix in place of drawing it. `mix` stress: other assumptions about all that is drawn (see `_Mix`)."""

    aircraft: int | None = None
    dropout: float | None = None
    spacing_error: float | None = None
    path: str | None = None
    typed: float | None = None
    hours: float | None = None
    mix: str = "standard"


class _Mix(NamedTuple):
    """What is drawn from. `typed`: shares of scenes whose transports all, partly and never say their type."""

    spacing_km: tuple[float, float] = (1.0, 10.0)
    spacing_error: tuple[float, float] = (0.05, 0.3)
    interval_s: tuple[float, float] = (15.0, 120.0)
    dropout: tuple[float, float] = (0.0, 0.5)
    cadence_s: tuple[float, ...] = (5.0, 10.0, 15.0, 30.0)
    paths: tuple[str, ...] = ("direct", "direct", "dog-leg", "coastal")
    low: float = 0.2
    splits: tuple[int, ...] = (1, 1, 1, 2, 3)
    abreast: tuple[int, ...] = (1, 1, 2, 3)
    typed: tuple[float, float, float] = (0.5, 0.25, 0.25)
    nameless: float = 0.04
    middle: float = 0.1
    flights: tuple[int, int] = (30, 140)
    way_km: tuple[float, float] = (280.0, 700.0)
    join: bool = True


_MIXES: Final = {
    "standard": _Mix(),
    # Somebody else's idea: looser streams that never join up, wider errors, minutes between looks, more and fewer around.
    "stress": _Mix(
        spacing_km=(1.0, 12.0),
        spacing_error=(0.1, 0.5),
        interval_s=(15.0, 120.0),
        dropout=(0.0, 0.6),
        cadence_s=(1.0, 5.0, 20.0, 60.0),
        low=0.4,
        splits=(1, 1, 2),
        abreast=(1, 1, 1, 4),
        typed=(0.3, 0.2, 0.5),
        nameless=0.0,
        middle=0.2,
        flights=(0, 240),
        way_km=(200.0, 900.0),
        join=False,
    ),
}


def make(kind: str, seed: int | str, *, part: Part = "test", traffic: Observations | None = None, knobs: Knobs | None = None) -> PlainScene:
    """The scene of a kind and seed; `part` train and test never share a draw nor an aircraft of the recording.

    `traffic`: a recording over Switzerland to mix in; without one airliners are made. Raises `InputError` for an unknown kind.
    """
    if kind not in KINDS:
        raise InputError(f"no kind of scene {kind[:30]!r}: use {', '.join(KINDS)}")
    knobs = knobs or Knobs()
    if knobs.mix not in _MIXES:
        raise InputError(f"no mix {knobs.mix[:30]!r}: use {', '.join(_MIXES)}")
    entropy = SeededEntropy(f"{seed}").child(f"{part} {knobs.mix} {kind}")
    rng = np.random.Generator(np.random.PCG64(int.from_bytes(entropy.take(16), "big")))
    mix = _MIXES[knobs.mix]
    sort = str(rng.choice(lookalikes.SORTS)) if kind == "lookalike" else kind
    ground = draw_ground(rng, way_km=mix.way_km)
    start = _DAY + int(rng.integers(0, 365 * 24 * 60)) * seconds(60)
    happens = _happen(rng, mix, knobs, sort, ground)
    hours = happens.ends / 3600.0
    flights = [
        *happens.flights,
        *(lookalikes.single(rng, ground, float(rng.uniform(0, happens.ends))) for _ in range(int(rng.poisson(0.4 * hours)))),
    ]
    around = round(float(rng.uniform(*mix.flights)) * min(hours, 6.0) / 2.0)
    if traffic is None:
        flights += lookalikes.passing(rng, ground, around, hours)
    rows = _sensed(rng, mix, knobs, flights, happens, start)
    if traffic is not None and around:
        rows = _joined([rows, *_recorded(rng, entropy, held_out(traffic, part), ground, start, happens, around)])
    if (nameless := rows["identity"] == 0).any():
        rows["identity"] = number(rows, nameless)
    reached = happens.reached
    launched = happens.launch if sort == "deployment" else None
    truth = Truth(
        staging=ground.staging,
        watch_line=ground.line,
        kind="lookalike" if sort in lookalikes.SORTS else sort,  # type: ignore[arg-type]
        launch=None if launched is None else iso(start + seconds(launched)),
        line_reached=None if reached is None else iso(start + seconds(reached)),
        announced=(Announced(says="an exercise, announced two days before", short_of_km=happens.short_km),) if sort == "exercise" else (),
        about={"sort": sort, **happens.about},
    )
    launch, line_reached = (None if t is None else start + seconds(t) for t in (launched, reached))
    return PlainScene(f"{sort}-{seed}", truth, rows, launch, line_reached)


class _Happening(NamedTuple):
    flights: list[Flight]
    launch: float
    ends: float
    begins: float
    about: dict[str, Any]
    short_km: float | None = None
    reached: float | None = None


def _happen(rng: np.random.Generator, mix: _Mix, knobs: Knobs, sort: str, ground: Ground) -> _Happening:
    launch = float(rng.uniform(900, 3600))
    plan = _plan(rng, mix, knobs)
    about: dict[str, Any] = plan._asdict()
    if sort == "deployment":
        flights = operations.stream(rng, ground, plan, launch)
        if rng.random() < 0.5:
            flights += operations.arrivals(rng, ground, plan, launch, "HAWK")
        # Decoys that fly on their own are no part of it: where they cross the line, it is not reached.
        reached = first_reached(ground.line, [f.track() for f in flights])
        flights += [lookalikes.single(rng, ground, launch + float(rng.uniform(-900, 1800))) for _ in range(int(rng.integers(0, 4)))]
        begins = launch + float(rng.uniform(0, 420)) if rng.random() < mix.middle else 0.0
        ends = (launch + 3600.0 if reached is None else reached) + 600.0
        return _Happening(flights, launch, ends, begins, about, reached=reached)
    if sort == "background":
        return _Happening([], 0.0, 3600.0 * (knobs.hours or 6.0), 0.0, {})
    if sort == "bank":
        flights = lookalikes.bank(rng, ground, launch)
    elif sort == "relief":
        hours = knobs.hours or float(rng.uniform(6, 14))
        return _Happening(lookalikes.relief(rng, ground, launch, hours), launch, hours * 3600.0, 0.0, {})
    elif sort == "training":
        flights = lookalikes.training(rng, ground, plan._replace(aircraft=min(plan.aircraft, 24)), launch)
    elif sort == "cargo":
        hours = knobs.hours or 5.0
        return _Happening(lookalikes.cargo(rng, ground, 0.0, hours), 0.0, hours * 3600.0, 0.0, {})
    else:
        flights = lookalikes.exercise(rng, ground, plan, launch)
        return _Happening(flights, launch, _over(flights), 0.0, about, round(0.15 * ground.way_m / 1000.0, 1))
    return _Happening(flights, launch, _over(flights), 0.0, about if sort == "training" else {})


def _over(flights: list[Flight]) -> float:
    return min(max(f.begins + float(f.flown.time[-1]) for f in flights), 5 * 3600.0)


def _plan(rng: np.random.Generator, mix: _Mix, knobs: Knobs) -> operations.Plan:
    count = knobs.aircraft or round(float(np.exp(rng.uniform(np.log(4), np.log(60.5)))))
    split = min(int(rng.choice(mix.splits)), max(1, count // 4))
    spacing = float(rng.uniform(*mix.spacing_km))
    return operations.Plan(
        aircraft=count,
        spacing_km=spacing,
        spacing_error=knobs.spacing_error if knobs.spacing_error is not None else float(rng.uniform(*mix.spacing_error)),
        interval_s=float(rng.uniform(*mix.interval_s)),
        path=knobs.path or str(rng.choice(mix.paths)),
        low=bool(rng.random() < mix.low),
        split=split,
        abreast=min(int(rng.choice(mix.abreast)), count),
        types=tuple(str(k) for k in rng.choice(list(TRANSPORT), 2)),
        drop_high=bool(rng.random() < 0.25),
        join=mix.join,
    )


def _sensed(
    rng: np.random.Generator, mix: _Mix, knobs: Knobs, flights: list[Flight], happens: _Happening, start: Micros
) -> dict[str, Array]:
    """What a feed gives of the flights: at its beat, with lost observations, noise, and what is not said."""
    step = float(rng.choice(mix.cadence_s))
    lost = knobs.dropout if knobs.dropout is not None else float(rng.uniform(*mix.dropout))
    says = knobs.typed if knobs.typed is not None else (1.0, float(rng.uniform(0.2, 0.8)), 0.0)[int(rng.choice(3, p=mix.typed))]
    civil = 1.0 if rng.random() < 0.6 else 0.0
    called, nameless = rng.random() < 0.75, rng.random() < mix.nameless
    addresses = 0x010000 + rng.choice(0xF00000 - 0x010000, len(flights), replace=False)
    parts = []
    for flight, address in zip(flights, addresses.tolist(), strict=True):
        first, last = max(flight.begins, happens.begins, 0.0), min(flight.begins + float(flight.flown.time[-1]), happens.ends)
        beat = np.arange(first + float(rng.uniform(0, step)), last, step)
        beat = beat[rng.random(len(beat)) >= lost]
        if not len(beat):
            continue
        seen, size = at(flight.flown, beat - flight.begins), len(beat)
        named = rng.random() < (says if flight.force else civil)
        north, east = rng.normal(0, 25.0, size) / 111_195.0, rng.normal(0, 25.0, size) / 111_195.0
        columns = {
            "time": start + np.round(beat * SECOND).astype("i8"),
            "identity": np.full(size, 0 if nameless and flight.force else Identity.ICAO | address, "u8"),
            "latitude": np.clip(seen.latitude + north, -90, 90),
            "longitude": (seen.longitude + east / np.maximum(np.cos(np.radians(seen.latitude)), 0.01) + 180.0) % 360.0 - 180.0,
            "altitude": np.round(seen.altitude / 7.62) * 7.62,
            "speed": np.maximum(seen.speed + rng.normal(0, 0.5, size), 0.0),
            "course": (seen.course + rng.normal(0, 0.5, size)) % 360.0,
            "climb": seen.climb + rng.normal(0, 0.3, size),
            "callsign": np.full(size, b"" if flight.force and (nameless or not called) else flight.callsign.encode(), "S8"),
            "type": np.full(size, flight.kind.encode() if named else b"", "S4"),
        }
        parts.append(fill(size, **columns))
    return _joined(parts)


def _recorded(
    rng: np.random.Generator, entropy: Any, traffic: Observations, ground: Ground, start: Micros, happens: _Happening, flights: int
) -> list[dict[str, Array]]:
    # One piece of it near the staging area, another near the line.
    base = ground.base(0)
    pieces = []
    says = rng.random() < 0.4
    for i, share in enumerate((0.1, 0.8)):
        around = off(base, ground.course, share * ground.way_m)
        piece = backdrop(
            traffic, around=around, start=start, hours=happens.ends / 3600.0, flights=flights // 2, entropy=entropy.child(f"piece {i}")
        )
        columns = {name: column.copy() for name, column in piece.columns.items()}
        columns["identity"] += np.uint64(i << 24)  # the same aircraft may fly in both
        if says:
            columns["type"] = np.array(AIRLINERS, "S4")[
                (columns["identity"] * np.uint64(2654435761) >> np.uint64(7)) % np.uint64(len(AIRLINERS))
            ]
        begun = columns["time"] >= start + seconds(happens.begins)
        pieces.append({name: column[begun] for name, column in columns.items()})
    return pieces


def _joined(parts: list[dict[str, Array]]) -> dict[str, Array]:
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else fill(0)
    order = np.argsort(whole["time"], kind="stable")
    return {name: column[order] for name, column in whole.items()}
