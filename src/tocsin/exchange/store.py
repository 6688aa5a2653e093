"""What is owed to whom, in SQL: functions that run in the journal's single writer, and the reads beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import BindParameter, bindparam, delete, func, insert, literal_column, select, text, update

from tocsin.core import body_of
from tocsin.journal.schema import insert_rows

from . import chain, wire
from .model import LedgerRow
from .tables import QUEUED, URGENT, catalogue, chains_in, chains_out, outbox, readings, receipts, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from tocsin.core.times import Micros
    from tocsin.journal import Journal, Kept
    from tocsin.policy import Decision, Release

# Made once: what a statement's cache key costs is more than what it does.
_BEGIN = insert(chains_out)
_CHAINS = select(chains_out).where(chains_out.c.realm == bindparam("realm"))
_MOVE = update(chains_out).where(chains_out.c.partner == bindparam("b_partner"), chains_out.c.realm == bindparam("b_realm"))
_MOVE = _MOVE.values(next=bindparam("next"), hash=bindparam("hash"))
_OWED = (outbox.c.record_id, outbox.c.realm, outbox.c.seq, outbox.c.item, outbox.c.after)
_PARTNER, _REALM = outbox.c.partner == bindparam("b_partner"), outbox.c.realm == bindparam("b_realm")
_LIMIT: BindParameter[int] = bindparam("most")
# As text, so that the database sees that its small index of just these rows will do.
_QUEUED = select(*_OWED).where(_PARTNER, text(QUEUED)).order_by(outbox.c.realm, outbox.c.seq).limit(_LIMIT)
_URGENT = select(*_OWED).where(_PARTNER, text(URGENT)).order_by(outbox.c.offered_at.desc(), outbox.c.seq.desc()).limit(_LIMIT)
_RANGE = (_PARTNER, _REALM, outbox.c.seq >= bindparam("first"), outbox.c.seq <= bindparam("last"))
_OPEN = outbox.c.state.in_([literal_column("'queued'"), literal_column("'sent'")])
_BETWEEN = select(*_OWED).where(*_RANGE).order_by(outbox.c.seq).limit(_LIMIT)
_GONE_OUT = select(*_OWED).where(*_RANGE, outbox.c.state != literal_column("'queued'")).order_by(outbox.c.seq).limit(_LIMIT)
_HASH = select(outbox.c.after).where(_PARTNER, _REALM, outbox.c.seq == bindparam("seq"))
_NOW: BindParameter[int] = bindparam("now")
_SENT = update(outbox).where(*_RANGE, _OPEN).values(state="sent", at=_NOW, sent_at=func.coalesce(outbox.c.sent_at, _NOW))
_VOID = update(outbox).where(*_RANGE, _OPEN).values(state="withdrawn", at=_NOW, reason=bindparam("why"))
_CLOSE = update(outbox).where(*_RANGE, _OPEN).values(state="delivered", at=_NOW, delivered_at=_NOW)
_PLACE = (chains_out.c.partner == bindparam("b_partner"), chains_out.c.realm == bindparam("b_realm"))
_RECEIVED = select(chains_out.c.received).where(*_PLACE)
_CLOSED = update(chains_out).where(*_PLACE, chains_out.c.received < bindparam("to")).values(received=bindparam("to"))
_IN = (chains_in.c.sender == bindparam("b_sender"), chains_in.c.tag == bindparam("b_tag"), chains_in.c.klass == bindparam("b_klass"))
_FORGET_IN = delete(chains_in).where(*_IN)
_SAVE_IN = insert(chains_in)
_OUTBOX = ("record_id", "partner", "realm", "seq", "item", "after", "state", "reason", "at", "offered_at", "sent_at", "delivered_at")
_SAID = ("realm", "idx", "record_id")
_SHOWN = {"refused": "sent", "withdrawn": "withheld"}
RECEIPTS = {"receipt": "receipt-of", "acknowledgement": "acknowledges"}


class Owed(NamedTuple):
    """One record's place in the chain to a partner."""

    record_id: str
    realm: str
    seq: int
    item: bytes
    after: bytes


