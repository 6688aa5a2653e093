"""Nodes for tests: founded in a folder, opened in this process, asked over real HTTP."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2

from tocsin.core import Clock, Entropy
from tocsin.node import operations, secrets
from tocsin.node.founding import Wishes, found
from tocsin.node.service import Node
from tocsin.node.serving import http
from tocsin.node.system import SystemClock, SystemEntropy

PASSWORD = "correct horse battery"
LEVELS = ("UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL")


_FOUNDED = tempfile.TemporaryDirectory(prefix="tocsin-founded-")
atexit.register(_FOUNDED.cleanup)
_BY_WISHES: dict[str, Path] = {}


async def make(folder: Path, id: str = "ASTER", **more: Any) -> Path:
    """A new node whose officer is `mara`: founded once in a process for the same wishes, then copied, its keys with it."""
    wishes = Wishes(
        id=id, name=f"{id.title()} watch floor", user="mara", password=PASSWORD, levels=LEVELS, clearance="CONFIDENTIAL", **more
    )
    if repr(wishes) not in _BY_WISHES:
        first = Path(_FOUNDED.name) / str(len(_BY_WISHES))
        await found(first, wishes)
        _BY_WISHES[repr(wishes)] = first
    shutil.copytree(_BY_WISHES[repr(wishes)], folder, dirs_exist_ok=True)
    return folder


@contextlib.asynccontextmanager
async def opened(folder: Path, clock: Clock | None = None, entropy: Entropy | None = None) -> AsyncIterator[Node]:
    """The node in `folder`, open, not running."""
    node = await Node.open(folder, secrets.find(folder), clock or SystemClock(), entropy or SystemEntropy())
    try:
        yield node
    finally:
        await node.close()


@contextlib.asynccontextmanager
async def serving(node: Node) -> AsyncIterator[str]:
    """The node's HTTP on a free port; gives the API's address."""
    async with http(node, 0) as url:
        yield f"{url}/api/v1"


@contextlib.asynccontextmanager
async def person(url: str, name: str = "mara", password: str = PASSWORD) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that is logged in and bears its token."""
    async with httpx2.AsyncClient(base_url=url, timeout=20) as client:
        answer = await client.post("/session", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["x-tocsin-csrf"] = answer.json()["csrf"]
        yield client


async def add_person(node: Node, name: str, roles: list[str], clearance: str) -> None:
    """Another person at `node`, with the same password."""
    await operations.add_user(node, operations.NewUser(name, PASSWORD, roles, clearance))
