"""`tocsin user ...`"""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from tocsin.core import InputError, iso

from .calls import call
from .output import give, give_rows


def add(folder: Path, name: str, *, roles: str = "watch-officer", clearance: str = "", json: bool = False) -> None:
    """Add a person; the password is asked for, or taken from TOCSIN_PASSWORD.

    Parameters
    ----------
    roles
        Several with commas: watch-officer, analyst, approver, security-officer, administrator, exercise-controller, reader.
    clearance
        A level of the node's policy; the lowest if left out.
    """
    password = os.environ.get("TOCSIN_PASSWORD") or ask_password(name)
    user = call(folder, "user.add", name=name, password=password, roles=[r for r in roles.split(",") if r], clearance=clearance)
    give(user, json=json, text=f"{user['name']} may log in: {', '.join(user['roles'])}; cleared to {user['clearance']}")


def list_(folder: Path, *, json: bool = False) -> None:
    """Everyone who may log in."""
    columns = {"name": "Name", "roles": "Roles", "clearance": "Clearance", "caveats": "Caveats", "second_factor": "Second factor"}
    give_rows(call(folder, "user.list"), columns, json=json, empty="Nobody may log in yet: `tocsin user add`.")


def change(
    folder: Path, name: str, *, roles: str = "", clearance: str = "", caveats: str | None = None, password: bool = False,
    same_as: str | None = None, json: bool = False,
) -> None:  # fmt: skip
    """Change a person's roles, clearance or password; a new password ends their sessions.

    Parameters
    ----------
    roles
        Several with commas, in place of those there are.
    clearance
        A level of the node's policy.
    caveats
        Several with commas; empty for none.
    password
        Ask for a new password, or take it from TOCSIN_PASSWORD.
    same_as
        Another account of the same human being: the two then never count as two persons. Empty: nobody's.
    """
    given = {
        "roles": [r for r in roles.split(",") if r] or None,
        "clearance": clearance or None,
        "caveats": None if caveats is None else [c for c in caveats.split(",") if c],
        "password": (os.environ.get("TOCSIN_PASSWORD") or ask_password(name)) if password else None,
        "same_as": same_as,
    }
    user = call(folder, "user.change", name=name, **{key: value for key, value in given.items() if value is not None})
    give(user, json=json, text=f"{user['name']}: {', '.join(user['roles'])}; cleared to {user['clearance']}")


def invite(folder: Path, name: str, *, roles: str = "watch-officer", clearance: str = "", json: bool = False) -> None:
    """Invite a person, who sets their own password; the token is shown this once.

    Parameters
    ----------
    roles
        Several with commas.
    clearance
        A level of the node's policy; the lowest if left out.
    """
    made = call(folder, "user.invite", name=name, roles=[r for r in roles.split(",") if r], clearance=clearance)
    where = made["link"] or f"the console's address followed by /#/invitation/{made['token']}"
    give(made, json=json, text=f"{made['name']} is invited until {iso(made['expires'])}, once:\n{where}")


def invitations(folder: Path, *, json: bool = False) -> None:
    """The open invitations."""
    columns = {"name": "Name", "roles": "Roles", "clearance": "Clearance", "invited_by": "By", "id": "Id"}
    give_rows(call(folder, "user.invitations"), columns, json=json, empty="Nobody is invited.")


def uninvite(folder: Path, name: str, *, json: bool = False) -> None:
    """Withdraw an invitation, by its id or the name it is for."""
    give(call(folder, "user.uninvite", name=name), json=json, text=f"{name} is not invited any more")


def factor(folder: Path, name: str, *, remove: str = "", json: bool = False) -> None:
    """A person's second factors.

    Parameters
    ----------
    remove
        The id of one to remove, or `all`, for somebody who has lost them; their sessions end.
    """
    if remove:
        gone = call(folder, "user.factor-remove", name=name, factor="" if remove == "all" else remove)
        give(gone, json=json, text=f"{len(gone['removed'])} removed; {name} is logged out everywhere")
        return
    found = call(folder, "user.factors", name=name)
    lines = [f"{one['kind']:8} {one['name']} ({one['id']})" for one in found["factors"]]
    give(found, json=json, text="\n".join([*lines, f"{found['recovery_left']} recovery codes left"]) if lines else "none")


def log_out(folder: Path, name: str, *, json: bool = False) -> None:
    """End every session of a person."""
    found = call(folder, "user.log-out", name=name)
    give(found, json=json, text=f"{found['ended']} sessions ended")


def remove(folder: Path, name: str, *, json: bool = False) -> None:
    """Remove a person; their sessions, factors, machine clients, invitations and proposals end at once."""
    give(call(folder, "user.remove", name=name), json=json, text=f"{name} is removed")


def ask_password(name: str) -> str:
    """A new password, asked for twice; raises `InputError` without a terminal."""
    if not os.isatty(0):
        raise InputError("a password is needed: set TOCSIN_PASSWORD, at least 10 characters")
    first = getpass.getpass(f"New password for {name} (at least 10 characters): ")
    if first != getpass.getpass("The same again: "):
        raise InputError("the two passwords differ")
    return first


def removed(folder: Path, *, json: bool = False) -> None:
    """Accounts of the organisation's login that were removed here, by the subject that the login names them by."""
    give_rows(call(folder, "user.removed"), {"subject": "Subject"}, json=json, empty="None was removed.")


def readmit(folder: Path, subject: str, *, json: bool = False) -> None:
    """Let an account that was removed here be made again at its next login."""
    give(call(folder, "user.readmit", subject=subject), json=json, text=f"{subject} may come back by the organisation's login")
