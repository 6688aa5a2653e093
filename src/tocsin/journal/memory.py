"""What the journal holds in memory: how many records each realm has, and the records read last. Neither grows with the journal."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from sqlalchemy import func, select

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

    A number a realm, and a cache of the last `cache_bytes` or so of records.
    """

    def __init__(self, keys: SealKeys, cache_bytes: int = CACHE_BYTES) -> None:
        self._keys, self._room = keys, cache_bytes
        self._lock = threading.Lock()
        self._size: dict[Realm, int] = {}
        self._pending: list[Kept] = []
        self._tail: dict[Realm, int] = {}
        self._cache: OrderedDict[str, Kept] = OrderedDict()
        self._ids: dict[tuple[Realm, int], str] = {}
        self._cached_bytes = 0
        self.generation = 0

    def load(self, connection: Connection) -> None:
        """Read how many records each realm has; raises `Damaged` if a realm has holes."""
        realm = records.c.realm
        for name, count, last in connection.execute(select(realm, func.count(), func.max(records.c.idx)).group_by(realm)):
            if count != last + 1:
                raise Damaged(f"records are missing in realm {name}: restore the node's folder from its backup")
            self._size[name] = count

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
                self._size[kept.record.realm] = kept.index + 1
                self._put(kept)
        self._clear_pending()

    def group_undone(self) -> None:
        """See `writer.Follower`."""
        self._keys.forget_fresh()
        self._clear_pending()

    def page(self, realm: Realm, after: int, limit: int) -> list[int]:
        """The first indexes past `after` in `realm`."""
        with self._lock:
            start = max(after + 1, 0)
            return list(range(start, min(start + limit, self._size.get(realm, 0))))

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
