"""The log: what is signed stays true, whatever happens between two checkpoints."""

import hashlib
import shutil
import sqlite3

import pytest
from tests.journal.helpers import DAY, TestSigner, entry, log_of, opened

from tocsin.core import ManualClock
from tocsin.journal import Damaged, NotInLog, Witness, audit, notes, proofs, sequencing, tiles, tree
from tocsin.journal.witness import BAD, INCONSISTENT, OTHER, SEEN, UNKNOWN, UNSIGNED, Submission

pytestmark = pytest.mark.anyio
PUBLIC = TestSigner().note_public()
KEY = notes.Key("tocsin/ASTER/live", notes.LOG, PUBLIC)
NOW = 20_000 * DAY


async def kept(journal, count, **more):
    return await journal.keep([entry(**more) for _ in range(count)])


def alter(folder, statement, *values):
    with sqlite3.connect(folder / "journal.db") as connection:
        changed = connection.execute(statement, values).rowcount
    connection.close()
    assert changed


def all_entries(journal, log, realm="live"):
    return sequencing.entries(journal.read_rows, realm, 0, log.size(realm))


# What is signed


async def test_a_checkpoint_is_a_note_by_this_nodes_key_over_every_record(journal):
    new = await kept(journal, 5)
    log = log_of(journal)
    signed = await log.checkpoint("live")
    note = notes.parse(signed.note)
    assert notes.is_signed(note, KEY)
    assert notes.parse_checkpoint(note.text) == signed.checkpoint == notes.Checkpoint("tocsin/ASTER/live", 16, log.root("live", 16))
    entries = all_entries(journal, log)
    assert {one.leaf for one in new} <= set(entries)
    node = tiles.Pyramids(lambda level, n: b"".join(map(tree.leaf_hash, entries)) if (level, n) == (0, 0) else b"").node
    assert tree.root(node, 16) == signed.checkpoint.root


async def test_every_record_is_proven_by_a_file_that_needs_nothing_but_the_key(journal):
    new = await kept(journal, 40)
    log = log_of(journal)
    await log.checkpoint("live")
    places = set()
    for one in new:
        found = log.prove(one.record.id)
        text = proofs.make(found, one).text().encode()
        shown = proofs.check(proofs.parse(text), [KEY])
        assert shown.record == one.data
        assert shown.checkpoint.size == 64
        assert proofs.parse(text).text().encode() == text
        places.add(shown.position)
    assert len(places) == 40


async def test_nothing_is_proven_before_it_is_signed(journal):
    log = log_of(journal)
    (one,) = await kept(journal, 1)
    with pytest.raises(NotInLog, match="wait for the next"):
        log.prove(one.record.id)
    await log.checkpoint("live")
    (two,) = await kept(journal, 1)
    log.prove(one.record.id)
    with pytest.raises(NotInLog, match="wait for the next"):
        log.prove(two.record.id)
    with pytest.raises(NotInLog, match="no such record"):
        log.prove("report--00000000-0000-0000-0000-000000000000")


async def test_every_checkpoint_is_the_beginning_of_all_later_ones(journal):
    log, signed = log_of(journal), []
    for count in (1, 30, 0, 300, 2):
        await kept(journal, count)
        signed.append((await log.checkpoint("live", idle=True)).checkpoint)
    assert [one.size for one in signed] == [16, 48, 64, 576, 592]
    for number, old in enumerate(signed):
        for new in signed[number:]:
            proof = log.consistency("live", old.size, new.size)
            assert tree.is_consistent(old.size, new.size, proof, old.root, new.root)


async def test_each_realm_has_a_log_of_its_own(journal):
    await kept(journal, 3)
    log = log_of(journal)
    live = await log.checkpoint("live")
    await kept(journal, 3, realm="exercise:x")
    other = await log.checkpoint("exercise:x")
    assert other.checkpoint.origin == "tocsin/ASTER/exercise:x"
    assert log.latest("live") == live
    assert await log.checkpoint("live") is None


async def test_where_nothing_is_new_nothing_is_signed(journal):
    log = log_of(journal)
    assert await log.checkpoint("live") is None
    await kept(journal, 1)
    signed = await log.checkpoint("live")
    assert await log.checkpoint("live") is None
    assert log.latest("live") == signed
    assert (await log.checkpoint("live", idle=True)).checkpoint.size == 32


