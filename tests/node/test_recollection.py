"""A node that starts again watches on from where it was."""

import pytest

from tests.node.helpers import make, opened
from tocsin.core import ManualClock, parse_iso
from tocsin.core.times import HOUR, SECOND

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
