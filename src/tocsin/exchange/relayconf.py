"""What a relay's server is told: where it listens, with which certificate, how much it may hold, and what each member may do."""

from __future__ import annotations

import ipaddress
import json
import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import tomli_w

from tocsin.core import InputError

from . import wire
from .probe import CONSUMER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .card import Card

FILE = "relay.toml"
MAX_MEMBERS = 64
MB = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class Serving(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Where a relay listens and what it may take. `names` are the host names and addresses under which members reach it.

    `cert`, `key` and `ca` are files of an authority that is there already; without them the relay has one of its own.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 4222
    names: tuple[str, ...] = ()
    tls: bool = False
    cert: str = ""
    key: str = ""
    ca: str = ""
    memory_mb: Annotated[int, msgspec.Meta(ge=64)] = 2560
    storage_mb: Annotated[int, msgspec.Meta(ge=64)] = 16_384
    connections_each: Annotated[int, msgspec.Meta(ge=2, le=64)] = 16

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def scheme(self) -> str:
        """`tls` or `nats`."""
        return "tls" if self.tls else "nats"

    def check(self) -> None:
        """Raises `InputError` for what must not or cannot be served."""
        if not self.is_local and not self.tls:
            raise InputError(f"a relay that listens on {self.host} needs TLS: say --names with what members call it, or --cert and --key")
        if bool(self.cert) != bool(self.key):
            raise InputError("--cert and --key go together")
        for name in (self.host, *self.names):
            try:
                ipaddress.ip_address(name)
            except ValueError:
                if not _NAME.fullmatch(name):
                    raise InputError(f"{name[:60]!r} is no host name or address") from None


class Room(msgspec.Struct, frozen=True):
    """Bytes for one pair of members, by class, and for all together in memory and on disk."""

    records: int
    observations: int
    control: int
    memory: int
    storage: int

    @staticmethod
    def of(serving: Serving, members: int) -> Room:
        """What `serving` allows, divided among so many members; each place holds at least one message of the largest size."""
        pairs = max(1, members * (members - 1))
        records = _between(serving.storage_mb * MB // pairs, 8 * MB, 64 * MB)
        observations = _between(serving.memory_mb * MB * 4 // 5 // pairs, 4 * MB, 8 * MB)
        control = _between(serving.memory_mb * MB // 5 // pairs, 1 * MB, 2 * MB)
        # A server cannot be told another bound while it runs, so it is told at once what the most members may reserve.
        most = MAX_MEMBERS * (MAX_MEMBERS - 1)
        return Room(records, observations, control, max(serving.memory_mb * MB, most * 5 * MB), max(serving.storage_mb * MB, most * 8 * MB))


def read(folder: Path) -> Serving:
    """What `tocsin relay init` wrote in `folder`; the loopback without TLS where there is no such file. Raises `InputError`."""
    path = folder / FILE
    if not path.exists():
        return Serving()
    try:
        found = msgspec.convert(tomllib.loads(path.read_text()), Serving)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path}: {error}") from None
    found.check()
    return found


def write(folder: Path, serving: Serving) -> None:
    """Write `serving` into its folder; raises `InputError` if it must not be served."""
    serving.check()
    (folder / FILE).write_text(tomli_w.dumps(msgspec.to_builtins(serving)))


def configuration(
    port: int, store: Path, admin: str, members: Sequence[Card], serving: Serving | None = None, pair: tuple[Path, Path] | None = None
) -> str:
    """The server's configuration: no anonymous client, no system account, and for each member exactly what it needs.

    `pair` is certificate and key for TLS, which begins before the server says a word.
    """
    serving = serving or Serving()
    names = sorted({card.partner for card in members})
    room = Room.of(serving, len(names))
    users: list[dict[str, Any]] = [{"nkey": admin}]
    users += [{"nkey": card.relay, "permissions": permissions(card.partner, names)} for card in members]
    host = f"[{serving.host}]" if ":" in serving.host else serving.host
    whole: dict[str, Any] = {
        "listen": f"{host}:{port}",
        "server_name": "tocsin-relay",
        "pid_file": str(store.parent / "relay.pid"),
        "max_payload": 4_000_000,
        "max_pending": 33_554_432,
        "max_connections": serving.connections_each * (MAX_MEMBERS + 1),
        "max_subscriptions": 3 * MAX_MEMBERS + 32,
        "max_control_line": 4096,
        "write_deadline": "5s",
        "ping_interval": "10s",
        "ping_max": 3,
        "jetstream": {
            "store_dir": str(store),
            "max_memory_store": room.memory,
            "max_file_store": room.storage,
            "sync_interval": "always",
        },
        "authorization": {"timeout": 2, "users": users},
    }
    if pair is not None:
        cert, key = pair
        whole["tls"] = {"cert_file": str(cert), "key_file": str(key), "min_version": "1.3", "handshake_first": True, "timeout": 3}
    # nats-server reads JSON as a configuration file.
    return json.dumps(whole, indent=1) + "\n"


def permissions(me: str, members: Sequence[str]) -> dict[str, Any]:
    """What one member may do: leave messages under its own name, pull and acknowledge its own, hear its own inbox."""
    streams = [wire.stream_name(me, other, klass) for other in members if other != me for klass in wire.CLASSES]
    own = [f"in.*.{me}.>"]
    own += [f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{CONSUMER}" for stream in streams]
    own += [f"$JS.ACK.{stream}.{CONSUMER}.>" for stream in streams]
    return {"publish": {"allow": own}, "subscribe": {"allow": [f"_INBOX.{me}.>"]}}


def _between(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