async def test_an_erased_record_is_still_proven_to_have_been(journal):
    (one,) = await kept(journal, 1)
    log = log_of(journal)
    await log.checkpoint("live")
    await journal.erase(one.record.id)
    found = log.prove(one.record.id)
    shown = proofs.check(proofs.parse(proofs.make(found, None).text().encode()), [KEY])
    assert shown.record == b""
    assert found.entry == one.leaf


# What a size tells


@pytest.mark.parametrize(("count", "leaves"), [(0, 16), (1, 16), (16, 16), (17, 32), (255, 256), (257, 512), (4096, 4096)])
def test_a_size_is_one_of_few(count, leaves):
    assert sequencing.size_class(count) == leaves


async def test_one_record_and_sixteen_make_logs_of_one_size(tmp_path):
    sizes = set()
    for count in (1, 7, 16):
        journal = await opened(tmp_path / str(count))
        await kept(journal, count)
        log = log_of(journal)
        sizes.add((await log.checkpoint("live")).checkpoint.size)
        assert len(all_entries(journal, log)) == 16
        await journal.close()
    assert sizes == {16}


async def test_a_place_in_the_log_does_not_tell_what_came_before(journal):
    """Entries of a batch stand in the order of their salted hashes: neither by time nor apart from padding."""
    new = await kept(journal, 100)
    log = log_of(journal)
    await log.checkpoint("live")
    entries = all_entries(journal, log)
    assert entries == sorted(entries)
    places = [log.prove(one.record.id).position for one in new]
    assert places != sorted(places)
    assert max(places) > 100


async def test_full_slices_and_their_rest_hold_every_record_once(journal, monkeypatch):
    monkeypatch.setattr(sequencing, "MOST", 64)
    monkeypatch.setattr(sequencing, "BATCH", 16)
    new = await kept(journal, 150)
    log = log_of(journal)
    signed = await log.checkpoint("live")
    assert signed.checkpoint.size == 64 + 64 + 32
    entries = all_entries(journal, log)
    assert sorted(set(entries)) == sorted(entries)
    assert {one.leaf for one in new} <= set(entries)
    for one in new[::7]:
        log.prove(one.record.id)
    assert audit(journal, log, "live", {PUBLIC}, {}).wrong == []


# What is damaged is not signed


ALTER_TILE = "update log_tiles set hashes = cast(zeroblob(32) || substr(hashes, 33) as blob) where level = ? and n = 0"


async def test_a_tile_that_was_altered_stops_the_log(tmp_path):
    journal = await opened(tmp_path)
    await kept(journal, 300)
    before = await log_of(journal).checkpoint("live")
    await journal.close()
    alter(tmp_path, ALTER_TILE, 1)
    journal = await opened(tmp_path)
    log = log_of(journal)
    assert any("tile" in line for line in audit(journal, log, "live", {PUBLIC}, {}).wrong)
    await kept(journal, 1)
    assert await log.checkpoint("live") is None
    (standing,) = log.standings()
    assert (standing.state, standing.size) == ("stopped", before.checkpoint.size)
    assert "not what was signed" in standing.says
    assert await log.checkpoint("live") is None, "and it stays so"
    await journal.close()


async def test_a_tile_of_leaves_that_was_altered_proves_nothing_more_and_the_head_stays_true(tmp_path):
    """The tiles above hold the hashes of full tiles below, so that what is signed is still what was kept."""
    journal = await opened(tmp_path)
    new = await kept(journal, 300)
    before = await log_of(journal).checkpoint("live")
    await journal.close()
    alter(tmp_path, ALTER_TILE, 0)
    journal = await opened(tmp_path)
    log = log_of(journal)
    assert any("tile" in line for line in audit(journal, log, "live", {PUBLIC}, {}).wrong)
    await kept(journal, 1)
    after = (await log.checkpoint("live")).checkpoint
    proof = log.consistency("live", before.checkpoint.size, after.size)
    assert tree.is_consistent(before.checkpoint.size, after.size, proof, before.checkpoint.root, after.root)
    refused = 0
    for one in new:
        try:
            log.prove(one.record.id)
        except Damaged:
            refused += 1
    assert refused > 100
    await journal.close()


