"""The relay that a node runs for its community: who may log in at it, kept in step with the node's partners and everyone's keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.core.times import HOUR
from tocsin.exchange import Card, Relay

if TYPE_CHECKING:
    from .service import Node

GRACE = HOUR  # how long a partner's log-in of before a rotation is let in: nobody is cut off in the middle of one


class Hosting:
    """The relay that runs here, if one does, and its members: this node and its partners."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._relay: Relay | None = None
        self._told: list[str] = []

    @property
    def is_here(self) -> bool:
        """Whether the relay runs here."""
        return self._relay is not None

    def authority(self) -> Path | None:
        """The file by which the relay is known, the configured one or that of the relay here; None without TLS."""
        if named := self._node.config.relay.ca:
            return self._node.folder / named
        return self._relay.authority if self._relay is not None else None

    async def start(self) -> str:
        """Run the relay if it is this node's to run, and give the URL of the one that it uses."""
        settings = self._node.config.relay
        if not settings.supervise:
            return settings.url
        self._relay = Relay(self._node.folder / "relay", settings.port, settings.serving, self._node.clock)
        members = self._members()
        url = await self._relay.start(members)
        self._told = [card.relay for card in members]
        return url

    async def stop(self) -> None:
        """End the relay that runs here; what members left with it stays in its folder."""
        if self._relay is not None:
            await self._relay.stop()

    async def tell(self) -> None:
        """Have the relay that runs here let in exactly this node and its partners of now; raises `RelayUnreachable`."""
        if self._relay is not None:
            members = self._members()
            await self._relay.set_members(members)
            self._told = [card.relay for card in members]

    async def tend(self) -> None:
        """Tell the relay if who may log in has changed by time alone: the grace after a rotation is over."""
        if self._told != [card.relay for card in self._members()]:
            await self.tell()

    def _members(self) -> list[Card]:
        node = self._node
        former = node.keys.former
        mine = [node.card(), *([former.card(node.config.name, node.clock)] if former is not None else [])]
        partners = [(p.card, node.book.former(p.id, GRACE)) for p in node.book.partners()]
        return mine + [card for both in partners for card in both if card is not None]
