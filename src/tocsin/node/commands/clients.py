"""`tocsin client ...`, `tocsin receiver ...`"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tocsin.core import InputError, iso

from .calls import call
from .output import give, give_rows


def add(
    folder: Path, name: str, *, roles: str = "reader", clearance: str = "", owner: str = "", days: float = 90,
    certificate: Path | None = None, json: bool = False,
) -> None:  # fmt: skip
    """Add a machine client; its token is shown this once.

    Parameters
    ----------
    roles
        Several with commas: reader, watch-officer, analyst, exercise-controller.
    clearance
        A level of the node's policy; the lowest if left out.
    owner
        The user it belongs to: it can do no more than they, and ends with them.
    days
        How long it is good for, 366 at most.
    certificate
        A PEM file whose certificate it shows, in place of a token.
    """
    pinned = _fingerprint(certificate) if certificate is not None else ""
    wanted = [r for r in roles.split(",") if r]
    made = call(folder, "client.add", name=name, roles=wanted, clearance=clearance, owner=owner, days=days, certificate=pinned)
    shown = made.get("token") or f"it shows the certificate {made['certificate']}"
    give(made, json=json, text=f"{made['name']} may speak to this node until {iso(made['expires'])}:\n{shown}")


def list_(folder: Path, *, json: bool = False) -> None:
    """Every machine client."""
    rows = call(folder, "client.list")
    if not json:
        rows = [row | {"expires": iso(row["expires"]), "used_at": iso(row["used_at"]) if row["used_at"] else None} for row in rows]
    columns = {"name": "Name", "owner": "Owner", "roles": "Roles", "clearance": "Clearance", "prefix": "Token", "expires": "Until"}
    give_rows(rows, columns | {"used_at": "Last used"}, json=json, empty="No machine client: `tocsin client add`.")


def remove(folder: Path, name: str, *, json: bool = False) -> None:
    """Remove a machine client; its next request is refused."""
    give(call(folder, "client.remove", name=name), json=json, text=f"{name} is removed")


def add_receiver(
    folder: Path, name: str, *, kind: str, address: str = "", clearance: str = "", partner: str = "", days: float = 90, json: bool = False
) -> None:
    """Add somebody who is told things and has no node; a feed's token is shown this once.

    Parameters
    ----------
    kind
        feed: it fetches what it is told. mail and webhook are kept for previews alone: nothing is sent to them by this version.
    address
        Where: a mail address, or an https address for a webhook; a feed has none.
    clearance
        A level of the node's policy; the lowest if left out.
    partner
        Whose they count as; this node's own if left out.
    days
        How long a feed's token is good for, 366 at most.
    """
    made = call(folder, "receiver.add", name=name, kind=kind, address=address, clearance=clearance, partner=partner, days=days)
    said = _token_of(made) if made["told"] else f"it is kept for previews: this version tells nothing by {made['kind']}"
    give(made, json=json, text=f"{made['name']} counts as {made['partner']}, up to {made['clearance']}; {said}")


def renew_token(folder: Path, name: str, *, days: float = 90, json: bool = False) -> None:
    """Give a receiver that is a feed another token, shown this once; the old one ends at once.

    Parameters
    ----------
    days
        How long it is good for, 366 at most.
    """
    made = call(folder, "receiver.token", name=name, days=days)
    give(made, json=json, text=f"{made['name']}: {_token_of(made)}")


def _token_of(made: dict[str, Any]) -> str:
    return f"it fetches GET /api/v1/told with this token until {iso(made['expires'])}:\n{made['token']}"


def list_receivers(folder: Path, *, json: bool = False) -> None:
    """Every receiver."""
    rows = call(folder, "receiver.list")
    if not json:
        rows = [row | {name: iso(row[name]) if row[name] else None for name in ("expires", "used_at")} for row in rows]
    columns = {"name": "Name", "kind": "By", "address": "Address", "partner": "Counts as", "clearance": "Clearance", "prefix": "Token"}
    give_rows(rows, columns | {"expires": "Until", "used_at": "Last used"}, json=json, empty="No receiver: `tocsin receiver add`.")


def remove_receiver(folder: Path, name: str, *, json: bool = False) -> None:
    """Remove a receiver."""
    give(call(folder, "receiver.remove", name=name), json=json, text=f"{name} is removed")


def _fingerprint(path: Path) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        raise InputError(f"{path} is no certificate in PEM") from None
    return hashlib.sha256(found.public_bytes(Encoding.DER)).hexdigest()