async def test_a_leaf_that_was_altered_is_found(tmp_path):
    journal = await opened(tmp_path)
    (one, *_) = await kept(journal, 5)
    await log_of(journal).checkpoint("live")
    await journal.close()
    alter(tmp_path, "update records set leaf = zeroblob(32) where record_id = ?", one.record.id)
    journal = await opened(tmp_path)
    log = log_of(journal)
    found = audit(journal, log, "live", {PUBLIC}, {})
    assert any("leaf" in line for line in found.wrong)
    assert any("one is not what was kept" in line for line in found.wrong)
    with pytest.raises(Damaged, match="not where the log has it"):
        log.prove(one.record.id)
    await journal.close()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("update log_checkpoints set root = zeroblob(32)", "another root"),
        ("update log_checkpoints set note = replace(note, 'live', 'lice')", "not signed"),
        ("delete from log_batches where position = 16", "gone"),
        ("delete from log_tiles where level = 0", "not in its tile"),
        ("update log_batches set padding = zeroblob(length(padding)) where position = 0", "not in its tile"),
    ],
)
async def test_whatever_is_altered_an_audit_finds_it(tmp_path, statement, says):
    journal = await opened(tmp_path)
    log = log_of(journal)
    for _ in range(3):
        await kept(journal, 2)
        await log.checkpoint("live")
    found = audit(journal, log, "live", {PUBLIC}, {})
    assert (found.wrong, found.records, found.leaves, found.checkpoints) == ([], 6, 48, 3)
    await journal.close()
    alter(tmp_path, statement)
    journal = await opened(tmp_path)
    wrong = audit(journal, log_of(journal), "live", {PUBLIC}, {}).wrong
    assert any(says in line for line in wrong), wrong
    await journal.close()


async def test_a_checkpoint_that_was_cut_off_with_the_power_is_made_again_in_agreement(tmp_path):
    """Whatever of the write-ahead log is lost past the last note that was given out, the next note agrees with all of them."""
    folder = tmp_path / "node"
    journal = await opened(folder)
    log, given, lengths = log_of(journal), [], []
    wal = folder / "journal.db-wal"
    for count in (3, 20, 1):
        await kept(journal, count)
        given.append((await log.checkpoint("live")).checkpoint)
        lengths.append(wal.stat().st_size)
    await kept(journal, 300)
    files = {name.name: name.read_bytes() for name in folder.iterdir() if name.is_file() and name.name != "lock"}
    await journal.close()
    whole = len(files["journal.db-wal"])
    assert lengths == sorted(set(lengths))
    frame = 4096 + 24
    cuts = [(end, n + 1) for n, end in enumerate(lengths)]
    cuts += [(at, max(n + 1 for n, end in enumerate(lengths) if end <= at)) for at in range(lengths[0], whole, 3 * frame + 1001)]
    for number, (cut, known) in enumerate(cuts):
        there = tmp_path / f"cut{number}"
        shutil.copytree(folder, there)
        for name, data in files.items():
            (there / name).write_bytes(data[:cut] if name == "journal.db-wal" else data)
        (there / "journal.db-shm").unlink(missing_ok=True)
        again = await opened(there)
        log = log_of(again, seed=number + 100)
        assert log.latest("live").checkpoint.size >= given[known - 1].size, "what was given out is on disk"
        await kept(again, 2)
        new = (await log.checkpoint("live")).checkpoint
        for old in given[:known]:
            proof = log.consistency("live", old.size, new.size)
            assert tree.is_consistent(old.size, new.size, proof, old.root, new.root)
        assert audit(again, log, "live", {PUBLIC}, {}).wrong == []
        await again.close()


async def test_a_journal_of_before_the_log_gets_one(tmp_path):
    journal = await opened(tmp_path)
    new = await kept(journal, 700)
    assert not journal.read_rows(sequencing.select(sequencing.log_batches))
    log = log_of(journal)
    assert (await log.checkpoint("live")).checkpoint.size == 1024
    log.prove(new[699].record.id)
    assert audit(journal, log, "live", {PUBLIC}, {}).wrong == []
    await journal.close()


# Witnesses


