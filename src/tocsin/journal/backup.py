"""Backups: a node's folder as one sealed file, taken while it runs, and a folder made of one again.

The file opens with the node's own secret and nothing else. Its head holds the vault (which that secret opens) and the
backup's key wrapped by it; then come chunks under AES-256-GCM, numbered, the last marked, so that a cut file is noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tocsin.core import InputError

from .errors import Damaged
from .guard import SEEN
from .log import RESTORED
from .schema import FILE as DATABASE
from .vault import FILE as VAULT
from .vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.core import Entropy
    from tocsin.core.times import Micros

MAGIC = b"tocsin backup v1\n"
SUFFIX = ".tocsin-backup"
_CHUNK = 1 << 20
_MOST_HEAD = 65_536
_PURPOSE = "backup key v1"
# What belongs to one process, to one machine, or to the operator alone; and the relay's store, which holds nothing of its own.
_LEFT_OUT = frozenset({"lock", "control.sock", "http.url", "master.key", VAULT, DATABASE, DATABASE + "-wal", DATABASE + "-shm"})
_LEFT_OUT_FOLDERS = frozenset({"relay"})


class NotEmpty(InputError):
    """Raised if a backup is to be restored into a folder that holds something."""


class Backup(NamedTuple):
    """What was written: bytes and SHA-256 of the file, and how many files are in it."""

    bytes: int
    digest: str
    files: int


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    made: int
    vault: bytes
    key: bytes


def write(folder: Path, vault: Vault, file: Path, made: Micros) -> Backup:
    """A backup of the node in `folder`, running or not, as it is at one moment.

    Raises `InputError` if `file` is there or cannot be made, `Damaged`.
    """
    key = AESGCM.generate_key(256)
    head = msgspec.json.encode(_Head(1, made, (folder / VAULT).read_bytes(), vault.wrap(key, _PURPOSE)))
    beside = file.with_name(file.name + ".part")
    if file.exists():
        raise InputError(f"{file} is there already: name another file")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as out, tempfile.TemporaryDirectory(dir=folder, prefix=".backup-") as aside:
            count = _write(folder, Path(aside), out, head, key)
            out.flush()
            os.fsync(out.fileno())
        os.link(beside, file)
        _sync_folder(file.parent)
    except sqlite3.Error:
        raise Damaged("the journal cannot be read: restore the node's folder from an earlier backup") from None
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)
    with file.open("rb") as done:
        return Backup(file.stat().st_size, hashlib.file_digest(done, "sha256").hexdigest(), count)


def _write(folder: Path, aside: Path, out: IO[bytes], head: bytes, key: bytes) -> int:
    snapshot = aside / DATABASE
    reading = sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)
    with contextlib.closing(reading) as source, contextlib.closing(sqlite3.connect(snapshot)) as target:
        source.backup(target)
    names = [(DATABASE, snapshot), *((str(path.relative_to(folder)), path) for path in _files(folder, aside))]
    out.write(MAGIC + len(head).to_bytes(4, "big") + head)
    seal = _Sealer(out, key, head)
    for name, path in names:
        with path.open("rb") as source_file:
            size = os.fstat(source_file.fileno()).st_size
            seal.write(len(name.encode()).to_bytes(2, "big") + name.encode() + size.to_bytes(8, "big"))
            left = size
            while left and (part := source_file.read(min(left, _CHUNK))):
                seal.write(part)
                left -= len(part)
            if left:
                raise InputError("a file of the node became shorter while it was read: try again")
    seal.close()
    return len(names) + 1


def _files(folder: Path, aside: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = path.name.endswith(SEEN) or aside in path.parents or parts[0] in _LEFT_OUT_FOLDERS or parts[0].startswith(".backup-")
        if path.is_file() and not path.is_symlink() and not hidden and (len(parts) > 1 or parts[0] not in _LEFT_OUT):
            yield path


class _Sealer:
    def __init__(self, out: IO[bytes], key: bytes, head: bytes) -> None:
        self._out, self._cipher, self._bound = out, AESGCM(key), hashlib.sha256(head).digest()
        self._held, self._number = bytearray(), 0

    def write(self, data: bytes) -> None:
        self._held += data
        while len(self._held) > _CHUNK:
            self._seal(bytes(self._held[:_CHUNK]), b"\0")
            del self._held[:_CHUNK]

    def close(self) -> None:
        self._seal(bytes(self._held), b"\1")

    def _seal(self, data: bytes, last: bytes) -> None:
        sealed = self._cipher.encrypt(self._number.to_bytes(12, "big"), data, self._bound + last)
        self._out.write(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1


class _Opener:
    def __init__(self, source: IO[bytes], key: bytes, head: bytes) -> None:
        self._source, self._cipher, self._bound = source, AESGCM(key), hashlib.sha256(head).digest()
        self._held, self._number, self._last = b"", 0, False

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes; raises `Damaged`."""
        found = bytearray()
        while len(found) < size:
            if not self._held:
                self._next()
            part, self._held = self._held[: size - len(found)], self._held[size - len(found) :]
            found += part
        return bytes(found)

    def at_end(self) -> bool:
        """Whether everything was taken."""
        while not self._held and not self._last:
            self._next()
        return not self._held

    def _next(self) -> None:
        length = int.from_bytes(self._source.read(4), "big")
        sealed = self._source.read(length) if 16 <= length <= _CHUNK + 16 else b""
        if self._last or len(sealed) != length or not length:
            raise Damaged("this backup is cut short or damaged: use another copy")
        nonce = self._number.to_bytes(12, "big")
        for last in (False, True):
            with contextlib.suppress(InvalidTag):
                self._held = self._cipher.decrypt(nonce, sealed, self._bound + bytes([last]))
                self._last, self._number = last, self._number + 1
                if last and self._source.read(1):
                    raise Damaged("something was added to this backup: use another copy")
                return
        raise Damaged("this backup is damaged: use another copy")


