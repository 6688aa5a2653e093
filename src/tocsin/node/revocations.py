"""Whose keys are trusted no more: what this node and its partners said of it, and when enough of them say it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tocsin.core import LIVE, Record, Revocation, body_of
from tocsin.exchange import Book, Card
from tocsin.journal import Journal, Kept
from tocsin.policy import Community, read_community

KIND = "revocation"
FILE = "community.toml"


def community_of(folder: Path) -> Community | None:
    """The community that the node in `folder` follows; None if it follows none. Raises `BadCommunity`."""
    path = folder / FILE
    return read_community(path.read_bytes()) if path.is_file() else None


class Revocations:
    """Every revocation that this node holds."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._said: list[tuple[Record, Revocation]] = []

    def fill(self, journal: Journal) -> None:
        """Take in what the journal holds."""
        after = -1
        while page := journal.records(LIVE, kind=KIND, after=after):
            self.add(page)
            after = page[-1].index

    def add(self, kept: Sequence[Kept]) -> list[Revocation]:
        """Take in what was kept just now; those among it that partners said."""
        found = [(one.record, body) for one in kept if one.record.kind == KIND and isinstance(body := body_of(one.record), Revocation)]
        self._said += found
        return [body for record, body in found if record.origin != self._me]

    def rows(self) -> list[dict[str, Any]]:
        """All of them, the newest first: `by` is the node whose people decided."""
        return [
            {"by": r.origin, "partner": b.partner, "state": b.state, "reason": b.reason, "agreed": list(b.agreed), "time": r.protocol_time}
            for r, b in reversed(self._said)
        ]

    def agreed(self, card: Card, book: Book, community: Community) -> tuple[str, ...]:
        """Which members of the community have themselves revoked the holder of `card`: this node, and partners that stand.

        A vote counts once for each member, for this very card or an earlier one of that partner, and never by the partner itself.
        """
        digests = {old.card.digest().hex() for old in book.cards(card.partner)} | {card.digest().hex()}
        voters = {
            record.origin
            for record, body in self._said
            if body.state == "revoked" and body.partner == card.partner and body.card in digests and record.origin != card.partner
        }
        return tuple(sorted(v for v in voters if v in community.partners and (v == self._me or book.get(v) is not None)))
