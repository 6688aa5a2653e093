"""`tocsin erase`, `partner exclude`, `setting ...`, `approval ...`: what two persons do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tocsin.core import InputError, iso

from .calls import Console
from .output import give, give_rows

User = Annotated[str, Parameter(name=("--as", "--user"))]
COLUMNS = {"state": "State", "act": "Act", "what": "What", "exactly": "Exactly", "says": "Who", "until": "Until", "id": "Id"}


def erase(folder: Path, record: str, *, user: User, reason: str, json: bool = False) -> None:
    """Propose that a record's body is erased for good: its leaf stays in the log, and partners who had it are asked to hide it.

    Parameters
    ----------
    reason
        One line, which the second person and the audit see.
    """
    _show(Console(folder, user).post(f"/records/{record}/erase", {"reason": reason}), json=json)


def exclude(folder: Path, name: str, *, user: User, reason: str, json: bool = False) -> None:
    """Propose that a partner is put out; the other partners are told the reason when another person has approved.

    Parameters
    ----------
    reason
        One line; every other partner reads it.
    """
    _show(Console(folder, user).post(f"/partners/{name}/exclude", {"reason": reason}), json=json)


def settings(folder: Path, *, user: User, json: bool = False) -> None:
    """The settings that two persons change, as they are."""
    give_rows(Console(folder, user).get("/settings"), {"name": "Setting", "value": "Value"}, json=json, empty="None.")


def change(folder: Path, name: str, value: str, *, user: User, json: bool = False) -> None:
    """Propose another value for a setting; it holds when another person has approved."""
    _show(Console(folder, user).post("/settings", {"name": name, "value": _value(value)}), json=json)


def list_(folder: Path, *, user: User, json: bool = False) -> None:
    """What was proposed, what exactly would be done, and who stands behind it."""
    rows = Console(folder, user).get("/approvals")
    shown = [{**row, "until": iso(row["expires"]), "exactly": _exactly(row["content"])} for row in rows]
    give_rows(rows if json else shown, COLUMNS, json=json, empty="Nothing was proposed.", tall=True)


def approve(folder: Path, proposal: str, *, user: User, json: bool = False) -> None:
    """Approve exactly what `tocsin approval list` shows: it is done at once."""
    console = Console(folder, user)
    row = next((row for row in console.get("/approvals") if row["id"] == proposal), None)
    if row is None:
        raise InputError("there is no such proposal for you: see `tocsin approval list`")
    _show(console.post(f"/approvals/{proposal}/approve", {"digest": row["digest"]}), json=json)


def withdraw(folder: Path, proposal: str, *, user: User, json: bool = False) -> None:
    """Withdraw a proposal that is not done yet."""
    _show(Console(folder, user).post(f"/approvals/{proposal}/withdraw", {}), json=json)


def ask(folder: Path, proposal: str, *, user: User, partner: str, json: bool = False) -> None:
    """Ask a partner's people to be the second; they are told exactly what would be done.

    Parameters
    ----------
    partner
        The partner to ask: one that may have the record that it is about.
    """
    row = Console(folder, user).post(f"/approvals/{proposal}/ask", {"partner": partner})
    give(row, json=json, text=f"{partner} is asked ({row['record']})")


def answer(folder: Path, record: str, *, user: User, no: bool = False, note: str = "", json: bool = False) -> None:
    """Be the second person for what a partner's node asks, as `tocsin inbox --kind approval` shows it.

    Parameters
    ----------
    no
        Refuse.
    """
    console = Console(folder, user)
    row = next((row for row in console.get("/inbox", realm="live", kind="approval", limit=500) if row["record"] == record), None)
    if row is None or "asks" not in row:
        raise InputError("nothing of that name asks for a second person: see `tocsin inbox --kind approval`")
    told = console.post(f"/inbox/{record}/answer", {"digest": row["asks"]["digest"], "agree": not no, "note": note})
    give(told, json=json, text=f"{told['state']}: {told['act']} {told['what']}")


def _show(row: dict[str, Any], *, json: bool) -> None:
    give(row, json=json, text=f"{row['state']}: {row['act']} {row['what']}, {row['says']} ({row['id']})")


def _exactly(content: dict[str, Any] | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (content or {}).items()) or "-"


def _value(text: str) -> str | bool | float:
    if text in {"true", "false"}:
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text
