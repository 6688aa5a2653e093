"""The node: every room wired together, its life from open to close, and the way of data through it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from tocsin.core import (
    LIVE,
    Clearance,
    Clock,
    Entropy,
    Label,
    Observations,
    Realm,
    Record,
    Ref,
    TocsinError,
    WarningRecord,
    body_of,
    encode,
    make,
    realms,
    stream,
)
from tocsin.core.labels import derived
from tocsin.core.times import Micros
from tocsin.exchange import Book, Card, Exchange, NatsTransport, NodeKeys, NoTransport, Parts, forget_reader
from tocsin.journal import Entry, Journal, Kept, Vault
from tocsin.people import People
from tocsin.picture import Archive
from tocsin.policy import View, Views
from tocsin.sources import Feed
from tocsin.warning import Topic

from . import config as configuration
from . import organisation
from .changes import Change, Changes, page_of
from .feeds import make_feed
from .gates import make_gate
from .hearing import Hearing
from .hosting import Hosting
from .notary import Notary
from .readers import SYSTEM, Reader
from .recollection import Recollection
from .register import Register
from .revocations import Revocations
from .system import trim_memory
from .telling import Telling
from .topics import load_topics
from .traffic import Traffic
from .worlds import DemoClock, FollowClock, SaidIn, Sight, World

log = logging.getLogger("tocsin")
TICK_S = 0.2
SWEEP_S = 600
_ENCODER = msgspec.json.Encoder(order="deterministic")


class Node:
    """One organisation's running Tocsin. `open` it, then run it `async with node.running()`."""

    def __init__(
        self, folder: Path, config: configuration.Config, vault: Vault, journal: Journal, keys: NodeKeys, clock: Clock, entropy: Entropy
    ) -> None:
        self.folder = folder
        self.config = config
        self.keys = keys
        self.clock = clock
        self.entropy = entropy
        self.journal = journal
        self.vault = vault
        self.people = People(journal, clock, entropy, vault=vault, security=config.security)
        self.people.leaving.append(lambda connection, _, leaver: forget_reader(connection, leaver.name))
        self.oidc = organisation.make(config, folder, clock, entropy)
        self.gate = make_gate(config, folder, clock)
        self.views = Views(gate=self.gate)
        self.book = Book(journal, clock)
        self.register = Register(journal, config.id, self.gate)
        self.hearing = Hearing(self.register, config.id)
        self.revocations = Revocations(config.id)
        self.archive = Archive(folder / "archive", journal, clock, civil_hours=config.civil_hours)
        self.topics: list[Topic] = load_topics(config.topics, folder)
        self.worlds: dict[Realm, World] = {}
        self._recollection = Recollection(journal, clock)
        self.exchange: Exchange | None = None
        self.transport: NatsTransport | None = None
        self.hosting = Hosting(self)
        self.traffic = Traffic(self)
        self.telling = Telling(self)
        # Held while a warning is issued or cancelled: of two at once, the second sees what the first did.
        self.issuing = asyncio.Lock()
        self.on_draft: list[Callable[[Realm, Record, WarningRecord], Awaitable[bool]]] = []
        self._changes = Changes()
        self._streams: dict[tuple[Realm, str, Label], Entropy] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self.notary = Notary(self)

    @classmethod
    async def open(cls, folder: Path, secret: bytes, clock: Clock, entropy: Entropy) -> Node:
        """The node in `folder`, not yet running; raises `NotANode`, `BadConfig`, or `Denied` for a wrong secret."""
        config = configuration.read(folder)
        vault = Vault.open(folder, secret)
        journal = await Journal.open(folder, vault, clock, entropy)
        try:
            node = cls(folder, config, vault, journal, NodeKeys.load(vault, folder), clock, entropy)
            await node.book.guard()
            node.revocations.fill(journal)
            node.remember(journal)
            node.world(LIVE)
            for realm in journal.realms():
                node.world(realm)
            node.register.follow()
        except BaseException:
            await journal.close()
            raise
        return node

    def remember(self, journal: Journal) -> None:
        """Have the gate know again what the journal holds of consents and lowered labels."""
        for realm in journal.realms():
            for kind in ("consent", "relabel"):
                after = -1
                while page := journal.records(realm, kind=kind, after=after):
                    for kept in page:
                        self.gate.standing.learn(kept.record)
                    after = page[-1].index

    async def close(self) -> None:
        """Let go of the folder; what the watches remember stays in it."""
        with contextlib.suppress(TocsinError):
            for world in self.worlds.values():
                for sight in list(world.sights()):
                    await self._recollection.keep(world, sight, now=True)
        await self.archive.flush()
        await self.journal.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Node]:
        """Run feeds, detectors and the exchange until the block ends."""
        async with contextlib.AsyncExitStack() as exits, asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            url = await self.hosting.start()
            if self.gate.site.fault:
                # What came now would be refused for good; at the relay and at its senders it waits.
                log.error("nothing is shared until the site's policies can be read")
            else:
                await exits.enter_async_context(self.exchanging(url))
            background = [
                tasks.create_task(self._look(), name="detectors"),
                tasks.create_task(self._sweep(), name="sweep"),
                tasks.create_task(self.notary.run(), name="notary"),
                tasks.create_task(trim_memory(), name="memory"),
            ]
            self.spawn(self._resume(), "approvals")
            for feed in self.config.feeds:
                self.add_feed(make_feed(feed, self.config, self.worlds[LIVE].clock))
            try:
                yield self
            finally:
                for task in background:
                    task.cancel()
                self.traffic.stop_all()
                self._tasks = None

    @contextlib.asynccontextmanager
    async def exchanging(self, url: str) -> AsyncIterator[Exchange]:
        """Share with partners through the relay at `url` until the block ends; without one by file alone."""
        self.transport = NatsTransport(url, self.keys, self.entropy, self.hosting.authority()) if url else None
        own, transport = self.config.own, self.transport or NoTransport()
        parts = Parts(self.keys, self.book, self.journal, transport, self.clock, self.entropy, self, own, gate=self.gate)
        self.exchange = Exchange(parts)
        self.exchange.call_notary(self.notary)
        await self.exchange.start()
        try:
            yield self.exchange
        finally:
            await self.exchange.stop()
            self.exchange = None
            await self.hosting.stop()

    def exchange_or_idle(self) -> Exchange:
        """The exchange, or one that keeps what is said for partners until the node runs."""
        if self.exchange is not None:
            return self.exchange
        link = NatsTransport("", self.keys, self.entropy)
        return Exchange(Parts(self.keys, self.book, self.journal, link, self.clock, self.entropy, self, self.config.own))

    def card(self) -> Card:
        """This node's own card, as of now."""
        return self.keys.card(self.config.name, self.clock, self.config.relay.addresses)

    # --- worlds ---------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether feeds, detectors and the exchange run."""
        return self._tasks is not None

    def world(self, realm: Realm, clock: Clock | None = None) -> World:
        """The world of `realm`; a new one opens the eyes of every view that has readers here."""
        if (found := self.worlds.get(realm)) is None:
            found = self.worlds[realm] = World(
                realms.parse(realm), clock or self._clock_of(realm), self.topics, node=self.config.id, entropy=self.entropy
            )
            found.on_sight = partial(self._recollection.take_up, found)
            for clearance in {self.config.own, *(user.clearance for user in self.people.users())}:
                found.sight(view := self.views.of(clearance))
                self.register.open(view)
        return found

    def view(self, clearance: Clearance) -> View:
        """The view of `clearance`, with its eyes open in every world."""
        view = self.views.of(clearance)
        self.register.open(view)
        for world in self.worlds.values():
            world.sight(view)
        return view

    def _clock_of(self, realm: Realm) -> Clock:
        if realm != LIVE:
            return FollowClock()
        if (demo := self.config.demo_clock) is not None:
            return DemoClock(self.clock, demo.start, demo.speed)
        return self.clock

    # --- observations ---------------------------------------------------------------------------------------

    def add_feed(self, feed: Feed) -> asyncio.Task[None]:
        """Run a feed of this node's own until it ends."""
        if self._tasks is None:
            raise RuntimeError("the node is not running")
        return self.traffic.add(feed, self._tasks)

    async def on_observations(self, batch: Observations, sender: str, sent_at: Micros) -> None:
        """A batch from a partner."""
        await self.traffic.hear(batch, sender, sent_at)

    # --- records --------------------------------------------------------------------------------------------

    async def on_records(self, kept: Sequence[Kept]) -> None:
        """Records from partners, or this node's own refusals, are on disk."""
        for named in {body.partner for body in self.revocations.add(kept)}:
            self.spawn(self._heard_of(named), "exclusion")
        learned = [self.gate.standing.learn(one.record) for one in kept]
        if any(done and one.record.kind == "relabel" for done, one in zip(learned, kept, strict=True)):
            self.register.forget()
            self.hearing.forget()
        self.register.follow()
        for one in (one for one, new in zip(kept, learned, strict=True) if new):
            # Whoever may have it now gets it: a label was lowered, or an originator has consented.
            about = getattr(body_of(one.record), "record", "")
            if self.exchange is not None and (held := self.journal.get(about)) is not None and held.record.origin == self.config.id:
                self.spawn(self.exchange.decide_anew(about), "decide anew")
        for one in kept:
            if one.record.kind == "approval" and one.record.origin != self.config.id:
                await self._seconded(one)
        for one in kept:
            self.world(one.record.realm)
            self.changed(page_of(one.record.kind), one.record.realm, one.record.label, one.record)

    async def on_change(self, what: str) -> None:
        """The exchange's state changed: links, ledger, refusals, partners (one has new keys or is out)."""
        self.changed("exchange", None, self.own_label())
        if what == "partners":
            self.spawn(self.hosting.tell(), "relay members")

    def spawn(self, work: Coroutine[Any, Any, object], name: str) -> None:
        """Have `work` done beside everything else while the node runs; what it raises on purpose is logged."""

        async def guarded() -> None:
            try:
                await work
            except TocsinError as error:
                log.warning("%s: %s", name, error)

        if self._tasks is None:
            work.close()
            return
        self._tasks.create_task(guarded(), name=name)

    async def _heard_of(self, partner: str) -> None:
        from .partnership import exclude_if_agreed

        await exclude_if_agreed(self, partner)

    async def _resume(self) -> None:
        from .seconding import Seconding

        await Seconding(self).resume()

    async def _seconded(self, kept: Kept) -> None:
        from .seconding import Seconding

        work = Seconding(self).heard(kept)
        if self._tasks is not None:
            self.spawn(work, "a partner's approval")
            return
        try:
            await work
        except TocsinError as error:
            log.warning("a partner's approval: %s", error)

    def new_record(
        self, body: object, realm: Realm, author: str, label: Label, refs: Sequence[Ref] = (), *, view: View | None = None
    ) -> Record:
        """A record by this node that says `body` now, in both times; the realm's as `view` knows it."""
        label, world = derived(label, self.config.id), self.world(realm)
        return make(
            body,  # type: ignore[arg-type]
            realm=realm,
            origin=self.config.id,
            author=author,
            label=label,
            protocol_time=self.clock.now(),
            realm_time=world.clock.now() if view is None else world.time(view),
            entropy=self._stream(realm, author, label),
            refs=tuple(refs),
        )

    def _stream(self, realm: Realm, author: str, label: Label) -> Entropy:
        # One for each realm, author and label: who may read what is said here may read all that moved its ids.
        if (found := self._streams.get((realm, author, label))) is None:
            name = f"{author}\x00{hashlib.sha256(_ENCODER.encode(label)).hexdigest()}"
            found = self._streams[realm, author, label] = stream(self.entropy, realm, name)
        return found

    async def tend_keys(self) -> None:
        """Forget the keys from before a rotation when their grace is over, on disk too, and have the relay here close their log-ins."""
        if self.keys.end_former(self.clock.now()):
            self.keys.save(self.vault, self.folder)
        try:
            await self.hosting.tend()
        except TocsinError as error:
            log.warning("the relay was not told whose old log-in has ended: %s", error)

    async def keep(self, record: Record) -> Kept:
        """Keep a record that stays in the node."""
        (kept,) = await self.journal.keep([Entry(encode(record), record)])
        await self.on_records([kept])
        return kept

    async def say(self, record: Record) -> Kept:
        """Keep a record and send it to everyone who may have it; a replay's stays in the node."""
        if self.exchange is None or realms.is_replay(record.realm):
            return await self.keep(record)
        kept, _release = await self.exchange.say(record)
        await self.on_records([kept])
        return kept

    def own_label(self, reader: Reader | None = None) -> Label:
        """The label of what is for this node's own people: releasable to nobody else."""
        own = reader.view.clearance if reader is not None else self.config.own
        return Label(own.policy, own.classification, frozenset({self.config.id}), frozenset({self.config.id}), own.caveats)

    # --- the loops ------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        while True:
            for world in list(self.worlds.values()):
                for now, sights in world.looks_due():
                    await self.look(world, now, sights)
            await asyncio.sleep(TICK_S)

    async def look(self, world: World, now: Micros, sights: Sequence[Sight] | None = None) -> None:
        """Let the detectors of `sights`, or of all, look at `world` at `now`, and keep what they say."""
        for view, said in world.step(now, sights, self.hearing.of):
            await self._keep_said(world.realm, SaidIn(view, said))
        for sight in list(world.sights()) if sights is None else sights:
            await self._recollection.keep(world, sight)

    async def _keep_said(self, realm: Realm, one: SaidIn) -> None:
        record = self.new_record(one.said.body, realm, SYSTEM + one.view.id, one.said.label, one.said.refs, view=one.view)
        await self.keep(record)
        if isinstance(one.said.body, WarningRecord):
            for look in self.on_draft:
                await look(realm, record, one.said.body)

    async def _sweep(self) -> None:
        while True:
            await self.archive.sweep()
            await self.people.tend()
            await self.tend_keys()
            await asyncio.sleep(SWEEP_S)

    # --- who is told ----------------------------------------------------------------------------------------

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` at every change, until the function that this gives is called."""
        return self._changes.listen(listener)

    def changed(self, what: str, realm: Realm | None, label: Label | None, record: Record | None = None) -> None:
        """Tell screens that something changed."""
        self._changes.tell(Change(what, realm, label, record))
