"""What the journal holds in memory: where each kind's records are, and the records read last."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from .errors import Damaged
from .tables import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from tocsin.core import Realm

    from .model import Kept
    from .seals import SealKeys

CACHE_BYTES = 32 * 1024 * 1024
_OVERHEAD = 2_000  # bytes, about what a record's objects take beside its bytes


class Memory:
    """Follows the writer: shows a group's records once they are on disk, and forgets what was rolled back.

    Eight bytes a record, and a cache of the last `cache_bytes` or so of records.
    """

    def __init__(self, keys: SealKeys, cache_bytes: int = CACHE_BYTES) -> None:
        self._keys, self._room = keys, cache_bytes
        self._lock = threading.Lock()
        self._size: dict[Realm, int] = {}
        self._by_kind: dict[Realm, dict[str, array[int]]] = defaultdict(dict)
        self._pending: list[Kept] = []
        self._tail: dict[Realm, int] = {}
        self._cache: OrderedDict[str, Kept] = OrderedDict()
        self._ids: dict[tuple[Realm, int], str] = {}
        self._cached_bytes = 0
        self.generation = 0

    def load(self, connection: Connection) -> None:
        """Read where everything is; raises `Damaged` if a realm has holes."""
        columns = (records.c.realm, records.c.kind, records.c.idx)
        for realm, kind, index in connection.execute(select(*columns).order_by(*columns)):
            self._place(realm, kind, index)
        for realm, kinds in self._by_kind.items():
            if self._size[realm] != sum(map(len, kinds.values())):
                raise Damaged(f"records are missing in realm {realm}: restore the node's folder from its backup")

    def tail(self, realm: Realm) -> int:
        """The next index in `realm`, as the writer's open group sees it."""
        return self._tail.get(realm, self._size.get(realm, 0))

    def add(self, new: Iterable[Kept]) -> None:
        """A job of the writer has written these; they show once the group is kept."""
        for kept in new:
            self._pending.append(kept)
            self._tail[kept.record.realm] = kept.index + 1

    def job_undone(self) -> None:
        """See `writer.Follower`."""
        self._keys.forget_fresh()

    def group_kept(self) -> None:
        """See `writer.Follower`."""
        self._keys.publish_fresh()
        with self._lock:
            for kept in self._pending:
                self._place(kept.record.realm, kept.record.kind, kept.index)
                self._put(kept)
        self._clear_pending()

    def group_undone(self) -> None:
        """See `writer.Follower`."""
        self._keys.forget_fresh()
        self._clear_pending()

    def page(self, realm: Realm, kind: str | None, after: int, limit: int) -> list[int]:
        """The first indexes past `after` in `realm`, of one kind or of all."""
        with self._lock:
            if kind is None:
                start = max(after + 1, 0)
                return list(range(start, min(start + limit, self._size.get(realm, 0))))
            places = self._by_kind.get(realm, {}).get(kind, array("q"))
            start = bisect_right(places, after)
            return places[start : start + limit].tolist()

    def realms(self) -> list[Realm]:
        """Every realm with a record."""
        with self._lock:
            return sorted(self._size)

    def size(self, realm: Realm) -> int:
        """How many records are on disk in `realm`."""
        with self._lock:
            return self._size.get(realm, 0)

    def cached(self, where: str | tuple[Realm, int]) -> Kept | None:
        """The record of an id, or at an index, if it was read lately."""
        with self._lock:
            record_id = self._ids.get(where, "") if isinstance(where, tuple) else where
            if found := self._cache.get(record_id):
                self._cache.move_to_end(record_id)
            return found

    def remember(self, found: Iterable[Kept], generation: int) -> None:
        """Cache what was read, unless something was erased since `generation`."""
        with self._lock:
            if generation == self.generation:
                for kept in found:
                    self._put(kept)

    def forget(self) -> None:
        """Drop the cache: something was erased."""
        with self._lock:
            self.generation += 1
            self._cache.clear()
            self._ids.clear()
            self._cached_bytes = 0

    def _place(self, realm: Realm, kind: str, index: int) -> None:
        self._by_kind[realm].setdefault(kind, array("q")).append(index)
        self._size[realm] = max(self._size.get(realm, 0), index + 1)

    def _put(self, kept: Kept) -> None:
        if kept.record.id in self._cache:
            return
        self._cache[kept.record.id] = kept
        self._ids[kept.record.realm, kept.index] = kept.record.id
        self._cached_bytes += _bytes_of(kept)
        while self._cached_bytes > self._room:
            _, oldest = self._cache.popitem(last=False)
            del self._ids[oldest.record.realm, oldest.index]
            self._cached_bytes -= _bytes_of(oldest)

    def _clear_pending(self) -> None:
        self._pending.clear()
        self._tail.clear()


def _bytes_of(kept: Kept) -> int:
    return len(kept.data) * 2 + len(kept.proof) + _OVERHEAD
