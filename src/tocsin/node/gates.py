"""A node's gate out of its configuration: the community's file, and the folder of the site's policies."""

from __future__ import annotations

import logging
from pathlib import Path

from tocsin.core import Clock
from tocsin.policy import BadPolicies, Community, Gate, SitePolicies, read_community

from .config import Config
from .errors import BadConfig

log = logging.getLogger("tocsin")


def load_community(config: Config, folder: Path) -> Community | None:
    """The community that the configuration names, if it does; raises `BadCommunity`, or `BadConfig` if the two do not fit."""
    if not config.community:
        return None
    path = folder / config.community
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadConfig(f"{path}: {error.strerror}") from None
    community = read_community(data, str(path))
    if community.label_policy != config.policy:
        raise BadConfig(f"{path}: its policy is not the node's: [policy] of node.toml needs the same name and levels")
    own = community.clearance(config.id)
    if own is None:
        raise BadConfig(f"{path}: partners has no {config.id}, which is this node")
    if config.policy.rank(config.clearance) > own.classification or not set(config.caveats) <= own.caveats:
        raise BadConfig(f"{path}: {config.id} is cleared for less there than in node.toml")
    return community


def load_site(config: Config, folder: Path) -> SitePolicies:
    """The site's policies, those that ship without a folder of them; ones that cannot be used allow nothing and say why."""
    if not config.policies:
        return SitePolicies.shipped()
    try:
        return SitePolicies.read(folder / config.policies)
    except BadPolicies as error:
        log.error("nobody is given anything until the site's policies can be read: %s", error)  # noqa: TRY400 - one line says it
        return SitePolicies.nothing(str(error))


def make_gate(config: Config, folder: Path, clock: Clock) -> Gate:
    """The gate of the node in `folder`."""
    site, community = load_site(config, folder), load_community(config, folder)
    return Gate(site, config.policy, clock, node=config.id, community=community, accepted=config.own.terms)