@dataclass
class OutChain:
    """How far the chain of records to one partner in one realm has come: the next number, and the first without a receipt.

    `start` is empty for a realm's first chain, and random for one that replaced it.
    """

    next: int
    hash: bytes
    received: int
    start: bytes = b""


def enqueue(connection: Connection, kept: Sequence[Kept], releases: Sequence[Release], now: Micros) -> dict[tuple[str, str], OutChain]:
    """Outbox rows for new records, chained for each partner that may have them; the chains as they stand then."""
    chains: dict[tuple[str, str], OutChain] = {}
    known = {realm: _read_out(connection, realm) for realm in {one.record.realm for one in kept}}
    rows: list[tuple[Any, ...]] = []
    for one, release in zip(kept, releases, strict=True):
        record_id, realm, item = one.record.id, one.record.realm, hashlib.sha256(one.data).digest()
        for partner, _, reason, *_ in release.decisions:
            if partner not in release.audience:
                rows.append((record_id, partner, realm, None, None, None, "withheld", reason[:200], now, None, None, None))
                continue
            if (to := chains.get((partner, realm))) is None:
                begun_at = known[realm].get(partner) or OutChain(0, wire.ZERO, 0)
                to = chains[partner, realm] = OutChain(begun_at.next, begun_at.hash, begun_at.received, begun_at.start)
            after = chain.step(to.hash, item)
            rows.append((record_id, partner, realm, to.next, item, after, "queued", reason[:200], now, now, None, None))
            to.next, to.hash = to.next + 1, after
    insert_rows(connection, said, _SAID, [(one.record.realm, one.index, one.record.id) for one in kept])
    insert_rows(connection, outbox, _OUTBOX, rows)
    moved: list[dict[str, Any]] = []
    begun: list[dict[str, Any]] = []
    for (partner, realm), to in chains.items():
        if partner in known[realm]:
            moved.append({"b_partner": partner, "b_realm": realm, "next": to.next, "hash": to.hash})
        else:
            begun.append({"partner": partner, "realm": realm, "next": to.next, "hash": to.hash, "received": to.received, "start": to.start})
    for statement, parameters in ((_MOVE, moved), (_BEGIN, begun)):
        if parameters:
            connection.execute(statement, parameters)
    return chains


def offer(connection: Connection, partner: str, realm: str, decided: Sequence[tuple[Kept, Decision]], now: Micros) -> OutChain | None:
    """Put what `partner` may have now at the end of its chain, and note why it may not have the rest; the chain if it grew.

    What has a place in the chain already, and was not withdrawn, stays as it is.
    """
    held = {
        row.record_id: row
        for row in connection.execute(
            select(outbox).where(outbox.c.partner == partner, outbox.c.record_id.in_([one.record.id for one, _ in decided]))
        )
    }
    to, before = None, None
    for one, decision in decided:
        row = held.get(one.record.id)
        where = (outbox.c.partner == partner, outbox.c.record_id == one.record.id)
        if row is not None and row.state not in {"withheld", "withdrawn"}:
            continue
        if not decision.allowed:
            if row is None:
                connection.execute(insert(outbox), [_withheld(one, decision, now)])
            else:
                connection.execute(update(outbox).where(*where).values(reason=decision.reason[:200]))
            continue
        if row is not None and row.seq is not None:
            # Its old place stays void: the chain has no holes.
            void = {"record_id": f"void-{row.seq}-{row.item[:16].hex()}", "reason": row.reason}
            connection.execute(update(outbox).where(*where).values(**void))
        elif row is not None:
            connection.execute(delete(outbox).where(*where))
        before = before or _read_out(connection, realm).get(partner) or OutChain(0, wire.ZERO, 0)
        placed, to = _placed(one, decision, to or before, now)
        connection.execute(insert(outbox), [placed])
    if to is not None:
        _save_out(connection, partner, realm, to)
    return to


def _withheld(one: Kept, decision: Decision, now: Micros) -> dict[str, Any]:
    row = {"record_id": one.record.id, "partner": decision.partner, "realm": one.record.realm, "reason": decision.reason[:200]}
    void = dict.fromkeys(("seq", "item", "after", "offered_at", "sent_at", "delivered_at"))
    return row | void | {"state": "withheld", "at": now}