def restore(file: Path, folder: Path, find_secret: Callable[[Path], bytes], entropy: Entropy) -> dict[str, Any]:
    """Make `folder`, which is not there or empty, of the backup in `file`; `find_secret(folder)` gives the secret that opens it.

    The journal is marked as restored: its logs sign nothing before it is known what witnesses saw. Nothing is left behind if
    something fails. Raises `NotEmpty`, `InputError`, `Damaged`, `WrongSecret`.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NotEmpty(f"{folder} holds something already: name a new folder")
    beside = folder.with_name(folder.name + ".restoring")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(mode=0o700, parents=True)
        with file.open("rb") as source:
            made, count = _unpack(source, beside, find_secret)
        _mark(beside / DATABASE, entropy.take(8))
        for path in [*beside.rglob("*"), beside]:
            _sync_folder(path)
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
        _sync_folder(folder.parent)
    except OSError as error:
        raise InputError(f"{error.filename or file}: {error.strerror}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return {"made": made, "files": count}


def _unpack(source: IO[bytes], beside: Path, find_secret: Callable[[Path], bytes]) -> tuple[Micros, int]:
    if source.read(len(MAGIC)) != MAGIC:
        raise InputError("this is no backup of a Tocsin node")
    length = int.from_bytes(source.read(4), "big")
    data = source.read(length) if length <= _MOST_HEAD else b""
    try:
        head = msgspec.json.decode(data, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Damaged("this backup's head is damaged: use another copy") from None
    _put(beside / VAULT, head.vault)
    vault = Vault.open(beside, find_secret(beside))
    opener, count = _Opener(source, vault.unwrap(head.key, _PURPOSE), data), 1
    while not opener.at_end():
        name = opener.take(int.from_bytes(opener.take(2), "big")).decode()
        left = int.from_bytes(opener.take(8), "big")
        path = beside / name
        if not path.resolve().is_relative_to(beside.resolve()):
            raise Damaged("this backup names a file outside its folder")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            while left:
                part = opener.take(min(left, _CHUNK))
                out.write(part)
                left -= len(part)
        count += 1
    return head.made, count


def _mark(database: Path, copy: bytes) -> None:
    try:
        _mark_in(database, copy)
    except sqlite3.Error:
        raise Damaged("the journal in this backup is damaged: use another backup") from None


def _mark_in(database: Path, copy: bytes) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError
        with connection:
            tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
            connection.execute("insert or replace into settings (name, value) values (?, ?)", (RESTORED, copy))
            if "log_origins" in tables:
                connection.execute("update log_origins set unsure = 1")


def _put(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(data)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
