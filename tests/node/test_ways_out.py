"""Ways out beside the bytes of an answer: the time it takes, frames on a socket, refs to what is not shown, and code that goes round."""

from __future__ import annotations

import ast
import asyncio
import json
import random
import re
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
import websockets

from tocsin.core import LIVE, LogEntry, Report
from tocsin.node import http, serving
from tocsin.node.http.live_routes import Stream

from . import helpers
from .walk import NAMES, OPEN, TEXT, TOP, Twin, finding, founded, keep, label, twin, warning

NODE = Path(serving.__file__).parent
ROUTES = Path(http.__file__).parent
PAIRS = 2_000
ODDS = 0.056  # the odds of 2,000 fair pairs lie this near to even but once in two million times
SHIFT = 0.05
HIDDEN = 300
PATHS = ("/reports", "/warnings", "/journal", "/log", "/session", "/search", f"/warnings/{NAMES['warning']}")
"""What is timed: every page that reads records, one by an id."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(founded(tmp_path_factory.mktemp("template") / "node"))


# --- nobody goes round ---------------------------------------------------------------------------------------

INNER = {"register", "journal", "vault", "archive", "keys"}
MAY_REACH = {
    "filtered.py": "the filter itself",
    "service.py": "the node, which wires them",
    "operations.py": "the operator, who owns the folder and its key",
    "partnership.py": "the operator and the node's own card",
    "measuring.py": "a bench on a node of its own",
    "stored.py": "a bench on journals of its own",
    "traffic.py": "observations on their way in, and out to the partners whom the exchange lets have them",
    "metrics.py": "counts of the journal's writer, for readers of everything alone",
    "founding.py": "a node that nobody uses yet",
    "checkup.py": "the operator",
    "control.py": "the operator",
    "notary.py": "the log's checkpoints, which no reader is shown but through the filter",
    "auditing.py": "the operator, and proofs of what the filter gave",
    "lowering.py": "proposals to lower a label, each asked of the reader",
    "seconding.py": "proposals, each asked of the reader through the filter; what two persons approved is the node's to do",
    "playing.py": "the operator",
    "inbox.py": "a person's own marks of what was read",
    "ledger.py": "the ids of what this node said, each asked of the filter, and who signed a receipt",
    "hosting.py": "this node's own log-in at the relay that it runs",
    "told.py": "what partners signed of a record that the operator names, or the filter gave",
    "telling.py": "what receivers are told, each of it asked of both keys with the action `tell`",
    "tearing.py": "what two persons approved, which is the node's to do",
}
"""Modules of the node that may name the journal and what lies beside it, and why; every other goes through `Filtered`."""


def reached(path: Path) -> set[str]:
    found = set()
    for leaf in ast.walk(ast.parse(path.read_text())):
        if isinstance(leaf, ast.Attribute) and leaf.attr in INNER:
            of = leaf.value.attr if isinstance(leaf.value, ast.Attribute) else leaf.value.id if isinstance(leaf.value, ast.Name) else ""
            if of in {"node", "_node"}:
                found.add(leaf.attr)
    return found


def test_no_handler_and_no_page_reaches_records_but_through_the_filter() -> None:
    round_it = {path.name: reached(path) for path in [*NODE.glob("*.py"), *ROUTES.glob("*.py")] if path.name not in MAY_REACH}
    assert {name: what for name, what in round_it.items() if what} == {}, "go through tocsin.node.filtered.Filtered"
    assert reached(NODE / "operations.py"), "the scan sees something"


def test_one_function_decides_what_a_reader_is_shown() -> None:
    named = {path.name for path in NODE.rglob("*.py") if re.search(r"may_read\(|gate\.may\(|view\.may(_see)?\(", path.read_text())}
    assert named == {"readers.py"}


# --- time ----------------------------------------------------------------------------------------------------


async def bury(one: Twin) -> None:
    """Records that the reader may not see, many of them: what one costs would not show, what three hundred cost would."""
    for number in range(HIDDEN):
        body = (TEXT, LogEntry(text="Kestrel"), warning(f"warning--{number}", text="Kestrel"), finding("Kestrel"))[number % 4]
        await keep(one.node, body, TOP, seed=f"canary {number}")


class Race:
    """The same requests to several nodes in an order drawn by lot, and how long each took."""

    def __init__(self, clients: dict[str, httpx2.AsyncClient], seed: int) -> None:
        self._clients, self._lot = clients, random.Random(seed)
        self.took: dict[str, list[float]] = {name: [] for name in clients}

    async def run(self, rounds: int, names: tuple[str, ...]) -> None:
        for number in range(rounds):
            path = PATHS[number % len(PATHS)]
            for name in self._lot.sample(names, len(names)):
                began = time.perf_counter()
                answer = await self._clients[name].get(path, params={"realm": LIVE, "q": "kestrel"})
                self.took[name].append(time.perf_counter() - began)
                assert answer.status_code == 200

    def apart(self, one: str, two: str) -> tuple[float, float]:
        """How far from even the odds are that `two` is slower, and the median difference as a part of the median time."""
        pairs = list(zip(self.took[one], self.took[two], strict=False))
        odds = sum(b > a for a, b in pairs) / len(pairs)
        return abs(odds - 0.5), abs(statistics.median(b - a for a, b in pairs)) / statistics.median(self.took[one])


class Told(NamedTuple):
    """How far a pair lies apart, and how far a null pair of the same run does."""

    odds: float
    shift: float
    null_odds: float
    null_shift: float

    def nothing(self) -> bool:
        """Whether the pair is no further apart than the null pair."""
        return self.odds <= self.null_odds + ODDS and self.shift <= self.null_shift + SHIFT


@pytest.mark.timeout(600)
def test_answers_take_as_long_whatever_lies_hidden(template: Path, tmp_path: Path) -> None:
    """2,000 pairs against a null pair of the same run; and a node that does work for what it hides is caught by the same measure."""

    async def work() -> tuple[Told, Told]:
        async with (
            twin(template, tmp_path / "a") as a,
            twin(template, tmp_path / "b") as b,
            twin(template, tmp_path / "c", middle=bury) as c,
            twin(template, tmp_path / "d", middle=bury) as d,
        ):
            clients = {name: await one.log_in("low") for name, one in {"a": a, "null": b, "hiding": c, "leaky": d}.items()}
            read = d.node.register.read

            def slow(realm, rows):
                hidden = sum(one.record.label == TOP for one in read(realm, range(d.node.journal.size(realm))))
                assert hidden == HIDDEN
                return read(realm, rows)

            d.node.register.read = slow  # type: ignore[method-assign]
            await Race(clients, 7).run(50, ("a", "null", "hiding"))  # warm
            for seed in (1, 2, 3):
                # Chance, or whatever else the machine does meanwhile, sets fair pairs apart once; a leak is there every time.
                race = Race(clients, seed)
                await race.run(PAIRS, ("a", "null", "hiding"))
                told = Told(*race.apart("a", "hiding"), *race.apart("a", "null"))
                if told.nothing():
                    break
            leak = Race(clients, 8)
            await leak.run(200, ("a", "leaky"))
            return told, told._replace(odds=leak.apart("a", "leaky")[0], shift=leak.apart("a", "leaky")[1])

    told, leak = asyncio.run(work())
    assert told.nothing(), told
    assert leak.odds > leak.null_odds + ODDS, "the measure sees a leak"
    assert leak.shift > leak.null_shift + SHIFT, "the measure sees a leak"


# --- frames --------------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_a_socket_says_nothing_and_says_it_no_sooner_when_something_hidden_comes(template: Path, tmp_path: Path) -> None:
    async def frames(folder: Path, *, hidden: bool) -> list[str]:
        async with twin(template, folder) as one, helpers.serving(one.node) as url, helpers.person(url, "low") as low:
            cookie = "; ".join(f"{name}={value}" for name, value in low.cookies.items())
            address = url.replace("http", "ws") + "/live?realm=live"
            async with websockets.connect(address, additional_headers={"cookie": cookie}) as stream:
                found = [await asyncio.wait_for(stream.recv(), 20)]
                if hidden:
                    await keep(one.node, TEXT, TOP, seed="canary")
                    await one.hear(TOP, LIVE, 9, 20)
                found += [str(await asyncio.wait_for(stream.recv(), 20)) for _ in range(5)]
                return found

    async def work() -> None:
        without = await frames(tmp_path / "a", hidden=False)
        with_it = await frames(tmp_path / "b", hidden=True)
        assert without == with_it
        assert {json.loads(one)["type"] for one in without} == {"tracks", "changed"}

    asyncio.run(work())


def test_a_change_is_told_to_those_who_may_see_it_and_in_its_own_realm(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with twin(template, tmp_path / "a") as one:
            await one.settle()
            one.frames.clear()
            await keep(one.node, TEXT, TOP, seed="canary", realm=OPEN)
            await keep(one.node, Report(title="t", text="t", source="s"), label(1), seed="fine")
            await one.settle()
            told = {name for name, data in one.frames if b'"changed"' in data}
            assert told == {f"mara {OPEN}"} | {f"{user.name} {LIVE}" for user in one.node.people.users()}
            assert all(isinstance(stream, Stream) for _, stream in one.streams)

    asyncio.run(work())


# --- realms --------------------------------------------------------------------------------------------------


@pytest.mark.timeout(200)
def test_what_happens_in_an_exercise_changes_no_byte_in_live_on_any_route(template: Path, tmp_path: Path) -> None:
    async def exercise(one: Twin) -> None:
        await keep(one.node, Report(title="Drill", text="Kestrel nine.", source="x"), label(0), seed="x1", realm=OPEN)
        await keep(one.node, warning("warning--drill", text="Kestrel nine."), label(0), seed="x2", realm=OPEN)
        await keep(one.node, LogEntry(text="Kestrel nine."), label(0), seed="x3", realm="exercise:more", author="low")
        await keep(one.node, Report(title="Drill", text="Kestrel nine.", source="x"), label(0), seed="x4", realm="exercise:more")
        await one.hear(label(0), OPEN, 9, 60)

    async def walked(folder: Path, **more) -> list[tuple]:
        async with twin(template, folder, **more) as one:
            answers = await one.walk("low")
            live = [a for a in answers if "'realm': 'live'" in a.asked]
            return [*live, *((name, data) for name, data in one.frames if name.endswith(f" {LIVE}"))]

    async def work() -> None:
        without = await walked(tmp_path / "a")
        beside = await walked(tmp_path / "b", middle=exercise)
        assert len(without) > 150
        assert without == beside

    asyncio.run(work())


# --- refs ----------------------------------------------------------------------------------------------------


def test_a_ref_to_what_is_hidden_is_shown_as_one_to_what_never_was(template: Path, tmp_path: Path) -> None:
    """The report refers to the canary in both nodes; only in one is there anything at the ref's end."""

    async def refs(folder: Path, **more) -> tuple[list, list]:
        from tocsin.node.filtered import Filtered, whole
        from tocsin.node.readers import Reader

        async with twin(template, folder, **more) as one:
            user = next(u for u in one.node.people.users() if u.name == "low")
            shown = Filtered(one.node, Reader(user, one.node.view(user.clearance), "x"))
            report = one.node.journal.get(NAMES["report"]).record
            assert len(report.refs) == 2
            return shown.refs(report), whole(one.node).refs(report)

    async def work() -> None:
        async def canary(one: Twin) -> None:
            await keep(one.node, TEXT, TOP, seed="canary")

        assert await refs(tmp_path / "a") == ([], [])
        low, own = await refs(tmp_path / "b", middle=canary)
        assert low == []
        assert [ref.id for ref in own] == [NAMES["canary-report"]]

    asyncio.run(work())