def _placed(one: Kept, decision: Decision, to: OutChain, now: Micros) -> tuple[dict[str, Any], OutChain]:
    item = hashlib.sha256(one.data).digest()
    after = chain.step(to.hash, item)
    place = {"seq": to.next, "item": item, "after": after, "state": "queued", "offered_at": now}
    return _withheld(one, decision, now) | place, OutChain(to.next + 1, after, to.received, to.start)


def _save_out(connection: Connection, partner: str, realm: str, to: OutChain) -> None:
    connection.execute(delete(chains_out).where(chains_out.c.partner == partner, chains_out.c.realm == realm))
    values = {"partner": partner, "realm": realm, "next": to.next, "hash": to.hash, "received": to.received, "start": to.start or None}
    connection.execute(insert(chains_out), [values])


def _read_out(connection: Connection, realm: str) -> dict[str, OutChain]:
    rows = connection.execute(_CHAINS, {"realm": realm})
    return {row.partner: OutChain(row.next, row.hash, row.received, row.start or b"") for row in rows}


def all_out(journal: Journal) -> dict[tuple[str, str], OutChain]:
    """Every chain of records to partners."""
    rows = journal.read_rows(select(chains_out))
    return {(row.partner, row.realm): OutChain(row.next, row.hash, row.received, row.start or b"") for row in rows}


def queued(journal: Journal, partner: str, limit: int) -> list[Owed]:
    """What waits for `partner`, in order within each realm: the first run of one realm."""
    return _run(journal.read_rows(_QUEUED, {"b_partner": partner, "most": limit}))


def urgent(journal: Journal, partner: str, limit: int) -> list[Owed]:
    """Records that cannot wait and that `partner` has given no receipt for, the newest first."""
    return [Owed._make(row) for row in journal.read_rows(_URGENT, {"b_partner": partner, "most": limit})]


def between(journal: Journal, partner: str, realm: str, first: int, last: int, limit: int, *, unsent: bool = True) -> list[Owed]:
    """A range of the chain to `partner`, whatever became of it before; without `unsent`, those alone that left already."""
    where = {"b_partner": partner, "b_realm": realm, "first": first, "last": last, "most": limit}
    return _run(journal.read_rows(_BETWEEN if unsent else _GONE_OUT, where))


def _run(rows: Sequence[Row[Any]]) -> list[Owed]:
    found = [Owed._make(row) for row in rows]
    if found and (found[-1].realm, found[-1].seq) == (found[0].realm, found[0].seq + len(found) - 1):
        return found
    return [one for at, one in enumerate(found) if (one.realm, one.seq) == (found[0].realm, found[0].seq + at)]


def hash_before(journal: Journal, partner: str, realm: str, seq: int) -> bytes | None:
    """The chain's hash before item `seq`; None if the chain never came so far."""
    if seq == 0:
        return wire.ZERO
    rows = journal.read_rows(_HASH, {"b_partner": partner, "b_realm": realm, "seq": seq - 1})
    return rows[0].after if rows else None


def note_sent(connection: Connection, partner: str, went: Sequence[Owed], voids: Sequence[str], now: Micros) -> None:
    """Note that one run of a chain has left, unless a receipt has closed it. `voids`: why each went as a marker, empty if it did not."""
    place = {"b_partner": partner, "b_realm": went[0].realm, "now": now}
    if connection.scalar(_HASH, {**place, "seq": went[-1].seq}) != went[-1].after:
        # The chain was begun anew meanwhile: these numbers are other records' now.
        return
    first = 0
    for at in range(1, len(went) + 1):
        if at == len(went) or voids[at] != voids[first]:
            spot = {**place, "first": went[first].seq, "last": went[at - 1].seq}
            connection.execute(_VOID, {**spot, "why": voids[first]}) if voids[first] else connection.execute(_SENT, spot)
            first = at


def withhold_all(connection: Connection, partner: str, reason: str, now: Micros) -> None:
    """Whatever a partner has not confirmed is not brought to it any more."""
    where = (outbox.c.partner == partner, outbox.c.state.in_(["queued", "sent"]))
    connection.execute(update(outbox).where(*where).values(state="withdrawn", reason=reason[:200], at=now))


