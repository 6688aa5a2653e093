"""Power loss, replayed: what a process wrote, as `shim.c` recorded it, and the disk as it may be after any moment of it.

What was written is sure once an fsync of that file has returned. Of what came after, any part may be there, in sectors
of 512 bytes, in any order. Names of files (creation, renaming, removal) count as sure at once, as on a journalled
file system that SQLite's own fsync of the folder makes so.
"""

import shutil
import struct
import subprocess
import sysconfig
from pathlib import Path

import pytest

SECTOR = 512


def shim(folder):
    """The recorder, compiled; skips the test where there is no C compiler."""
    names = [(sysconfig.get_config_var("CC") or "cc").split()[0], "cc", "gcc"]
    compiler = next((found for name in names if (found := shutil.which(name))), None)
    if compiler is None:
        pytest.skip("there is no C compiler to make the recorder of writes with")
    target = Path(folder) / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", target, source, "-ldl", "-lpthread"], check=True, timeout=60)
    return target


def entries(log):
    """(op, path, offset, data) in the order in which they happened."""
    data, at = Path(log).read_bytes(), 0
    while at + 17 <= len(data):
        length, size, offset = struct.unpack_from("<IIQ", data, at + 1)
        start = at + 17 + length
        yield chr(data[at]), data[at + 17 : start].decode(), offset, data[start : start + size]
        at = start + size


class Disk:
    """Files as they are for sure, and for each what was written since."""

    def __init__(self, folder, base):
        self.folder, self.base = Path(folder), Path(base)
        self.sure = {}
        self.since = {}
        self.gone = set()

    def apply(self, op, path, offset, data):
        if path.endswith(("-shm", "/marks")):
            return
        match op:
            case "w" | "t":
                self.since.setdefault(path, []).append((op, offset, data))
                self.gone.discard(path)
            case "s":
                content = self._content(path)
                for one in self.since.pop(path, []):
                    self._write(content, *one)
            case "r":
                target = data.decode()
                self.sure[target] = self._content(path)
                self.since[target] = self.since.pop(path, [])
                self._remove(path)
                self.gone.discard(target)
            case "u":
                self._remove(path)

    def _remove(self, path):
        self.sure.pop(path, None)
        self.since.pop(path, None)
        self.gone.add(path)

    def _content(self, path):
        if path not in self.sure:
            original = self.base / Path(path).relative_to(self.folder)
            self.sure[path] = bytearray(original.read_bytes() if original.exists() and path not in self.gone else b"")
        return self.sure[path]

    @staticmethod
    def _write(content, op, offset, data):
        if op == "t":
            del content[offset:]
            content.extend(bytes(offset - len(content)))
            return
        content.extend(bytes(max(0, offset + len(data) - len(content))))
        content[offset : offset + len(data)] = data

    def after_loss(self, target, chance, kept):
        """The folder as it may be found. `kept`: how likely each unsure sector is there, 0 to 1."""
        shutil.copytree(self.base, target, symlinks=True)
        for path in self.gone:
            (target / Path(path).relative_to(self.folder)).unlink(missing_ok=True)
        for path in {*self.sure, *self.since}:
            content = bytearray(self._content(path))
            for op, offset, data in self.since.get(path, []):
                if op == "t":
                    if chance.random() < kept:
                        self._write(content, op, offset, data)
                    continue
                for first in range(0, len(data), SECTOR):
                    if chance.random() < kept:
                        self._write(content, op, offset + first, data[first : first + SECTOR])
            place = target / Path(path).relative_to(self.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            place.chmod(0o600)
