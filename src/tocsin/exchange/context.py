"""What sending and receiving share: the node's parts, its counters, its refusals, and the control messages it sends."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from tocsin.core import LIVE, Label, Refusal, TocsinError, encode, make
from tocsin.core.times import SECOND, Micros
from tocsin.journal import Entry
from tocsin.policy import Gate, SitePolicies

from . import seal, wire
from .errors import Barred, RelayFull, RelayUnreachable
from .keys import Prekeys
from .recalls import Recalls
from .wants import Wants

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

    from tocsin.core import Record, Ref

    from .model import Partner, Parts

MINUTE = 60 * SECOND
UNKNOWN = "?"  # stands for senders that are no partners, so that names cannot be made up without end


class Context:
    """One node's parts, and what sending and receiving both count and note."""

    def __init__(self, parts: Parts) -> None:
        self.keys, self.book, self.journal, self.transport = parts.keys, parts.book, parts.journal, parts.transport
        self.clock, self.entropy, self.sink = parts.clock, parts.entropy, parts.sink
        self.clearance, self.settings = parts.clearance, parts.settings
        self.me = parts.keys.partner
        self.gate = parts.gate or Gate(SitePolicies.shipped(), None, self.clock, node=self.me)
        self.prekeys = Prekeys(
            self.clock, self.entropy.child("prekeys"), period=self.settings.prekey_period, grace=self.settings.prekey_grace
        )
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()  # by partner
        self.gaps: Counter[str] = Counter()  # by partner
        self.clock_off: dict[str, Micros] = {}  # by partner, where it is too far off
        self.recalls = Recalls(self.journal)
        self.wants = Wants(self.journal, self.me)
        self.barred: set[str] = set()  # who is being put out: nothing more is sent there
        self.last_refused: dict[str, tuple[str, Micros]] = {}
        self._ids = self.entropy.child("record ids")
        self._stamp = 0
        self._control_locks: dict[str, asyncio.Lock] = {}
        self._minute: dict[str, tuple[Micros, int]] = {}

    def stamp(self) -> Micros:
        """Protocol time, but later than any stamp before."""
        self._stamp = max(self.clock.now(), self._stamp + 1)
        return self._stamp

    def own_label(self) -> Label:
        """The label of what this node notes for itself alone."""
        me = frozenset({self.me})
        return Label(self.clearance.policy, 0, me, me)

    def untold(self, partner: str) -> bool:
        """Whether this node has newer keys than that partner is known to have heard of."""
        return bool(self.keys.links) and self.book.told(partner) != self.keys.digest()

    async def send(self, partner: str, tag: str, klass: str, data: bytes, *, introducing: bool = False) -> None:
        """The one way out to the relay. Raises `Barred` for whoever is put out, or could not check the signatures yet."""
        if partner in self.barred or self.book.get(partner) is None:
            raise Barred("this partner is put out")
        if not introducing and self.untold(partner):
            raise Barred("this partner has not heard of this node's new keys")
        await self.transport.send(partner, tag, klass, data)

    async def control(self, partner: str, body: wire.Wire | Callable[[], wire.Wire], *, introducing: bool = False) -> bool:
        """Send a control message; whether the relay took it. Whoever sends one can bear its loss: it is said again or asked for.

        A `body` that is to be true at the moment of its stamp is given as a function.
        """
        lock = self._control_locks.setdefault(partner, asyncio.Lock())
        # One at a time, so that they are stored in the order of their stamps.
        async with lock:
            message = seal.make_control(self.keys, partner, body if isinstance(body, wire.Wire) else body(), self.stamp())
            try:
                await self.send(partner, wire.NO_TAG, wire.CONTROL, message, introducing=introducing)
            except (RelayFull, RelayUnreachable):
                self.counts["control_unsent"] += 1
                return False
        self.counts["control_sent"] += 1
        return True

    async def refuse(self, sender: str, reason: str, digest: bytes, realm: str = LIVE) -> None:
        """Count a refusal, and keep it as a record unless that sender has had its share this minute."""
        known = self.book.get(sender) is not None
        name = sender if known else UNKNOWN
        self.counts["refused"] += 1
        self.counts[f"refused_{reason.replace('-', '_')}"] += 1
        self.refused[name] += 1
        now = self.clock.now()
        self.last_refused[name] = reason, now
        began, kept = self._minute.get(name, (now, 0))
        if now - began >= MINUTE:
            began, kept = now, 0
        self._minute[name] = began, kept + 1
        if kept >= self.settings.refusals_a_minute:
            self.counts["refusals_not_kept"] += 1
            return
        body = Refusal(sender=name, reason=reason, digest=digest.hex())
        await self.note(body, realm)
        await self.changed("refusals")

    def record(self, body: msgspec.Struct, realm: str, label: Label, refs: tuple[Ref, ...] = ()) -> Record:
        """A record that this node makes by itself."""
        now = self.clock.now()
        return make(
            body,
            realm=realm,
            origin=self.me,
            author="node",
            label=label,
            protocol_time=now,
            realm_time=now,
            entropy=self._ids,
            refs=refs,
        )

    async def note(self, body: msgspec.Struct, realm: str) -> None:
        """Keep a record that this node makes for itself, by itself."""
        record = self.record(body, realm, self.own_label())
        try:
            await self.journal.keep([Entry(encode(record), record)])
        except TocsinError:
            self.counts["notes_not_kept"] += 1

    async def changed(self, what: str) -> None:
        """Tell the sink."""
        try:
            await self.sink.on_change(what)
        except Exception:  # noqa: BLE001 - what a user of the exchange does wrong must not stop it
            self.counts["sink_failed"] += 1

    def partner(self, name: str) -> Partner | None:
        """A partner that is pinned at this moment."""
        return self.book.get(name)
