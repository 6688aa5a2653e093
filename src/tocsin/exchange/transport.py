"""The way to the relay: leave messages for partners, pull one's own, come back whenever the link does."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import nats.errors

from . import wire
from .errors import NoStream, OpenRelay, RelayFull, RelayUnreachable
from .login import CONNECT_S, NoLogin, diagnose, login, steps_to, trust_only
from .probe import CONSUMER, probe
from .tasks import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from tocsin.core import Entropy

    from .keys import NodeKeys
    from .model import Step

BATCH = 128  # messages that one pull asks for
PULL_S = 20.0  # how long the relay holds a pull open
IDLE_S = 2.0  # while it does, it says so this often; a stream that is not there yet says nothing at all
SEND_S = 5.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 3.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came. `again`: the relay says that it delivered it before, without an acknowledgement."""

    recipient: str
    sender: str
    tag: str
    klass: str
    data: bytes
    again: bool


class Transport(Protocol):
    """What carries packets. One implementation speaks to a NATS relay."""

    @property
    def connected(self) -> bool:
        """Whether the link stands."""
        ...

    async def start(self, receive: Callable[[Arrival], Awaitable[None]], changed: Callable[[bool], None], senders: Iterable[str]) -> None:
        """Connect, and from then on hand over what `senders` left, in order for each sender and class.

        An arrival is acknowledged when `receive` returns, and comes again if it raises. `changed` hears when the link comes and goes.
        """
        ...

    async def watch(self, senders: Iterable[str]) -> None:
        """Whose messages to pull from now on."""
        ...

    async def send(self, recipient: str, tag: str, klass: str, data: bytes) -> None:
        """Leave `data` for `recipient`; raises `RelayFull` or `RelayUnreachable` unless the relay confirms that it stored it."""
        ...

    async def diagnose(self) -> list[Step]:
        """The steps to the relay, up to the first that fails."""
        ...

    def has_stream(self, sender: str) -> bool:
        """Whether the relay is known to hold a stream from that sender."""
        ...

    async def cut(self) -> None:
        """Drop the link and stay away until `restore`."""
        ...

    async def restore(self) -> None:
        """Connect again."""
        ...

    async def stop(self) -> None:
        """End everything."""
        ...


class NoTransport:
    """No relay: a node that exchanges by file alone. Nothing leaves, and what is owed stays owed."""

    connected = False
    failures = 0

    async def start(self, receive: Callable[[Arrival], Awaitable[None]], changed: Callable[[bool], None], senders: Iterable[str]) -> None:
        """As `Transport.start`: nothing ever comes."""

    async def watch(self, senders: Iterable[str]) -> None:
        """As `Transport.watch`."""

    async def send(self, recipient: str, tag: str, klass: str, data: bytes) -> None:  # noqa: ARG002 - there is no way to send any
        """As `Transport.send`: raises `RelayUnreachable`."""
        raise RelayUnreachable("this node has no relay")

    async def diagnose(self) -> list[Step]:
        """As `Transport.diagnose`: there is no link to look at."""
        return []

    def has_stream(self, sender: str) -> bool:  # noqa: ARG002 - nobody can leave anything
        """As `Transport.has_stream`."""
        return False

    async def cut(self) -> None:
        """As `Transport.cut`."""

    async def restore(self) -> None:
        """As `Transport.restore`."""

    async def stop(self) -> None:
        """As `Transport.stop`."""


