"""What the exchange tells the other rooms, and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from tocsin.core import Clearance
from tocsin.core.times import DAY, HOUR, SECOND, Micros

from .card import Card

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core import Clock, Entropy, Observations
    from tocsin.journal import Journal, Kept
    from tocsin.policy import Gate

    from . import wire
    from .book import Book
    from .keys import NodeKeys
    from .transport import Transport


class Partner(msgspec.Struct, frozen=True):
    """An organisation that this node knows: its pinned keys, and what it may be shown."""

    card: Card
    clearance: Clearance

    @property
    def id(self) -> str:
        """Its name to the protocol."""
        return self.card.partner


class Standing(NamedTuple):
    """How this node came by a partner's card. `state`: pinned (by hand), rotated, recovered (by its own chain), revoked, excluded.

    `since` is when (µs of protocol time), `compared_at` when a person last read the fingerprint back, `compared_by` who.
    """

    state: str
    since: Micros
    reason: str
    compared_at: Micros | None
    compared_by: str


class OldCard(NamedTuple):
    """A card and the time in which it stood: from `since` until `until` (None: it stands)."""

    card: Card
    how: str
    since: Micros
    until: Micros | None


HERE, THERE, RELAY = "here", "there", "relay"


class Step(NamedTuple):
    """One step of a pairing test: `side` (here, there, relay) is whose it is to mend if it is not `well`; `says` is one line."""

    what: str
    well: bool
    side: str
    says: str


class LedgerRow(NamedTuple):
    """What became of one record towards one partner; times in µs of protocol time, None for what has not happened.

    `state`: withheld, queued, sent, delivered, read; `at` is its time. `read_at` and `recalled_at` are the partner's own times of a
    person's reading and of its node's hiding what was recalled; `recall_read_at` of a person's reading of the recall. The
    receipts are the partner's records that say so.
    """

    partner: str
    state: str
    at: Micros | None
    reason: str
    offered_at: Micros | None = None
    sent_at: Micros | None = None
    delivered_at: Micros | None = None
    read_at: Micros | None = None
    read_receipt: str = ""
    recalled_at: Micros | None = None
    recall_read_at: Micros | None = None
    recall_receipt: str = ""


class Link(NamedTuple):
    """How things stand with one partner.

    `state`: up (heard within three heartbeats), late (within a minute), down. `behind_in` and `behind_out` count records
    that are known to be owed, `refused` what it sent and we refused, `gaps` ranges of its observations that never came;
    `clock_off_s` how far its clock is ahead of ours (behind: less than 0), 0 while that is no more than messages may be late.
    """

    partner: str
    state: str
    last_heard: Micros | None
    behind_in: int
    behind_out: int
    refused: int
    gaps: int
    clock_off_s: float = 0.0


class Sink(Protocol):
    """Whoever uses what arrives. What it raises is counted, and stops nothing."""

    async def on_records(self, kept: Sequence[Kept]) -> None:
        """Records of partners, after they are on disk; each exactly once."""
        ...

    async def on_observations(self, batch: Observations, sender: str, sent_at: Micros) -> None:
        """A batch of a partner's, in the order of its chain but for batches that were late; `sent_at` is the sender's time."""
        ...

    async def on_change(self, what: str) -> None:
        """`ledger`, `links` or `refusals` have changed."""
        ...


class Notary(Protocol):
    """Whoever looks at partners' logs, and hears what partners say of this node's."""

    async def asked(self, partner: Partner, body: wire.AskWitness) -> None:
        """`partner` shows a checkpoint, or asks what was seen of its log."""
        ...

    async def answered(self, partner: Partner, body: wire.Witnessed) -> None:
        """`partner` answers what it was shown."""
        ...


@dataclass(frozen=True)
class Settings:
    """Times in µs of protocol time, except those in seconds (`_s`), which are waits of this process."""

    heartbeat: Micros = 5 * SECOND
    rotate: Micros = HOUR  # an epoch's life
    prekey_period: Micros = DAY
    prekey_grace: Micros = HOUR
    card_grace: Micros = HOUR  # in which messages signed by a partner's card of before a rotation still count
    ask_again: Micros = SECOND  # before a range or a grant is asked for again
    give_up: Micros = 15 * SECOND  # before observations that were asked for count as gone
    gather_s: float = 0.1  # between envelopes of records to one partner
    flush_s: float = 0.08  # observations gather this long
    receipt_s: float = 0.03  # receipts gather this long
    tick_s: float = 0.2
    batch_rows: int = 20_000  # observations in one envelope
    pending_rows: int = 200_000  # observations that wait to be sealed; past it the oldest are dropped
    queue: int = 64  # sealed observation batches that wait for the relay, per partner
    ring: int = 64  # sent observation batches that can be asked for again, per chain
    held: int = 64  # envelopes that came before their turn, per sender
    held_bytes: int = 32_000_000
    refusals_a_minute: int = 20  # kept as records, per sender; the others are counted
    heads: int = 64  # chains that one heartbeat speaks of


@dataclass(frozen=True)
class Parts:
    """What one node's exchange is made of. `clearance` is the node's own: what does not allow it is refused. `clock` is protocol time."""

    keys: NodeKeys
    book: Book
    journal: Journal
    transport: Transport
    clock: Clock
    entropy: Entropy
    sink: Sink
    clearance: Clearance
    settings: Settings = Settings()
    gate: Gate | None = None  # who may have what; as it ships if none is given
