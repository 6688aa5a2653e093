"""What partners signed of a record: that it was delivered, and that somebody read it; and whether each holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.core import NotReachable, iso
from tocsin.exchange import BadProof, receipts, statement

if TYPE_CHECKING:
    from tocsin.core import Realm
    from tocsin.exchange import LedgerRow
    from tocsin.journal import Kept

    from .service import Node

Json = dict[str, Any]
NONE: Json = {"kept": False, "verified": False, "signed_at": None, "fingerprint": "", "says": "no signed receipt is kept"}
ARRIVED = frozenset({"delivered", "read"})


def signed(node: Node, said: Kept | None, row: LedgerRow, *, files: bool) -> Json:
    """`delivery` and `reading`: what `row`'s partner signed of the record `said`, checked now; with `files`, also `file`."""
    if said is None:
        return {"delivery": NONE | {"says": "the record was erased"}, "reading": NONE}
    message = receipts.find(node.journal, row.partner, said.record.id, said.data)
    read = node.journal.get(row.read_receipt) if row.read_receipt else None
    found: Json = {"delivery": _delivery(node, row.partner, message, said), "reading": _reading(node, read)}
    if files and (message or read):
        given = (read.data, read.proof) if read else (b"", b"")
        found["file"] = statement.Statement(statement.FORMAT, row.partner, said.data, message or b"", *given).text()
    return found


async def ask(node: Node, said: Kept | None, rows: list[Json]) -> None:
    """Ask those partners again who have the record and whose receipt is not kept; raises `NotReachable`."""
    missing = [row["partner"] for row in rows if row["state"] in ARRIVED and not row["delivery"]["kept"]]
    if said is None or not missing:
        return
    if node.exchange is None:
        raise NotReachable("the exchange does not run, so nobody can be asked: start the node")
    for partner in missing:
        if node.book.get(partner) is not None:
            await node.exchange.ask_receipts(partner, [said.record.id])


def signatures(node: Node, realm: Realm) -> Json:
    """Every record of partners' in `realm` checked by the card that its origin had at the record's time; takes a while.

    `unknown` are those of origins none of whose cards is kept any more, `unsigned` what is wrong, one line each, 20 at most.
    """
    checked, unknown, lines, after = 0, 0, [], -1
    while page := node.journal.records(realm, after=after):
        after = page[-1].index
        for kept in page:
            origin = kept.record.origin
            if origin == node.config.id:
                continue
            if not node.book.cards(origin):
                unknown += 1
                continue
            checked += 1
            try:
                node.book.verify(kept)
            except BadProof as error:
                lines.append(f"{kept.record.id} of {origin}: {error}")
    return {"partners_records": checked, "unknown": unknown, "unsigned": lines[:20]}


def wrong(row: Json) -> bool:
    """Whether something that is kept as a partner's word is not."""
    return any(one["kept"] and not one["verified"] for one in (row["delivery"], row["reading"])) or not all(
        one["verified"] for one in row["answers"]
    )


def _delivery(node: Node, partner: str, message: bytes | None, said: Kept) -> Json:
    if message is None:
        return NONE
    try:
        shown, old = node.book.check_receipt(partner, message, said.data)
    except BadProof as error:
        return NONE | {"kept": True, "says": str(error)}
    return _holds(shown.at, old.card.fingerprint())


def _reading(node: Node, read: Kept | None) -> Json:
    if read is None:
        return NONE
    try:
        old = node.book.verify(read)
    except BadProof as error:
        return NONE | {"kept": True, "says": str(error)}
    return _holds(read.record.protocol_time, old.card.fingerprint()) | {"by": read.record.author}


def _holds(at: int, fingerprint: str) -> Json:
    return {"kept": True, "verified": True, "signed_at": iso(at), "fingerprint": fingerprint, "says": "signed by this partner's keys"}