class NatsTransport:
    """A link to a NATS relay at `url` (several, separated by commas, are tried in turn); `ca` is its pinned authority's file."""

    def __init__(self, url: str, keys: NodeKeys, entropy: Entropy, ca: Path | None = None) -> None:
        self._url, self._keys, self._entropy = url, keys, entropy
        self._tls = trust_only(ca) if "tls://" in url else None
        self._missing: set[tuple[str, str]] = set()
        self._problem: NoLogin | None = None
        self._client: Client | None = None
        self._allowed = asyncio.Event()
        self._allowed.set()
        self._gone = asyncio.Event()
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._down.set()
        self._senders: frozenset[str] = frozenset()
        self._pullers: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._sends: set[asyncio.Task[Msg]] = set()
        self._link: asyncio.Task[None] | None = None
        self._receive: Callable[[Arrival], Awaitable[None]] | None = None
        self._changed: Callable[[bool], None] = lambda _: None
        self._tried = False
        self._open: OpenRelay | None = None
        self.failures = 0  # arrivals whose handling raised; each comes again

    @property
    def connected(self) -> bool:
        """Whether the link stands."""
        return self._up.is_set()

    @property
    def failure(self) -> str:
        """Why the link will not come back, empty while it may."""
        return str(self._open) if self._open else ""

    async def start(self, receive: Callable[[Arrival], Awaitable[None]], changed: Callable[[bool], None], senders: Iterable[str]) -> None:
        """As `Transport.start`; does not wait long for a relay that is away.

        The relay is tried as `probe` does before anything is left with it. Raises `OpenRelay`; should a relay turn out so
        later, when it is reached at last, the link stays down and `failure` says why.
        """
        self._receive, self._changed, self._senders = receive, changed, frozenset(senders)
        self._link = asyncio.create_task(self._keep_up(), name="relay-link")
        up = asyncio.create_task(self._up.wait(), name="first-link")
        await asyncio.wait([up, self._link], timeout=CONNECT_S, return_when=asyncio.FIRST_COMPLETED)
        await end([up])
        if self._open is not None:
            raise self._open

    async def watch(self, senders: Iterable[str]) -> None:
        """As `Transport.watch`."""
        self._senders = frozenset(senders)
        if self._client is not None and self.connected:
            await self._set_pullers(self._client)

    async def send(self, recipient: str, tag: str, klass: str, data: bytes) -> None:
        """As `Transport.send`. A message that was stored without our hearing of it is stored once: retries bear the same id."""
        client = self._client
        if client is None or not self.connected:
            raise RelayUnreachable("the link to the relay is down")
        subject, headers = wire.subject(recipient, self._keys.partner, tag, klass), {"Nats-Msg-Id": self._entropy.take(16).hex()}
        # A task of its own: a caller that is cancelled leaves at once, and the library cannot swallow the cancellation.
        asking = asyncio.create_task(client.request(subject, data, timeout=SEND_S, headers=headers), name="send")
        self._sends.add(asking)
        asking.add_done_callback(self._sent)
        try:
            answer = await asyncio.shield(asking)
            error = json.loads(answer.data).get("error")
        except nats.errors.NoRespondersError:
            raise NoStream("the relay has no stream for that recipient") from None
        except (nats.errors.Error, OSError, ValueError) as problem:
            raise RelayUnreachable(f"the relay did not confirm a message ({type(problem).__name__})") from None
        if error:
            # 10077: the stream's limit on bytes or messages; 503: it has no room at all.
            full = error.get("err_code") in {10077, 10047, 10028}
            raise (RelayFull if full else RelayUnreachable)(f"the relay refused a message (code {error.get('err_code')})")

    def _sent(self, asking: asyncio.Task[Msg]) -> None:
        self._sends.discard(asking)
        if not asking.cancelled():
            asking.exception()  # looked at, in case the caller has left

    async def cut(self) -> None:
        """As `Transport.cut`: the TCP connection is closed, not just ignored."""
        self._allowed.clear()
        if self._client is not None:
            await self._client.close()
        self._gone.set()
        await self._down.wait()

    async def restore(self) -> None:
        """As `Transport.restore`."""
        self._allowed.set()

    async def stop(self) -> None:
        """As `Transport.stop`."""
        if self._link is not None:
            await end([self._link])
        self._link = None
        await end(self._sends)

    async def _keep_up(self) -> None:
        wait = FIRST_WAIT_S
        while True:
            await self._allowed.wait()
            try:
                client = await self._log_in()
            except OpenRelay as problem:
                self._open = problem
                return
            except RelayUnreachable:
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_S)
                continue
            wait = FIRST_WAIT_S
            try:
                await self._stay(client)
            finally:
                self._up.clear()
                self._down.set()
                self._client = None
                await client.close()
                await end(self._pullers.values())
                self._pullers.clear()
                self._changed(False)

    async def _log_in(self) -> Client:
        """As this node's user; while a rotation is young, as the user of before where the relay does not know the new one yet."""
        problem: RelayUnreachable | None = None
        for keys in (self._keys, self._keys.former):
            if keys is None:
                continue
            try:
                if not self._tried:
                    await probe(self._url, keys, self._senders, tls=self._tls)
                    self._tried = True
                inbox = f"_INBOX.{keys.partner}"
                client = await login(self._url, keys.relay_user, keys.sign_nonce, inbox=inbox, closed=self._gone.set, tls=self._tls)
            except NoLogin as error:
                problem = problem or error
                continue
            self._problem = None
            return client
        self._problem = problem if isinstance(problem, NoLogin) else None
        raise problem or RelayUnreachable("no connection to the relay")

    async def diagnose(self) -> list[Step]:
        """As `Transport.diagnose`; a link that stands says itself that all is well."""
        if self.connected:
            return steps_to(self._url, None)
        return await diagnose(self._url, self._keys, self._tls)

    def has_stream(self, sender: str) -> bool:
        """As `Transport.has_stream`."""
        return (sender, wire.CONTROL) not in self._missing

    async def _stay(self, client: Client) -> None:
        self._gone.clear()
        if not client.is_connected or not self._allowed.is_set():
            return
        self._client = client
        self._down.clear()
        self._up.set()
        await self._set_pullers(client)
        self._changed(True)
        await self._gone.wait()

    async def _set_pullers(self, client: Client) -> None:
        wanted = {(sender, klass) for sender in self._senders for klass in wire.CLASSES}
        await end([self._pullers.pop(key) for key in self._pullers.keys() - wanted])
        for sender, klass in sorted(wanted - self._pullers.keys()):
            self._pullers[sender, klass] = asyncio.create_task(self._pull(client, sender, klass), name=f"pull-{sender}-{klass}")

    async def _pull(self, client: Client, sender: str, klass: str) -> None:
        stream = wire.stream_name(self._keys.partner, sender, klass)
        request = json.dumps({"batch": BATCH, "expires": int(PULL_S * 1e9), "idle_heartbeat": int(IDLE_S * 1e9)}).encode()
        pause = FIRST_WAIT_S
        try:
            inbox = client.new_inbox()
            subscription = await client.subscribe(inbox, pending_msgs_limit=4 * BATCH)
            while self._client is client:
                await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{CONSUMER}", request, reply=inbox)
                left = BATCH
                while left:
                    try:
                        message = await subscription.next_msg(timeout=2.5 * IDLE_S)
                    except nats.errors.TimeoutError:
                        break
                    if message.headers and "Status" in message.headers:
                        if message.headers["Status"] == "100":
                            self._missing.discard((sender, klass))
                            continue
                        # 408 ends a pull that waited long enough; anything else (no such stream yet) is asked again, more and more slowly.
                        if message.headers["Status"] != "408":
                            self._missing.add((sender, klass))
                            await asyncio.sleep(pause)
                            pause = min(pause * 2, LONGEST_WAIT_S)
                        break
                    self._missing.discard((sender, klass))
                    left -= 1
                    pause = FIRST_WAIT_S
                    await self._hand_over(client, message)
        except (nats.errors.Error, OSError):
            # The connection ended under the puller; the link's task makes new ones with the next.
            return

    async def _hand_over(self, client: Client, message: Msg) -> None:
        parts = message.subject.split(".")
        # What does not look like a message of the protocol cannot come from one: acknowledged, and gone.
        if len(parts) == 5 and self._receive is not None:
            arrival = Arrival(parts[1], parts[2], parts[3], parts[4], message.data, _deliveries(message.reply) > 1)
            try:
                await self._receive(arrival)
            except Exception:  # noqa: BLE001 - whatever went wrong here (a full disk), the message must come again
                self.failures += 1
                await client.publish(message.reply, b'-NAK {"delay": 1000000000}')
                return
        await client.publish(message.reply, b"+ACK")


def _deliveries(reply: str) -> int:
    # $JS.ACK.<stream>.<consumer>.<deliveries>.… with, before the stream, a domain and an account hash on newer servers.
    parts = reply.split(".")
    at = 4 if len(parts) == 9 else 6
    return int(parts[at]) if len(parts) > at and parts[at].isdigit() else 1
