"""The epoch keys that one partner has granted, and those that were asked for. In memory alone."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.core.times import HOUR, Micros

from . import seal, wire
from .errors import Refused

if TYPE_CHECKING:
    from .context import Context

EPOCHS = 64  # keys that are held, the oldest go first
LONGEST = 24 * HOUR  # however long a grant says
GRACE = HOUR  # for what was sealed just before an epoch's end
TRIES = 5


@dataclass
class _Asked:
    at: Micros
    times: int = 1


class Keyring:
    """Keys of one partner's epochs."""

    def __init__(self, context: Context, sender: str) -> None:
        self._context, self._sender = context, sender
        self._keys: OrderedDict[bytes, tuple[bytes, Micros]] = OrderedDict()
        self._asked: dict[bytes, _Asked] = {}

    def __contains__(self, epoch: bytes) -> bool:
        return epoch in self._keys

    def __getitem__(self, epoch: bytes) -> bytes:
        return self._keys[epoch][0]

    async def learn(self, grant: wire.Grant) -> bool:
        """Take a grant whose signatures were checked; whether its key is held now. Raises `Refused` (`grant`, `commitment`)."""
        try:
            key = seal.open_grant(grant, self._sender, self._context.keys, self._context.prekeys)
        except Refused as refusal:
            if refusal.reason != "prekey":
                raise
            # Wrapped to a prekey that this node had before it was started again.
            await self.ask(grant.epoch)
            return False
        self._keys[grant.epoch] = key, min(grant.until, self._context.clock.now() + LONGEST) + GRACE
        self._keys.move_to_end(grant.epoch)
        while len(self._keys) > EPOCHS:
            self._keys.popitem(last=False)
        self._asked.pop(grant.epoch, None)
        return True

    async def need(self, epoch: bytes) -> None:
        """Ask for a key unless it was asked for already."""
        if epoch not in self._keys and epoch not in self._asked:
            await self.ask(epoch)

    async def ask(self, epoch: bytes) -> None:
        """Ask for a key."""
        asked = self._asked.get(epoch)
        self._asked[epoch] = _Asked(self._context.clock.now(), asked.times + 1 if asked else 1)
        self._context.counts["grants_asked"] += 1
        await self._context.control(self._sender, wire.AskGrant(epoch, self._context.prekeys.current()))

    def forget(self, epoch: bytes) -> None:
        """There will be no answer."""
        self._asked.pop(epoch, None)

    async def tick(self) -> list[bytes]:
        """Ask again for what did not come, drop keys whose time is over; the epochs that were asked for in vain."""
        now, vain = self._context.clock.now(), []
        for epoch in [epoch for epoch, (_, until) in self._keys.items() if now >= until]:
            del self._keys[epoch]
        for epoch, asked in list(self._asked.items()):
            if asked.times > TRIES:
                vain.append(epoch)
            elif now - asked.at >= self._context.settings.ask_again:
                await self.ask(epoch)
        return vain
