"""`tocsin partner ...`"""

from __future__ import annotations

import sys
from pathlib import Path

from tocsin.core import InputError

from .calls import call
from .output import give, give_rows


def card(folder: Path, *, json: bool = False) -> None:
    """Print this node's own card, to be given to partners."""
    own = call(folder, "partner.card")
    give(own, json=json, text=own["card"].rstrip())
    if not json:
        sys.stderr.write(f"Read this fingerprint to your partner over another channel: {own['fingerprint']}\n")


def add(folder: Path, card: str, *, clearance: str, caveats: str = "", json: bool = False) -> None:
    """Pin a partner's card (a file, or - for standard input) and say what the partner is cleared for."""
    try:
        text = sys.stdin.read(65_537) if card == "-" else Path(card).read_text()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{card} cannot be read as a card") from None
    found = call(folder, "partner.add", card=text, clearance=clearance, caveats=[c for c in caveats.split(",") if c])
    give(
        found,
        json=json,
        text=f"{found['partner']} ({found['name']}) is pinned. Compare the fingerprint by telephone: {found['fingerprint']}",
    )


def list_(folder: Path, *, json: bool = False) -> None:
    """Every partner with what it is cleared for."""
    columns = {"partner": "Partner", "name": "Name", "clearance": "Cleared to", "caveats": "Caveats", "fingerprint": "Fingerprint"}
    give_rows(call(folder, "partner.list"), columns, json=json, empty="No partner yet: `tocsin partner add`.")


def remove(folder: Path, name: str, *, json: bool = False) -> None:
    """Stop sharing with a partner: nothing is sealed for it from now on."""
    give(call(folder, "partner.remove", name=name), json=json, text=f"{name} is no partner any more")
