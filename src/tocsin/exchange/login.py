"""Logging in at a relay, and saying at which step that fails: address, TLS, or the relay's own no."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import nats.errors
from nats.aio.client import Client

from .errors import RelayUnreachable
from .model import RELAY, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .keys import NodeKeys

CONNECT_S = 3
CLOSE_S = 1.0
REFUSED, TLS, AWAY = "login", "tls", "address"


class NoLogin(RelayUnreachable):
    """Raised if no relay lets this user in; `step` is how far the one came that came farthest: address, tls, login."""

    def __init__(self, step: str, says: str) -> None:
        super().__init__(says)
        self.step = step


def trust_only(ca: Path | None) -> ssl.SSLContext:
    """TLS 1.3 that takes only servers whose certificate this authority signed; without one, those that the machine trusts."""
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def addresses(url: str) -> list[str]:
    """The addresses in a list with commas, each with its port."""
    found = [one.strip() for one in url.split(",") if one.strip()]
    return [one if urlsplit(one).port else f"{one}:4222" for one in found]


async def login(
    url: str,
    user: str,
    sign: Callable[[str], bytes],
    *,
    inbox: str,
    closed: Callable[[], Any] = lambda: None,
    tls: ssl.SSLContext | None = None,
    error_cb: Any = None,
) -> Client:
    """A connection as the nkey `user` to the first of the addresses in `url` that takes it; raises `NoLogin`.

    It does not reconnect by itself: `closed` is called once when it ends.
    """
    worst: NoLogin | None = None
    for address in addresses(url):
        client = Client()
        # The library's own nkey support needs another crypto library; it reads the user's name from here.
        client._public_nkey = user
        options: dict[str, Any] = {"signature_cb": lambda nonce: base64.b64encode(sign(nonce))}
        if error_cb is not None:
            options["error_cb"] = error_cb
        try:
            await connect(client, address, inbox, closed, tls=tls, **options)
        except NoLogin as problem:
            steps = (AWAY, TLS, REFUSED)
            if worst is None or steps.index(problem.step) > steps.index(worst.step):
                worst = problem
            continue
        return client
    raise worst or NoLogin(AWAY, "no relay is set")


async def connect(
    client: Client, address: str, inbox: str, closed: Callable[[], Any], *, tls: ssl.SSLContext | None = None, **options: Any
) -> None:
    """Connect `client` to one address; raises `NoLogin`. With `tls://` nothing is said before the handshake, so nothing can be stripped."""

    async def ended() -> None:
        closed()

    seen: list[BaseException] = []
    tell = options.pop("error_cb", None)

    async def note(error: Exception) -> None:
        seen.append(error)
        if tell is not None:
            await tell(error)

    if address.startswith("tls://"):
        options |= {"tls": tls or trust_only(None), "tls_handshake_first": True}
    try:
        await asyncio.wait_for(
            client.connect(
                [address],
                inbox_prefix=inbox,
                allow_reconnect=False,
                connect_timeout=CONNECT_S,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                ping_interval=10,
                max_outstanding_pings=2,
                closed_cb=ended,
                disconnected_cb=ended,
                error_cb=note,
                **options,
            ),
            2 * CONNECT_S,
        )
    except (nats.errors.Error, OSError, TimeoutError, ssl.SSLError) as problem:
        # A handshake that failed leaves a stream whose closing the library would wait for without end.
        with contextlib.suppress(Exception, TimeoutError):
            await asyncio.wait_for(client.close(), CLOSE_S)
        raise _why(address, [*seen, problem]) from None


def _why(address: str, seen: Sequence[BaseException]) -> NoLogin:
    where = address.partition("://")[2]
    if any("authorization" in str(one).lower() for one in seen):
        return NoLogin(REFUSED, f"the relay at {where} does not let this node in: its operator has to add this node's card")
    for one in seen:
        if isinstance(one, ssl.SSLCertVerificationError):
            return NoLogin(TLS, f"the relay at {where} shows a certificate that this node's authority did not sign ({one.verify_message})")
        if isinstance(one, ssl.SSLError):
            return NoLogin(TLS, f"the relay at {where} does not speak TLS as it should ({one.reason or type(one).__name__})")
    kinds = {type(one).__name__ for one in seen if not isinstance(one, nats.errors.NoServersError)}
    return NoLogin(AWAY, f"no connection to the relay at {where} ({', '.join(sorted(kinds)) or 'NoServersError'})")


async def diagnose(url: str, keys: NodeKeys, tls: ssl.SSLContext | None) -> list[Step]:
    """The steps to a relay, up to the first that fails."""
    try:
        client = await login(url, keys.relay_user, keys.sign_nonce, inbox=f"_INBOX.{keys.partner}", tls=tls)
    except NoLogin as problem:
        return steps_to(url, problem)
    await client.close()
    return steps_to(url, None)


def steps_to(url: str, problem: NoLogin | None) -> list[Step]:
    """The steps to a relay that was reached, or not."""
    names = [(AWAY, "relay", "it answers")]
    if "tls://" in url:
        names.append((TLS, "tls", "its certificate is the pinned authority's"))
    names.append((REFUSED, "login", "this node is let in"))
    steps: list[Step] = []
    for key, what, says in names:
        if problem is not None and problem.step == key:
            return [*steps, Step(what, False, RELAY, str(problem))]
        steps.append(Step(what, True, RELAY, says))
    return steps
