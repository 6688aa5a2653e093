"""The organisation's own login, out of the node's configuration."""

from __future__ import annotations

from pathlib import Path

from tocsin.core import Clearance, Clock, Entropy
from tocsin.people.oidc import Group, Oidc, Provider

from .config import FILE, Config
from .errors import BadConfig

CALLBACK = "/api/v1/session/oidc/callback"


def make(config: Config, folder: Path, clock: Clock, entropy: Entropy) -> Oidc | None:
    """What logs people in by their organisation, None if node.toml names no provider; raises `BadConfig`, `BadLogin`."""
    given = config.people.oidc
    if given is None:
        return None
    groups = tuple(
        Group(g.name, frozenset(g.roles), Clearance(config.policy.name, config.id, config.policy.rank(g.clearance), frozenset(g.caveats)))
        for g in given.groups
    )
    provider = Provider(
        issuer=given.issuer,
        client_id=given.client_id,
        client_secret=_secret(folder, given.client_secret_file),
        redirect=config.people.origin.rstrip("/") + CALLBACK,
        name_claim=given.name_claim,
        groups_claim=given.groups_claim,
        scopes=given.scopes,
        algorithms=given.algorithms,
        trusts_factor=given.trusts_factor,
        groups=groups,
    )
    return Oidc(provider, clock, entropy.child("oidc"))


def _secret(folder: Path, name: str) -> str:
    if not name:
        return ""
    path = folder / name
    try:
        if path.stat().st_mode & 0o077:
            raise BadConfig(f"{FILE}: others may read {path}: chmod 600 {path}")
        return path.read_text().strip()
    except OSError:
        raise BadConfig(f"{FILE}: people.oidc.client_secret_file: cannot read {path}") from None
