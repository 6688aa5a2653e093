"""Witnessing: this node looks at its partners' logs, and says of each checkpoint that the log had only grown.

What was seen is on disk before the answer leaves, so that no restart lets a log show another history. The semantics
are those of C2SP tlog-witness; the messages travel in the exchange.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select, update

from . import notes, tree
from .notes import BadNote, Checkpoint, Key, Note
from .tables import log_witnessed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Row

    from tocsin.core import Clock

    from .notes import Signer
    from .service import Journal

SEEN, BAD, UNSIGNED, UNKNOWN, OTHER, INCONSISTENT = 200, 400, 403, 404, 409, 422
MOST_LOGS = 512  # of one partner: past it only those that are known already are looked at
EQUIVOCATION = "equivocation"


class Submission(NamedTuple):
    """A checkpoint for a witness, and the proof from the size that it saw last; an empty `note` asks what it saw last."""

    origin: str
    old: int
    proof: tuple[bytes, ...]
    note: bytes


class Answer(NamedTuple):
    """What a witness says. `status` as in tlog-witness; `size` and `note` what it saw last, `line` its cosignature (200)."""

    origin: str
    status: int
    size: int
    note: bytes
    line: bytes


class Conflict(NamedTuple):
    """Two signed checkpoints of one log that cannot both be true; `digest` of the second note."""

    partner: str
    origin: str
    seen: str
    against: str
    digest: bytes


def origin_prefix(partner: str) -> str:
    """How the names of all logs of a partner's begin."""
    return f"tocsin/{partner}/"


class Witness:
    """What this node has seen of its partners' logs."""

    def __init__(self, journal: Journal, signer: Signer, clock: Clock) -> None:
        self._journal, self._signer, self._clock = journal, signer, clock
        self.name = f"tocsin/{signer.partner}"

    async def consider(self, partner: str, public: bytes, given: Submission) -> tuple[Answer, Conflict | None]:
        """Look at what `partner`, whose Ed25519 key is `public`, submits; the conflict if its log has shown two histories."""
        if not given.origin.startswith(origin_prefix(partner)) or len(given.origin) > 120:
            return Answer(given.origin[:120], UNKNOWN, 0, b"", b""), None
        return await self._journal.write(lambda connection: self._consider(connection, partner, public, given))

    def _consider(self, connection: Connection, partner: str, public: bytes, given: Submission) -> tuple[Answer, Conflict | None]:
        place = (log_witnessed.c.partner == partner, log_witnessed.c.origin == given.origin)
        row = connection.execute(select(log_witnessed).where(*place)).one_or_none()
        size, root, seen = (row.size, bytes(row.root), row.note.encode()) if row else (0, tree.EMPTY, b"")

        def answer(status: int, line: bytes = b"") -> Answer:
            return Answer(given.origin, status, size, seen, line)

        if not given.note:
            return answer(OTHER), None
        try:
            note = notes.parse(given.note)
            new = notes.parse_checkpoint(note.text)
        except BadNote:
            return answer(BAD), None
        if new.origin != given.origin or given.old > new.size:
            return answer(BAD), None
        if not notes.is_signed(note, Key(given.origin, notes.LOG, public)):
            return answer(UNSIGNED), None
        if row is None and not self._room(connection, partner):
            return answer(UNKNOWN), None
        if new.size == size and new.root != root:
            # Two signed trees of one size: no proof can make that good.
            return answer(OTHER), self._note_conflict(connection, row, partner, note)
        if given.old != size:
            return answer(OTHER), None
        if not tree.is_consistent(size, new.size, given.proof, root, new.root):
            return answer(INCONSISTENT), self._note_conflict(connection, row, partner, note)
        now = self._clock.now()
        kept = Note(note.text, tuple(line for line in note.lines if line.name == given.origin)).whole()
        connection.execute(delete(log_witnessed).where(*place))
        values = {"partner": partner, "origin": given.origin, "size": new.size, "root": new.root, "note": kept, "at": now}
        connection.execute(insert(log_witnessed), [values | {"against": row.against if row else ""}])
        size, seen = new.size, kept.encode()
        line = notes.cosign(note.text, self.name, self._signer, now // 1_000_000)
        return answer(SEEN, line.text().encode()), None

    def seen(self) -> Sequence[Row[tuple[object, ...]]]:
        """The last checkpoint seen of every log, with what speaks against it."""
        return self._journal.read_rows(select(log_witnessed).order_by(log_witnessed.c.partner, log_witnessed.c.origin))

    @staticmethod
    def _room(connection: Connection, partner: str) -> bool:
        return len(connection.execute(select(log_witnessed.c.origin).where(log_witnessed.c.partner == partner)).all()) < MOST_LOGS

    @staticmethod
    def _note_conflict(connection: Connection, row: Row[tuple[object, ...]] | None, partner: str, note: Note) -> Conflict | None:
        # Without a checkpoint seen before only the proof can be wrong; that speaks against nothing.
        if row is None:
            return None
        against = note.whole()
        place = (log_witnessed.c.partner == partner, log_witnessed.c.origin == row.origin)
        connection.execute(update(log_witnessed).where(*place).values(against=against[: notes.MAX_BYTES]))
        digest = hashlib.sha256(against.encode()).digest()
        return Conflict(partner, str(row.origin), str(row.note), against, digest)


def as_checkpoint(note: bytes | str, keys: Iterable[Key]) -> Checkpoint | None:
    """The checkpoint in a note that one of `keys` signed, of the log that the key is named for; None for anything else."""
    try:
        found = notes.parse(note)
        checkpoint = notes.parse_checkpoint(found.text)
    except BadNote:
        return None
    return checkpoint if any(checkpoint.origin == key.name and notes.is_signed(found, key) for key in keys) else None
