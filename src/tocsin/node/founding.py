"""Founding a node: its folder, keys, journal and first person."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec

from tocsin.core import InputError, LabelPolicy
from tocsin.exchange import NodeKeys, RecoveryKey
from tocsin.journal import Cost, Vault
from tocsin.policy import read_community

from . import config as configuration
from . import operations, secrets
from .config import Config, HttpConfig, RelayConfig
from .errors import AlreadyANode
from .service import Node
from .system import SystemClock, SystemEntropy

RECOVERY = "recovery.key"
COMMUNITY = "community.toml"
ROLES = ["approver", "watch-officer", "analyst", "administrator"]


class Wishes(msgspec.Struct, kw_only=True):
    """What a new node shall be; `secret` None means a key file in the folder, `recovery` where the recovery key is written.

    `community` is the community's file: levels, clearance and caveats are its own then, and `levels` and `clearance` may be empty.
    """

    id: str
    name: str
    user: str
    password: str
    levels: tuple[str, ...]
    clearance: str
    caveats: tuple[str, ...] = ()
    port: int = 8700
    relay: str = ""
    relay_here: bool = False
    secret: bytes | None = None
    recovery: str = ""
    community: bytes = b""
    more: dict[str, Any] = {}


async def found(folder: Path, wishes: Wishes) -> dict[str, Any]:
    """Make the node; a folder that holds anything is left as it was. If something fails nothing is left behind."""
    policy = LabelPolicy("tocsin-levels", wishes.levels)
    if wishes.community:
        policy, wishes = _in_community(wishes)
    config = Config(
        id=wishes.id,
        name=wishes.name,
        policy=policy,
        clearance=wishes.clearance,
        caveats=wishes.caveats,
        http=HttpConfig(port=wishes.port),
        relay=RelayConfig(url=wishes.relay, supervise=wishes.relay_here),
        community=COMMUNITY if wishes.community else "",
        **wishes.more,
    )
    config = configuration.parse(configuration.dump(config).encode())
    person = operations.NewUser(wishes.user, wishes.password, ROLES, wishes.clearance, list(wishes.caveats))
    try:
        msgspec.convert(msgspec.to_builtins(person), operations.NewUser)
    except msgspec.ValidationError as error:
        raise InputError(f"the first person: {error}") from None
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlreadyANode(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}") from None
    try:
        return await _found(folder, config, person, wishes)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _in_community(wishes: Wishes) -> tuple[LabelPolicy, Wishes]:
    community = read_community(wishes.community)
    if (own := community.clearance(wishes.id)) is None:
        raise InputError(f"the community's file has no partner {wishes.id[:40]!r}: --id is one of {', '.join(community.partners)}")
    level = community.policy.levels[own.classification]
    relay = wishes.relay or ("" if wishes.relay_here else ",".join(community.relays))
    return community.label_policy, msgspec.structs.replace(wishes, clearance=level, caveats=tuple(sorted(own.caveats)), relay=relay)


async def _found(folder: Path, config: Config, person: operations.NewUser, wishes: Wishes) -> dict[str, Any]:
    folder.chmod(0o700)
    entropy = SystemEntropy()
    cost, secret = None, wishes.secret
    if secret is None:
        # A random key of 256 bits needs no slow derivation: nobody can try them all.
        cost = Cost(passes=1, memory_kib=8192, lanes=1)
        secret = entropy.take(32)
        secrets.write_file(folder, secret)
    configuration.write(folder, config)
    if wishes.community:
        (folder / COMMUNITY).write_bytes(wishes.community)
    vault = Vault.create(folder, secret, entropy, cost=cost)
    recovery = RecoveryKey.make(entropy)
    kept = Path(wishes.recovery) if wishes.recovery else folder / RECOVERY
    NodeKeys.make(config.id, recovery.digest()).save(vault, folder)
    node = await Node.open(folder, secret, SystemClock(), entropy)
    try:
        user = await operations.add_user(node, person)
        card = await operations.show_card(node, operations.Nothing())
    finally:
        await node.close()
    recovery.write(kept, config.id)
    made = {"id": config.id, "name": config.name, "folder": str(folder), "user": user["name"], "fingerprint": card["fingerprint"]}
    return made | {"recovery": str(kept)}
