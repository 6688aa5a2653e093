"""How fast each format is read, on traffic made by code: 15,000 aircraft in one moment, or 15,000 rows of a few."""

from __future__ import annotations

import importlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import Label, iso
from . import columns
from .reading import parse

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 15_000
_START_S = 1_700_000_000
_LABEL = Label("bench", 0, frozenset({"bench"}), frozenset({"bench"}))


def measure(clock_ns: Callable[[], int], *, rows: int = ROWS, repeats: int = 5) -> dict[str, Any]:
    """Rows a second for each format, the best of `repeats`, by the clock that is handed in.

    `readsb` stands beside a general JSON decoder on the same bytes (`orjson`, or `json` if that is not installed:
    `decoder` says which), which gives objects that still have to be turned into columns. `wire` packs and unpacks.
    """
    made = synthetic(rows)
    figures: dict[str, Any] = {"rows": rows, "bytes": {name: len(data) for name, data in made.items()}, "rows_per_s": {}, "ms": {}}
    for name, data in made.items():
        _note(figures, name, rows, _best(clock_ns, repeats, partial(_read, data, name)))
    decoder, loads = _decoder()
    figures["decoder"] = decoder
    _note(figures, f"{decoder}.loads of readsb", rows, _best(clock_ns, repeats, partial(loads, made["readsb"])))
    batch = parse(made["readsb"], "readsb", feed="bench", realm="replay:bench", label=_LABEL).observations
    packed = columns.pack(batch)
    figures["wire_bytes_per_row"] = round(len(packed) / len(batch), 1)
    _note(figures, "wire pack", rows, _best(clock_ns, repeats, partial(columns.pack, batch)))
    _note(figures, "wire unpack", rows, _best(clock_ns, repeats, partial(columns.unpack, packed)))
    return figures


def synthetic(rows: int = ROWS) -> dict[str, bytes]:
    """`rows` rows in each format, the same at every call."""
    draw = np.random.default_rng(1)
    latitude, longitude = draw.uniform(35, 60, rows).round(6).tolist(), draw.uniform(-10, 30, rows).round(6).tolist()
    feet, knots = (draw.integers(40, 1_600, rows) * 25).tolist(), draw.uniform(100, 520, rows).round(1).tolist()
    degrees, rates = draw.uniform(0, 359.9, rows).round(2).tolist(), (draw.integers(-40, 40, rows) * 64).tolist()
    addresses = [f"{0x400000 + number * 7:06x}" for number in range(rows)]
    squawks = [f"{code:04o}" for code in draw.integers(0o1000, 0o7777, rows).tolist()]
    told = list(zip(addresses, latitude, longitude, feet, knots, degrees, rates, squawks, strict=True))
    return {
        "readsb": _readsb(told),
        "trace_full": _trace(told),
        "sbs": _sbs(told),
        "opensky-json": _dump([_state(index, row) for index, row in enumerate(told)]),
        "opensky-csv": _csv(told),
    }


def _readsb(told: list[Any]) -> bytes:
    aircraft = [
        {
            "hex": address,
            "type": "adsb_icao",
            "flight": f"TOC{index:05d}",
            "r": f"X-{index:05d}",
            "t": "A320",
            "dbFlags": index % 50 == 0,
            "alt_baro": feet if index % 20 else "ground",
            "alt_geom": feet + 325,
            "gs": knots,
            "ias": 271,
            "tas": 434,
            "mach": 0.74,
            "track": degrees,
            "baro_rate": rate,
            "squawk": squawk,
            "emergency": "none",
            "category": "A3",
            "nav_qnh": 1012.8,
            "nav_modes": ["autopilot", "vnav", "tcas"],
            "lat": latitude,
            "lon": longitude,
            "nic": 8,
            "rc": 186,
            "seen_pos": 0.4,
            "version": 2,
            "nac_p": 9,
            "sil": 3,
            "mlat": [],
            "tisb": [],
            "messages": 20_000 + index,
            "seen": 0.1,
            "rssi": -18.3,
        }
        for index, (address, latitude, longitude, feet, knots, degrees, rate, squawk) in enumerate(told)
    ]
    for plane in aircraft:
        plane["dbFlags"] = int(plane["dbFlags"])
    return _dump({"now": _START_S + 0.5, "messages": 123_456_789, "aircraft": aircraft})


def _trace(told: list[Any]) -> bytes:
    rows = [
        [index * 4.0, latitude, longitude, feet, knots, degrees, 0, rate, None, "adsb_icao", feet + 325, rate, 271, 0.0]
        for index, (_, latitude, longitude, feet, knots, degrees, rate, _squawk) in enumerate(told)
    ]
    return _dump({"icao": "4b1815", "t": "A320", "dbFlags": 0, "timestamp": _START_S, "trace": rows})


def _sbs(told: list[Any]) -> bytes:
    # As receivers send them: a position, then a speed, of one in two hundred aircraft.
    lines = []
    for index, (_, latitude, longitude, feet, knots, degrees, rate, _squawk) in enumerate(told):
        address = told[index // 2 % 200][0].upper()
        day, _, clock = iso((_START_S + index // 10) * 1_000_000).rstrip("Z").partition("T")
        moment = f"{day.replace('-', '/')},{clock}.250,{day.replace('-', '/')},{clock}.300"
        if index % 2:
            lines.append(f"MSG,4,1,1,{address},1,{moment},,,{knots},{degrees},,,{rate},,0,0,0,0")
        else:
            lines.append(f"MSG,3,1,1,{address},1,{moment},,{feet},,,{latitude},{longitude},,,0,0,0,0")
    return "\r\n".join([*lines, ""]).encode()


def _state(index: int, row: Any) -> dict[str, Any]:
    address, latitude, longitude, feet, knots, degrees, rate, squawk = row
    return {
        "timestamp": (_START_S + index // 200) * 1000,
        "icao24": address,
        "callsign": f"TOC{index % 200:05d}",
        "latitude": latitude,
        "longitude": longitude,
        "altitude": float(feet),
        "groundspeed": knots,
        "track": degrees,
        "vertical_rate": float(rate),
        "squawk": squawk,
        "onground": False,
    }


def _csv(told: list[Any]) -> bytes:
    states = [_state(index, row) for index, row in enumerate(told)]
    lines = [",".join(states[0])] + [",".join(map(str, state.values())) for state in states]
    return "\n".join([*lines, ""]).encode()


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _read(data: bytes, name: str) -> None:
    parse(data, name, feed="bench", realm="replay:bench", label=_LABEL)


def _decoder() -> tuple[str, Callable[[bytes], Any]]:
    try:
        return "orjson", importlib.import_module("orjson").loads
    except ImportError:
        return "json", json.loads


def _best(clock_ns: Callable[[], int], repeats: int, work: Callable[[], object]) -> int:
    taken = []
    for _ in range(repeats):
        begin = clock_ns()
        work()
        taken.append(clock_ns() - begin)
    return max(1, min(taken))


def _note(figures: dict[str, Any], name: str, rows: int, nanoseconds: int) -> None:
    figures["rows_per_s"][name] = round(rows / nanoseconds * 1e9)
    figures["ms"][name] = round(nanoseconds / 1e6, 2)
