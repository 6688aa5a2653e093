"""Which format a file is in, and its observations."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

import numpy as np

from ..core.observations import Observations
from . import opensky_csv, opensky_json, readsb, sbs, trace
from .errors import BrokenGzip, FileTooLarge, UnknownFormat, plain
from .parsed import Caps, Parsed, Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core import Label, Realm
    from ..core.observations import Array

FORMATS = ("readsb", "trace_full", "sbs", "opensky-json", "opensky-csv")
_PARSERS: dict[str, Callable[[bytes, Tally], dict[str, Array]]] = {
    "readsb": readsb.parse,
    "trace_full": trace.parse,
    "sbs": sbs.parse,
    "opensky-json": opensky_json.parse,
    "opensky-csv": opensky_csv.parse,
}
_LINES = frozenset({"sbs", "opensky-csv"})
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 16
_SBS = re.compile(rb"(?:MSG,[1-8]?|SEL|ID|AIR|STA|CLK),")
_READSB = re.compile(rb'"(?:aircraft|ac)"\s*:\s*\[')
_TRACE = re.compile(rb'"trace"\s*:\s*\[')
_STATE = re.compile(rb'"(?:icao24|timestamp)"\s*:')
_STATE_COLUMN = re.compile(rb'\{\s*"([A-Za-z_0-9]{1,40})"\s*:\s*[\[{]')
# Columns that such a file may begin with; most are not read.
_STATE_KEYS = frozenset(opensky_json.State.__struct_fields__) | {
    "alert",
    "geoaltitude",
    "hour",
    "spi",
    "flight_id",
    "origin",
    "destination",
}


def recognise(name: str, head: bytes) -> str:
    """The format of a file by its name and first bytes (a few KB, compressed or not); raises `UnknownFormat`."""
    if head.startswith(_GZIP):
        head = _inflate(head, _CHUNK)[0]
    head = head.removeprefix(_BOM).lstrip()
    base = plain(name).lower().rpartition("/")[2].removesuffix(".gz")
    if head.startswith(b"{"):
        if _TRACE.search(head) or (base.startswith("trace_full") and b'"icao"' in head):
            return "trace_full"
        if _READSB.search(head) or base == "aircraft.json":
            return "readsb"
        if (first := _STATE_COLUMN.match(head)) and first[1].decode() in _STATE_KEYS:
            return "opensky-json"
    elif head.startswith(b"["):
        if _STATE.search(head) or not head[1:].strip(b" \r\n\t]"):
            return "opensky-json"
    elif _SBS.match(head):
        return "sbs"
    else:
        names = {field.strip().strip('"') for field in head.split(b"\n", 1)[0].decode("ascii", "replace").split(",")}
        if "icao24" in names and names & {"time", "timestamp"}:
            return "opensky-csv"
    raise UnknownFormat(f"{plain(name)}: in none of the formats that are read ({', '.join(FORMATS)})")


def parse(
    data: bytes,
    format: str,  # noqa: A002 (the contract's name)
    *,
    feed: str,
    realm: Realm,
    label: Label,
    name: str = "-",
    undated: int | None = None,
    caps: Caps = Caps(),  # noqa: B008 (immutable)
) -> Parsed:
    """The observations in `data`, which may be gzip, rows in the file's order.

    A file that breaks, or is past `caps`, gives what could be read and the error beside it; nothing is raised for
    what it holds. `undated` is the time (µs UTC) of a snapshot that does not say its own: the time it was
    received. Raises `UnknownFormat` if `format` is not one of `FORMATS`.
    """
    if format not in _PARSERS:
        raise UnknownFormat(f"{plain(format)!r} is no format: use one of {', '.join(FORMATS)}")
    tally = Tally(plain(name), caps)
    if cut := data.startswith(_GZIP):
        data, cut = _unpacked(data, tally)
    elif cut := len(data) > caps.bytes:
        tally.fault(FileTooLarge(tally.name, len(data), caps.bytes))
        data = data[: caps.bytes]
    data = data.removeprefix(_BOM)
    if cut and format in _LINES:
        data = data[: data.rfind(b"\n") + 1]  # half a line may look like a whole one
    with np.errstate(over="ignore", invalid="ignore"):  # numbers without measure become infinite, and so out of range
        columns = readsb.parse(data, tally, undated) if format == "readsb" else _PARSERS[format](data, tally)
    return Parsed(
        Observations(feed, realm, label, columns),
        {reason: count for reason, count in tally.skipped.items() if count},
        tally.error,
        {what: count for what, count in tally.nulled.items() if count},
        tally.rows,
    )


def gunzip(data: bytes, *, cap: int, name: str = "-") -> bytes:
    """The bytes in a gzip file of one or more members.

    Raises `FileTooLarge` past `cap` and `BrokenGzip` if it ends early or is damaged; both hold what came out before,
    at most `cap` bytes, in `recovered`.
    """
    out, problem = _inflate(data, cap)
    if problem == "too large":
        raise FileTooLarge(f"what {plain(name)} unpacks to", len(out) + 1, cap, out)
    if problem:
        raise BrokenGzip(name, problem, f"what came out before is {len(out):,} bytes", out)
    return out


def _unpacked(data: bytes, tally: Tally) -> tuple[bytes, bool]:
    try:
        return gunzip(data, cap=tally.caps.bytes, name=tally.name), False
    except (FileTooLarge, BrokenGzip) as error:
        tally.fault(error)
        return error.recovered, True


def _inflate(data: bytes, cap: int) -> tuple[bytes, str]:
    """What `data` unpacks to, at most `cap` bytes, and what is wrong with it, if anything."""
    out = bytearray()
    rest = data
    while rest:
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            try:
                piece = member.decompress(rest, min(_CHUNK * 16, cap + 1 - len(out)))
            except zlib.error:
                return bytes(out), "the compressed bytes are damaged"
            out += piece
            if len(out) > cap:
                return bytes(out[:cap]), "too large"
            rest = member.unconsumed_tail
            if not piece and not rest and not member.eof:
                return bytes(out), "the compressed bytes end too early"
        rest = member.unused_data.lstrip(b"\0")
    return bytes(out), ""
