"""The plain form of a scene: NAME.csv.gz with the rows and NAME.json with the truth, as anyone may write them.

Reading is lenient about what others leave out or write differently (blank or missing values, order, spellings of times
and types, rows of anonymous aircraft), and strict about what would make the answer wrong: no rows, no places, no kind.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from tocsin.core import FLAG, Identity, InputError, TooLarge
from tocsin.core.observations import build
from tocsin.core.times import SECOND, Micros, iso
from tocsin.formats.arrow import pa
from tocsin.formats.arrow import pv as pacsv

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.core import Label, Observations, Realm

Array = np.ndarray[Any, Any]
COLUMNS: Final = (
    "timestamp",
    "icao24",
    "callsign",
    "typecode",
    "latitude",
    "longitude",
    "altitude",
    "groundspeed",
    "track",
    "vertical_rate",
)
"""The header of NAME.csv.gz: times, feet, knots, degrees and feet a minute."""
FOOT: Final = 0.3048
KNOT: Final = 1852.0 / 3600.0
MAX_BYTES: Final = 1 << 30
_BLANK: Final = frozenset({"", "nan", "none", "null", "unknown", "n/a", "-", "?", "000000"})

Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-360, le=360)]


class Staging(msgspec.Struct, frozen=True):
    """A staging area."""

    lat: Latitude
    lon: Longitude
    radius_km: Annotated[float, Meta(gt=0, le=500)] = 30.0


class Announced(msgspec.Struct, frozen=True):
    """An exercise that was announced beforehand: from when until when (ISO times, None: throughout), and who said so.

    `short_of_km`: how far from the watch line it is to stay.
    """

    since: str | None = None
    until: str | None = None
    says: str = ""
    short_of_km: float | None = None


class Truth(msgspec.Struct, frozen=True):
    """NAME.json: what a scene is. `launch` and `line_reached` are ISO times, or None. Further keys are allowed and not read."""

    staging: Annotated[tuple[Staging, ...], Meta(min_length=1, max_length=50)]
    watch_line: Annotated[tuple[tuple[Latitude, Longitude], ...], Meta(min_length=2, max_length=200)]
    kind: Literal["deployment", "lookalike", "background"]
    launch: str | float | None = None
    line_reached: str | float | None = None
    announced: tuple[Announced, ...] = ()
    about: dict[str, Any] = {}


class PlainScene(msgspec.Struct, frozen=True):
    """A scene: `rows` are observation columns by time, in SI units."""

    name: str
    truth: Truth
    rows: dict[str, Any]
    launch: Micros | None
    line_reached: Micros | None
    notes: tuple[str, ...] = ()

    def observations(self, *, feed: str, realm: Realm, label: Label) -> Observations:
        """The rows as a batch."""
        return build(feed, realm, label, len(self.rows["time"]), **self.rows)


def write_scene(folder: Path, scene: PlainScene) -> None:
    """Write NAME.csv.gz and NAME.json into `folder`; the same scene gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, size = scene.rows, len(scene.rows["time"])
    number = (rows["identity"].astype("u8") & np.uint64(Identity.NUMBER)).tolist()
    text = {name: [v.decode() for v in rows[name].astype("S8").tolist()] for name in ("callsign", "type")}
    lines = [",".join(COLUMNS)]
    columns = (
        (rows["latitude"], ".5f"),
        (rows["longitude"], ".5f"),
        (rows["altitude"] / FOOT, ".0f"),
        (rows["speed"] / KNOT, ".1f"),
        (rows["course"], ".1f"),
        (rows["climb"] / FOOT * 60, ".0f"),
    )
    written = [["" if isnan(v) else format(v, how) for v in column.tolist()] for column, how in columns]
    for i in range(size):
        named = f"{number[i]:06x}" if number[i] else ""
        lines.append(",".join([iso(int(rows["time"][i])), named, text["callsign"][i], text["type"][i], *(column[i] for column in written)]))
    with (folder / f"{scene.name}.csv.gz").open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        file.write(("\n".join(lines) + "\n").encode())
    (folder / f"{scene.name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(scene.truth), indent=1) + b"\n")


def scene_names(folder: Path) -> list[str]:
    """The scenes in a folder, in order; raises `InputError` if there is none or one lacks its rows."""
    try:
        names = sorted(p.name.removesuffix(".json") for p in folder.iterdir() if p.name.endswith(".json"))
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}") from None
    found = [name for name in names if (folder / f"{name}.csv.gz").is_file() or (folder / f"{name}.csv").is_file()]
    if not found:
        raise InputError(f"{folder} holds no scene: NAME.json beside NAME.csv.gz")
    return found