def close(connection: Connection, partner: str, realm: str, have: wire.Have, now: Micros) -> None:
    """Close every row before a receipt's `next`, and note those that the partner would not keep."""
    # From where the last receipt ended: what this costs must not grow with what was ever said.
    place = {"b_partner": partner, "b_realm": realm}
    spot = {**place, "first": connection.scalar(_RECEIVED, place) or 0, "last": have.next - 1, "now": now}
    refused = [seq for seq in have.refused if seq < have.next]
    if refused:
        says = {"state": "refused", "reason": "Their node would not keep it.", "at": now}
        rows = (outbox.c.partner == partner, outbox.c.realm == realm, outbox.c.seq >= spot["first"], outbox.c.seq < have.next)
        connection.execute(update(outbox).where(*rows, outbox.c.seq.in_(refused), outbox.c.state.in_(["queued", "sent"])).values(**says))
    connection.execute(_CLOSE, spot)
    connection.execute(_CLOSED, {**place, "to": have.next})


def ledger(journal: Journal, record_id: str, recall_id: str = "") -> list[LedgerRow]:
    """What became of a record towards each partner, in alphabetic order; `recall_id`: of what recalled it."""
    rows = journal.read_rows(select(outbox).where(outbox.c.record_id == record_id).order_by(outbox.c.partner))
    found = journal.read_rows(select(receipts).where(receipts.c.record_id.in_([record_id, recall_id])))
    said_of = {(one.record_id, one.partner, one.state): one for one in found}
    return [_fate(row, said_of, recall_id) for row in rows]


def _fate(row: Row[Any], said_of: dict[tuple[str, str, str], Row[Any]], recall_id: str) -> LedgerRow:
    read = said_of.get((row.record_id, row.partner, "read"))
    recalled = said_of.get((row.record_id, row.partner, "recalled"))
    seen = said_of.get((recall_id, row.partner, "read"))
    state = "read" if read and row.state == "delivered" else _SHOWN.get(row.state, row.state)
    reason = row.reason
    if row.state == "withdrawn" and row.sent_at is not None:
        # Whoever looks for a leak must not be told that it was kept from them.
        state, reason = "sent", f"{reason} It had left before that: they may have it."
    return LedgerRow(
        partner=row.partner,
        state=state,
        at=read.at if read and state == "read" else row.at,
        reason=reason,
        offered_at=row.offered_at,
        sent_at=row.sent_at,
        delivered_at=row.delivered_at,
        read_at=read.at if read else None,
        read_receipt=read.receipt_id if read else "",
        recalled_at=recalled.at if recalled else None,
        recall_read_at=seen.at if seen else None,
        recall_receipt=seen.receipt_id if seen else "",
    )


def holders(journal: Journal, record_id: str) -> frozenset[str]:
    """The partners that have a record, or may have it: whatever left or is about to leave counts."""
    rows = journal.read_rows(select(outbox.c.partner, outbox.c.state, outbox.c.sent_at).where(outbox.c.record_id == record_id))
    return frozenset(row.partner for row in rows if row.state not in {"withheld", "withdrawn"} or row.sent_at is not None)


def note_receipts(connection: Connection, sender: str, new: Sequence[Kept]) -> None:
    """Note what a partner's people and node say they read or hid, of what was sent to that partner."""
    for one in new:
        rel = RECEIPTS.get(one.record.kind)
        body = body_of(one.record) if rel else None
        if body is None:
            continue
        state = "recalled" if body.state == "recalled" else "read"
        for about in {ref.id for ref in one.record.refs if ref.rel == rel}:
            ours = connection.execute(select(outbox.c.state).where(outbox.c.record_id == about, outbox.c.partner == sender)).first()
            key = (receipts.c.record_id == about, receipts.c.partner == sender, receipts.c.state == state)
            if ours is None or ours.state == "withheld" or connection.execute(select(receipts.c.at).where(*key)).first() is not None:
                continue
            row = {"record_id": about, "partner": sender, "state": state, "receipt_id": one.record.id, "at": one.record.protocol_time}
            connection.execute(insert(receipts), [row])


