"""What was observed, kept encrypted in files. Civil identities leave it after a day.

A file holds rows of one feed, label and realm, all civil or all military and simulated, gathered for at most a minute.
Its name says nothing but the day of storage: `civil/2026-11-22/<digest>`. Files are written beside what goes on: who brings
rows does not wait for the disk, unless it is so slow that too many rows wait for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np

from tocsin.core import FLAG, LIVE, InputError, NotReachable, TocsinError, iso, parse_iso, seconds
from tocsin.core.observations import concat
from tocsin.core.times import DAY, HOUR
from tocsin.policy import OBSERVATIONS

from .parquet import Header, decode, encode, read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tocsin.core import Clock, Label, Observations, Realm
    from tocsin.core.times import Micros
    from tocsin.journal import Journal
    from tocsin.policy import View

CIVIL_HOURS: Final = 24.0
"""How long a civil identity is stored at most. A setting may only lower it."""
GATHER_S: Final = 60
GATHER_ROWS: Final = 50_000
MOST_BESIDE: Final = 4 * GATHER_ROWS  # rows that wait or are being written, past which whoever adds more waits for the disk
MOST_WAITING: Final = 1_000_000
_HEAD_BYTES: Final = (1 << 20) + 64
_NEWEST: Final = 1 << 62
_KLASS: Final = {True: "archive-civil", False: "archive-state"}
_FOLDER: Final = {True: "civil", False: "state"}


class _Key(NamedTuple):
    """What rows of one file have in common."""

    realm: Realm
    feed: str
    label: Label
    civil: bool


class _Heap:
    """Rows that wait for their file."""

    def __init__(self, since: Micros) -> None:
        self.since, self.rows = since, 0
        self.batches: list[Observations] = []


class Archive:
    """The archive in `folder`, sealed by `journal`, timed by the protocol `clock`.

    A disk that refuses does not stop the picture: rows wait in memory, `MOST_WAITING` at most, and `says` tells why.
    Raises `InputError` for `civil_hours` outside 0 to `CIVIL_HOURS`.
    """

    def __init__(self, folder: Path, journal: Journal, clock: Clock, civil_hours: float = CIVIL_HOURS) -> None:
        if not 0 < civil_hours <= CIVIL_HOURS:
            raise InputError(f"civil identities are stored for more than 0 and at most {CIVIL_HOURS:g} hours")
        self._folder, self._journal, self._clock = folder, journal, clock
        self._civil: Micros = round(civil_hours * HOUR)
        self._heaps: dict[_Key, _Heap] = {}
        self._writing: dict[tuple[_Key, Micros, int], _Heap] = {}
        self._headers: dict[Path, Header] = {}
        self._unreadable: set[Path] = set()
        self._order = 0
        # Nodes on one machine that hear the same stream do not all come to their files at one moment.
        spread = zlib.crc32(str(folder).encode()) % (GATHER_ROWS // 2)
        self._gather = GATHER_ROWS - spread
        self._task: asyncio.Task[None] | None = None
        self.lost = 0
        self.says = ""

    @property
    def damaged(self) -> int:
        """How many files could not be read."""
        return len(self._unreadable)

    async def add(self, batch: Observations) -> None:
        """Keep a batch; it is on disk within a minute or so if batches go on coming, and can be read at once."""
        now = self._clock.now()
        civil = batch["flags"] & (FLAG.MILITARY | FLAG.SIMULATED) == 0
        fresh = ~civil | (batch["time"] >= now - self._civil) if batch.realm == LIVE else np.ones(len(batch), bool)
        for is_civil in (True, False):
            rows = (civil == is_civil) & fresh
            if rows.any():
                key = _Key(batch.realm, batch.feed, batch.label, is_civil)
                heap = self._heaps.setdefault(key, _Heap(now))
                heap.batches.append(batch if rows.all() else batch.select(rows))
                heap.rows += int(rows.sum())

        def due(heap: _Heap) -> bool:
            return heap.rows >= self._gather or now - heap.since >= seconds(GATHER_S)

        if self._task is not None and (self._task.done() or self._held() > MOST_BESIDE):
            await self._settle()
        if self._task is None and any(due(heap) for heap in self._heaps.values()):
            self._task = asyncio.create_task(self._write(due), name="archive")

    async def flush(self) -> None:
        """Write everything that waits; returns when all is on disk, or `says` why it is not."""
        await self._settle()
        await self._write(lambda _: True)

    async def _settle(self) -> None:
        # The task goes on if whoever waits for it leaves.
        if (task := self._task) is not None:
            await asyncio.wait([task])
            self._task = None if self._task is task else self._task
            task.result()

    def _held(self) -> int:
        return sum(heap.rows for heap in (*self._heaps.values(), *self._writing.values()))

    async def sweep(self) -> None:
        """Drop civil rows that have been stored for as long as they may be, or in the live realm are as old as that."""
        await self.flush()
        now = self._clock.now()
        for key, heap in list(self._heaps.items()):
            if key.civil and heap.since <= now - self._civil:
                del self._heaps[key]
                self.lost += heap.rows
        try:
            for day in await asyncio.to_thread(self._sweep, now):
                # With its key gone, copies of the day's files open no more, wherever they are.
                await self._journal.erase_day(day, _KLASS[True])
        except (OSError, TocsinError) as error:
            self.says = f"the archive cannot be swept: {_why(error)}"

    def read(self, realm: Realm, view: View, since: Micros, until: Micros) -> list[Observations]:
        """What `view` may read of `realm` with `since` <= time < `until`: one batch for each feed and label, by time.

        A damaged file is left out and counted in `damaged`.
        """
        found: dict[tuple[str, Label], list[tuple[tuple[int, int], Observations]]] = {}
        for header, rows in self._rows(realm, view, since, until):
            inside = rows.select((rows["time"] >= since) & (rows["time"] < until))
            if len(inside):
                found.setdefault((header.feed, header.label), []).append(((header.stored, header.order), inside))
        whole = [concat(rows for _, rows in sorted(parts, key=lambda part: part[0])) for parts in found.values()]
        batches = [one.select(np.lexsort((one["identity"], one["time"]))) for one in whole]
        return sorted(batches, key=lambda one: (one.feed, msgspec.json.encode(one.label, order="deterministic")))

    def _rows(self, realm: Realm, view: View, since: Micros, until: Micros) -> Iterator[tuple[Header, Observations]]:
        now = self._clock.now()
        for path, header in list(self._known().items()):
            # A file that is just being finished is read out of memory.
            unfinished = (_Key(header.realm, header.feed, header.label, header.civil), header.stored, header.order) in self._writing
            wanted = header.realm == realm and view.may(header.label, realm, OBSERVATIONS) and header.first < until and header.last >= since
            if wanted and not unfinished and not self._over(header, now):
                try:
                    yield decode(path.read_bytes(), self._opener(path))
                except FileNotFoundError:
                    continue
                except TocsinError:
                    self._headers.pop(path)
                    self._unreadable.add(path)
        waiting = [(key, heap, order) for (key, _, order), heap in self._writing.items()]
        waiting += [(key, heap, _NEWEST) for key, heap in self._heaps.items()]
        for key, heap, order in waiting:
            header = self._header(key, heap, order)
            if key.realm == realm and view.may(key.label, realm, OBSERVATIONS) and not self._over(header, now):
                yield header, concat(heap.batches)

    async def _write(self, due: Callable[[_Heap], bool]) -> None:
        for key, heap in [(key, heap) for key, heap in self._heaps.items() if due(heap)]:
            if self._heaps.get(key) is not heap:
                continue  # somebody else took it meanwhile, and another has begun
            del self._heaps[key]
            self._order += 1
            writing = key, heap.since, self._order
            self._writing[writing] = heap
            try:
                path, header = await asyncio.to_thread(self._write_one, key, heap, self._order)
                self._headers[path] = header
                self.says = ""
            except (OSError, TocsinError) as error:
                self.says = f"the archive cannot be written: {_why(error)}"
                self._back(key, heap)
            finally:
                del self._writing[writing]

    def _back(self, key: _Key, heap: _Heap) -> None:
        newer = self._heaps.get(key)
        if newer is not None:
            heap.batches += newer.batches
            heap.rows += newer.rows
        self._heaps[key] = heap
        while sum(one.rows for one in self._heaps.values()) > MOST_WAITING and len(heap.batches) > 1:
            gone = len(heap.batches.pop(0))
            heap.rows -= gone
            self.lost += gone

    def _write_one(self, key: _Key, heap: _Heap, order: int) -> tuple[Path, Header]:
        header = self._header(key, heap, order)
        folder = self._folder / _FOLDER[key.civil] / iso(header.stored)[:10]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = encode(concat(heap.batches), header, lambda part: self._journal.seal(part, _KLASS[key.civil], header.stored))
        path = folder / hashlib.sha256(data).hexdigest()[:32]
        part = folder / f".{path.name}"
        part.touch(mode=0o600)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        return path, header

    def _header(self, key: _Key, heap: _Heap, order: int) -> Header:
        first = min(int(batch["time"].min()) for batch in heap.batches)
        last = max(int(batch["time"].max()) for batch in heap.batches)
        return Header(key.realm, key.feed, key.label, key.civil, heap.since, order, first, last, heap.rows, b"")

    def _over(self, header: Header, now: Micros) -> bool:
        begins = min(header.stored, header.first) if header.realm == LIVE else header.stored
        return header.civil and begins <= now - self._civil

    def _opener(self, path: Path) -> Callable[[bytes], bytes]:
        klass, day = _KLASS[path.parent.parent.name == _FOLDER[True]], _day(path.parent)
        return lambda part: self._journal.open_sealed(part, klass, day)

    def _known(self) -> dict[Path, Header]:
        for path in self._folder.glob("*/????-??-??/[0-9a-f]*"):
            if path not in self._headers and path not in self._unreadable:
                try:
                    with path.open("rb") as file:
                        self._headers[path] = read_header(file.read(_HEAD_BYTES), self._opener(path))
                except NotReachable:
                    continue
                except (TocsinError, OSError):
                    self._unreadable.add(path)
        return self._headers

    def _sweep(self, now: Micros) -> list[int]:
        over = [path for path, header in self._known().items() if self._over(header, now)]
        # What cannot be read cannot show that it may stay.
        over += [path for path in self._unreadable if path.parent.parent.name == _FOLDER[True]]
        for path in over:
            path.unlink(missing_ok=True)
            self._headers.pop(path, None)
        emptied = []
        for folder in self._folder.glob(f"{_FOLDER[True]}/????-??-??"):
            if _day(folder) + DAY <= now - self._civil:
                shutil.rmtree(folder)
                emptied.append(_day(folder) // DAY)
        return emptied


def _day(folder: Path) -> Micros:
    return parse_iso(folder.name + "T00:00:00Z")


def _why(error: OSError | TocsinError) -> str:
    return str(error) if isinstance(error, TocsinError) else error.strerror or type(error).__name__
