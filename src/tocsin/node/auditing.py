"""What people ask of the log: is it whole, prove a record, who was told. By name, with typed arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from tocsin.core import Acknowledgement, body_of, iso, realms
from tocsin.exchange import BadProof, store
from tocsin.journal import Kept, NotInLog, notes, proofs
from tocsin.journal.backup import write as write_backup
from tocsin.people import Act

from . import told
from .errors import NotFound

if TYPE_CHECKING:
    from .service import Node

OPERATOR = "operator"


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No arguments."""


class OfRecord(msgspec.Struct, forbid_unknown_fields=True):
    """One record by its id."""

    record: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class Told(OfRecord, forbid_unknown_fields=True):
    """One record by its id. `ask`: have partners whose receipts are missing sign again; `files`: give what each signed as text."""

    ask: bool = False
    files: bool = False


class ToFile(msgspec.Struct, forbid_unknown_fields=True):
    """A file to write, by its absolute path."""

    file: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class NewName(msgspec.Struct, forbid_unknown_fields=True):
    """Go on with a realm's log under a new name, and why."""

    realm: str
    why: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


async def verify(node: Node, _: Nothing) -> Any:
    """Every log recomputed: records, leaves, tiles, checkpoints, cosignatures; and every partner's signature under its records."""
    found = []
    for realm in node.journal.realms():
        row = (await asyncio.to_thread(node.notary.audit, realm))._asdict()
        signed = await asyncio.to_thread(told.signatures, node, realm)
        found.append(row | signed | {"wrong": [*row["wrong"], *signed["unsigned"]]})
    return found


async def prove(node: Node, of: OfRecord) -> Any:
    """A record's proof as a file that verifies alone."""
    return proof_of(node, of.record) | {"key": log_key(node, of.record)}


def proof_of(node: Node, record: str) -> dict[str, Any]:
    """A record's place in its realm's signed log, and the file that proves it; raises `NotInLog`."""
    found = node.notary.log.prove(record)
    kept: Kept | None = node.journal.get(record)
    file = proofs.make(found, kept).text()
    signed = found.signed
    return {
        "record": record,
        "realm": signed.realm,
        "origin": signed.checkpoint.origin,
        "index": found.position,
        "size": signed.checkpoint.size,
        "signed_at": signed.at,
        "witnesses": list(signed.witnesses),
        "erased": kept is None,
        "proof": file,
    }


def log_key(node: Node, record: str) -> str:
    """The verifier key of the log that holds a record."""
    signed = node.notary.log.prove(record).signed
    return notes.Key(signed.checkpoint.origin, notes.LOG, signed.key).text()


async def who_was_told(node: Node, of: Told) -> Any:
    """What became of a record towards every partner, what each signed of it and whether that holds, and who answered it."""
    record, said = of.record, node.journal.get(of.record)
    rows, receivers = store.ledger(node.journal, record), node.telling.told(record)
    if not rows and not receivers and said is None:
        raise NotFound
    answers: dict[str, list[dict[str, Any]]] = {}
    # An answer stands in its record's realm; of a record that was erased nothing says which.
    for realm in node.journal.realms() if said is None else [said.record.realm]:
        after = -1
        while page := node.journal.records(realm, kind="acknowledgement", after=after):
            after = page[-1].index
            for kept in page:
                body = body_of(kept.record)
                if isinstance(body, Acknowledgement) and any(ref.id == record for ref in kept.record.refs):
                    one = {"state": body.state, "by": kept.record.author, "at": iso(kept.record.protocol_time), "record": kept.record.id}
                    answers.setdefault(kept.record.origin, []).append(one | {"verified": _verified(node, kept)})
    found = [
        {
            "partner": row.partner,
            "state": row.state,
            "at": iso(row.at) if row.at is not None else None,
            "reason": row.reason,
            "answers": answers.get(row.partner, []),
        }
        | told.signed(node, said, row, files=of.files)
        for row in rows
    ]
    if of.ask:
        await told.ask(node, said, found)
    return found + [_fetched(one) for one in receivers]


def _fetched(one: dict[str, Any]) -> dict[str, Any]:
    none = told.NONE | {"says": "a receiver without a node signs nothing"}
    state, at = ("told", one["at"]) if one["recalled_at"] is None else ("told of its recall", one["recalled_at"])
    row = {"partner": f"receiver:{one['receiver']}", "state": state, "at": iso(at), "answers": [], "delivery": none, "reading": none}
    return row | {"reason": f"It fetched this at {iso(one['at'])}, as one of {one['partner']}."}


def _verified(node: Node, kept: Kept) -> bool:
    try:
        node.book.verify(kept)
    except BadProof:
        return kept.record.origin == node.config.id
    return True


async def backup(node: Node, to: ToFile) -> Any:
    """A sealed backup of the whole node as it is now."""
    made = await asyncio.to_thread(write_backup, node.folder, node.vault, Path(to.file), node.clock.now())
    await node.people.act(OPERATOR, Act.JOURNAL_BACKUP, made.digest)
    return made._asdict()


async def renew(node: Node, wanted: NewName) -> Any:
    """Go on with a realm's log under a new name: when what was signed under the old one is not here any more."""
    realm = realms.parse(wanted.realm)
    if realm not in node.journal.realms():
        raise NotInLog("there is no such realm here")
    name = await node.notary.log.renew(realm, by=OPERATOR, why=wanted.why)
    await node.people.act(OPERATOR, Act.JOURNAL_RENEW, name)
    return {"realm": realm, "origin": name}


OPERATIONS: dict[str, tuple[type[msgspec.Struct], Callable[[Node, Any], Awaitable[Any]], Act | None]] = {
    "audit.verify": (Nothing, verify, None),
    "audit.prove": (OfRecord, prove, None),
    "audit.who": (Told, who_was_told, None),
    "audit.renew": (NewName, renew, Act.JOURNAL_RENEW),
    "backup": (ToFile, backup, Act.JOURNAL_BACKUP),
}
