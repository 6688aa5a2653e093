"""What a node holds in memory of its journal: numbers, found again by place and by name, and hardly any more with each record."""

import asyncio
import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import LIVE, Acknowledgement, Clearance, ManualClock, Report, SeededEntropy, encode, make
from tocsin.core.labels import Label
from tocsin.journal import Entry
from tocsin.node.filtered import whole
from tocsin.node.readers import SYSTEM
from tocsin.node.shelves import MOST_OPEN, Places, Rows, Shelf
from tocsin.policy import Gate, SitePolicies, View

from . import helpers
from .walk import ZERO, finding, keep, label, warning


@given(st.lists(st.integers(1, 200_000), max_size=60), st.integers(-5, 70), st.integers(-5, 70))
def test_rows_are_found_by_their_place(steps, first, last):
    numbers = np.cumsum([0, *steps]).tolist()
    rows = Rows()
    for number in numbers:
        rows.add(number)
    assert len(rows) == len(numbers)
    assert rows.slice(first, last) == numbers[max(0, first) : max(0, last)]
    assert list(rows.backwards(7)) == numbers[::-1]
    assert rows.newest(5) == numbers[::-1][:5]
    assert rows.newest(5, 3) == numbers[:3][::-1]


def test_places_are_found_by_their_name_however_many_there_are():
    places = Places()
    for row in range(30_000):
        places.add(f"name {row % 7_001}", row)
    assert places.of("name 5") == [5, 7006, 14007, 21008, 28009]
    assert places.of("name 7001") == []
    assert len(places._old) < 8


def view(level: int = 1) -> View:
    return View(f"v{level}", Clearance("tocsin-levels", "ASTER", level, frozenset()))


def record_of(body, of: Label, number: int, origin: str = "ASTER"):
    return make(body, realm=LIVE, origin=origin, author="eva", label=of, protocol_time=ZERO, realm_time=ZERO, entropy=SeededEntropy(number))


def test_a_partner_that_floods_pushes_out_its_own_open_warnings_alone():
    shelf = Shelf(view(), Gate(SitePolicies.shipped(), None, ManualClock(ZERO)))
    mine = warning("warning--mine")
    shelf.take(0, record_of(mine, label(0), 0), mine, own=True)
    for number in range(MOST_OPEN + 50):
        body = warning(f"warning--{number}")
        shelf.take(number + 1, record_of(body, label(0, origin="BIRCH"), number + 1, "BIRCH"), body, own=False)
    open_now = shelf.open_warnings()
    assert "warning--mine" in open_now
    assert len(open_now) == MOST_OPEN + 1
    assert "warning--0" not in open_now
    cancelled = warning("warning--mine", 2, "cancelled")
    shelf.take(9999, record_of(cancelled, label(0), 9999), cancelled, own=True)
    assert "warning--mine" not in shelf.open_warnings()


async def filled(node, count: int, first: int = 0):
    """Records of five kinds in a row, as many as `count`, half of them above the low view."""
    low = node.view(Clearance("tocsin-levels", "ASTER", 1, frozenset()))
    bodies = (
        lambda n: Report(title=f"Ferry {n}", text="Late again. " * 5, source="harbour"),
        lambda n: finding(episode=f"finding--{n // 50}"),
        lambda n: warning(f"warning--{n // 100}", n % 100 + 1, "cancelled" if n % 100 > 90 else "updated"),
        lambda n: Acknowledgement(warning=f"warning--{n // 100}", state="read"),
        lambda n: Report(title=f"Rail {n}", text="Closed.", source="rail"),
    )
    for start in range(first, first + count, 500):
        entries = []
        for number in range(start, min(start + 500, first + count)):
            of = label(number // 5 % 2 * 2)
            author = SYSTEM + low.id if number % 5 == 1 else "eva"
            body = bodies[number % 5](number)
            one = make(body, realm=LIVE, origin="ASTER", author=author, label=of, protocol_time=ZERO, realm_time=ZERO,
                       entropy=SeededEntropy(number))  # fmt: skip
            entries.append(Entry(encode(one), one))
        await node.on_records(await node.journal.keep(entries))


@pytest.mark.timeout(300)
def test_fifteen_thousand_records_more_grow_a_node_by_their_numbers_alone(tmp_path):
    async def work():
        async with helpers.opened(await helpers.make(tmp_path / "node"), ManualClock(ZERO), SeededEntropy(1)) as node:
            await helpers.add_person(node, "low", ["reader"], "RESTRICTED")
            node.journal._memory._room = 1024 * 1024  # the cache is a constant: let it be full before the first measure
            for shelf in (node.register.shelf(v, LIVE) for v in node.views.active()):
                shelf.texts._room = 100_000
            await filled(node, 5_000)
            for one in node.register._shelves.values():
                one[LIVE].texts._room = 100_000
            tracemalloc.start()  # before the caches are turned over: what takes the place of the old is no growth
            await filled(node, 5_000, 5_000)
            gc.collect()
            objects, (before, _) = len(gc.get_objects()), tracemalloc.get_traced_memory()
            await filled(node, 15_000, 10_000)
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
            more = len(gc.get_objects()) - objects
            # Two views; two bytes a record and kind, twelve a name; what a dictionary of records would take is a hundred times that.
            assert grown / 15_000 < 100, grown
            assert more < 1_500, more
            assert whole(node).counts(LIVE)["report"] == 10_000

    asyncio.run(work())


def test_what_was_erased_is_shown_no_more_and_counts_on(tmp_path):
    async def work():
        async with helpers.opened(await helpers.make(tmp_path / "node"), ManualClock(ZERO), SeededEntropy(1)) as node:
            first = await keep(node, Report(title="A", text="a", source="s"), label(0), seed="a")
            await keep(node, Report(title="B", text="b", source="s"), label(0), seed="b")
            shown = whole(node)
            assert [body.title for _, body in shown.reports(LIVE)] == ["B", "A"]
            assert await node.journal.erase(first.id)
            assert [body.title for _, body in shown.reports(LIVE)] == ["B"]
            assert [place for place, _ in shown.page(LIVE, None, 10)] == [1]

    asyncio.run(work())


def test_a_view_that_comes_later_finds_what_was_kept_before(tmp_path):
    async def work():
        folder = await helpers.make(tmp_path / "node")
        async with helpers.opened(folder, ManualClock(ZERO), SeededEntropy(1)) as node:
            await filled(node, 1_000)
            before = whole(node).counts(LIVE)
            low = node.view(Clearance("tocsin-levels", "ASTER", 0, frozenset()))
            assert len(node.register.shelf(low, LIVE).every) == 400
        async with helpers.opened(folder, ManualClock(ZERO), SeededEntropy(1)) as node:
            assert whole(node).counts(LIVE) == before
            assert whole(node).versions(LIVE, "warning--0")[-1].body.version == 98

    asyncio.run(work())
