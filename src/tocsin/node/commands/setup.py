"""`tocsin init` and `tocsin doctor`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tocsin.core import Denied, InputError

from .output import give

STATES = {True: "well ", False: "ILL  ", None: "note "}
LEVELS = "UNCLASSIFIED,RESTRICTED,CONFIDENTIAL,SECRET"


def init(
    folder: Path,
    *,
    id: str = "",  # noqa: A002 - it is the option's name
    name: str = "",
    user: str = "",
    clearance: str = "",
    levels: str = LEVELS,
    port: int = 8700,
    relay: str = "",
    relay_here: bool = False,
    passphrase: bool = False,
    recovery: Path | None = None,
    community: Path | None = None,
    json: bool = False,
) -> None:
    """Make a node in a new folder; what is not given as an option is asked for.

    Parameters
    ----------
    id
        The node's short name among partners, in capitals, as ASTER.
    name
        What people call it, as "Aster watch floor".
    user
        The first person who may log in; approver, watch officer, analyst and administrator.
    clearance
        The highest level that the node may hold; the highest there is if left out.
    levels
        The label policy's levels, the lowest first, with commas; the same at every partner.
    relay
        The relay's address, as nats://host:4222.
    relay_here
        Run a relay for all partners in this node.
    passphrase
        Guard the node by a passphrase (TOCSIN_PASSPHRASE or asked for) in place of a key file in the folder.
    recovery
        Where the recovery key is written, a stick at best; recovery.key in the folder if left out. Keep it away from the node.
    community
        The community's file, the same at every partner: it says the levels, what this node is cleared for, and the relays.
    """
    from tocsin.node.founding import Wishes, found

    from .people import ask_password

    id = id or _ask("Short name among partners, in capitals (as ASTER): ", "--id")  # noqa: A001
    name = name or _ask("What people call it (as Aster watch floor): ", "--name")
    user = user or _ask("The first person who may log in (as mara): ", "--user")
    password = os.environ.get("TOCSIN_PASSWORD") or ask_password(user)
    secret = _passphrase() if passphrase else None
    wishes = Wishes(
        id=id, name=name, user=user, password=password, levels=tuple(levels.split(",")), clearance=clearance or levels.rsplit(",", 1)[-1],
        port=port, relay=relay, relay_here=relay_here, secret=secret, recovery=str(recovery or ""),
        community=_bytes_of(community),
    )  # fmt: skip
    made = asyncio.run(found(folder, wishes))
    text = f"{made['name']} ({made['id']}) is made in {folder}.\nIts fingerprint: {made['fingerprint']}"
    text += f"\nIts recovery key: {made['recovery']}: print it, keep it in a safe away from the node, and delete the file"
    text += f"\nRun it: tocsin up {folder}"
    give(made, json=json, text=text)


def doctor(folder: Path, *, json: bool = False) -> None:
    """Check the node in a folder: each check says what is well, or what to do. Exit 1 if something is not well."""
    from tocsin.node.checkup import check

    rows = asyncio.run(check(folder))
    text = "\n".join(f"{STATES[row['well']]} {row['what']}: {row['says']}" for row in rows)
    give(rows, json=json, text=text)
    if any(row["well"] is False for row in rows):
        raise Denied("something is not well: see above")


def _ask(question: str, option: str) -> str:
    if not os.isatty(0):
        raise InputError(f"{option} is needed")
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _passphrase() -> bytes:
    from .people import ask_password

    return (os.environ.get("TOCSIN_PASSPHRASE") or ask_password("this node's keys")).encode()


def _bytes_of(path: Path | None) -> bytes:
    try:
        return path.read_bytes() if path is not None else b""
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
