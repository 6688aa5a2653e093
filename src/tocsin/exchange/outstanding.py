"""How far this node's chains of records to its partners have come, and which tag stands for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import chain, store, wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.core import Realm

    from .context import Context
    from .store import OutChain


class Outstanding:
    """The chains of records to each partner, one a realm, in memory beside the database."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._chains: dict[tuple[str, Realm], OutChain] = {}
        self._realms: dict[tuple[str, str], Realm] = {}

    def load(self) -> None:
        """Take up where the database stands."""
        self._chains = store.all_out(self._context.journal)
        for (partner, realm), one in self._chains.items():
            self._realms[partner, self.tag(partner, realm, one.start)] = realm

    def tag(self, partner: str, realm: Realm, start: bytes) -> str:
        """The tag of a chain of records that began with `start` (empty for the first)."""
        return chain.realm_tag(self._context.keys.tag_key, partner, realm, wire.RECORDS, start)

    def tag_of(self, partner: str, realm: Realm) -> str:
        """The tag of the chain of `realm` to `partner` that is in use."""
        one = self._chains.get((partner, realm))
        return self.tag(partner, realm, one.start if one else b"")

    def realm_of(self, partner: str, tag: str) -> Realm | None:
        """The realm that `tag` stands for towards `partner`."""
        return self._realms.get((partner, tag))

    def get(self, partner: str, realm: Realm) -> OutChain | None:
        """How far the chain of `realm` to `partner` has come."""
        return self._chains.get((partner, realm))

    def grew(self, chains: Mapping[tuple[str, Realm], OutChain]) -> None:
        """Records were committed: the chains stand here now, or further."""
        for (partner, realm), to in chains.items():
            known = self._chains.get((partner, realm))
            # Another call that committed later may have resumed earlier.
            if known is None or known.start != to.start or known.next < to.next:
                received = max(known.received, to.received) if known and known.start == to.start else to.received
                self._chains[partner, realm] = store.OutChain(to.next, to.hash, received, to.start)
            if known is not None and known.start != to.start:
                # What the partner says of the chain that ended concerns nobody any more.
                self._realms.pop((partner, self.tag(partner, realm, known.start)), None)
            self._realms[partner, self.tag(partner, realm, to.start)] = realm

    def closed(self, partner: str, realm: Realm, next_: int) -> None:
        """Receipts cover everything before `next_`."""
        to = self._chains[partner, realm]
        to.received = max(to.received, next_)

    def owed(self, partner: str) -> int:
        """How many records `partner` has given no receipt for."""
        return sum(to.next - to.received for (name, _), to in self._chains.items() if name == partner)

    def heads(self, partner: str, most: int) -> list[wire.Head]:
        """The chains to `partner` as a heartbeat tells them, those with something owed first.

        From the database, not from memory: a courier may have brought what was committed and not yet noted here.
        """
        mine = [(to, realm) for (name, realm), to in store.all_out(self._context.journal).items() if name == partner]
        mine.sort(key=lambda one: (one[0].next == one[0].received, one[1]))
        return [wire.Head(self.tag(partner, realm, to.start), wire.RECORDS, to.next, to.hash) for to, realm in mine[:most]]
