"""One process a folder: a lock that ends with the process that holds it, however it ends."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from .errors import FolderBusy

if TYPE_CHECKING:
    from pathlib import Path


class FolderLock:
    """Holds a folder from its making until `release`; raises `FolderBusy` if someone else holds it."""

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._handle, 20).decode("ascii", "replace").strip()
            os.close(self._handle)
            raise FolderBusy(f"process {holder}" if holder.isdigit() else "unknown") from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the folder go; again changes nothing."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