def read_scene(folder: Path, name: str) -> PlainScene:
    """The scene `name` in `folder`; raises `InputError` with the file and what is wrong."""
    truth = _truth(folder, name)
    path = folder / f"{name}.csv.gz"
    path = path if path.is_file() else folder / f"{name}.csv"
    table = _table(path)
    time, latitude, longitude = times(table["timestamp"], path.name), _number(table["latitude"]), _number(table["longitude"])
    use = np.isfinite(latitude) & np.isfinite(longitude) & (np.abs(latitude) <= 90) & (np.abs(longitude) <= 360) & (time > 0)
    ground = _words(table["altitude"]) == "ground"
    rows = {
        "time": time,
        "latitude": latitude,
        "longitude": (longitude + 180.0) % 360.0 - 180.0,
        "altitude": np.where(ground, 0.0, _number(table["altitude"]) * FOOT),
        "speed": _number(table["groundspeed"]) * KNOT,
        "course": _number(table["track"]) % 360.0,
        "climb": _number(table["vertical_rate"]) * FOOT / 60.0,
        "callsign": _ascii(table["callsign"], 8),
        "type": _types(table["typecode"]),
        "flags": _flags(table, ground),
    }
    rows["identity"] = _identities(table["icao24"], rows["callsign"])
    order = np.flatnonzero(use)
    order = order[np.argsort(time[order], kind="stable")]
    if not len(order):
        raise InputError(f"{path.name}: no row has a time and a position")
    rows = {key: column[order] for key, column in rows.items()}
    notes = []
    if dropped := int((~use).sum()):
        notes.append(f"{dropped} rows without time or position")
    if (nameless := rows["identity"] == 0).any():
        from .anonymous import number

        rows["identity"] = number(rows, nameless)
        notes.append(f"{int(nameless.sum())} rows without address and call sign: joined to tracks by their places")
    return PlainScene(name, truth, rows, moment(truth.launch, path.name), moment(truth.line_reached, path.name), tuple(notes))


def moment(value: str | float | None, name: str) -> Micros | None:
    """A time of the truth as µs; raises `InputError`."""
    if value is None or value == "":
        return None
    return _time(str(value), name)


def times(column: Any, name: str) -> Array:
    """Times (µs UTC) out of a column of ISO 8601 texts with or without a zone, or of Unix seconds (or ms); 0 where there is none."""
    texts = [str(v).strip() if v is not None else "" for v in column.to_pylist()]
    known: dict[str, int] = {}
    for text in set(texts):
        known[text] = _time(text, name)
    return np.array([known[text] for text in texts], "i8")


def _time(text: str, name: str) -> Micros:
    if text.lower() in _BLANK:
        return 0
    try:
        seconds = float(text)
    except ValueError:
        try:
            found = datetime.fromisoformat(text.replace("UTC", "+00:00").replace(" +", "+"))
        except ValueError:
            raise InputError(f"{name}: {text[:40]!r} is no time: write it as ISO 8601 in UTC, or Unix seconds") from None
        return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * SECOND)
    return round((seconds / 1000 if seconds > 1e11 else seconds) * SECOND) if 0 < seconds < 1e14 else 0


def _truth(folder: Path, name: str) -> Truth:
    path = folder / f"{name}.json"
    try:
        raw = path.read_bytes()
        if len(raw) > 1 << 20:
            raise TooLarge(f"scene {path.name}", len(raw), 1 << 20)
        value = msgspec.json.decode(raw)
        if isinstance(value, dict) and isinstance(given := value.get("announced"), (bool, dict, type(None))):
            value["announced"] = [given] if isinstance(given, dict) else [{}] if given else []
        if isinstance(value, dict):
            if isinstance(kind := value.get("kind"), str):
                value["kind"] = "".join(c for c in kind.lower() if c.isalpha())
            if isinstance(line := value.get("watch_line"), list):
                value["watch_line"] = [(p.get("lat"), p.get("lon")) if isinstance(p, dict) else p for p in line]
        truth = msgspec.convert(value, Truth, strict=False)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise InputError(f"{path.name}: {error}") from None
    if len({(lat, lon % 360.0) for lat, lon in truth.watch_line}) < 2:
        raise InputError(f"{path.name}: watch_line is the same point again and again: a line has two")
    return truth


