"""A node that starts again watches on from where it was."""

import pytest
import zstandard
from sqlalchemy import delete, insert, select, update

from tests.node.helpers import make, opened
from tocsin.core import ManualClock, parse_iso
from tocsin.core.times import HOUR, SECOND
from tocsin.node import recollection
from tocsin.warning.tables import watch_memory

pytestmark = pytest.mark.anyio
START = parse_iso("2026-11-22T02:00:00Z")


def levels(node):
    return [watch.assessment().time for sight in node.worlds["live"].sights() for watch in sight.watches.values()]


async def looked(folder, clock):
    async with opened(folder, clock) as node:
        for now, sights in node.worlds["live"].looks_due():
            await node.look(node.worlds["live"], now, sights)
        assert levels(node) == [START] * len(levels(node))


async def test_a_node_that_starts_again_watches_on(tmp_path):
    folder, clock = await make(tmp_path / "node"), ManualClock(START)
    await looked(folder, clock)
    clock.move_to(START + 60 * SECOND)
    async with opened(folder, clock) as node:
        assert levels(node)
        assert set(levels(node)) == {START}


async def test_what_was_kept_too_long_ago_is_not_taken_up(tmp_path):
    folder, clock = await make(tmp_path / "node"), ManualClock(START)
    await looked(folder, clock)
    clock.move_to(START + 25 * HOUR)
    async with opened(folder, clock) as node:
        assert START not in levels(node)


async def test_a_large_memory_is_kept_in_rows_of_a_bounded_size_and_taken_up_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(recollection, "PART", 100)
    folder, clock = await make(tmp_path / "node"), ManualClock(START)
    await looked(folder, clock)
    clock.move_to(START + 60 * SECOND)
    async with opened(folder, clock) as node:
        rows = node.journal.read_rows(select(watch_memory).order_by(watch_memory.c.topic, watch_memory.c.part))
        topics = {row.topic for row in rows}
        assert topics
        assert len(rows) > 2 * len(topics)
        assert max(len(row.sealed) for row in rows) == 100
        assert set(levels(node)) == {START}
        await node.look(node.worlds["live"], START + 60 * SECOND)
    async with opened(folder, clock) as node:
        assert set(levels(node)) == {START + 60 * SECOND}, "no part of what was kept before is left"


async def test_what_an_earlier_version_kept_in_one_row_and_not_compressed_is_taken_up(tmp_path):
    folder, clock = await make(tmp_path / "node"), ManualClock(START)
    await looked(folder, clock)
    async with opened(folder, clock) as node:
        old = []
        for row in node.journal.read_rows(select(watch_memory)):
            assert row.part == 0
            frame = node.journal.open_sealed(row.sealed, "watch", row.sealed_at)
            plain = zstandard.ZstdDecompressor().decompress(frame)
            assert len(frame) < len(plain)
            old.append({**row._mapping, "sealed": node.journal.seal(plain, "watch", row.sealed_at)})
        await node.journal.write(lambda connection: connection.execute(delete(watch_memory)))
        await node.journal.write(lambda connection: connection.execute(insert(watch_memory), old))
        node.worlds.clear()  # so that the close does not keep it anew
    clock.move_to(START + 60 * SECOND)
    async with opened(folder, clock) as node:
        assert set(levels(node)) == {START}


async def test_a_memory_whose_last_part_is_gone_begins_anew_and_says_so(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(recollection, "PART", 100)
    folder, clock = await make(tmp_path / "node"), ManualClock(START)
    await looked(folder, clock)
    async with opened(folder, clock) as node:
        cut = update(watch_memory).where(watch_memory.c.part == 1).values(sealed=b"")
        await node.journal.write(lambda connection: connection.execute(cut))
        node.worlds.clear()
    async with opened(folder, clock) as node:
        assert START not in levels(node)
    assert "begins anew" in caplog.text
