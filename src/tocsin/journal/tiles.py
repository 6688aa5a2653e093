"""Tiles: how a tree is stored and handed out, as C2SP tlog-tiles names and cuts it.

A tile holds up to 256 hashes of one level; level 0 holds leaf hashes, each hash of a level above stands for a
full tile below. Tiles only grow at their right end, so that the tiles of an earlier tree are the beginnings of today's.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from tocsin.core import InputError

from . import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Fetch = Callable[[int, int], bytes]

WIDTH, HASH = 256, 32
FULL = WIDTH * HASH
HEIGHT = 8
ENTRIES = -1  # stands for the level of entry bundles
_PATH = re.compile(r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class Tile(NamedTuple):
    """One tile of a tree: `level` (`ENTRIES`: an entry bundle), its number `n`, and how many hashes of it are meant."""

    level: int
    n: int
    width: int = WIDTH

    def path(self) -> str:
        """As tile/<L>/<N>[.p/<W>]."""
        parts = [f"{self.n % 1000:03d}"]
        rest = self.n // 1000
        while rest:
            parts.append(f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"tile/{level}/{'/'.join(reversed(parts))}" + (f".p/{self.width}" if self.width < WIDTH else "")


def parse_path(text: str) -> Tile:
    """The tile that a path names; raises `InputError`."""
    found = _PATH.fullmatch(text)
    width = int(found[3] or WIDTH) if found else 0
    if found is None or (found[3] and width >= WIDTH):
        raise InputError("this is no path of a tile: use tile/<level>/<number>[.p/<width>]")
    tile = Tile(ENTRIES if found[1] == "entries" else int(found[1]), int(found[2].replace("/", "").replace("x", "")), width)
    if tile.path() != text:
        raise InputError("this is no path of a tile: its number has zeros that do not belong there")
    return tile


def tiles_of(size: int) -> list[Tile]:
    """Every tile of a tree of `size` leaves, its entry bundles first."""
    found = [*_level(ENTRIES, size)]
    level = 0
    while size:
        found += _level(level, size)
        level, size = level + 1, size // WIDTH
    return found


def _level(level: int, count: int) -> Iterable[Tile]:
    yield from (Tile(level, n) for n in range(count // WIDTH))
    if count % WIDTH:
        yield Tile(level, count // WIDTH, count % WIDTH)


def bundle(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry after its length as two bytes."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unbundle(data: bytes) -> list[bytes]:
    """The entries of a bundle; raises `InputError` if it is cut."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise InputError("an entry bundle is cut short")
        entries.append(data[at + 2 : end])
        at = end
    return entries


def cut(hashes: bytes) -> list[bytes]:
    """The hashes of a tile, one by one."""
    return [hashes[i : i + HASH] for i in range(0, len(hashes), HASH)]


def grow(fetch: Fetch, size: int, leaves: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
    """The tiles that change, by level and number, when `leaves` (hashes) are added to a tree of `size`.

    `fetch(level, n)` gives a tile as it is. Costs the new hashes and one partial tile a level.
    """
    changed: dict[tuple[int, int], bytes] = {}
    level, count, new = 0, size, list(leaves)
    while new:
        n, full = count // WIDTH, []
        row = cut(fetch(level, n)) if count % WIDTH else []
        count += len(new)
        row += new
        for at in range(0, len(row), WIDTH):
            part = row[at : at + WIDTH]
            changed[level, n] = b"".join(part)
            n += 1
            if len(part) == WIDTH:
                full.append(tree.fold(part)[-1][0])
        level, count, new = level + 1, count // WIDTH - len(full), full
    return changed


class Pyramids:
    """Nodes of one tree out of its tiles. Tiles only grow at their end, so that the last `room` of them can be held."""

    def __init__(self, fetch: Fetch, room: int = 64) -> None:
        self._fetch, self._room = fetch, room
        self._tiles: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._levels: dict[tuple[int, int], list[list[bytes]]] = {}

    def hashes(self, level: int, n: int, least: int = FULL) -> bytes:
        """A tile as far as it has come; one that is held is taken if it has `least` bytes."""
        found = self._tiles.get((level, n), b"")
        if len(found) < least:
            found = self._tiles[level, n] = self._fetch(level, n)
            if len(self._tiles) > self._room:
                oldest, _ = self._tiles.popitem(last=False)
                self._levels.pop(oldest, None)
        self._tiles.move_to_end((level, n))
        return found

    def node(self, height: int, index: int) -> bytes:
        """The hash of a complete subtree; raises `LookupError` if the tiles do not reach so far."""
        level, inside = divmod(height, HEIGHT)
        n, at = divmod(index, WIDTH >> inside)
        first, count = (at << inside) * HASH, HASH << inside
        hashes = self.hashes(level, n, first + count)
        if len(hashes) < first + count:
            raise LookupError("a tile is missing or too short")
        if inside == 0:
            return hashes[first : first + HASH]
        if len(hashes) < FULL:
            return tree.fold(cut(hashes[first : first + count]))[-1][0]
        if (levels := self._levels.get((level, n))) is None:
            levels = self._levels[level, n] = tree.fold(cut(hashes))
        return levels[inside][at]