class Pair:
    """A log and a witness that answers what it is shown."""

    def __init__(self, journal, witness_journal, *, needed=1, clock=None):
        clock = clock or ManualClock(NOW)
        self.log = log_of(journal, needed=needed, clock=clock)
        self.signer = TestSigner("BIRCH", b"b" * 32)
        self.witness = Witness(witness_journal, self.signer, clock)
        self.conflicts = []

    async def ask(self, submission):
        answer, conflict = await self.witness.consider("ASTER", PUBLIC, submission)
        if conflict:
            self.conflicts.append(conflict)
        return answer

    async def turn(self, realm="live"):
        """What one turn of the schedule does; what was signed, and the last answer."""
        signed, answer = await self.log.checkpoint(realm), None
        for _ in range(3):
            if (submission := self.log.submission(realm, "BIRCH")) is None:
                break
            answer = await self.ask(submission)
            await self.log.heard(realm, "BIRCH", self.signer.note_public(), answer)
        return signed, answer


@pytest.fixture
async def pair(tmp_path):
    journals = [await opened(tmp_path / name) for name in ("aster", "birch")]
    await kept(journals[0], 3)
    yield Pair(*journals)
    for one in journals:
        await one.close()


async def test_a_log_asks_its_witness_first_and_then_bears_its_cosignature(pair):
    assert await pair.turn() == (None, (KEY.name, OTHER, 0, b"", b""))
    signed, answer = await pair.turn()
    assert answer.status == SEEN
    latest = pair.log.latest("live")
    assert latest.checkpoint == signed.checkpoint
    assert latest.witnesses == ("BIRCH",)
    key = notes.Key("tocsin/BIRCH", notes.WITNESS, pair.signer.note_public())
    assert notes.cosigned_at(notes.parse(latest.note), key) == NOW // 1_000_000
    assert pair.log.submission("live", "BIRCH") is None
    (row,) = pair.witness.seen()
    assert (row.size, row.partner, row.origin, row.against) == (16, "ASTER", KEY.name, "")


async def test_a_proof_file_bears_cosignatures_and_a_stranger_can_ask_for_them(pair):
    (one,) = await kept(pair.log._journal, 1)
    await pair.turn()
    await pair.turn()
    file = proofs.parse(proofs.make(pair.log.prove(one.record.id), one).text().encode())
    birch = notes.Key("tocsin/BIRCH", notes.WITNESS, pair.signer.note_public())
    assert proofs.check(file, [KEY], witnesses=[birch], needed=1).witnesses == {"tocsin/BIRCH": NOW // 1_000_000}
    other = notes.Key("tocsin/CEDAR", notes.WITNESS, bytes(32))
    with pytest.raises(proofs.NotProven, match="0 of the witnesses given have cosigned, 1 are needed"):
        proofs.check(file, [KEY], witnesses=[other], needed=1)


async def test_a_log_is_caught_that_shows_two_histories(tmp_path, pair):
    """One key, two journals: whichever comes second is refused, and the witness keeps both notes."""
    await pair.turn()
    await pair.turn()
    journal = await opened(tmp_path / "fork")
    await kept(journal, 3)
    fork = log_of(journal, seed=99)
    signed = await fork.checkpoint("live")
    answer = await pair.ask(Submission(KEY.name, 16, (), signed.note.encode()))
    assert answer.status == OTHER
    assert not answer.line
    await kept(journal, 30)
    grown = await fork.checkpoint("live")
    answer = await pair.ask(Submission(KEY.name, 16, tuple(fork.consistency("live", 16, 48)), grown.note.encode()))
    assert answer.status == INCONSISTENT
    assert [c.partner for c in pair.conflicts] == ["ASTER", "ASTER"]
    for conflict in pair.conflicts:
        both = [notes.parse(conflict.seen), notes.parse(conflict.against)]
        assert all(notes.is_signed(note, KEY) for note in both), "evidence that no one can deny"
        assert both[0].text != both[1].text
    (row,) = pair.witness.seen()
    assert row.against == grown.note
    assert row.size == 16
    await journal.close()


async def test_a_witness_answers_as_the_standard_says(pair):
    await pair.turn()
    signed, _ = await pair.turn()
    await kept(pair.log._journal, 3)
    new = await pair.log.checkpoint("live")
    proof, note = tuple(pair.log.consistency("live", 16, 32)), new.note.encode()
    forged = new.note.replace("\n32\n", "\n33\n").encode()
    for status, submission in (
        (OTHER, Submission(KEY.name, 0, (), note)),
        (OTHER, Submission(KEY.name, 15, proof, note)),
        (BAD, Submission(KEY.name, 33, proof, note)),
        (BAD, Submission(KEY.name, 16, proof, b"no note")),
        (BAD, Submission("tocsin/ASTER/other", 16, proof, note)),
        (UNSIGNED, Submission(KEY.name, 16, proof, forged)),
        (UNKNOWN, Submission("tocsin/CEDAR/live", 16, proof, note)),
        (UNKNOWN, Submission("tocsin/ASTER/" + "x" * 200, 16, proof, note)),
        (SEEN, Submission(KEY.name, 16, proof, note)),
        (SEEN, Submission(KEY.name, 32, (), note)),
    ):
        answer = await pair.ask(submission)
        assert answer.status == status, submission
        assert bool(answer.line) == (status == SEEN)
        if status == OTHER:
            assert (answer.size, answer.note) == (16, notes.Note(*notes.parse(signed.note)).whole().encode())
    assert pair.conflicts == []


async def test_what_a_witness_saw_is_on_disk_before_it_answers(tmp_path, pair):
    await pair.turn()
    await pair.turn()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "birch", copy)
    journal = await opened(copy)
    (row,) = Witness(journal, pair.signer, ManualClock(NOW)).seen()
    assert row.size == 16
    await journal.close()