def forget_reader(connection: Connection, name: str) -> None:
    """Forget what a user had read, in the commit of their removal."""
    connection.execute(delete(readings).where(readings.c.reader == name))


def said_after(journal: Journal, partner: str, realm: str, next_: int, limit: int) -> list[Row[Any]]:
    """What was said in a realm from the journal's index `next_` on: index, id, and whether it has a place in `partner`'s chain."""
    placed = outbox.c.state.is_not(None) & outbox.c.state.not_in(["withheld", "withdrawn"])
    rows = (
        select(said.c.idx, said.c.record_id, placed.label("placed"))
        .select_from(said.outerjoin(outbox, (outbox.c.record_id == said.c.record_id) & (outbox.c.partner == partner)))
        .where(said.c.realm == realm, said.c.idx >= next_)
    )
    return journal.read_rows(rows.order_by(said.c.idx).limit(limit))


def said_ids(journal: Journal, realm: str, after: int, limit: int) -> list[Row[Any]]:
    """What was said in a realm past the journal's index `after`: index and id, in order."""
    rows = select(said.c.idx, said.c.record_id).where(said.c.realm == realm, said.c.idx > after)
    return journal.read_rows(rows.order_by(said.c.idx).limit(limit))


def catalogue_of(journal: Journal, partner: str) -> dict[str, tuple[int, bytes]]:
    """How far a partner's catalogue has come in each realm, and under which basis."""
    return {row.realm: (row.next, row.basis) for row in journal.read_rows(select(catalogue).where(catalogue.c.partner == partner))}


def save_catalogue(connection: Connection, partner: str, realm: str, next_: int, basis: bytes) -> None:
    """Keep how far a partner's catalogue has come."""
    connection.execute(delete(catalogue).where(catalogue.c.partner == partner, catalogue.c.realm == realm))
    connection.execute(insert(catalogue), [{"partner": partner, "realm": realm, "next": next_, "basis": basis}])


def begin_anew(connection: Connection, partner: str, realm: str, start: bytes, now: Micros) -> OutChain:
    """End the chain of a realm to `partner` and begin another with what no receipt has closed, in the old order."""
    where = (outbox.c.partner == partner, outbox.c.realm == realm, outbox.c.seq.is_not(None))
    rows = connection.execute(select(outbox).where(*where).order_by(outbox.c.seq)).all()
    connection.execute(update(outbox).where(*where).values(seq=None, after=None))
    connection.execute(delete(outbox).where(outbox.c.partner == partner, outbox.c.realm == realm, outbox.c.record_id.startswith("void-")))
    to = OutChain(0, wire.ZERO, 0, start)
    for row in rows:
        if row.state not in {"queued", "sent"}:
            continue
        to = OutChain(to.next + 1, chain.step(to.hash, row.item), 0, start)
        values = {"seq": to.next - 1, "after": to.hash, "state": "queued", "at": now}
        connection.execute(update(outbox).where(outbox.c.partner == partner, outbox.c.record_id == row.record_id).values(**values))
    _save_out(connection, partner, realm, to)
    return to


def save_in(connection: Connection, sender: str, tag: str, klass: str, realm: str, head: tuple[int, bytes, Micros]) -> None:
    """Keep how far a chain from `sender` has come: next number, hash, and the latest sender's time."""
    connection.execute(_FORGET_IN, {"b_sender": sender, "b_tag": tag, "b_klass": klass})
    next_, hash_, sent_at = head
    row = {"sender": sender, "tag": tag, "klass": klass, "realm": realm, "next": next_, "hash": hash_, "sent_at": sent_at}
    connection.execute(_SAVE_IN, [row])


def drop_in(connection: Connection, sender: str, tags: Sequence[str], klass: str) -> None:
    """Forget chains that the sender has ended."""
    connection.execute(delete(chains_in).where(chains_in.c.sender == sender, chains_in.c.tag.in_(tags), chains_in.c.klass == klass))


def all_in(journal: Journal) -> list[Row[Any]]:
    """Every chain from partners."""
    return journal.read_rows(select(chains_in))
