"""Sending observations: gathered for a moment, packed and sealed once for an audience, left at the relay for each member.

Nothing here waits for a partner. What cannot be carried in time is dropped, the oldest first, and counted; its
place in the chain stays empty, and the partner notes the gap.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tocsin.core import TocsinError
from tocsin.core.observations import concat
from tocsin.formats import columns

from . import chain, seal, wire
from .errors import RelayFull, RelayUnreachable
from .tasks import end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core import Label, Observations, Realm
    from tocsin.policy import Release

    from .context import Context
    from .outgoing import Grants, Releases, Shared
    from .seal import Epoch


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that has its place in a chain, kept for a while in case it is asked for again."""

    seq: int
    before: bytes
    item: bytes
    packed: bytes
    label: Label


@dataclass
class _Chain:
    tag: str
    realm: Realm
    ring: deque[Sent]
    next: int = 0
    hash: bytes = wire.ZERO


@dataclass
class _Line:
    """What goes to one partner."""

    queue: deque[tuple[_Chain, Sent, Epoch, bytes]]
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    chains: dict[Realm, _Chain] = field(default_factory=dict)


class Streams:
    """Every partner's stream of observations from this node."""

    def __init__(self, context: Context, releases: Releases, grants: Grants, shared: Shared) -> None:
        self._context, self._releases, self._grants, self._shared = context, releases, grants, shared
        self._start = context.entropy.child("stream start").take(16) + context.clock.now().to_bytes(8, "big")
        self._pending: deque[Observations] = deque()
        self._rows = 0
        self._dropped: dict[tuple[Realm, Label], None] = {}  # of what observations were dropped since the last flush
        self._wake = asyncio.Event()
        self._lines: dict[str, _Line] = {}
        self._gatherer: asyncio.Task[None] | None = None

    def share(self, batch: Observations) -> Release:
        """Take a batch for whoever may have it; never waits, keeps at most so many rows."""
        release = self._releases.of(batch.label, batch.realm)
        if release.audience and len(batch):
            self._pending.append(batch)
            self._rows += len(batch)
            while self._rows > self._context.settings.pending_rows and len(self._pending) > 1:
                dropped = self._pending.popleft()
                self._rows -= len(dropped)
                self._context.counts["observations_dropped"] += len(dropped)
                self._dropped[dropped.realm, dropped.label] = None
            self._wake.set()
        return release

    def start(self) -> None:
        """Begin to gather and send."""
        self._gatherer = asyncio.create_task(self._gather(), name="observations")

    async def stop(self) -> None:
        """End; what waits is dropped."""
        await end([task for task in (self._gatherer, *(line.task for line in self._lines.values())) if task])

    def heads(self, partner: str) -> list[wire.Head]:
        """How far this partner's chains have come."""
        line = self._lines.get(partner)
        return [wire.Head(one.tag, wire.OBSERVATIONS, one.next, one.hash) for one in line.chains.values()] if line else []

    def link_is_up(self) -> None:
        """Go on with what waits."""
        for line in self._lines.values():
            line.wake.set()

    async def forget(self, partner: str) -> None:
        """The partner is one no more."""
        line = self._lines.pop(partner, None)
        if line and line.task:
            await end([line.task])

    async def again(self, partner: str, ask: wire.AskRange) -> None:
        """Send what is still held of a range, sealed afresh under today's decision, and say what is gone."""
        line = self._lines.get(partner)
        one = next((c for c in line.chains.values() if c.tag == ask.tag), None) if line else None
        if line is None or one is None or not 0 <= ask.first <= ask.last < one.next:
            # A chain that ended with an earlier start, or never was.
            await self._context.control(partner, wire.Gone(ask.tag, ask.first, ask.last))
            return
        queued = {sent.seq for chain_, sent, *_ in line.queue if chain_ is one}
        held = {sent.seq: sent for sent in one.ring}
        gone: list[int] = []
        oldest = one.ring[0].seq if one.ring else one.next
        for seq in range(max(ask.first, oldest), ask.last + 1):
            sent = held.get(seq)
            audience = self._releases.of(sent.label, one.realm).audience if sent else frozenset()
            if sent is None or partner not in audience:
                gone.append(seq)
            elif seq not in queued:
                self._put(line, one, sent, self._seal(one.realm, sent.packed, audience))
        earlier = min(ask.last, oldest - 1)
        if earlier >= ask.first:
            await self._context.control(partner, wire.Gone(ask.tag, ask.first, earlier))
        for first, last in _runs(gone):
            await self._context.control(partner, wire.Gone(ask.tag, first, last))

    async def _gather(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._context.settings.flush_s)
            self._wake.clear()
            groups: dict[tuple[str, Realm, Label], list[Observations]] = {}
            while self._pending:
                batch = self._pending.popleft()
                groups.setdefault((batch.feed, batch.realm, batch.label), []).append(batch)
            self._rows = 0
            dropped, self._dropped = self._dropped, {}
            for realm, label in dropped:
                self._leave_out(realm, label)
            for (_, realm, label), batches in groups.items():
                whole = concat(batches)
                for first in range(0, len(whole), self._context.settings.batch_rows):
                    part = whole.select(slice(first, first + self._context.settings.batch_rows))
                    try:
                        await self._send(part, realm, label)
                    except TocsinError:
                        # A batch that cannot be packed (a feed's name too long, a value no partner would take).
                        self._context.counts["observations_unpackable"] += len(part)
                        self._leave_out(realm, label)

    def _leave_out(self, realm: Realm, label: Label) -> None:
        # An empty place in the chain of everyone who would have had them: each notes the gap.
        for name in sorted(self._releases.of(label, realm).audience):
            one = self._chain_of(name, realm)
            one.next, one.hash = one.next + 1, chain.step(one.hash, hashlib.sha256(b"left out").digest())

    async def _send(self, batch: Observations, realm: Realm, label: Label) -> None:
        """Bring a batch to its audience; those who want only a part of it get that part, the others one and the same envelope."""
        groups: dict[bytes, list[str]] = {}
        for name in sorted(self._releases.of(label, realm).audience):
            wanted = self._context.wants.rows(name, batch)
            groups.setdefault(b"" if wanted is None else wanted.tobytes(), []).append(name)
        for mask, names in groups.items():
            part = batch.select(np.frombuffer(mask, bool)) if mask else batch
            if len(part):
                await self._send_to(names, part, realm, label)

    async def _send_to(self, names: Sequence[str], batch: Observations, realm: Realm, label: Label) -> None:
        packed = await asyncio.to_thread(columns.pack, batch)
        audience = self._releases.of(label, realm).audience
        names = [name for name in names if name in audience]
        if not names:
            return
        envelope = self._seal(realm, packed, audience)
        self._context.counts["observations_sent"] += len(batch)
        self._context.counts["observation_bytes"] += len(envelope[1])
        item = hashlib.sha256(packed).digest()
        for name in names:
            line, one = self._line(name), self._chain_of(name, realm)
            sent = Sent(one.next, one.hash, item, packed, label)
            one.next, one.hash = one.next + 1, chain.step(one.hash, item)
            one.ring.append(sent)
            self._put(line, one, sent, envelope)

    def _seal(self, realm: Realm, packed: bytes, audience: frozenset[str]) -> tuple[Epoch, bytes]:
        epoch = self._grants.epochs.of(audience)
        return epoch, self._shared.seal(seal.payload_of_observations(self._context.keys, realm, packed), epoch)

    def _put(self, line: _Line, one: _Chain, sent: Sent, sealed: tuple[Epoch, bytes]) -> None:
        if len(line.queue) >= self._context.settings.queue:
            line.queue.popleft()
            self._context.counts["batches_dropped"] += 1
        line.queue.append((one, sent, *sealed))
        line.wake.set()

    def _chain_of(self, partner: str, realm: Realm) -> _Chain:
        line = self._line(partner)
        if (one := line.chains.get(realm)) is None:
            if len(line.chains) >= self._context.settings.heads:
                del line.chains[next(iter(line.chains))]
            tag = chain.realm_tag(self._context.keys.tag_key, partner, realm, wire.OBSERVATIONS, self._start)
            one = line.chains[realm] = _Chain(tag, realm, deque(maxlen=self._context.settings.ring))
        return one

    def _line(self, partner: str) -> _Line:
        if (line := self._lines.get(partner)) is None:
            line = self._lines[partner] = _Line(deque())
            line.task = asyncio.create_task(self._carry(partner, line), name=f"observations-{partner}")
        return line

    async def _carry(self, partner: str, line: _Line) -> None:
        context = self._context
        while True:
            await line.wake.wait()
            line.wake.clear()
            while line.queue and context.transport.connected:
                one, sent, epoch, envelope = line.queue.popleft()
                if (known := context.partner(partner)) is None:
                    break
                await self._grants.ready(epoch, known)
                packet = seal.make_packet(
                    context.keys,
                    recipient=partner,
                    tag=one.tag,
                    klass=wire.OBSERVATIONS,
                    first=sent.seq,
                    before=sent.before,
                    items=[sent.item],
                    envelope=envelope,
                    sent_at=context.stamp(),
                )
                try:
                    await context.send(partner, one.tag, wire.OBSERVATIONS, packet)
                    context.counts["batches_sent"] += 1
                except RelayFull:
                    context.counts["batches_dropped"] += 1
                except RelayUnreachable:
                    # Still in the ring: the partner asks for it when it sees the hole.
                    context.counts["batches_dropped"] += 1
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(context.settings.tick_s):
                            await line.wake.wait()


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return runs