async def test_a_log_that_was_started_anew_signs_only_after_its_witness_was_heard(pair):
    await pair.turn()
    await pair.turn()
    pair.log = log_of(pair.log._journal, needed=1, seed=8)
    await kept(pair.log._journal, 1)
    assert await pair.log.checkpoint("live") is None
    (standing,) = pair.log.standings()
    assert standing.state == "waiting"
    assert "0 have" in standing.says
    await pair.turn()
    assert (await pair.turn())[0].checkpoint.size == 32


async def behind(tmp_path, mark):
    """A node whose folder is put back to what it was two checkpoints ago, and its witness."""
    journals = [await opened(tmp_path / name) for name in ("aster", "birch")]
    pair = Pair(*journals)
    await kept(journals[0], 3)
    await pair.turn()
    await pair.turn()
    await journals[0].close()
    shutil.copytree(tmp_path / "aster", tmp_path / "backup")
    journals[0] = await opened(tmp_path / "aster")
    pair.log = log_of(journals[0], needed=1, seed=7)
    for _ in range(3):
        await kept(journals[0], 3)
        await pair.turn()
    await journals[0].close()
    if mark:
        alter(tmp_path / "backup", "update log_origins set unsure = 1")
    journal = await opened(tmp_path / "backup")
    pair.log = log_of(journal, needed=1 - mark, seed=9)
    return pair, journal, journals[1]


@pytest.mark.parametrize("mark", [0, 1])
async def test_a_journal_that_was_put_back_signs_nothing_and_goes_on_under_a_new_name(tmp_path, mark):
    pair, journal, other = await behind(tmp_path, mark)
    await kept(journal, 3)
    before = pair.log.latest("live")
    for _ in range(3):
        assert (await pair.turn())[0] is None
    (standing,) = pair.log.standings()
    assert standing.state == "stopped"
    assert "behind what BIRCH saw" in standing.says
    assert pair.log.latest("live") == before, "nothing was signed"
    name = await pair.log.renew("live", by="mara", why="restored from the backup of Sunday")
    assert name.startswith("tocsin/ASTER/live/")
    first, _ = await pair.turn()
    second, _ = await pair.turn()
    signed = first or second
    assert signed.checkpoint.origin == name
    assert "BIRCH" in pair.log.latest("live").witnesses
    assert audit(journal, pair.log, "live", {PUBLIC}, {"BIRCH": {pair.signer.note_public(): None}}).wrong == []
    assert pair.conflicts == []
    await journal.close()
    await other.close()


