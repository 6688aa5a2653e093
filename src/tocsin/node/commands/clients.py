"""`tocsin client ...`, `tocsin receiver ...`"""

from __future__ import annotations

import hashlib
from pathlib import Path

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
    folder: Path, name: str, *, kind: str, address: str = "", clearance: str = "", partner: str = "", json: bool = False
) -> None:
    """Add somebody who is told things and has no node. What tells them comes with the channels.

    Parameters
    ----------
    kind
        mail, feed or webhook.
    address
        Where: a mail address, or an https address for a webhook; a feed has none.
    clearance
        A level of the node's policy; the lowest if left out.
    partner
        Whose they count as; this node's own if left out.
    """
    made = call(folder, "receiver.add", name=name, kind=kind, address=address, clearance=clearance, partner=partner)
    give(made, json=json, text=f"{made['name']} is told by {made['kind']}, as {made['partner']}, up to {made['clearance']}")


def list_receivers(folder: Path, *, json: bool = False) -> None:
    """Every receiver."""
    columns = {"name": "Name", "kind": "By", "address": "Address", "partner": "Counts as", "clearance": "Clearance"}
    give_rows(call(folder, "receiver.list"), columns, json=json, empty="No receiver: `tocsin receiver add`.")


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
