"""The log of each realm: its checkpoints, which never contradict one another, and the proofs that lead to them.

A checkpoint is signed inside the writer's job that keeps it, after the tree at the last signed size was found to be
what was signed; nobody gets it before that is on disk. A log that was restored, or whose witnesses are to be heard
first, signs nothing until they were; one that is behind what they saw never signs again under its name.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, func, insert, select, update

from tocsin.core import LIVE

from . import notes, sequencing, tiles, tree
from .errors import Damaged, NotInLog
from .notes import Checkpoint, Key, Note
from .tables import log_checkpoints, log_cosignatures, log_origins, records, settings
from .witness import OTHER, SEEN, Answer, Submission, as_checkpoint, origin_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy import Connection, Row

    from tocsin.core import Clock, Entropy, Realm
    from tocsin.core.times import Micros

    from .notes import Signer
    from .sequencing import Read
    from .service import Journal

RESTORED = "restored"  # the setting that a restored journal bears: a name that no other copy of it has
_LEAF = select(records.c.realm, records.c.idx, records.c.leaf).where(records.c.record_id == bindparam("record_id"))
SIGNING, WAITING, STOPPED = "signing", "waiting", "stopped"


class Signed(NamedTuple):
    """A signed checkpoint. `note` bears its cosignatures so far, `witnesses` those who gave them; `at` in µs of protocol time.

    `key` is the Ed25519 key that signed it.
    """

    realm: Realm
    checkpoint: Checkpoint
    note: str
    at: Micros
    key: bytes
    witnesses: tuple[str, ...]


class Inclusion(NamedTuple):
    """That an entry stands in a signed log: its place, the path from its leaf, the checkpoint that the path leads to."""

    position: int
    path: tuple[bytes, ...]
    signed: Signed
    entry: bytes


class Standing(NamedTuple):
    """How a realm's log is. `state`: signing, waiting (for witnesses, or for the first checkpoint) or stopped; `says` why."""

    realm: Realm
    origin: str
    state: str
    says: str
    size: int
    at: Micros | None
    witnesses: tuple[str, ...]


class _Stop(Exception):
    pass


