"""What became of records after they were said: which are recalled. Kept up with every record, from the start of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.core import Record
    from tocsin.journal import Journal, Kept

RECALL = "recall"


class Recalls:
    """The recalls that a journal holds. Only a record's own origin can recall it; what others say changes nothing."""

    def __init__(self, journal: Journal) -> None:
        self._recalls: dict[str, list[Record]] = {}
        self.version = 0  # another number after each recall
        for realm in journal.realms():
            after = -1
            while page := journal.records(realm, kind=RECALL, after=after):
                self.take(page)
                after = page[-1].index

    def take(self, kept: Iterable[Kept]) -> None:
        """Take in records that were just kept."""
        for one in kept:
            if one.record.kind == RECALL and (target := recalled_by(one.record)):
                self._recalls.setdefault(target, []).append(one.record)
                self.version += 1

    def recall_of(self, record: Record) -> Record | None:
        """The record that recalled `record`, if its origin did, in the realm of both."""
        found = self._recalls.get(record.id, ())
        return next((recall for recall in found if recall.origin == record.origin and recall.realm == record.realm), None)


def recalled_by(recall: Record) -> str | None:
    """The id of what a recall recalls."""
    return next((ref.id for ref in recall.refs if ref.rel == "recalls"), None)
