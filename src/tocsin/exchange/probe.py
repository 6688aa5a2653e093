"""The trial of a relay at start: everything that a sound one refuses is tried."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import nats.errors
from nats.aio.client import Client

from . import wire
from .errors import OpenRelay, RelayUnreachable
from .login import CONNECT_S, addresses, connect, login

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from .keys import NodeKeys

CONSUMER = "pull"
CLEAR_S = 0.5  # a server that greets in the clear does so at once
_HERE = {"127.0.0.1", "localhost", "[::1]"}


async def probe(url: str, keys: NodeKeys, partners: Iterable[str], *, tls: ssl.SSLContext | None = None) -> None:
    """Try what a sound relay refuses; raises `OpenRelay` naming what it allowed, `RelayUnreachable` if it does not answer.

    Tried, at every address: a connection without a user, and without TLS where TLS is said; and at the one that is used: hearing
    another's inbox and everybody's messages; pulling another's stream; asking about a stream or about the account; leaving a
    message under another's name. An address beyond this machine without TLS is refused unasked.
    """
    for address in addresses(url):
        scheme, _, where = address.partition("://")
        if scheme != "tls" and where.rpartition(":")[0] not in _HERE:
            raise OpenRelay(f"the relay at {where} is on another machine: say tls://{where}, so that nobody on the way sees who tells whom")
        await _try_anonymous(address, tls)
        if scheme == "tls":
            await _try_clear(where)
    me, other = keys.partner, next((name for name in sorted(partners) if name != keys.partner), "nobody-else")
    said: list[str] = []

    async def hear(error: Exception) -> None:
        said.append(str(error))

    client = await login(url, keys.relay_user, keys.sign_nonce, inbox=f"_INBOX.{me}", tls=tls, error_cb=hear)
    try:
        await _try_all(client, me, other, said)
    except (nats.errors.Error, OSError):
        raise RelayUnreachable("the relay ended the connection while it was tried") from None
    finally:
        await client.close()


async def _try_anonymous(address: str, tls: ssl.SSLContext | None) -> None:
    anonymous = Client()
    try:
        await connect(anonymous, address, "_INBOX.probe", lambda: None, tls=tls)
    except RelayUnreachable:
        return
    await anonymous.close()
    raise OpenRelay("this relay lets anyone in without a key: give it an authorization block")


async def _try_clear(where: str) -> None:
    host, _, port = where.rpartition(":")
    line = b""
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(CLEAR_S):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            try:
                line = await reader.readline()
            finally:
                writer.close()
    if line.startswith(b"INFO"):
        raise OpenRelay("this relay speaks before TLS has begun, where anyone may listen: set handshake_first in its tls block")


async def _try_all(client: Client, me: str, other: str, said: list[str]) -> None:
    theirs = wire.stream_name(other, me, wire.RECORDS)
    subscriptions = (f"_INBOX.{other}.>", "in.>", f"in.{me}.>", "$JS.ACK.>", "$JS.EVENT.>", "$SYS.>", ">")
    publications = (
        wire.subject(me, other, wire.NO_TAG, wire.CONTROL),
        f"$JS.API.CONSUMER.MSG.NEXT.{theirs}.{CONSUMER}",
        f"$JS.ACK.{theirs}.{CONSUMER}.1.1.1.1.0",
        f"$JS.API.STREAM.INFO.{theirs}",
        f"$JS.API.STREAM.INFO.{wire.stream_name(me, other, wire.RECORDS)}",
        "$JS.API.STREAM.NAMES",
        "$JS.API.INFO",
        f"$JS.API.STREAM.PURGE.{wire.stream_name(me, other, wire.RECORDS)}",
        "$SYS.REQ.SERVER.PING",
    )
    for act, subjects in (("hear", subscriptions), ("send to", publications)):
        for subject in subjects:
            said.clear()
            if act == "hear":
                await client.subscribe(subject)
            else:
                await client.publish(subject, b"", reply=f"_INBOX.{me}.probe")
            # The library writes a ping before what was published just now: only the second answer comes after the server's no.
            await client.flush(CONNECT_S)
            await client.flush(CONNECT_S)
            if not any("permissions violation" in text.lower() for text in said):
                raise OpenRelay(f"this relay lets a member {act} {subject}: give each member only its own subjects")
