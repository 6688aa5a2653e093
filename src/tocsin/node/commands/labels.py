"""`tocsin label ...`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from .calls import Console
from .output import give, give_rows

User = Annotated[str, Parameter(name=("--as", "--user"))]
COLUMNS = {
    "state": "State",
    "banner": "Label",
    "record": "Record",
    "reason": "Why",
    "proposed_by": "Proposed by",
    "approved_by": "Approved by",
    "lowering": "Id",
}


def list_(folder: Path, *, user: User, json: bool = False) -> None:
    """Labels that are proposed to be lowered, and those that were."""
    give_rows(Console(folder, user).get("/labels"), COLUMNS, json=json, empty="No label was lowered.", tall=True)


def lower(
    folder: Path, record: str, *, user: User, level: str, to: str = "", caveats: str = "", reason: str = "", json: bool = False
) -> None:
    """Propose a lower label for a record of this node's; another person has to approve.

    Parameters
    ----------
    level
        The level that it shall bear, no higher than now.
    to
        Partners that may have it beside those that may already, with commas.
    caveats
        The caveats that stay, with commas.
    """
    body = {"record": record, "classification": level, "releasable_to": _list(to), "caveats": _list(caveats), "reason": reason}
    _show(Console(folder, user).post("/labels", body), json=json)


def approve(folder: Path, lowering: str, *, user: User, json: bool = False) -> None:
    """Approve a lower label that another person proposed: from now on it holds."""
    _show(Console(folder, user).post(f"/labels/{lowering}/approve", {}), json=json)


def _show(row: dict[str, Any], *, json: bool) -> None:
    give(row, json=json, text=f"{row['state']}: {row['banner']}, {row['lowering']}")


def _list(text: str) -> list[str]:
    return [one for one in text.split(",") if one]
