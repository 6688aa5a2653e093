"""A node with its doors open: the console's HTTP and the operator's socket, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tocsin.core import NotReachable
from tocsin.journal import FolderBusy

from . import config as configuration
from . import control, secrets
from .errors import BadConfig
from .http import make_app
from .http.session_routes import CERTIFICATE
from .rules import Rules
from .service import Node
from .system import SystemClock, SystemEntropy, settle

PATIENCE_S, RETRY_S = 10.0, 0.2  # with a command that has the folder for a moment


async def serve(folder: Path, *, port: int | None = None, ready: Callable[[str], None]) -> None:
    """Run the node in `folder` until SIGINT or SIGTERM; `ready` is told the console's address."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    configuration.read(folder)
    node = await _open(folder)
    try:
        node.on_draft.append(Rules(node).apply)
        async with node.running(), control.listening(node), http(node, port) as url:
            settle()
            ready(url)
            await stop.wait()
    finally:
        await node.close()


async def _open(folder: Path) -> Node:
    """The node, once a command that works in the folder for a moment has ended; raises `FolderBusy` if it is a node that runs there."""
    for _ in range(int(PATIENCE_S / RETRY_S)):
        try:
            return await Node.open(folder, secrets.find(folder), SystemClock(), SystemEntropy())
        except FolderBusy:
            if await control.runs(folder):
                raise
            await asyncio.sleep(RETRY_S)
    return await Node.open(folder, secrets.find(folder), SystemClock(), SystemEntropy())


@contextlib.asynccontextmanager
async def http(node: Node, port: int | None = None) -> AsyncIterator[str]:
    """The node's HTTP on a socket of its own; gives its address, which is also written to `http.url` in the folder."""
    where = node.config.http
    app = make_app(node)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((where.host, where.port if port is None else port))
    except OSError as error:
        listener.close()
        raise NotReachable(f"the console cannot listen on {where.host}:{port or where.port}: {error.strerror}; try --port 0") from None
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        date_header=False,  # the application says its own
        ws="websockets-sansio",
        timeout_graceful_shutdown=3,
        **_tls(node),
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        while not server.started:
            if task.done():
                await task
                raise NotReachable("the console's server ended at its start")
            await asyncio.sleep(0.01)
        url = f"{'https' if where.certificate else 'http'}://{where.host}:{listener.getsockname()[1]}"
        (node.folder / "http.url").write_text(url)
        yield url
    finally:
        (node.folder / "http.url").unlink(missing_ok=True)
        server.should_exit = True
        await task
        listener.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # the node itself listens for signals
        yield


def _tls(node: Node) -> dict[str, Any]:
    where = node.config.http
    if not where.certificate:
        return {}
    found: dict[str, Any] = {"ssl_certfile": node.folder / where.certificate, "ssl_keyfile": node.folder / where.key}
    if where.client_ca:
        # Asked for and not demanded: people have none. One that is shown has to be the authority's.
        found |= {"ssl_ca_certs": node.folder / where.client_ca, "ssl_cert_reqs": ssl.CERT_OPTIONAL, "http": _Pinned}
    for name in (where.certificate, where.key, where.client_ca):
        if name and not (node.folder / name).is_file():
            raise BadConfig(f"{configuration.FILE}: there is no file {node.folder / name}")
    return found


class _Pinned(H11Protocol):
    """Tells the application the SHA-256 of the certificate that a machine client has shown."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        if certificate:
            inner, shown = self.app, hashlib.sha256(certificate).hexdigest()

            async def app(scope: Any, receive: Any, send: Any) -> None:
                await inner({**scope, CERTIFICATE: shown}, receive, send)

            self.app = app