async def test_a_restored_journal_that_lacks_nothing_goes_on_under_its_name(tmp_path):
    journals = [await opened(tmp_path / name) for name in ("aster", "birch")]
    pair = Pair(*journals)
    await kept(journals[0], 3)
    await pair.turn()
    await pair.turn()
    await journals[0].close()
    alter(tmp_path / "aster", "update log_origins set unsure = 1")
    journals[0] = await opened(tmp_path / "aster")
    pair.log = log_of(journals[0], needed=1, seed=9)
    await kept(journals[0], 1)
    assert pair.log.standings()[0].says.startswith("restored")
    assert (await pair.turn())[0] is None
    signed, answer = await pair.turn()
    assert (signed.checkpoint.size, answer.status) == (32, SEEN)
    for one in journals:
        await one.close()


async def test_a_restored_log_without_any_witness_waits_for_its_administrator(tmp_path):
    journal = await opened(tmp_path)
    await kept(journal, 1)
    await log_of(journal).checkpoint("live")
    await journal.close()
    alter(tmp_path, "update log_origins set unsure = 1")
    journal = await opened(tmp_path)
    log = log_of(journal)
    await kept(journal, 1)
    assert await log.checkpoint("live") is None
    await log.renew("live", by="mara", why="nobody saw it")
    assert (await log.checkpoint("live")).checkpoint.size == 32
    await journal.close()


async def test_a_witness_cannot_stop_a_log_by_what_it_makes_up(pair):
    await pair.turn()
    signed, answer = await pair.turn()
    fork = notes.Checkpoint(KEY.name, 48, b"f" * 32).text()
    forged = notes.Note(fork, (notes.sign(fork, KEY.name, pair.signer),)).whole().encode()
    for note in (forged, b"", b"\xff", signed.note.replace("\n16\n", "\n64\n").encode()):
        await pair.log.heard("live", "BIRCH", pair.signer.note_public(), answer._replace(status=OTHER, size=48, note=note))
    assert pair.log.standings()[0].state == "signing"
    before = pair.log.latest("live")
    for line in (b"", b"x", answer.line.replace(b"A", b"B"), answer.line * 2):
        await pair.log.heard("live", "CEDAR", pair.signer.note_public(), answer._replace(line=line))
    await pair.log.heard("live", "CEDAR", pair.signer.note_public(), answer)
    assert pair.log.latest("live") == before


async def test_a_partner_cannot_fill_a_witness_with_logs(pair, monkeypatch):
    monkeypatch.setattr("tocsin.journal.witness.MOST_LOGS", 1)
    await pair.turn()
    await pair.turn()
    await kept(pair.log._journal, 1, realm="exercise:x")
    pair.log.needed = 0
    signed = await pair.log.checkpoint("exercise:x")
    answer = await pair.ask(Submission(signed.checkpoint.origin, 0, (), signed.note.encode()))
    assert answer.status == UNKNOWN


async def test_the_proof_that_is_given_is_the_newest_with_enough_witnesses(pair):
    (one,) = await kept(pair.log._journal, 1)
    await pair.turn()
    await pair.turn()
    await kept(pair.log._journal, 1)
    await pair.log.checkpoint("live")
    found = pair.log.prove(one.record.id)
    assert found.signed.witnesses == ("BIRCH",)
    assert found.signed.checkpoint.size == 16
    assert pair.log.latest("live").checkpoint.size == 32


# Tiles, for whoever copies the log


async def test_tiles_and_bundles_give_a_stranger_the_whole_log(journal):
    new = await kept(journal, 600)
    log = log_of(journal)
    signed = await log.checkpoint("live")
    held = {tile: log.tile("live", tile) for tile in tiles.tiles_of(signed.checkpoint.size)}
    entries = [one for tile, data in held.items() if tile.level == tiles.ENTRIES for one in tiles.unbundle(data)]
    assert len(entries) == signed.checkpoint.size
    leaves = b"".join(data for tile, data in held.items() if tile.level == 0)
    assert leaves == b"".join(map(tree.leaf_hash, entries))
    assert {hashlib.sha256(one.salt + one.data).digest() for one in new} <= set(entries)
    for missing in (tiles.Tile(0, 9), tiles.Tile(tiles.ENTRIES, 9), tiles.Tile(3, 0, 1)):
        with pytest.raises(LookupError):
            log.tile("live", missing)
