"""`tocsin audit ...` and `tocsin verify`: the log, and what proves that a record stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tocsin.core import Denied, InputError, iso

from .calls import call
from .output import give, give_rows


def verify_log(folder: Path, *, json: bool = False) -> None:
    """Go through a node's whole log again: records, leaves, tiles, checkpoints, cosignatures. Exit 1 if something does not hold."""
    rows = call(folder, "audit.verify")
    give(rows, json=json, text="\n".join(map(_said, rows)) or "this journal is empty")
    if any(row["wrong"] for row in rows):
        raise Denied("the log is not what was kept and signed: see above")


def _said(row: dict[str, Any]) -> str:
    head = f"{row['realm']}: {row['records']:,} records, {row['leaves']:,} leaves, {row['checkpoints']:,} checkpoints"
    head += f" with {row['cosignatures']:,} cosignatures, the last of {row['signed']:,} leaves"
    head += f"; {row['partners_records']:,} records of partners, checked by the card of their time"
    lines = [head, *(f"  WRONG {line}" for line in row["wrong"])]
    lines += [
        f"  note  checkpoints are signed by the key {key}, which is none of this node's that it still knows" for key in row["strange"]
    ]
    return "\n".join(lines if row["wrong"] else [*lines, "  all of it holds"])


def prove(folder: Path, record: str, *, out: Path | None = None, json: bool = False) -> None:
    """Write a proof that a record stands in the log, for anybody to check with `tocsin verify`. It holds the record itself.

    Parameters
    ----------
    out
        The file to write; RECORD.tlog-proof if left out. With --json nothing is written unless a file is named.
    """
    found = call(folder, "audit.prove", record=record)
    path = out if out is not None or json else Path(f"{record}.tlog-proof")
    if path is not None:
        try:
            path.write_text(found["proof"])
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
    words = [f"{path} shows that {record} is entry {found['index']:,} of {found['origin']} ({found['size']:,} leaves)."]
    words += [f"Cosigned by {', '.join(found['witnesses'])}." if found["witnesses"] else "No witness has cosigned this checkpoint."]
    words += [f"Check it: tocsin verify {path} --key '{found['key']}'"]
    give(found, json=json, text="\n".join(words))


def who_was_told(folder: Path, record: str, *, receipts: Path | None = None, ask: bool = False, json: bool = False) -> None:
    """Who was told of a record, when, what they signed and answered; who was not, and why. Exit 1 if a signature does not hold.

    Parameters
    ----------
    receipts
        A folder for what each partner signed, as RECORD.PARTNER.receipt, for anybody to check with `tocsin verify`. They hold the record.
    ask
        Ask partners that have the record, and whose signed receipt is not here, to sign again.
    """
    from tocsin.node.told import wrong

    rows = call(folder, "audit.who", record=record, ask=ask, files=receipts is not None)
    for row in rows:
        text = row.pop("file", None)
        if text is not None and receipts is not None:
            row["file"] = str(receipts / f"{record}.{row['partner']}.receipt")
            try:
                receipts.mkdir(parents=True, exist_ok=True)
                Path(row["file"]).write_text(text)
            except OSError as error:
                raise InputError(f"{row['file']}: {error.strerror}") from None
    columns = {"partner": "partner", "state": "state", "at": "since", "reason": "why", "delivery": "signed for", "reading": "read"}
    columns |= {"answers": "answered"}
    give_rows(rows if json else [_told(row) for row in rows], columns, json=json, empty="nobody: it stayed in this node", tall=True)
    if any(map(wrong, rows)):
        raise Denied("a partner's signature that is kept here does not hold: see above")


def _told(row: dict[str, Any]) -> dict[str, Any]:
    doubt = {True: "", False: " (NOT SIGNED BY THEM)"}
    answers = [f"{one['state']} by {one['by']} {one['at']}{doubt[one['verified']]}" for one in row["answers"]]
    return {**row, "answers": "; ".join(answers)} | {name: _signed(row[name]) for name in ("delivery", "reading")}


def _signed(one: dict[str, Any]) -> str:
    if one["verified"]:
        return f"{one['signed_at']} by {one.get('by', 'its node')}: the signature holds"
    return f"WRONG: {one['says']}" if one["kept"] else "-"


