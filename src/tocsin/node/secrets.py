"""The secret that opens a node: an operator's file in its folder, or a passphrase."""

from __future__ import annotations

import os
from pathlib import Path

from tocsin.core import Denied

FILE = "master.key"
VARIABLE = "TOCSIN_PASSPHRASE"
CREDENTIALS = "CREDENTIALS_DIRECTORY"  # where systemd puts what LoadCredential names, readable by the service alone


def write_file(folder: Path, secret: bytes) -> None:
    """Keep `secret` as the operator's file, readable by its owner alone."""
    handle = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secret.hex())


def find(folder: Path, ask: bool = True) -> bytes:
    """The secret of the node in `folder`: systemd's credential `master.key`, its file, TOCSIN_PASSPHRASE, or asked for; raises `Denied`."""
    given_by_systemd = os.environ.get(CREDENTIALS)
    path = Path(given_by_systemd) / FILE if given_by_systemd else folder / FILE
    if given_by_systemd and not path.is_file():
        path = folder / FILE
    if path.is_file():
        if path.stat().st_mode & 0o037 or (path.stat().st_mode & 0o077 and path.parent == folder):
            raise Denied(f"{path} can be read by others: make it `chmod 600`")
        try:
            return bytes.fromhex(path.read_text().strip())
        except ValueError:
            raise Denied(f"{path} is not the key file that `tocsin init` wrote") from None
    if given := os.environ.get(VARIABLE):
        return given.encode()
    if ask and os.isatty(0):
        import getpass

        return getpass.getpass(f"Passphrase of the node in {folder}: ").encode()
    raise Denied(f"this node needs its secret: {FILE} in its folder, or {VARIABLE}")
