"""`tocsin label ...`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tocsin.core import InputError, iso, parse_iso

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
    folder: Path, record: str, *, user: User, level: str, to: str = "", caveats: str = "", reason: str = "", review: str = "",
    json: bool = False,
) -> None:  # fmt: skip
    """Propose a lower label for a record of this node's; another person has to approve.

    Parameters
    ----------
    level
        The level that it shall bear, no higher than now.
    to
        Partners that may have it beside those that may already, with commas.
    caveats
        The caveats that stay, with commas.
    review
        When the label is to be looked at again, as 2027-01-31T00:00Z.
    """
    body: dict[str, Any] = {
        "record": record,
        "classification": level,
        "releasable_to": _list(to),
        "caveats": _list(caveats),
        "reason": reason,
    }
    _show(Console(folder, user).post("/labels", body | ({"review": parse_iso(review)} if review else {})), json=json)


def tear_line(
    folder: Path, record: str, *, user: User, paragraphs: str = "", level: str = "", to: str = "", fields: str = "title,source",
    title: str = "", source: str = "", caveats: str = "", json: bool = False,
) -> None:  # fmt: skip
    """Propose a report of a lower label, built from a report by naming what it holds; without --paragraphs show what there is to name.

    Parameters
    ----------
    paragraphs
        Their numbers, with commas.
    fields
        What is taken over as it stands: title, source, grade, graded_by.
    to
        Partners that it is released to, with commas.
    """
    console = Console(folder, user)
    if not paragraphs:
        found = console.get(f"/labels/tear-lines/{record}")
        lines = [f"{name}: {value}" for name, value in found["fields"].items() if value]
        lines += [f"[{row['number']}] {row['text']}" for row in found["paragraphs"]]
        give(found, json=json, text="\n".join([found["banner"], *lines]))
        return
    try:
        numbers = [int(one) for one in _list(paragraphs)]
    except ValueError:
        raise InputError("--paragraphs takes numbers, with commas") from None
    body = {"record": record, "paragraphs": numbers, "fields": _list(fields), "title": title, "source": source}
    body |= {"classification": level, "releasable_to": _list(to), "caveats": _list(caveats)}
    row = console.post("/labels/tear-lines", body)
    give(row, json=json, text=f"{row['state']}: {row['banner']}, {row['says']} ({row['id']})\n{row['report']['text']}")


def consent(folder: Path, record: str, *, user: User, to: str, until: str, note: str = "", json: bool = False) -> None:
    """Consent that a partner's ORCON record, made from what this node said, goes on to others.

    Parameters
    ----------
    to
        Partners, with commas.
    until
        When the consent ends, as 2027-01-31T00:00Z.
    """
    body = {"audience": _list(to), "until": parse_iso(until), "note": note}
    row = Console(folder, user).post(f"/labels/{record}/consent", body)
    give(row, json=json, text=f"{row['origin']} may let {record} go on to {', '.join(row['audience'])} until {iso(row['until'])}")


def due(folder: Path, *, user: User, by: str = "", json: bool = False) -> None:
    """Records of this node's whose label is to be looked at again.

    Parameters
    ----------
    by
        Not by now, but by this time, as 2027-01-31T00:00Z.
    """
    rows = Console(folder, user).get("/labels/due", **({"by": parse_iso(by)} if by else {}))
    shown = [{**row, "at": iso(row["review"])} for row in rows]
    columns = {"at": "Due", "banner": "Label", "kind": "Kind", "title": "What", "record": "Record"}
    give_rows(rows if json else shown, columns, json=json, empty="No label is due.", tall=True)


def approve(folder: Path, lowering: str, *, user: User, json: bool = False) -> None:
    """Approve a lower label that another person proposed: from now on it holds."""
    _show(Console(folder, user).post(f"/labels/{lowering}/approve", {}), json=json)


def _show(row: dict[str, Any], *, json: bool) -> None:
    give(row, json=json, text=f"{row['state']}: {row['banner']}, {row['lowering']}")


def _list(text: str) -> list[str]:
    return [one for one in text.split(",") if one]