def renew(folder: Path, realm: str, *, why: str, json: bool = False) -> None:
    """Go on with a realm's log under a new name, because what was signed under the old one is not here any more.

    Parameters
    ----------
    why
        The reason, which is kept with the new name and in the audit.
    """
    found = call(folder, "audit.renew", realm=realm, why=why)
    give(found, json=json, text=f"The log of {realm} is now {found['origin']}. Tell your partners why.")


def verify(file: Path, *, card: list[Path] | None = None, key: list[str] | None = None, witnesses: int = 0, json: bool = False) -> None:
    """Check a proof file, or a partner's signed receipt, without any network: what it shows, or exit 1 and the step that fails.

    Parameters
    ----------
    card
        A card of the node whose log it is, of a witness, or of the partner who signed the receipt; may be given again.
    key
        A verifier key, as `tocsin audit prove` prints it; may be given again.
    witnesses
        How many of the witnesses given must have cosigned.
    """
    from tocsin.exchange import Card
    from tocsin.journal import notes, proofs
    from tocsin.journal.witness import origin_prefix

    try:
        data = file.read_bytes()
        cards = [Card.from_toml(path.read_text()) for path in card or ()]
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from None
    if data[:1] == b"{":
        _verify_receipt(data, cards, json=json)
        return
    proof = proofs.parse(data)
    keys = [notes.parse_key(text) for text in key or ()]
    if not cards and not keys:
        raise InputError("give the card of the node whose log it is (--card FILE), or the log's key (--key)")
    origin = notes.parse_checkpoint(proof.note.text).origin
    keys += [notes.Key(origin, notes.LOG, one.ed25519) for one in cards if origin.startswith(origin_prefix(one.partner))]
    cosigners = [one for one in keys if one.kind == notes.WITNESS]
    cosigners += [notes.Key(f"tocsin/{one.partner}", notes.WITNESS, one.ed25519) for one in cards]
    shown = proofs.check(proof, [one for one in keys if one.kind == notes.LOG], witnesses=cosigners, needed=witnesses)
    _show(shown, json=json)


def _verify_receipt(data: bytes, cards: list[Any], *, json: bool) -> None:
    from tocsin.exchange import statement

    said = statement.check(statement.parse(data), cards)
    words = [f"It holds, of {said.record.id} by {said.record.origin}:"]
    for part, what in ((said.delivered, "keeps it"), (said.read, "read it")):
        if part is not None:
            words.append(f"{part.by} at {said.partner} {what}, signed {iso(part.at)} by its clock with the card {part.card.fingerprint()};")
    words.append("this shows what it said, and that the record is unaltered; not that it is true.")
    give({"verified": True} | statement.shown(said), json=json, text="\n".join(words))


def _show(shown: Any, *, json: bool) -> None:
    from tocsin.core import TocsinError, decode

    found: dict[str, Any] = {"verified": True, "origin": shown.checkpoint.origin, "index": shown.position, "size": shown.checkpoint.size}
    found["witnesses"] = {name.removeprefix("tocsin/"): iso(at * 1_000_000) for name, at in sorted(shown.witnesses.items())}
    words = [f"It holds: entry {shown.position:,} of {shown.checkpoint.origin}, whose checkpoint has {shown.checkpoint.size:,} leaves."]
    words += [f"{name} saw that log grow without a change, at {at}." for name, at in found["witnesses"].items()]
    if shown.record:
        try:
            record = decode(shown.record)
        except TocsinError:
            found["record"] = None
            words.append("What was entered is not a record that this version understands.")
        else:
            found["record"] = {"id": record.id, "kind": record.kind, "origin": record.origin, "author": record.author}
            found["record"] |= {"realm": record.realm, "protocol_time": iso(record.protocol_time)}
            words.append(f"The record: {record.kind} {record.id}, which names {record.origin} as its origin, {iso(record.protocol_time)}.")
    else:
        found["record"] = None
        words.append("The record itself was erased: this shows only that something was entered.")
    words.append("This shows that it is unaltered since, and whose log says so; not that it is true.")
    give(found, json=json, text="\n".join(words))
