"""`tocsin user ...`"""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from tocsin.core import InputError

from .calls import call
from .output import give, give_rows


def add(folder: Path, name: str, *, roles: str = "watch-officer", clearance: str = "", json: bool = False) -> None:
    """Add a person; the password is asked for, or taken from TOCSIN_PASSWORD.

    Parameters
    ----------
    roles
        Several with commas: watch-officer, analyst, approver, administrator, reader.
    clearance
        A level of the node's policy; the lowest if left out.
    """
    password = os.environ.get("TOCSIN_PASSWORD") or ask_password(name)
    user = call(folder, "user.add", name=name, password=password, roles=[r for r in roles.split(",") if r], clearance=clearance)
    give(user, json=json, text=f"{user['name']} may log in: {', '.join(user['roles'])}; cleared to {user['clearance']}")


def list_(folder: Path, *, json: bool = False) -> None:
    """Everyone who may log in."""
    columns = {"name": "Name", "roles": "Roles", "clearance": "Clearance", "caveats": "Caveats"}
    give_rows(call(folder, "user.list"), columns, json=json, empty="Nobody may log in yet: `tocsin user add`.")


def remove(folder: Path, name: str, *, json: bool = False) -> None:
    """Remove a person; their sessions end at once."""
    give(call(folder, "user.remove", name=name), json=json, text=f"{name} is removed")


def ask_password(name: str) -> str:
    """A new password, asked for twice; raises `InputError` without a terminal."""
    if not os.isatty(0):
        raise InputError("a password is needed: set TOCSIN_PASSWORD, at least 10 characters")
    first = getpass.getpass(f"New password for {name} (at least 10 characters): ")
    if first != getpass.getpass("The same again: "):
        raise InputError("the two passwords differ")
    return first
