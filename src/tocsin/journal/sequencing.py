"""From the journal's records to the leaves of its log: in batches, padded in number, in an order that tells nothing.

The entries of a batch stand in the order of their commitments. Those are salted hashes, so that neither the order nor
a place in it says how many records a batch holds, nor which of its entries are padding.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import bindparam, delete, insert, select

from . import tiles, tree
from .tables import log_batches, log_tiles, records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Executable, Row

    from tocsin.core import Entropy, Realm


class Read(Protocol):
    """All rows of a query: `Journal.read_rows`, or the same inside a job of the writer."""

    def __call__(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """The rows."""
        ...


LEAST, MOST = 16, 4096  # leaves that one slice adds
BATCH = 256


# Made once: what a statement's cache key costs is half of what a small query costs.
_TILE = select(log_tiles.c.hashes).where(
    log_tiles.c.realm == bindparam("realm"), log_tiles.c.level == bindparam("level"), log_tiles.c.n == bindparam("n")
)
_BATCH = (
    select(log_batches.c.position, log_batches.c.leaves, log_batches.c.idx, log_batches.c.records)
    .where(log_batches.c.realm == bindparam("realm"), log_batches.c.idx <= bindparam("index"))
    .order_by(log_batches.c.idx.desc())
    .limit(1)
)


def size_class(count: int) -> int:
    """How many leaves stand for `count` records (at most `MOST`): the next power of two, `LEAST` at least."""
    return max(LEAST, 1 << (count - 1).bit_length()) if count else LEAST


def reading(connection: Connection) -> Read:
    """Queries inside a job of the writer, as `Journal.read_rows` answers them elsewhere."""
    return lambda statement, values=None: connection.execute(statement, values).all()


def size_of(read: Read, realm: Realm) -> int:
    """How many leaves the log of `realm` has."""
    last = (
        select(log_batches.c.position, log_batches.c.leaves)
        .where(log_batches.c.realm == realm)
        .order_by(log_batches.c.position.desc())
        .limit(1)
    )
    rows = read(last)
    return rows[0].position + rows[0].leaves if rows else 0


def next_record(read: Read, realm: Realm) -> int:
    """The index of the first record of `realm` that is not in its log yet."""
    batch = log_batches.c
    last = select(batch.idx, batch.records).where(batch.realm == realm, batch.idx.is_not(None)).order_by(batch.idx.desc()).limit(1)
    rows = read(last)
    return rows[0].idx + rows[0].records if rows else 0


def tile_of(read: Read, realm: Realm, level: int, n: int) -> bytes:
    """A tile's hashes as far as it has come; empty if there is none."""
    rows = read(_TILE, {"realm": realm, "level": level, "n": n})
    return bytes(rows[0].hashes) if rows else b""


def sequence(connection: Connection, realm: Realm, entropy: Entropy, *, idle: bool) -> bool:
    """Take up to `MOST` records that wait into the log of `realm`, inside a job of the writer; whether more may wait.

    With `idle` padding alone is added where nothing waits.
    """

    read = reading(connection)
    first = next_record(read, realm)
    waiting = select(records.c.leaf).where(records.c.realm == realm, records.c.idx >= first).order_by(records.c.idx).limit(MOST)
    leaves = [bytes(row.leaf) for row in read(waiting)]
    if not leaves and not idle:
        return False
    size = position = size_of(read, realm)
    total = size_class(len(leaves))
    parts = max(1, total // BATCH)
    each = total // parts
    rows: list[dict[str, Any]] = []
    entries: list[bytes] = []
    for part in range(parts):
        # Spread evenly: a place late in a slice must not mean that the slice is full.
        begin, end = math.ceil(len(leaves) * part / parts), math.ceil(len(leaves) * (part + 1) / parts)
        mine = leaves[begin:end]
        padding = entropy.take(tiles.HASH * (each - len(mine)))
        row = {"realm": realm, "position": position, "leaves": each, "records": len(mine), "padding": padding}
        rows.append(row | {"idx": first + begin if mine else None})
        entries += sorted([*mine, *tiles.cut(padding)])
        position += each
    connection.execute(insert(log_batches), rows)
    grown = tiles.grow(lambda level, n: tile_of(read, realm, level, n), size, [tree.leaf_hash(entry) for entry in entries])
    for level, n in grown:
        place = (log_tiles.c.realm == realm, log_tiles.c.level == level, log_tiles.c.n == n)
        connection.execute(delete(log_tiles).where(*place))
    connection.execute(insert(log_tiles), [{"realm": realm, "level": level, "n": n, "hashes": row} for (level, n), row in grown.items()])
    return len(leaves) == MOST


def batch_of(read: Read, realm: Realm, index: int) -> tuple[int, int] | None:
    """Where the batch that holds record `index` stands in the log: first position and leaves; None if none does yet."""
    rows = read(_BATCH, {"realm": realm, "index": index})
    if not rows or index >= rows[0].idx + rows[0].records:
        return None
    return rows[0].position, rows[0].leaves


def entries(read: Read, realm: Realm, first: int, count: int) -> list[bytes]:
    """The log's entries from position `first`, `count` of them or as many as there are: each the commitment to a record, or padding."""
    batch = log_batches.c
    start = select(batch.position).where(batch.realm == realm, batch.position <= first).order_by(batch.position.desc()).limit(1)
    begun = read(start)
    if not begun:
        return []
    rows = read(
        select(log_batches)
        .where(batch.realm == realm, batch.position >= begun[0].position, batch.position < first + count)
        .order_by(batch.position)
    )
    found: list[bytes] = []
    for row in rows:
        mine: list[bytes] = []
        if row.records:
            place = (records.c.realm == realm, records.c.idx >= row.idx, records.c.idx < row.idx + row.records)
            mine = [bytes(one.leaf) for one in read(select(records.c.leaf).where(*place))]
        found += sorted([*mine, *tiles.cut(bytes(row.padding))])
    skip = first - begun[0].position
    return found[skip : skip + count]
