"""`tocsin replay`, `warnings`, `ack`, `approve`, `cancel`: what rings, and answering it from the shell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tocsin.core import iso

from .calls import Console, call
from .output import give, give_rows

User = Annotated[str, Parameter(name=("--as", "--user"))]


def replay(*files: Path, into: Path, id: str = "file", json: bool = False) -> None:  # noqa: A002 - it is the option's name
    """Play recordings into the realm `replay:ID` of the node in a folder, as fast as it goes.

    Formats are recognised: readsb aircraft.json and trace_full, SBS, OpenSky CSV and JSON, each also gzipped.
    """
    from tocsin.core import InputError

    if not files:
        raise InputError("name at least one recording")
    found = call(into, "replay", files=[str(path.resolve()) for path in files], id=id)
    lines = [
        f"{found['observations']:,} observations of {found['aircraft']:,} aircraft, {found['from']} to {found['until']}, in replay:{id}",
        f"skipped while reading: {_counts(found['skipped'])}; left out of the picture: {_counts(found['left_out'])}",
        *(f"{w['level']} at {w['time']}: {w['sentence']}" for w in found["warnings"]),
    ]
    if json or found["observations"]:
        give(found, json=json, text="\n".join(lines if found["warnings"] else [*lines, "nothing rang"]))
    if found["errors"]:
        raise InputError(f"{'; '.join(found['errors'])}: what stood before was kept")


def warnings(folder: Path, *, user: User, realm: str = "live", json: bool = False) -> None:
    """What rings, for one of the node's people (password asked for, or TOCSIN_PASSWORD)."""
    rows = Console(folder, user).get("/warnings", realm=realm)
    shown = [{**row, "drafted": iso(row["drafted_at"]), "knows": _knows(row)} for row in rows]
    columns = {
        "level": "Level",
        "state": "State",
        "origin": "From",
        "drafted": "Drafted",
        "sentence": "What",
        "knows": "Who knows",
        "warning": "Id",
    }
    give_rows(rows if json else shown, columns, json=json, empty=f"Nothing rings in {realm}.", tall=True)


def ack(folder: Path, warning: str, *, user: User, realm: str = "live", note: str = "", json: bool = False) -> None:
    """Acknowledge a warning in a person's name."""
    _act(folder, warning, user, realm, "acknowledge", note, json=json)


def approve(folder: Path, warning: str, *, user: User, realm: str = "live", note: str = "", json: bool = False) -> None:
    """Issue a drafted warning to the partners that may have its evidence, in a person's name."""
    _act(folder, warning, user, realm, "approve", note, json=json)


def cancel(folder: Path, warning: str, *, user: User, note: str, realm: str = "live", json: bool = False) -> None:
    """Cancel a warning, with the reason, for everyone who was told."""
    _act(folder, warning, user, realm, "cancel", note, json=json)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _act(folder: Path, warning: str, user: str, realm: str, act: str, note: str, *, json: bool) -> None:
    after = Console(folder, user).post(f"/warnings/{warning}/{act}", {"note": note}, realm=realm)
    give(after, json=json, text=f"{after['level']} {after['state']}. Who knows: {_knows(after)}")


def _knows(row: dict[str, Any]) -> str:
    return ", ".join(f"{who['partner']} {who['state']}" for who in row["who_knows"])
