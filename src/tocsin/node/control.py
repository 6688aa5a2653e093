"""The operator's door: a Unix socket in the node's folder, open to the folder's owner alone.

One JSON object a line each way. The command line uses it when the node runs; when it does not, the same
operations run on the opened folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from tocsin.core import NotReachable, TocsinError

from .errors import NodeError
from .operations import OPERATIONS
from .service import Node

MAX_LINE = 4_194_304
Json = dict[str, Any]


class Call(msgspec.Struct, forbid_unknown_fields=True):
    """One call of an operation by its name."""

    op: str
    args: Json = {}


class Answer(msgspec.Struct):
    """What came of it: a result, or one line that says why not and the exit code that goes with it."""

    result: Any = None
    error: str = ""
    exit_code: int = 0


class Refused(NodeError):
    """Raised in the caller if the node answered with an error; it carries the node's own exit code."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def socket_of(folder: Path) -> Path:
    """Where the socket is: in the folder, or beside the temporary files if its path would be too long for a socket."""
    inside = folder.resolve() / "control.sock"
    if len(str(inside)) < 100:
        return inside
    return Path(tempfile.gettempdir()) / f"tocsin-{os.getuid()}-{hashlib.sha256(str(inside).encode()).hexdigest()[:16]}.sock"


@contextlib.asynccontextmanager
async def listening(node: Node) -> AsyncIterator[None]:
    """Answer the operator's calls until the block ends."""
    path = socket_of(node.folder)
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(lambda r, w: _serve(node, r, w), path, limit=MAX_LINE)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def _serve(node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            writer.write(msgspec.json.encode(await _answer(node, line)) + b"\n")
            await writer.drain()
    except (ConnectionError, ValueError):
        pass
    finally:
        writer.close()


async def _answer(node: Node, line: bytes) -> Answer:
    try:
        call = msgspec.json.decode(line, type=Call)
        return Answer(result=await run(node, call.op, call.args))
    except TocsinError as error:
        return Answer(error=str(error), exit_code=error.exit_code)
    except msgspec.MsgspecError:
        return Answer(error="that is no call", exit_code=2)


async def run(node: Node, op: str, args: Json) -> Any:
    """Run one operation on an open node; raises `NodeError` for an unknown one or arguments that do not fit."""
    if (operation := OPERATIONS.get(op)) is None:
        raise NodeError(f"no operation {op[:40]!r}")
    try:
        given = msgspec.convert(args, operation.arguments)
    except msgspec.ValidationError as error:
        raise NodeError(f"{op}: {error}") from None
    return await operation.run(node, given)


async def runs(folder: Path) -> bool:
    """Whether a node in `folder` listens for commands."""
    try:
        _, writer = await asyncio.open_unix_connection(socket_of(folder))
    except (OSError, ValueError):
        return False
    writer.close()
    return True


async def call_running(folder: Path, op: str, args: Json, *, timeout_s: float = 600) -> Any:
    """Have the running node in `folder` do `op`; raises `NotReachable` if none runs, `Refused` if it says no."""
    try:
        reader, writer = await asyncio.open_unix_connection(socket_of(folder), limit=MAX_LINE)
    except (OSError, ValueError):
        raise NotReachable(f"no node runs in {folder}: start it with `tocsin up {folder}`") from None
    try:
        writer.write(msgspec.json.encode(Call(op, args)) + b"\n")
        line = await asyncio.wait_for(reader.readline(), timeout_s)
    except (OSError, TimeoutError):
        raise NotReachable(f"the node in {folder} does not answer") from None
    finally:
        writer.close()
    if not line:
        raise NotReachable(f"the node in {folder} stopped while it was asked")
    answer = msgspec.json.decode(line, type=Answer)
    if answer.error:
        raise Refused(answer.error, answer.exit_code)
    return answer.result
