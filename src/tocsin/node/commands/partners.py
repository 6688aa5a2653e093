"""`tocsin partner ...`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tocsin.core import Denied, InputError, NotReachable, iso

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
    text = _text_of(card, "a card")
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


def rotate(folder: Path, *, grace_hours: float = 24, json: bool = False) -> None:
    """Make new keys for this node, signed by the old ones; partners follow by themselves.

    Parameters
    ----------
    grace_hours
        How long the old keys go on opening what was sealed for them, and logging in at relays.
    """
    found = call(folder, "partner.rotate", grace_hours=grace_hours)
    give(found, json=json, text=_new_keys(found))


def recover(folder: Path, key: str, *, card: Path | None = None, next_key: Path | None = None, json: bool = False) -> None:
    """Make new keys for this node by its recovery key (a file, or - for standard input), after loss or theft.

    Parameters
    ----------
    card
        The node's last card, if its keys are lost and this folder was made anew.
    next_key
        Where the next recovery key is written; recovery.key in the folder if left out.
    """
    lost = _text_of(str(card), "a card") if card else ""
    found = call(folder, "partner.recover", words=_text_of(key, "a recovery key"), card=lost, next_file=str(next_key or ""))
    text = f"{_new_keys(found)}\nThe next recovery key: {found['recovery']}: print it, keep it in a safe, and delete the file"
    give(found, json=json, text=text)


def chain(folder: Path, *, json: bool = False) -> None:
    """Print how this node's cards followed each other, for partners that no relay reaches."""
    found = call(folder, "partner.chain")
    give(found, json=json, text=found["chain"])


def follow(folder: Path, name: str, chain: str, *, json: bool = False) -> None:
    """Follow a partner's chain of cards out of a file (- for standard input); it proves itself."""
    found = call(folder, "partner.follow", name=name, chain=_text_of(chain, "a chain of cards"))
    give(found, json=json, text=f"{name}'s card is now: {found['fingerprint']}")


def revoke(folder: Path, name: str, *, reason: str, by: str = "operator", json: bool = False) -> None:
    """Trust a partner's keys no more: nothing is sealed for it from now on, and the other partners are told.

    Parameters
    ----------
    reason
        One line; every other partner reads it.
    by
        Who decided.
    """
    found = call(folder, "partner.revoke", name=name, reason=reason, by=by)
    give(found, json=json, text=f"{name} is revoked" + (f"; {found['relay']}" if found["relay"] else ""))


def try_(folder: Path, name: str, *, json: bool = False) -> None:
    """Try the whole way to a partner and back; exit 1 names the side that fails and why, 3 the relay that is not reached."""
    found = call(folder, "partner.test", name=name)
    marks = {True: "well ", False: "ILL  "}
    lines = [f"{marks[step['well']]} {step['what']}: {step['says']}" for step in found["steps"]]
    give(found, json=json, text="\n".join(lines))
    if not found["well"]:
        unreached = found["steps"][-1]["what"] in {"relay", "tls"}
        raise (NotReachable if unreached else Denied)(found["says"])


def remove(folder: Path, name: str, *, json: bool = False) -> None:
    """Stop sharing with a partner: nothing is sealed for it from now on."""
    give(call(folder, "partner.remove", name=name), json=json, text=f"{name} is no partner any more")


def _text_of(name: str, what: str) -> str:
    try:
        return sys.stdin.read(2_000_001) if name == "-" else Path(name).read_text()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{name} cannot be read as {what}") from None


def _new_keys(found: dict[str, Any]) -> str:
    return f"This node's keys are new: {found['fingerprint']}" + (f"\nAs for relays: {found['relay']}" if found["relay"] else "")


def _keys(row: dict[str, Any]) -> str:
    if row["state"] in {"revoked", "excluded"}:
        return f"{row['state'].upper()} {iso(row['since'])}: {row['reason']}"
    compared = f"compared {iso(row['compared_at'])} by {row['compared_by']}" if row["compared"] else "NOT YET COMPARED"
    return f"{row['state']}, {compared}"
