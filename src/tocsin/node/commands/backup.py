"""`tocsin backup` and `tocsin restore`."""

from __future__ import annotations

import shutil
from pathlib import Path

from tocsin.core import Denied, InputError, iso

from .calls import call
from .output import give


def backup(folder: Path, file: Path, *, json: bool = False) -> None:
    """Write a sealed backup of a node, running or not. Only the node's passphrase or key file opens it; keep that elsewhere."""
    made = call(folder, "backup", file=str(file.absolute()))
    text = f"{file}: {made['bytes']:,} bytes, SHA-256 {made['digest']}\nThe key file or passphrase is not in it: keep that elsewhere."
    give(made, json=json, text=text)


def restore(file: Path, folder: Path, *, key_file: Path | None = None, json: bool = False) -> None:
    """Make a node of a backup, in a new folder. Stop the node that it was first, and never run both.

    Parameters
    ----------
    key_file
        The node's key file (master.key), of which a copy is put into the folder; without it TOCSIN_PASSPHRASE or the question is used.
    """
    from tocsin.journal.backup import restore as restore_file
    from tocsin.node import secrets
    from tocsin.node.system import SystemEntropy

    def find(beside: Path) -> bytes:
        if key_file is not None:
            try:
                shutil.copyfile(key_file, beside / secrets.FILE)
            except OSError as error:
                raise InputError(f"{key_file}: {error.strerror}") from None
            (beside / secrets.FILE).chmod(0o600)
        try:
            return secrets.find(beside)
        except Denied:
            if key_file is not None:
                raise
            raise InputError(f"say --key-file PATH, the node's {secrets.FILE}, or set {secrets.VARIABLE}: a backup holds neither") from None

    found = restore_file(file, folder, find, SystemEntropy())
    made = {"folder": str(folder), "made": iso(found["made"]), "files": found["files"]}
    text = f"{folder} is the node as it was at {made['made']}.\n"
    text += f"Its log signs nothing before its witnesses said what they saw: see tocsin doctor {folder}"
    give(made, json=json, text=text)
