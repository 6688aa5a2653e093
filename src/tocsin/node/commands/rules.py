"""`tocsin rule ...`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from .calls import Console
from .output import give, give_rows

User = Annotated[str, Parameter(name=("--as", "--user"))]
COLUMNS = {
    "state": "State",
    "name": "Name",
    "level": "From level",
    "audience": "To",
    "realms": "In",
    "until": "Until",
    "agreed_by": "Agreed by",
    "rule": "Id",
}


def list_(folder: Path, *, user: User, json: bool = False) -> None:
    """Every rule, with who stands behind it."""
    give_rows(Console(folder, user).get("/rules"), COLUMNS, json=json, empty="No rule: nothing leaves without a person.", tall=True)


def propose(
    folder: Path, name: str, *, user: User, to: str, level: str = "HIGH", topic: str = "airborne-rapid-deployment", realms: str = "live",
    days: float = 30, json: bool = False,
) -> None:  # fmt: skip
    """Propose that warnings of a topic at a level or above go to partners without a person at the time.

    Parameters
    ----------
    to
        Partners, with commas.
    realms
        Realms, with commas.
    days
        How long it holds from now.
    """
    console = Console(folder, user)
    now = console.session["protocol_time"]
    body = {"name": name, "topic": topic, "level": level, "audience": to.split(","), "realms": realms.split(",")}
    _show(console.post("/rules", {**body, "valid_from": now, "valid_until": now + round(days * 86400e6)}), json=json)


def agree(folder: Path, rule: str, *, user: User, json: bool = False) -> None:
    """Agree to a rule that another approver proposed; from now on it is in force."""
    _show(Console(folder, user).post(f"/rules/{rule}/agree", {}), json=json)


def withdraw(folder: Path, rule: str, *, user: User, json: bool = False) -> None:
    """End a rule at once."""
    _show(Console(folder, user).post(f"/rules/{rule}/withdraw", {}), json=json)


def _show(row: dict[str, Any], *, json: bool) -> None:
    give(row, json=json, text=f"{row['name']}: {row['state']}, agreed by {', '.join(row['agreed_by'])} ({row['rule']})")
