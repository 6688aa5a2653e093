"""Whoever can write the database cannot swap a pinned card, invent a comparison or undo a revocation: the node stops instead."""

import asyncio
import shutil
import sqlite3

import pytest
from tests.exchange.test_succession import CLOCK, card, clearance, fresh, rotated
from tests.journal.helpers import opened

from tocsin.core import InputError
from tocsin.exchange import Book
from tocsin.journal import Altered

pytestmark = pytest.mark.anyio


def sql(folder, *statements):
    with sqlite3.connect(folder / "journal.db") as connection:
        for statement, *values in statements:
            connection.execute(statement, values)
    connection.close()


async def made(folder):
    """A book with a partner that rotated, one that was compared, and one that is out; closed again."""
    journal = await opened(folder)
    book = Book(journal, CLOCK)
    birch = fresh()
    await book.add(card(birch), clearance("BIRCH"))
    await book.follow("BIRCH", rotated(birch).links)
    await journal.write(lambda connection: book.put_out_rows(connection, "BIRCH", "revoked", "stolen"))
    book.put_out_now("BIRCH", "revoked", "stolen")
    await journal.close()
    return birch


async def reads(folder):
    journal = await opened(folder)
    try:
        return Book(journal, CLOCK)
    finally:
        await journal.close()


EDITS = {
    "a revocation is undone": [("update partners set state = 'pinned', reason = ''",)],
    "a partner is taken out": [("delete from partners",)],
    "an old card stands again": [("update partner_cards set until = null",)],
    "an old card is taken out": [("delete from partner_cards where how = 'pinned'",)],
    "a comparison is invented": [("update partners set compared_at = 1, compared_by = 'mara'",)],
    "a clearance is raised": [("update partners set clearance = replace(clearance, '2', '9')",)],
    "the guard is taken away": [("delete from settings where name like 'guard%'",)],
    "the guard is cut": [("update settings set value = substr(value, 1, 20) where name like 'guard%'",)],
    "the guard is emptied": [("update settings set value = x'' where name like 'guard%'",)],
    "the guard counts on": [
        ("update settings set value = cast(x'000000000000007f' || substr(value, 9) as blob) where name like 'guard%'",)
    ],
    "everything is as if it had never been": [
        ("delete from partners",),
        ("delete from partner_cards",),
        ("delete from settings where name like 'guard%'",),
    ],
}


async def test_whatever_is_edited_in_the_book_the_node_does_not_start(tmp_path):
    await made(tmp_path / "made")
    assert (await reads(tmp_path / "made")).put_out()
    for number, (what, edits) in enumerate(EDITS.items()):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "made", folder)
        sql(folder, *edits)
        with pytest.raises(Altered) as caught:
            await reads(folder)
        assert "\n" not in str(caught.value), what
        assert "restore" in str(caught.value)
        assert isinstance(caught.value, InputError)


async def test_a_pinned_card_that_was_swapped_for_a_valid_one_of_another_is_not_taken(tmp_path):
    """The card is whole and signed by the keys that it names, so that nothing but the guard can tell."""
    journal = await opened(tmp_path)
    book = Book(journal, CLOCK)
    await book.add(card(fresh()), clearance("BIRCH"))
    await journal.close()
    thief = card(fresh())
    text = thief.to_toml()
    sql(tmp_path, ("update partners set card = ?", text), ("update partner_cards set card = ?, digest = ?", text, thief.digest()))
    with pytest.raises(Altered, match="partners in the database"):
        await reads(tmp_path)


async def test_an_older_book_is_not_put_back_over_a_newer_one(tmp_path):
    journal = await opened(tmp_path)
    book = Book(journal, CLOCK)
    await book.add(card(fresh()), clearance("BIRCH"))
    await journal.close()
    old = (tmp_path / "journal.db").read_bytes()
    journal = await opened(tmp_path)
    book = Book(journal, CLOCK)
    await journal.write(lambda connection: book.put_out_rows(connection, "BIRCH", "revoked", "stolen"))
    book.put_out_now("BIRCH", "revoked", "stolen")
    await journal.close()
    for beside in ("journal.db-wal", "journal.db-shm"):
        (tmp_path / beside).unlink(missing_ok=True)
    (tmp_path / "journal.db").write_bytes(old)
    with pytest.raises(Altered):
        await reads(tmp_path)
    # Nor with a count made up beside it.
    (tmp_path / "partners.seen").write_bytes(bytes(40))
    with pytest.raises(Altered):
        await reads(tmp_path)


async def test_an_edit_while_the_node_runs_stops_the_next_change(tmp_path):
    journal = await opened(tmp_path)
    book = Book(journal, CLOCK)
    await book.add(card(fresh()), clearance("BIRCH"))
    await asyncio.to_thread(sql, tmp_path, ("update partners set clearance = replace(clearance, '2', '9')",))
    with pytest.raises(Altered):
        await book.remove("BIRCH")
    assert book.get("BIRCH") is not None
    await journal.close()


async def test_a_book_of_before_there_were_guards_is_guarded_from_its_first_start(tmp_path):
    await made(tmp_path)
    sql(tmp_path, ("delete from settings where name like 'guard%'",))
    (tmp_path / "partners.seen").unlink()
    journal = await opened(tmp_path)
    book = Book(journal, CLOCK)
    await book.guard()
    await journal.close()
    assert (await reads(tmp_path)).put_out()
    sql(tmp_path, ("update partners set state = 'pinned'",))
    with pytest.raises(Altered):
        await reads(tmp_path)


async def test_a_power_cut_between_the_commit_and_the_count_beside_it_harms_nothing(tmp_path):
    journal = await opened(tmp_path)
    book = Book(journal, CLOCK)
    await book.add(card(fresh()), clearance("BIRCH"))
    before = (tmp_path / "partners.seen").read_bytes()
    await book.confirm("BIRCH", book.get("BIRCH").card.fingerprint(), "mara")
    await journal.close()
    (tmp_path / "partners.seen").write_bytes(before)
    assert (await reads(tmp_path)).standing("BIRCH").compared_by == "mara"
