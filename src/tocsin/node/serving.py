"""A node with its doors open: the console's HTTP and the operator's socket, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import uvicorn

from tocsin.core import NotReachable

from . import config as configuration
from . import control, secrets
from .http import make_app
from .rules import Rules
from .service import Node
from .system import SystemClock, SystemEntropy


async def serve(folder: Path, *, port: int | None = None, ready: Callable[[str], None]) -> None:
    """Run the node in `folder` until SIGINT or SIGTERM; `ready` is told the console's address."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    configuration.read(folder)
    node = await Node.open(folder, secrets.find(folder), SystemClock(), SystemEntropy())
    try:
        node.on_draft.append(Rules(node).apply)
        async with node.running(), control.listening(node), http(node, port) as url:
            ready(url)
            await stop.wait()
    finally:
        await node.close()


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
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        while not server.started:
            if task.done():
                await task
                raise NotReachable("the console's server ended at its start")
            await asyncio.sleep(0.01)
        url = f"http://{where.host}:{listener.getsockname()[1]}"
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
