"""What is owed to whom, in SQL: functions that run in the journal's single writer, and the reads beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from . import chain, wire
from .model import LedgerRow
from .tables import chains_in, chains_out, outbox, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from tocsin.core.times import Micros
    from tocsin.journal import Journal, Kept
    from tocsin.policy import Release

# Made once: what a statement's cache key costs is more than what it does.
_OWE = insert(outbox)
_BEGIN = insert(chains_out)
_CHAINS = select(chains_out).where(chains_out.c.realm == bindparam("realm"))
_MOVE = update(chains_out).where(chains_out.c.partner == bindparam("b_partner"), chains_out.c.realm == bindparam("b_realm"))
_MOVE = _MOVE.values(next=bindparam("next"), hash=bindparam("hash"))
_SHOWN = {"refused": "sent", "withdrawn": "withheld"}


@dataclass(frozen=True, slots=True)
class Owed:
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
    rows: list[dict[str, Any]] = []
    for one, release in zip(kept, releases, strict=True):
        item = hashlib.sha256(one.data).digest()
        for decision in release.decisions:
            row = {
                "record_id": one.record.id,
                "partner": decision.partner,
                "realm": one.record.realm,
                "reason": decision.reason[:200],
                "at": now,
                "offered_at": None,
                "sent_at": None,
                "delivered_at": None,
            }
            if decision.partner not in release.audience:
                rows.append(row | {"seq": None, "item": None, "after": None, "state": "withheld"})
                continue
            key = decision.partner, one.record.realm
            to = chains.get(key) or known[one.record.realm].get(decision.partner) or OutChain(0, wire.ZERO, 0)
            after = chain.step(to.hash, item)
            rows.append(row | {"seq": to.next, "item": item, "after": after, "state": "queued", "offered_at": now})
            chains[key] = OutChain(to.next + 1, after, to.received, to.start)
    if kept:
        connection.execute(insert(said), [{"realm": k.record.realm, "idx": k.index, "record_id": k.record.id} for k in kept])
    if rows:
        connection.execute(_OWE, rows)
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


def _read_out(connection: Connection, realm: str) -> dict[str, OutChain]:
    rows = connection.execute(_CHAINS, {"realm": realm})
    return {row.partner: OutChain(row.next, row.hash, row.received, row.start or b"") for row in rows}


def all_out(journal: Journal) -> dict[tuple[str, str], OutChain]:
    """Every chain of records to partners."""
    rows = journal.read_rows(select(chains_out))
    return {(row.partner, row.realm): OutChain(row.next, row.hash, row.received, row.start or b"") for row in rows}


def queued(journal: Journal, partner: str, limit: int) -> list[Owed]:
    """What waits for `partner`, in order within each realm: the first run of one realm."""
    rows = journal.read_rows(
        select(outbox).where(outbox.c.state == "queued", outbox.c.partner == partner).order_by(outbox.c.realm, outbox.c.seq).limit(limit)
    )
    return _run(rows)


def between(journal: Journal, partner: str, realm: str, first: int, last: int, limit: int) -> list[Owed]:
    """A range of the chain to `partner`, whatever became of it before."""
    where = (outbox.c.partner == partner, outbox.c.realm == realm, outbox.c.seq >= first, outbox.c.seq <= last)
    return _run(journal.read_rows(select(outbox).where(*where).order_by(outbox.c.seq).limit(limit)))


def _run(rows: Sequence[Row[Any]]) -> list[Owed]:
    found: list[Owed] = []
    for row in rows:
        if found and (row.realm, row.seq) != (found[-1].realm, found[-1].seq + 1):
            break
        found.append(Owed(row.record_id, row.realm, row.seq, row.item, row.after))
    return found


def hash_before(journal: Journal, partner: str, realm: str, seq: int) -> bytes | None:
    """The chain's hash before item `seq`; None if the chain never came so far."""
    if seq == 0:
        return wire.ZERO
    where = (outbox.c.partner == partner, outbox.c.realm == realm, outbox.c.seq == seq - 1)
    rows = journal.read_rows(select(outbox.c.after).where(*where))
    return rows[0].after if rows else None


def mark(connection: Connection, partner: str, ids: Sequence[str], state: str, reason: str | None, now: Micros) -> None:
    """Set the state of rows that no receipt has closed yet."""
    if ids:
        values: dict[str, Any] = {"state": state, "at": now} | ({"reason": reason} if reason else {})
        if state == "sent":
            values["sent_at"] = func.coalesce(outbox.c.sent_at, now)
        where = (outbox.c.partner == partner, outbox.c.record_id.in_(ids), outbox.c.state.in_(["queued", "sent"]))
        connection.execute(update(outbox).where(*where).values(**values))


def close(connection: Connection, partner: str, realm: str, have: wire.Have, now: Micros) -> None:
    """Close every row before a receipt's `next`, and note those that the partner would not keep."""
    # From where the last receipt ended: what this costs must not grow with what was ever said.
    since = select(chains_out.c.received).where(chains_out.c.partner == partner, chains_out.c.realm == realm).scalar_subquery()
    rows = (outbox.c.partner == partner, outbox.c.realm == realm, outbox.c.seq >= since, outbox.c.seq < have.next)
    refused = [seq for seq in have.refused if seq < have.next]
    if refused:
        says = {"state": "refused", "reason": "Their node would not keep it.", "at": now}
        connection.execute(update(outbox).where(*rows, outbox.c.seq.in_(refused), outbox.c.state.in_(["queued", "sent"])).values(**says))
    connection.execute(
        update(outbox).where(*rows, outbox.c.state.in_(["queued", "sent"])).values(state="delivered", at=now, delivered_at=now)
    )
    place = (chains_out.c.partner == partner, chains_out.c.realm == realm, chains_out.c.received < have.next)
    connection.execute(update(chains_out).where(*place).values(received=have.next))


def ledger(journal: Journal, record_id: str) -> list[LedgerRow]:
    """What became of a record towards each partner, in alphabetic order."""
    rows = journal.read_rows(select(outbox).where(outbox.c.record_id == record_id).order_by(outbox.c.partner))
    return [LedgerRow(row.partner, _SHOWN.get(row.state, row.state), row.at, row.reason) for row in rows]


def save_in(connection: Connection, sender: str, tag: str, klass: str, realm: str, head: tuple[int, bytes, Micros]) -> None:
    """Keep how far a chain from `sender` has come: next number, hash, and the latest sender's time."""
    where = (chains_in.c.sender == sender, chains_in.c.tag == tag, chains_in.c.klass == klass)
    connection.execute(delete(chains_in).where(*where))
    next_, hash_, sent_at = head
    row = {"sender": sender, "tag": tag, "klass": klass, "realm": realm, "next": next_, "hash": hash_, "sent_at": sent_at}
    connection.execute(insert(chains_in), [row])


def drop_in(connection: Connection, sender: str, tags: Sequence[str], klass: str) -> None:
    """Forget chains that the sender has ended."""
    connection.execute(delete(chains_in).where(chains_in.c.sender == sender, chains_in.c.tag.in_(tags), chains_in.c.klass == klass))


def all_in(journal: Journal) -> list[Row[Any]]:
    """Every chain from partners."""
    return journal.read_rows(select(chains_in))
