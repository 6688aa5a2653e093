"""Search finds words in what a reader may read, and nothing by an aircraft's registration or address."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tocsin
from tocsin.core import LIVE, InputError, ManualClock, Report, SeededEntropy
from tocsin.node.search import Texts, text_of, words_of

from . import helpers
from .walk import ZERO, keep, label

SOURCE = str(Path(tocsin.__file__).parents[1])


def texts(*bodies: str, most: int = 100, most_bytes: int = 10_000) -> Texts:
    found = Texts(most, most_bytes)
    for row, body in enumerate(bodies):
        found.add(row, None, Report(title="", text=body, source=""))
    return found


@pytest.mark.parametrize(
    "query", ["HB-JCA", "hb-jca", "D-EABC", "G-ABCD", "9H-ABC", "N12345", "N1AB", "JA8089", "4b1805", "RA-12345", "A6-EDB"]
)
def test_nothing_is_searched_for_by_registration_or_address(query):
    with pytest.raises(InputError, match="registrations"):
        words_of(f"who flies {query}")
    body = Report(title="t", text=f"Seen: {query} near the coast", source="s")
    assert query not in text_of(None, body)
    assert "coast" in text_of(None, body)


@pytest.mark.parametrize("query", ["Il-76", "C-130", "A400M", "B-52", "An-124", "facade", "12 transports", "decade", "N"])
def test_types_and_words_are_no_registrations(query):
    assert words_of(query)


@pytest.mark.parametrize("query", ["", "  ", '"', "--", "x" * 201, "w " * 13])
def test_a_query_without_words_or_with_too_many_is_refused(query):
    with pytest.raises(InputError):
        words_of(query)


@pytest.mark.parametrize("query", ['a" OR "b', "NEAR(a b)", "words:a", "a*", "-a", "AND", "a AND NOT b", "'; drop table texts"])
def test_operators_of_the_engine_are_words_like_any_other(query):
    found = texts("a b", "and not near or words").find(query)
    assert found.of == 2


def test_all_words_must_be_there_and_the_last_may_go_on():
    index = texts("Trucks at the ramp", "Trucks on the road", "Zürich airport")
    assert [hit.row for hit in index.find("trucks ram").hits] == [0]
    assert index.find("trucks").matches == 2
    assert index.find("zurich").matches == 1
    assert index.find("truck at").matches == 0


def test_old_texts_make_room_and_the_answer_says_how_many_there_were():
    index = texts(*(f"word{n} common" for n in range(50)), most=10)
    assert (index.find("common").matches, index.find("common").of) == (10, 10)
    assert index.find("word0").matches == 0
    tight = texts(*("x" * 900 for _ in range(50)), most_bytes=5_000)
    assert tight.find("xxx").of == 5


def test_an_index_stays_as_large_as_the_texts_that_it_holds():
    index, pages = Texts(most=200), []
    for n in range(15 * 200):
        index.add(n, None, Report(title="", text=" ".join(f"w{n * word % 9973}" for word in range(40)), source=""))
        if n % 200 == 199:
            pages.extend(index._open().execute("pragma page_count").fetchone())
    assert pages[-1] <= 1.1 * pages[2], "as many pages as when all texts had been others for the second time"


def test_numbers_and_order_are_the_readers_own(tmp_path):
    """Words that only another may read change neither ranking, nor counts, nor snippets."""

    async def answers(folder, *, secret: bool):
        async with helpers.opened(await helpers.make(folder), ManualClock(ZERO), SeededEntropy(1)) as node, helpers.serving(node) as url:
            await helpers.add_person(node, "low", ["reader"], "RESTRICTED")
            for number, text in enumerate(("ferry ferry ferry", "one ferry and some rail", "rail")):
                await keep(node, Report(title="t", text=text, source="s"), label(0), seed=str(number))
                for more in range(20 if secret else 0):
                    await keep(node, Report(title="ferry", text="ferry", source="s"), label(2), seed=f"secret {number} {more}")
            async with helpers.person(url, "low") as low, helpers.person(url) as mara:
                every = (await mara.get("/search", params={"realm": LIVE, "q": "ferry"})).json()["count"]
                return (await low.get("/search", params={"realm": LIVE, "q": "ferry"})).content, every

    async def work():
        without, few = await answers(tmp_path / "a", secret=False)
        with_secret, many = await answers(tmp_path / "b", secret=True)
        assert without == with_secret
        assert (few, many) == (2, 62)

    asyncio.run(work())


def test_the_command_line_searches_as_a_person(tmp_path):
    async def work():
        async with (
            helpers.opened(await helpers.make(tmp_path / "node"), ManualClock(ZERO), SeededEntropy(1)) as node,
            helpers.serving(node),
        ):
            await keep(node, Report(title="Harbour", text="The ferry is late.", source="s"), label(0), seed="1")

            async def run(*words):
                command = [sys.executable, "-m", "tocsin", "search", str(node.folder), *words, "--as", "mara"]
                return await asyncio.to_thread(
                    subprocess.run, command, capture_output=True, text=True, timeout=60, check=False,
                    env={**os.environ, "TOCSIN_PASSWORD": helpers.PASSWORD, "PYTHONPATH": SOURCE},
                )  # fmt: skip

            found = await run("ferry", "--json")
            assert found.returncode == 0, found.stderr
            assert '"count": 1' in found.stdout
            assert "The ferry is late" in (await run("ferry")).stdout
            refused = await run("HB-JCA")
            assert (refused.returncode, refused.stdout) == (2, "")

    asyncio.run(work())
