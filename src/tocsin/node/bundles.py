"""Bundles for the operator: files written for partners and taken in from them, whether the node runs or not."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from tocsin.core import InputError, TooLarge
from tocsin.exchange import BUNDLE_MAX_BYTES, Exchange
from tocsin.people import Act

from .partnership import OPERATOR
from .service import Node


class Export(msgspec.Struct, forbid_unknown_fields=True):
    """Write what `to` is owed into a new `file`; `since` is a number in its chains, -1 for what it has given no receipt for."""

    to: str
    file: str
    since: int = -1


class Import(msgspec.Struct, forbid_unknown_fields=True):
    """Take in a partner's `file`."""

    file: str


async def export(node: Node, wanted: Export) -> Any:
    """Write a bundle."""
    path = Path(wanted.file)
    if path.exists():
        raise InputError(f"{path.name} is there already: choose another name")
    async with _exchange(node) as exchange:
        made = await exchange.export_bundle(wanted.to, wanted.since if wanted.since >= 0 else None)
    beside = path.with_name(path.name + ".new")
    try:
        with beside.open("wb") as file:
            file.write(made.data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise InputError(f"{path.name} cannot be written: {error.strerror}") from None
    await node.people.act(OPERATOR, Act.BUNDLE_EXPORT, wanted.to)
    return {"to": wanted.to, "bytes": len(made.data), "records": made.records, "receipts": made.receipts, "more": made.more}


async def take_in(node: Node, wanted: Import) -> Any:
    """Take in a bundle, whole or not at all."""
    path = Path(wanted.file)
    try:
        if (size := path.stat().st_size) > BUNDLE_MAX_BYTES:
            raise TooLarge("a bundle's bytes", size, BUNDLE_MAX_BYTES)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}") from None
    async with _exchange(node) as exchange:
        found = await exchange.take_in_bundle(data)
    await node.people.act(OPERATOR, Act.BUNDLE_IMPORT, found.sender)
    return found._asdict()


@contextlib.asynccontextmanager
async def _exchange(node: Node) -> AsyncIterator[Exchange]:
    if node.exchange is not None:
        yield node.exchange
    else:
        async with node.exchanging("") as exchange:
            yield exchange
