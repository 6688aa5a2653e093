"""The ledger: what became of everything that this node said, partner by partner; and calling it back."""

from __future__ import annotations

from typing import Any

from tocsin.core import (
    RECALL_REASONS,
    Approval,
    Consent,
    InputError,
    Label,
    NotReachable,
    Realm,
    Recall,
    Record,
    Ref,
    WarningRecord,
    body_of,
    iso,
)
from tocsin.exchange import LedgerRow, said_ids
from tocsin.journal import Kept
from tocsin.people import Act, Receiver

from .errors import Conflict, NotFound
from .filtered import Filtered
from .readers import Reader
from .screens import recalled
from .service import Node
from .told import signed

Json = dict[str, Any]
PAGE = 500


class Ledger:
    """One node's ledger."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def page(self, reader: Reader, realm: Realm, after: str, limit: int) -> list[Json]:
        """What this node said in `realm` and `reader` may read, in its order, past the record `after` (empty: from the start)."""
        shown = Filtered(self._node, reader)
        if not shown.sees(realm):
            return []
        at = self._own(reader, after).index if after else -1
        rows: list[Json] = []
        while len(rows) < limit and (page := said_ids(self._node.journal, realm, at, PAGE)):
            at = page[-1].idx
            found = (shown.find(row.record_id) for row in page)
            rows += [self._row(shown, kept.record) for kept in found if kept is not None]
        return rows[:limit]

    def one(self, reader: Reader, record: str) -> Json:
        """One record of this node's, with what each partner signed of it; raises `NotFound`."""
        kept = self._own(reader, record)
        row = self._row(Filtered(self._node, reader), kept.record)
        fates = self._node.exchange.ledger(record) if self._node.exchange is not None else []
        row["partners"] = [one | signed(self._node, kept, fate, files=False) for one, fate in zip(row["partners"], fates, strict=True)]
        return row

    async def recall(self, reader: Reader, record: str, why: str) -> Json:
        """Call a record of this node's back, from everyone who had it or may have it."""
        reader.must(Act.RECORD_RECALL)
        said = self._own(reader, record).record
        node = self._node
        if why not in RECALL_REASONS:
            raise InputError(f"say why as one of: {', '.join(RECALL_REASONS)}")
        if Filtered(node, reader).recall_of(said) is not None:
            raise Conflict("this record is recalled already")
        body = body_of(said)
        if isinstance(body, WarningRecord) and body.state != "cancelled":
            raise Conflict("a warning is cancelled, so that everyone who was told hears that it is over")
        if node.exchange is None:
            raise NotReachable("the exchange does not run, so nobody would hear of the recall")
        told: frozenset[str] = frozenset()
        # Whoever got it while the first recall was written is told by another.
        while (holders := node.exchange.holders(record)) - told or not told:
            audience = frozenset({node.config.id}) | (holders - told)
            label = Label(said.label.policy, 0, frozenset({node.config.id}), audience)
            refs = [Ref("recalls", record)]
            await node.say(node.new_record(Recall(why=why), said.realm, reader.user.name, label, refs, view=reader.view))
            told |= holders | {node.config.id}
        await node.people.act(reader.user.name, Act.RECORD_RECALL, record)
        return self.one(reader, record)

    def _own(self, reader: Reader, record: str) -> Kept:
        kept = Filtered(self._node, reader).find(record)
        if kept is None or kept.record.origin != self._node.config.id:
            raise NotFound
        return kept

    def _row(self, shown: Filtered, record: Record) -> Json:
        node = self._node
        row: Json = {"record": record.id, "kind": record.kind, "realm": record.realm, "author": record.author}
        row |= {"title": headline(record), "protocol_time": record.protocol_time, "banner": node.gate.banner(node.gate.label_of(record))}
        fates = node.exchange.ledger(record.id) if node.exchange is not None else []
        row |= {"recalled": recalled(shown, record), "partners": [self._fate(fate) for fate in fates]}
        return row | {"receivers": node.telling.told(record.id)}

    def _fate(self, fate: LedgerRow) -> Json:
        partner = self._node.book.get(fate.partner)
        row = fate._asdict() | {"name": partner.card.name if partner else fate.partner}
        for name, receipt in (("read_by", row.pop("read_receipt")), ("recall_read_by", row.pop("recall_receipt"))):
            kept = self._node.journal.get(receipt) if receipt else None
            row[name] = kept.record.author if kept is not None else ""
        return row


def headline(record: Record) -> str:
    """A record's first words, for a list."""
    body = body_of(record)
    if isinstance(body, Approval):
        return f"{body.state}: {body.act} {body.what}"[:200]
    if isinstance(body, Consent):
        return f"{body.record} may go on to {', '.join(body.audience)} until {iso(body.until)}"[:200]
    for name in ("title", "sentence", "question", "text", "name", "why"):
        if found := getattr(body, name, ""):
            return str(found).strip().splitlines()[0][:200]
    return ""


def told_rows(node: Node, reader: Reader, receiver: Receiver) -> list[Json]:
    """What `receiver` was told and when, as far as `reader` may read it, the newest first."""
    shown = Filtered(node, reader)
    rows = ((one, shown.find(one.record)) for one in reversed(node.people.tellings.to(receiver)))
    return [
        {"record": one.record, "kind": kept.record.kind, "realm": kept.record.realm, "at": one.at, "recalled": one.cursor != one.record}
        for one, kept in rows
        if kept is not None
    ]
