"""The journal: what was said, kept once, in order, encrypted, and answered for only when it is on disk."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from tocsin.core import InputError, Record, TooLarge, kind_of_id, realms

from . import schema, seals
from .errors import Closed, Damaged, Erased
from .lock import FolderLock
from .memory import Memory
from .model import Entry, Kept, Leaf
from .tables import records, settings
from .writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Executable, Row, Select

    from tocsin.core import Clock, Entropy, Realm
    from tocsin.core.times import Micros

    from .vault import Vault

T = TypeVar("T")
RECORDS = "records"
_VAULT = "journal's vault"
_PAGE = 500
_MOST_AT_ONCE = 10_000
_HEADER = msgspec.json.Decoder(Record)
# Made once: what a statement's cache key costs is half of what a single record costs.
_COLUMNS = ("realm", "idx", "kind", "record_id", "leaf", "key_id", "sealed")
_BY_ID = select(records).where(records.c.record_id == bindparam("record_id"))
_BY_INDEX = select(records).where(records.c.realm == bindparam("realm"), records.c.idx.in_(bindparam("indexes", expanding=True)))
_OF_KIND = (
    select(records.c.idx)
    .where(records.c.realm == bindparam("realm"), records.c.kind == bindparam("kind"), records.c.idx > bindparam("after"))
    .order_by(records.c.idx)
    .limit(bindparam("limit"))
)


class Journal:
    """One node's journal. Opened with `open`; every method may be called from any thread, the async ones from any loop."""

    def __init__(self, folder: Path, vault: Vault, clock: Clock, entropy: Entropy, *, lock: FolderLock) -> None:
        self._clock, self._lock = clock, lock
        self.folder = folder
        self.mac = vault.mac
        self._salts = entropy.child("journal salts")
        self._keys = seals.SealKeys(vault)
        self._memory = Memory(self._keys)
        self._writing, self._reading = schema.engines(folder)
        try:
            schema.migrate(self._writing)
            self._check_vault(vault)
            with self._reading.connect() as connection:
                self._memory.load(connection)
        except SQLAlchemyError as error:
            self._dispose()
            raise schema.unreadable(error) from None
        except BaseException:
            self._dispose()
            raise
        self._closed = False
        self._writer = Writer(self._writing, self._memory)

    @classmethod
    async def open(cls, folder: Path, vault: Vault, clock: Clock, entropy: Entropy) -> Self:
        """The journal in `folder`, made or brought to this version if need be.

        Raises `FolderBusy`, `WrongSecret` if the journal was made with another vault, `Damaged`, `NotKept`.
        """
        return await asyncio.to_thread(cls._open, folder, vault, clock, entropy)

    @classmethod
    def _open(cls, folder: Path, vault: Vault, clock: Clock, entropy: Entropy) -> Self:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FolderLock(folder)
        try:
            return cls(folder, vault, clock, entropy, lock=lock)
        except BaseException:
            lock.release()
            raise

    async def keep(self, entries: Sequence[Entry], also: Callable[[Connection, list[Kept]], None] | None = None) -> list[Kept]:
        """Keep records and answer once they are on disk, all of them or none.

        A record id that is held already, or came twice, is not kept again and left out of the answer. `also`
        writes more rows in the same transaction, and is called even if nothing was new. Raises `InputError` if
        bytes and record differ, `NotKept`, `Overloaded`, `Closed`, and whatever `also` raises.
        """
        if len(entries) > _MOST_AT_ONCE:
            raise TooLarge("the number of records in one call", len(entries), _MOST_AT_ONCE)
        for entry in entries:
            _check(entry)
        day = seals.day_of(self._clock.now())
        return await self.write(lambda connection: self._keep(connection, entries, also, day))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the single writer's next group; its answer once that is on disk. It must not commit by itself."""
        return await asyncio.wrap_future(self._writer.submit(work))

    def read_rows(self, statement: Executable, values: Mapping[str, Any] | None = None) -> list[Row[Any]]:
        """All rows of a query, on a connection that cannot write. `values`: of its bound parameters.

        Raises `Damaged` if the database cannot answer, or `Closed`.
        """
        return self._read(lambda connection: list(connection.execute(statement, values).all()))

    def get(self, record_id: str) -> Kept | None:
        """The record of that id, or None if there is none or it was erased; raises `Damaged`."""
        if found := self._memory.cached(record_id):
            return found
        rows = self._read_kept(_BY_ID, {"record_id": record_id})
        return rows[0] if rows else None

    def records(self, realm: Realm, *, kind: str | None = None, after: int = -1, limit: int = 500) -> list[Kept]:
        """Records of `realm` in order, those past index `after`, at most `limit`, erased ones left out; raises `Damaged`."""
        found: list[Kept] = []
        while len(found) < limit and (page := self._page(realm, kind, after, min(limit - len(found), _PAGE))):
            after = page[-1]
            known = {index: kept for index in page if (kept := self._memory.cached((realm, index)))}
            if missing := [index for index in page if index not in known]:
                known |= {kept.index: kept for kept in self._read_kept(_BY_INDEX, {"realm": realm, "indexes": missing})}
            found.extend(known[index] for index in page if index in known)
        return found

    def at(self, realm: Realm, indexes: Iterable[int]) -> list[Kept]:
        """The records of `realm` at `indexes`, in that order, those left out that were erased or never were; raises `Damaged`."""
        wanted = list(indexes)
        known = {index: kept for index in wanted if (kept := self._memory.cached((realm, index)))}
        missing = [index for index in wanted if index not in known]
        for first in range(0, len(missing), _PAGE):
            found = self._read_kept(_BY_INDEX, {"realm": realm, "indexes": missing[first : first + _PAGE]})
            known |= {kept.index: kept for kept in found}
        return [known[index] for index in wanted if index in known]

    def _page(self, realm: Realm, kind: str | None, after: int, limit: int) -> list[int]:
        if kind is None:
            return self._memory.page(realm, after, limit)
        return [row.idx for row in self.read_rows(_OF_KIND, {"realm": realm, "kind": kind, "after": after, "limit": limit})]

    def leaves(self, realm: Realm, *, after: int = -1, limit: int = 500) -> list[Leaf]:
        """What stays of `realm`'s records, erased ones too, in order."""
        columns = (records.c.idx, records.c.kind, records.c.record_id, records.c.leaf)
        rows = self.read_rows(select(*columns).where(records.c.realm == realm, records.c.idx > after).order_by(records.c.idx).limit(limit))
        return [Leaf(row.idx, row.kind, row.record_id, row.leaf) for row in rows]

    def realms(self) -> list[Realm]:
        """Every realm that has a record, in alphabetic order."""
        return self._memory.realms()

    def size(self, realm: Realm) -> int:
        """How many records `realm` has had, erased ones too: the next one's index."""
        return self._memory.size(realm)

    def seal(self, data: bytes, klass: str, time: Micros) -> bytes:
        """`data` under the data key of `time`'s day and `klass`, for files beside the journal; raises `NotKept`, `TooLarge`."""
        day = seals.day_of(time)
        key = self._keys.current(day, klass)
        if key is None and (connection := self._writer.here()):
            key = self._keys.for_writing(connection, day, klass)
        elif key is None:
            key = self._writer.submit(lambda connection: self._keys.for_writing(connection, day, klass)).result()
        return seals.seal_data(key, data, klass, day)

    def open_sealed(self, data: bytes, klass: str, time: Micros) -> bytes:
        """What `seal` was given for the same class and day; raises `Erased`, `Damaged`, `InputError`."""
        key_id = seals.key_id_of(data)
        key = self._keys.known(key_id) or self._read(lambda connection: self._keys.for_reading(connection, key_id))
        return seals.open_data(key, data, klass, seals.day_of(time))

    async def erase_day(self, day: int, klass: str = RECORDS) -> int:
        """Delete the data keys of a day (since 1970-01-01 UTC) and class; how many there were. Leaves remain."""
        gone = await self.write(lambda connection: self._keys.erase(connection, day, klass))
        await self._forget()
        return gone

    async def erase(self, record_id: str, also: Callable[[Connection], object] | None = None) -> bool:
        """Delete one record's body, salt and proof; whether there was anything. Its leaf remains. `also`: more, in the same commit."""
        statement = update(records).where(records.c.record_id == record_id, records.c.sealed.is_not(None)).values(sealed=None)

        def work(connection: Connection) -> int:
            if also is not None:
                also(connection)
            return connection.execute(statement).rowcount

        gone = await self.write(work)
        await self._forget()
        return bool(gone)

    def counters(self) -> dict[str, int]:
        """Jobs and groups written, jobs failed, most waiting at once."""
        return dict(self._writer.counts)

    async def close(self) -> None:
        """Write what waits and let the folder go; again changes nothing."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._closed = True
        self._dispose()
        self._lock.release()

    def _dispose(self) -> None:
        self._reading.dispose()
        self._writing.dispose()

    async def _forget(self) -> None:
        # The write-ahead log and the cache hold copies of what was erased.
        self._memory.forget()
        await asyncio.to_thread(schema.checkpoint, self._writing)

    def _check_vault(self, vault: Vault) -> None:
        # Two vaults in one journal would each read half of it.
        with self._writing.begin() as connection:
            found = connection.scalar(select(settings.c.value).where(settings.c.name == _VAULT))
            if found is None:
                connection.execute(insert(settings).values(name=_VAULT, value=vault.wrap(b"", _VAULT)))
            else:
                vault.unwrap(found, _VAULT)

    def _keep(
        self, connection: Connection, entries: Sequence[Entry], also: Callable[[Connection, list[Kept]], None] | None, day: int
    ) -> list[Kept]:
        ids = [entry.record.id for entry in entries]
        held = schema.held(connection, records.c.record_id, ids) if ids else set()
        new: list[Kept] = []
        rows: list[tuple[Any, ...]] = []
        tails: dict[Realm, int] = {}
        key = self._keys.for_writing(connection, day, RECORDS) if len(held) < len(ids) else None
        for data, record, proof in entries:
            if record.id in held or key is None:
                continue
            held.add(record.id)
            realm, kind, record_id = record.realm, record.kind, record.id
            index = tails[realm] if realm in tails else self._memory.tail(realm)
            tails[realm] = index + 1
            # A stream of its own: what is kept elsewhere moves no leaf that somebody else may see.
            salt = self._salts.child(f"{realm} {record_id}").take(32)
            leaf = hashlib.sha256(salt + data).digest()
            sealed = seals.seal_row(key, seals.bound_of(realm, index, kind, record_id, leaf), salt, proof, data)
            rows.append((realm, index, kind, record_id, leaf, key.id, sealed))
            new.append(Kept(index, data, record, proof, salt, leaf))
        schema.insert_rows(connection, records, _COLUMNS, rows)
        if also is not None:
            also(connection, new)
        self._memory.add(new)
        return new

    def _read_kept(self, statement: Select[Any], values: dict[str, Any]) -> list[Kept]:
        generation = self._memory.generation
        found = self._read(lambda connection: [self._open_row(connection, row) for row in connection.execute(statement, values)])
        kept = [row for row in found if row is not None]
        self._memory.remember(kept, generation)
        return kept

    def _open_row(self, connection: Connection, row: Row[Any]) -> Kept | None:
        if row.sealed is None:
            return None
        try:
            key = self._keys.known(row.key_id) or self._keys.for_reading(connection, row.key_id)
        except Erased:
            return None
        salt, proof, data = seals.open_row(key, seals.bound_of(row.realm, row.idx, row.kind, row.record_id, row.leaf), row.sealed)
        return Kept(row.idx, data, _HEADER.decode(data), proof, salt, row.leaf)

    def _read(self, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise Closed
        try:
            with self._reading.connect() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            raise Damaged(f"the journal cannot be read: the database says {schema.reason(error)}") from None


def _check(entry: Entry) -> None:
    # Readers after a restart see what the bytes say: a caller whose struct says otherwise must learn it now.
    try:
        same = _HEADER.decode(entry.data) == entry.record
    except msgspec.DecodeError:
        same = False
    if not same or kind_of_id(entry.record.id) != entry.record.kind:
        raise InputError("a record and its signed bytes differ: keep what decode gave for these very bytes")
    realms.parse(entry.record.realm)
