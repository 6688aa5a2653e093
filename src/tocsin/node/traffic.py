"""The way of observations through a node: its own feeds and partners' batches, into picture and archive, and out to who may have them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tocsin.core import Observations, TocsinError, realms
from tocsin.core.times import Micros
from tocsin.sources import Feed, Fence

if TYPE_CHECKING:
    from .service import Node

log = logging.getLogger("tocsin")


class Lateness(NamedTuple):
    """How long one batch took from the sender's intake (protocol time) to the picture here."""

    sent_at: Micros
    ms: float


class Traffic:
    """Feeds of the node's own, and what of observations came and went."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._fence = Fence(node.config.fence) if node.config.fence else None
        self._running: dict[int, asyncio.Task[None]] = {}
        self.feeds: list[Feed] = []
        self.latencies: deque[Lateness] = deque(maxlen=50_000)
        self.cuts: list[tuple[Micros, Micros | None]] = []
        self.received = 0
        self.shared = 0

    def add(self, feed: Feed, tasks: asyncio.TaskGroup) -> asyncio.Task[None]:
        """Run a feed of this node's own until it ends."""
        self.feeds.append(feed)
        task = self._running[id(feed)] = tasks.create_task(self._run(feed), name=f"feed {feed.name}")
        return task

    def stop(self, feed: Feed) -> None:
        """Stop one of this node's feeds; one that ended already stays ended."""
        if (task := self._running.pop(id(feed), None)) is not None:
            task.cancel()

    def stop_all(self) -> None:
        """Stop every feed: the node ends."""
        for task in self._running.values():
            task.cancel()

    async def _run(self, feed: Feed) -> None:
        try:
            await feed.run(self.take_in)
        except TocsinError as error:
            log.warning("feed %s ended: %s", feed.name, error)
            self._node.changed("feeds", feed.realm, self._node.own_label())

    async def take_in(self, batch: Observations) -> None:
        """Take in one batch of a feed of this node's own: picture, archive, and the partners that may have it."""
        node = self._node
        if self._fence is not None:
            batch = self._fence.keep(batch)
        if not len(batch):
            return
        self._see(batch, node.config.id)
        if node.exchange is not None and not realms.is_replay(batch.realm):
            await node.exchange.share(batch)
            self.shared += len(batch)
        await node.archive.add(batch)

    async def hear(self, batch: Observations, sender: str, sent_at: Micros) -> None:
        """Take in one batch from a partner."""
        # Under our own policy, so that it joins with what others say.
        mine = self._node.gate.ours(batch.label)
        if mine is not None and mine is not batch.label:
            batch = replace(batch, label=mine)
        taken = batch if self._fence is None else self._fence.keep(batch)
        self._see(taken, sender)
        self.latencies.append(Lateness(sent_at, (self._node.clock.now() - sent_at) / 1000))
        self.received += len(batch)
        if len(taken):
            await self._node.archive.add(taken)

    def _see(self, batch: Observations, sender: str) -> None:
        if self._node.world(batch.realm).take(batch, sender):
            self._node.changed("session", batch.realm, batch.label)
