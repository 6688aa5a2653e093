"""`tocsin partner ...`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tocsin.core import InputError, iso

from .calls import call
from .output import give, give_rows


def card(folder: Path, *, json: bool = False) -> None:
    """Print this node's own card, to be given to partners."""
    own = call(folder, "partner.card")
    give(own, json=json, text=own["card"].rstrip())
    if not json:
        sys.stderr.write(f"Read this fingerprint to your partner over another channel: {own['fingerprint']}\n")


def add(folder: Path, card: str, *, clearance: str, caveats: str = "", again: bool = False, json: bool = False) -> None:
    """Pin a partner's card (a file, or - for standard input) and say what the partner is cleared for.

    Parameters
    ----------
    again
        It was revoked or excluded, has made new keys, and is to be a partner again.
    """
    try:
        text = sys.stdin.read(65_537) if card == "-" else Path(card).read_text()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{card} cannot be read as a card") from None
    found = call(folder, "partner.add", card=text, clearance=clearance, caveats=[c for c in caveats.split(",") if c], again=again)
    give(
        found,
        json=json,
        text=f"{found['partner']} ({found['name']}) is pinned. Compare by telephone, then `tocsin partner confirm`: {found['fingerprint']}",
    )


def list_(folder: Path, *, json: bool = False) -> None:
    """Every partner with what it is cleared for, and whether a person has compared its fingerprint."""
    rows = call(folder, "partner.list")
    if not json:
        rows = [row | {"keys": _keys(row)} for row in rows]
    columns = {
        "partner": "Partner",
        "name": "Name",
        "clearance": "Cleared to",
        "caveats": "Caveats",
        "keys": "Keys",
        "fingerprint": "Fingerprint",
    }
    give_rows(rows, columns, json=json, empty="No partner yet: `tocsin partner add`.", tall=True)


def confirm(folder: Path, name: str, *words: str, by: str = "operator", json: bool = False) -> None:
    """Mark a partner's fingerprint as compared: give the words that the partner read to you over a telephone.

    Exit 1 if they are another card's.

    Parameters
    ----------
    by
        Who heard them.
    """
    found = call(folder, "partner.confirm", name=name, words=" ".join(words), by=by)
    give(found, json=json, text=f"{name}'s fingerprint is compared")


def remove(folder: Path, name: str, *, json: bool = False) -> None:
    """Stop sharing with a partner: nothing is sealed for it from now on."""
    give(call(folder, "partner.remove", name=name), json=json, text=f"{name} is no partner any more")


def _keys(row: dict[str, Any]) -> str:
    if row["state"] in {"revoked", "excluded"}:
        return f"{row['state'].upper()} {iso(row['since'])}: {row['reason']}"
    compared = f"compared {iso(row['compared_at'])} by {row['compared_by']}" if row["compared"] else "NOT YET COMPARED"
    return f"{row['state']}, {compared}"