class Log:
    """The logs of one node's realms.

    `needed`: how many witnesses must have been heard before anything new is signed; `witnesses_of`: who may witness a realm,
    so that an exercise with few partners, or a replay, which nobody is shown, does not wait for more than there are.
    """

    def __init__(
        self,
        journal: Journal,
        signer: Signer,
        clock: Clock,
        entropy: Entropy,
        *,
        needed: int = 0,
        witnesses_of: Callable[[Realm], Collection[str]] | None = None,
    ) -> None:
        self._journal, self._signer, self._clock, self.needed = journal, signer, clock, needed
        self._witnesses_of = witnesses_of
        self._entropy = entropy.child("log")
        self._padding: dict[Realm, Entropy] = {}
        self._pyramids: dict[Realm, tiles.Pyramids] = {}
        self._latest: dict[Realm, Signed] = {}
        self._heard: dict[str, dict[str, int]] = defaultdict(dict)  # by origin: what each witness saw last, consistent with the log

    # Signing

    async def checkpoint(self, realm: Realm, *, idle: bool = False) -> Signed | None:
        """Take what waits into the log of `realm` and sign its head; None where it may not sign, or nothing is new.

        With `idle` the log grows by padding if nothing waits. Raises what `Journal.write` raises.
        """
        origin = self.origin(realm) or await self._journal.write(lambda connection: self._begin(connection, realm))
        if self._why_not(realm, origin):
            # Nor may it grow: what witnesses saw of a restored log is still to be found in it.
            return None
        await self._take_in(realm, idle=idle)
        try:
            return await self._journal.write(lambda connection: self._sign(connection, realm, origin))
        except _Stop as stop:
            await self._stop(origin, str(stop))
            return None
        finally:
            self._latest.pop(realm, None)

    async def _take_in(self, realm: Realm, *, idle: bool) -> None:
        padding = self._padding.setdefault(realm, self._entropy.child(f"padding {realm}"))
        more = await self._journal.write(lambda connection: sequencing.sequence(connection, realm, padding, idle=idle))
        while more:
            more = await self._journal.write(lambda connection: sequencing.sequence(connection, realm, padding, idle=False))

    def origin(self, realm: Realm) -> str:
        """The log's name now; empty before it has one."""
        row = self._origin_row(realm)
        return row.origin if row else ""

    def _origin_row(self, realm: Realm) -> Row[Any] | None:
        origins = log_origins.c
        rows = self._journal.read_rows(select(log_origins).where(origins.realm == realm).order_by(origins.number.desc()).limit(1))
        return rows[0] if rows else None

    def _begin(self, connection: Connection, realm: Realm) -> str:
        # A log that begins after a restore has a name that no earlier copy of this journal can have used.
        copy = connection.scalar(select(settings.c.value).where(settings.c.name == RESTORED))
        return self._add_origin(connection, realm, 0, copy.hex()[:16] if copy else "", "node", "its first checkpoint")

    def _add_origin(self, connection: Connection, realm: Realm, number: int, suffix: str, by: str, why: str) -> str:
        origin = origin_prefix(self._signer.partner) + realm + (f"/{suffix}" if suffix else "")
        row = {"realm": realm, "number": number, "origin": origin, "began": self._clock.now(), "by": by, "why": why}
        connection.execute(insert(log_origins), [row | {"unsure": False, "stopped": ""}])
        return origin

    def realm_of(self, origin: str) -> Realm | None:
        """Whose log bears that name now."""
        rows = self._journal.read_rows(select(log_origins.c.realm).where(log_origins.c.origin == origin))
        return rows[0].realm if rows and self.origin(rows[0].realm) == origin else None

    async def renew(self, realm: Realm, *, by: str, why: str) -> str:
        """Go on under a new name, by an administrator's act: its name. The tree stays; what was signed under the old name is left to it."""
        suffix = self._entropy.take(8).hex()

        def work(connection: Connection) -> str:
            number = connection.scalar(select(func.max(log_origins.c.number)).where(log_origins.c.realm == realm))
            return self._add_origin(connection, realm, 0 if number is None else number + 1, suffix, by[:120], why[:200])

        origin = await self._journal.write(work)
        self._latest.pop(realm, None)
        return origin

    def _needed(self, realm: Realm) -> int:
        # For the live log what was asked for is asked for: too few partners are no reason to ask for less.
        if realm == LIVE or self._witnesses_of is None:
            return self.needed
        return min(self.needed, len(self._witnesses_of(realm)))

    def _why_not(self, realm: Realm, origin: str) -> str:
        row = self._origin_row(realm)
        if row is not None and row.stopped:
            return str(row.stopped)
        heard = self._heard[origin]
        if row is not None and row.unsure:
            return "restored from a backup: its witnesses have to say first what they saw"
        if len(heard) < (needed := self._needed(realm)):
            return f"{needed} witnesses have to say first what they saw of it before this start; {len(heard)} have"
        return ""

    async def _stop(self, origin: str, why: str) -> None:
        statement = update(log_origins).where(log_origins.c.origin == origin, log_origins.c.stopped == "").values(stopped=why[:200])
        await self._journal.write(lambda connection: connection.execute(statement))

    def _sign(self, connection: Connection, realm: Realm, origin: str) -> Signed | None:
        read = sequencing.reading(connection)
        size = sequencing.size_of(read, realm)
        node = _once(read, realm).node
        last = _last(read, origin)
        if size == (last.size if last is not None else 0):
            return None
        try:
            root = tree.root(node, size)
            if last is not None:
                self._check_growth(node, last, size, root)
        except LookupError:
            raise _Stop("tiles of the log are missing: restore the node's folder from its backup") from None
        checkpoint, at = Checkpoint(origin, size, root), self._clock.now()
        note = Note(checkpoint.text(), (notes.sign(checkpoint.text(), origin, self._signer),)).whole()
        key = self._signer.note_public()
        row = {"origin": origin, "size": size, "realm": realm, "root": root, "note": note, "at": at, "key": key, "confirmed": 0}
        connection.execute(insert(log_checkpoints), [row])
        return Signed(realm, checkpoint, note, at, key, ())

    @staticmethod
    def _check_growth(node: tree.Node, last: Row[Any], size: int, root: bytes) -> None:
        grown = size > last.size and tree.root(node, last.size) == bytes(last.root)
        if not grown or not tree.is_consistent(last.size, size, tree.consistency(node, last.size, size), bytes(last.root), root):
            raise _Stop("the stored log is not what was signed: restore the node's folder from its backup")

    # What witnesses say

    def submission(self, realm: Realm, witness: str) -> Submission | None:
        """What to send to `witness`: the latest checkpoint with its proof, or the question what it saw last; None if it is up to date."""
        origin = self.origin(realm)
        if not origin:
            return None
        seen, signed = self._heard[origin].get(witness), self.latest(realm)
        if seen is None or signed is None or signed.checkpoint.origin != origin:
            return Submission(origin, 0, (), b"") if seen is None else None
        if seen >= signed.checkpoint.size and witness in signed.witnesses:
            return None
        try:
            proof = tuple(self.consistency(realm, min(seen, signed.checkpoint.size), signed.checkpoint.size))
        except LookupError:
            return None
        return Submission(origin, seen, proof, _bare(signed))

    async def heard(self, realm: Realm, witness: str, public: bytes, answer: Answer) -> None:
        """Take in what `witness`, whose Ed25519 key is `public`, answered. Only what this node itself signed can stop its log."""
        row = self._origin_row(realm)
        if row is None or answer.origin != row.origin:
            return
        origin = row.origin
        if answer.status == SEEN:
            await self._cosigned(realm, origin, witness, public, answer)
        elif answer.status == OTHER and answer.size == 0:
            self._heard[origin][witness] = 0
        elif (saw := as_checkpoint(answer.note, self._keys_of(origin))) is not None:
            if (why := await self._compare(realm, saw, witness)) and not row.stopped:
                await self._stop(origin, why)
            elif not why:
                self._heard[origin][witness] = saw.size
        if row.unsure:
            await self._make_sure(realm, origin)

    def _keys_of(self, origin: str) -> list[Key]:
        rows = self._journal.read_rows(select(log_checkpoints.c.key).where(log_checkpoints.c.origin == origin).distinct())
        return [Key(origin, notes.LOG, key) for key in {self._signer.note_public(), *(bytes(row.key) for row in rows)}]

    async def _compare(self, realm: Realm, saw: Checkpoint, witness: str) -> str:
        if saw.size > self.size(realm):
            return f"behind what {witness} saw of it ({saw.size} leaves): start it under a new name (tocsin audit renew)"
        try:
            same = self.root(realm, saw.size) == saw.root
        except LookupError:
            same = False
        return "" if same else f"not the log that {witness} saw: start it under a new name (tocsin audit renew)"

    async def _cosigned(self, realm: Realm, origin: str, witness: str, public: bytes, answer: Answer) -> None:
        rows = self._journal.read_rows(
            select(log_checkpoints.c.note).where(log_checkpoints.c.origin == origin, log_checkpoints.c.size == answer.size)
        )
        try:
            line = notes.parse_line(answer.line.decode(errors="replace"))
        except notes.BadNote:
            return
        name = f"tocsin/{witness}"
        if not rows or notes.cosigned_at(Note(notes.parse(rows[0].note).text, (line,)), Key(name, notes.WITNESS, public)) is None:
            return
        now = self._clock.now()

        def work(connection: Connection) -> None:
            place = {"origin": origin, "size": answer.size, "witness": witness}
            where = [log_cosignatures.c[column] == value for column, value in place.items()]
            if connection.execute(select(log_cosignatures.c.witness).where(*where)).first() is None:
                connection.execute(insert(log_cosignatures), [{**place, "line": line.text(), "at": now}])
                there = (log_checkpoints.c.origin == origin, log_checkpoints.c.size == answer.size)
                connection.execute(update(log_checkpoints).where(*there).values(confirmed=log_checkpoints.c.confirmed + 1))

        await self._journal.write(work)
        self._latest.pop(realm, None)
        self._heard[origin][witness] = max(answer.size, self._heard[origin].get(witness, 0))

    async def _make_sure(self, realm: Realm, origin: str) -> None:
        cosigned = select(log_cosignatures.c.witness).where(log_cosignatures.c.origin == origin).distinct()
        needed = {row.witness for row in self._journal.read_rows(cosigned)}
        heard = self._heard[origin].keys()
        if heard and needed <= heard and len(heard) >= max(self._needed(realm), 1):
            statement = update(log_origins).where(log_origins.c.origin == origin).values(unsure=False)
            await self._journal.write(lambda connection: connection.execute(statement))

    # Reading

    def latest(self, realm: Realm) -> Signed | None:
        """The newest checkpoint of the log's present name."""
        if (found := self._latest.get(realm)) is None and (origin := self.origin(realm)):
            last = _last(self._journal.read_rows, origin)
            if last is not None:
                found = self._latest[realm] = self._signed(last)
        return found

    def covering(self, realm: Realm, position: int) -> Signed | None:
        """The newest checkpoint that holds `position` and has as many cosignatures as are needed; else the newest that holds it."""
        newest = self.latest(realm)
        if newest is None or newest.checkpoint.size <= position or len(newest.witnesses) >= self._needed(realm):
            return newest if newest is not None and newest.checkpoint.size > position else None
        one = log_checkpoints.c
        held = select(log_checkpoints).where(
            one.origin == newest.checkpoint.origin, one.size > position, one.confirmed >= self._needed(realm)
        )
        rows = self._journal.read_rows(held.order_by(one.size.desc()).limit(1))
        return self._signed(rows[0]) if rows else newest

    def prove(self, record_id: str) -> Inclusion:
        """Where a record stands in its realm's signed log, erased or not; raises `NotInLog`, `Damaged`."""
        rows = self._journal.read_rows(_LEAF, {"record_id": record_id})
        if not rows:
            raise NotInLog("there is no such record here")
        realm, entry = rows[0].realm, bytes(rows[0].leaf)
        batch = sequencing.batch_of(self._journal.read_rows, realm, rows[0].idx)
        if batch is None:
            raise NotInLog("this record is not in a signed checkpoint yet: wait for the next one")
        position = self._find(realm, tree.leaf_hash(entry), *batch)
        signed = self.covering(realm, position)
        if signed is None:
            raise NotInLog("this record is not in a signed checkpoint yet: wait for the next one")
        try:
            path = tuple(tree.inclusion(self._pyramid(realm).node, position, signed.checkpoint.size))
        except LookupError:
            raise Damaged("tiles of the log are missing: restore the node's folder from its backup") from None
        if tree.leads_to(tree.leaf_hash(entry), position, signed.checkpoint.size, path) != signed.checkpoint.root:
            raise Damaged("the stored log is not what was signed: restore the node's folder from its backup")
        return Inclusion(position, path, signed, entry)

    def size(self, realm: Realm) -> int:
        """How many leaves the log has, padding and what is not signed yet among them."""
        return sequencing.size_of(self._journal.read_rows, realm)

    def root(self, realm: Realm, size: int) -> bytes:
        """The root over the first `size` leaves; raises `LookupError` if there are not so many."""
        return tree.root(self._pyramid(realm).node, size)

    def consistency(self, realm: Realm, old: int, size: int) -> list[bytes]:
        """The proof that the log at `old` is the beginning of the log at `size`; raises `LookupError`."""
        return tree.consistency(self._pyramid(realm).node, old, size)

    def tile(self, realm: Realm, tile: tiles.Tile) -> bytes:
        """A tile's bytes as tlog-tiles serves them; raises `LookupError` if the log has not come so far."""
        if tile.level == tiles.ENTRIES:
            found = sequencing.entries(self._journal.read_rows, realm, tile.n * tiles.WIDTH, tile.width)
            if len(found) < tile.width:
                raise LookupError("no such tile")
            return tiles.bundle(found)
        hashes = sequencing.tile_of(self._journal.read_rows, realm, tile.level, tile.n)
        if len(hashes) < tile.width * tiles.HASH:
            raise LookupError("no such tile")
        return hashes[: tile.width * tiles.HASH]

    def checkpoints(self, realm: Realm, *, skip: int = 0, limit: int = 500) -> list[Signed]:
        """Every checkpoint of a realm under all its names, the oldest first."""
        one = log_checkpoints.c
        rows = self._journal.read_rows(
            select(log_checkpoints).where(one.realm == realm).order_by(one.at, one.size).offset(skip).limit(limit)
        )
        return [self._signed(row) for row in rows]

    def standings(self) -> list[Standing]:
        """How the log of every realm is, in alphabetic order."""
        return [self.standing(realm) for realm in self._journal.realms()]

    def standing(self, realm: Realm) -> Standing:
        """How the log of one realm is."""
        row, last = self._origin_row(realm), self.latest(realm)
        origin = row.origin if row else ""
        why = self._why_not(realm, origin) or ("" if last else "its first checkpoint is due")
        state = STOPPED if row and row.stopped else WAITING if why else SIGNING
        witnesses = last.witnesses if last else ()
        return Standing(realm, origin, state, why, last.checkpoint.size if last else 0, last.at if last else None, witnesses)

    def _signed(self, row: Row[Any]) -> Signed:
        cosigned = log_cosignatures.c
        lines = self._journal.read_rows(
            select(cosigned.witness, cosigned.line)
            .where(cosigned.origin == row.origin, cosigned.size == row.size)
            .order_by(cosigned.witness)
        )
        note = row.note + "".join(line.line for line in lines)
        checkpoint = Checkpoint(row.origin, row.size, bytes(row.root))
        return Signed(row.realm, checkpoint, note, row.at, bytes(row.key), tuple(line.witness for line in lines))

    def _find(self, realm: Realm, leaf: bytes, first: int, count: int) -> int:
        for position in range(first - first % tiles.WIDTH, first + count, tiles.WIDTH):
            hashes = self._pyramid(realm).hashes(0, position // tiles.WIDTH)
            begin, end = max(first - position, 0) * tiles.HASH, (first + count - position) * tiles.HASH
            at = hashes.find(leaf, begin, end)
            while at % tiles.HASH > 0 and at >= 0:
                at = hashes.find(leaf, at + 1, end)
            if at >= 0:
                return position + at // tiles.HASH
        raise Damaged("a record is not where the log has it: restore the node's folder from its backup")

    def _pyramid(self, realm: Realm) -> tiles.Pyramids:
        if (found := self._pyramids.get(realm)) is None:
            read = self._journal.read_rows
            found = self._pyramids[realm] = tiles.Pyramids(lambda level, n: sequencing.tile_of(read, realm, level, n))
        return found


def was_restored(journal: Journal) -> bool:
    """Whether the journal was ever restored from a backup: what it says of what was told may then leave out the latest."""
    return bool(journal.read_rows(select(settings.c.name).where(settings.c.name == RESTORED)))


def _once(read: Read, realm: Realm) -> tiles.Pyramids:
    held: dict[tuple[int, int], bytes] = {}

    def fetch(level: int, n: int) -> bytes:
        if (level, n) not in held:
            held[level, n] = sequencing.tile_of(read, realm, level, n)
        return held[level, n]

    return tiles.Pyramids(fetch, room=16)


def _last(read: Read, origin: str) -> Row[Any] | None:
    one = log_checkpoints.c
    rows = read(select(log_checkpoints).where(one.origin == origin).order_by(one.size.desc()).limit(1))
    return rows[0] if rows else None


def _bare(signed: Signed) -> bytes:
    note = notes.parse(signed.note)
    return Note(note.text, tuple(line for line in note.lines if line.name == signed.checkpoint.origin)).whole().encode()