def _names(path: Path) -> list[str]:
    # The header as it is meant: columns of ours in capitals or with blanks around them are ours, unless there is one spelt right.
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
        given = next(csv.reader([file.readline(1 << 16)]), [])
    meant = [name.strip().lower() for name in given]
    return [b if b in COLUMNS and b not in given and meant.count(b) == 1 else a for a, b in zip(given, meant, strict=True)]


def _table(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TooLarge(f"scene {path.name}", path.stat().st_size, MAX_BYTES)
        stream = pa.input_stream(str(path), compression="gzip" if path.name.endswith(".gz") else None)
        head = pacsv.ConvertOptions(column_types={name: pa.string() for name in COLUMNS}, strings_can_be_null=False)
        rows = pacsv.ReadOptions(column_names=_names(path), skip_rows=1)
        table = pacsv.read_csv(stream, read_options=rows, convert_options=head)
    except (OSError, EOFError, zlib.error, csv.Error, pa.ArrowInvalid) as error:
        raise InputError(f"{path.name}: {str(error).splitlines()[0][:120]}") from None
    if missing := [name for name in ("timestamp", "latitude", "longitude") if name not in table.column_names]:
        raise InputError(f"{path.name}: no column {missing[0]!r}; a scene has {', '.join(COLUMNS)}")
    empty = pa.nulls(table.num_rows, pa.string())
    found = {name: table[name] if name in table.column_names else empty for name in COLUMNS}
    if "onground" in table.column_names:
        found["onground"] = table["onground"].cast(pa.string())
    return found


def _words(column: Any) -> Array:
    return np.array([(v or "").strip().lower() for v in column.to_pylist()], dtype="U12")


def _number(column: Any) -> Array:
    texts = column.to_pylist()
    try:
        return np.array([float(v) if v else np.nan for v in texts])
    except ValueError:
        return np.array([_float(v) for v in texts])


def _float(text: str | None) -> float:
    try:
        value = float(text or "nan")
    except ValueError:
        return float("nan")
    return value if abs(value) < 1e9 else float("nan")


def _ascii(column: Any, size: int) -> Array:
    cleaned: dict[str | None, bytes] = {}
    values = column.to_pylist()
    for value in set(values):
        text = (value or "").strip().upper()
        text = "" if text.lower() in _BLANK else "".join(c for c in text if c.isascii() and (c.isalnum() or c == "-"))
        cleaned[value] = text.encode()[:size]
    return np.array([cleaned[value] for value in values], f"S{size}")


_SPELLINGS: Final = {"A400M": "A400", "C130J": "C30J", "C130H": "C130", "C17A": "C17", "A124-100": "A124", "KC390": "E390", "C390": "E390"}


def _types(column: Any) -> Array:
    known: dict[str | None, bytes] = {}
    values = column.to_pylist()
    for value in set(values):
        text = (value or "").strip().upper().replace("-", "").replace(" ", "")
        text = "" if text.lower() in _BLANK else _SPELLINGS.get(text, text)
        for begins in ("IL76", "Y20", "Y8", "Y9", "C17"):
            # Variants go by the designator of their type: Il-76MD, Y-20A.
            if text.startswith(begins) and not text[len(begins) : len(begins) + 1].isdigit():
                text = begins
        known[value] = text.encode("ascii", "ignore")[:4]
    return np.array([known[value] for value in values], "S4")


def _flags(table: dict[str, Any], ground: Array) -> Array:
    flags = np.where(ground, FLAG.ON_GROUND, 0).astype("u2")
    if "onground" in table:
        flags[np.isin(_words(table["onground"]), ["true", "1", "t", "yes"])] = FLAG.ON_GROUND
    return flags


def _identities(column: Any, callsigns: Array) -> Array:
    values = column.to_pylist()
    known: dict[str | None, int] = {}
    for value in set(values):
        text = (value or "").strip().lower()
        if text in _BLANK:
            known[value] = 0
        else:
            try:
                number = int(text.lstrip("~"), 16)
                known[value] = (Identity.OTHER if text.startswith("~") else Identity.ICAO) | (number & Identity.NUMBER)
            except ValueError:
                known[value] = _hashed("name:" + text)
    identity = np.array([known[value] for value in values], "u8")
    for callsign in np.unique(callsigns[identity == 0]):
        # Without an address a call sign tells aircraft apart as well.
        if callsign:
            identity[(identity == 0) & (callsigns == callsign)] = _hashed("call:" + callsign.decode())
    return identity


def _hashed(text: str) -> int:
    from hashlib import sha256

    return Identity.OTHER | int.from_bytes(sha256(text.encode()).digest()[:5], "big")
