"""The whole log, gone through again: every record against its leaf, every leaf against its tile, every tile against every checkpoint."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from . import notes, sequencing, tiles, tree
from .errors import Damaged
from .notes import Key
from .tables import log_tiles, records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tocsin.core import Realm

    from .log import Log
    from .service import Journal

MOST_WRONG = 20
_PAGE = 2048


class Audit(NamedTuple):
    """What was found. `wrong`: one line for each thing that does not hold, the first of them; empty if all is well.

    `strange`: keys (hexadecimal) that signed checkpoints and are none of those given.
    """

    realm: Realm
    origin: str
    records: int
    leaves: int
    checkpoints: int
    cosignatures: int
    signed: int
    strange: list[str]
    wrong: list[str]


def audit(journal: Journal, log: Log, realm: Realm, own: Collection[bytes], witnesses: Mapping[str, Mapping[bytes, int | None]]) -> Audit:
    """Recompute the log of `realm`. `own`: this node's Ed25519 keys, now and before; `witnesses`: those of its partners by
    name, each with the µs of protocol time until which it counted (None: it does).
    """
    wrong: list[str] = []
    count, leaves = _records(journal, realm, wrong), log.size(realm)
    roots = _Roots()
    signed = cosigned = last = 0
    marks = list(_checkpoints(log, realm))
    wanted = {one.checkpoint.size for one in marks}
    found: dict[int, bytes] = {}
    entries = _entries(journal, realm, leaves, wrong)
    stored = _leaf_hashes(journal, realm)
    for position, entry in enumerate(entries):
        leaf = tree.leaf_hash(entry)
        if next(stored, b"") != leaf:
            wrong.append(f"leaf {position} is not in its tile")
        roots.add(leaf)
        if position + 1 in wanted:
            found[position + 1] = roots.root()
    for one in marks:
        size = one.checkpoint.size
        if found.get(size, tree.EMPTY) != one.checkpoint.root:
            wrong.append(f"the checkpoint of {size} leaves of {one.checkpoint.origin} has another root than the records")
        note = notes.parse(one.note)
        if note.text != one.checkpoint.text() or not notes.is_signed(note, Key(one.checkpoint.origin, notes.LOG, one.key)):
            wrong.append(f"the checkpoint of {size} leaves of {one.checkpoint.origin} is not signed by its key")
        for name in one.witnesses:
            cosigned += 1
            keys = {Key(f"tocsin/{name}", notes.WITNESS, key): until for key, until in witnesses.get(name, {}).items()}
            if keys and not any(_counts(notes.cosigned_at(note, key), until) for key, until in keys.items()):
                wrong.append(f"the cosignature of {name} on the checkpoint of {size} leaves does not hold")
        signed, last = signed + 1, max(last, size)
    _upper_tiles(journal, realm, leaves, wrong)
    strange = sorted({one.key.hex() for one in marks if one.key not in own})
    return Audit(realm, log.origin(realm), count, leaves, signed, cosigned, last, strange, wrong[:MOST_WRONG])


def _counts(at: int | None, until: int | None) -> bool:
    """Whether a cosignature of the second `at` (None: there is none by that key) fell into its key's time."""
    return at is not None and (until is None or at * 1_000_000 <= until)


class _Roots:
    """The roots of a growing tree, out of its complete subtrees alone."""

    def __init__(self) -> None:
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        height, one = 0, leaf
        while self._peaks and self._peaks[-1][0] == height:
            one = tree.node_hash(self._peaks.pop()[1], one)
            height += 1
        self._peaks.append((height, one))

    def root(self) -> bytes:
        found = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            found = tree.node_hash(peak, found)
        return found


def _records(journal: Journal, realm: Realm, wrong: list[str]) -> int:
    after, count = -1, 0
    size = journal.size(realm)
    while after < size - 1:
        first = after + 1
        try:
            for kept in journal.records(realm, after=after, limit=min(500, size - first)):
                if kept.index >= first + 500:
                    break
                count += 1
                if hashlib.sha256(kept.salt + kept.data).digest() != kept.leaf:
                    wrong.append(f"record {kept.index} is not what its leaf commits to")
        except Damaged:
            wrong.append(f"among the records {first} to {min(first + 499, size - 1)} one is not what was kept")
        after += 500
    return count


def _checkpoints(log: Log, realm: Realm) -> Iterator[Any]:
    skip = 0
    while page := log.checkpoints(realm, skip=skip):
        yield from page
        skip += len(page)


def _entries(journal: Journal, realm: Realm, leaves: int, wrong: list[str]) -> Iterator[bytes]:
    for first in range(0, leaves, _PAGE):
        wanted = min(_PAGE, leaves - first)
        found = sequencing.entries(journal.read_rows, realm, first, wanted)
        if len(found) < wanted:
            wrong.append(f"entries are missing between {first} and {first + wanted}: a record or padding is gone")
            return
        yield from found


def _leaf_hashes(journal: Journal, realm: Realm) -> Iterator[bytes]:
    n = 0
    while hashes := sequencing.tile_of(journal.read_rows, realm, 0, n):
        yield from tiles.cut(hashes)
        n += 1


def _upper_tiles(journal: Journal, realm: Realm, leaves: int, wrong: list[str]) -> None:
    level, count = 0, leaves
    while count:
        above = count // tiles.WIDTH
        for n in range(above):
            below = sequencing.tile_of(journal.read_rows, realm, level, n)
            row = sequencing.tile_of(journal.read_rows, realm, level + 1, n // tiles.WIDTH)
            at = n % tiles.WIDTH * tiles.HASH
            if len(below) != tiles.FULL or tree.fold(tiles.cut(below))[-1][0] != row[at : at + tiles.HASH]:
                wrong.append(f"tile {tiles.Tile(level, n).path()} is not what the tile above it says")
        level, count = level + 1, above
    rows = journal.read_rows(select(func.count()).select_from(log_tiles).where(log_tiles.c.realm == realm))
    if rows[0][0] != sum(tile.level != tiles.ENTRIES for tile in tiles.tiles_of(leaves)):
        wrong.append("there are more or fewer tiles than the log has")
    missing = journal.read_rows(select(func.count()).select_from(records).where(records.c.realm == realm))
    if missing[0][0] != journal.size(realm):
        wrong.append("records are missing")
