"""Every way out is a release: what a reader may not read changes no byte of any answer, frame or log line that reaches it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from .walk import ABOVE_ONE, CANARIES, NAMES, Answer, Canary, Twin, founded, twin, wander
from .walk_requests import REQUESTS

HERE = "tests/node/walk_requests.py"
TOGETHER: tuple[tuple[str, ...], ...] = (
    (ABOVE_ONE,),
    (
        "a report under a caveat", "a claim in a report that is read", "a finding of another episode", "a warning",
        "an answer to a warning that is read", "a rule", "a line of the watch log", "a gap", "a refusal",
        "a request of a kind not understood", "observations",
    ),
    (
        "a report of another community", "a claim in a hidden realm", "a partner's finding of the same episode",
        "a draft of the node's own view", "a partner's answer to the node's own", "word that a rule is withdrawn",
        "observations in an open exercise",
    ),
    (
        "a report under another policy", "a version between two that are read", "what a person says in a session",
        "observations in a hidden exercise",
    ),
    ("the first record of all", "another's warning of the same id, first"),
    ("a report in a hidden realm", "a warning in a hidden exercise"),
    ("a report in an open exercise",),
)  # fmt: skip
"""Canaries that one node holds at once, so that a walk takes them all: none of a group has another's id."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(founded(tmp_path_factory.mktemp("template") / "node"))


def walked(template: Path, folder: Path, *names: str) -> tuple[list[Answer], list[Answer]]:
    """What those answer who may not read the canaries `names`, and what mara, who may, reads afterwards."""

    def all_that_come(when: str) -> Canary:
        async def come(one: Twin) -> None:
            for name in names:
                if CANARIES[name][0] == when:
                    before = one.held()
                    await CANARIES[name][1](one)
                    assert one.held() > before or "observations" in name, f"{name} was not taken in: another of its group has its id"

        return come

    async def work() -> tuple[list[Answer], list[Answer]]:
        async with twin(template, folder, early=all_that_come("early"), middle=all_that_come("middle")) as one:
            mine = await one.walk("mara", reading=True)
            mine += await one.walk("receiver:top", whole=False, reading=True, all_of="/told")
            return await wander(one), mine

    return asyncio.run(work())


@pytest.fixture(scope="module")
def without(template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Answer], list[Answer]]:
    return walked(template, tmp_path_factory.mktemp("without") / "node")


def test_the_walk_has_a_request_for_every_route(template: Path, tmp_path: Path) -> None:
    async def work() -> set[str]:
        async with twin(template, tmp_path / "node") as one:
            return routes_of(one)

    there = asyncio.run(work())
    missing, stale = sorted(there - set(REQUESTS)), sorted(set(REQUESTS) - there)
    assert not missing, f"add a line for each of these to REQUESTS in {HERE}: {missing}"
    assert not stale, f"these routes are gone: take their lines out of REQUESTS in {HERE}: {stale}"


def routes_of(one: Twin) -> set[str]:
    found = set()
    for path, item in (one.app.openapi_schema.paths or {}).items():
        inside = path.removeprefix("/api/v1").rstrip("/")
        found |= {f"{method.upper()} {inside}" for method in ("get", "post", "put", "patch", "delete") if getattr(item, method)}
    return found


def test_every_canary_is_in_a_group() -> None:
    assert sorted(name for group in TOGETHER for name in group) == sorted(CANARIES)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("names", TOGETHER, ids=" + ".join)
def test_what_a_reader_may_not_read_changes_no_byte_it_gets(
    names: tuple[str, ...], template: Path, without: tuple[list[Answer], list[Answer]], tmp_path: Path
) -> None:
    if found := changed(template, tmp_path / "all", without[0], *names):
        alone = {name: changed(template, tmp_path / str(number), without[0], name) for number, name in enumerate(names)}
        pytest.fail("\n".join(f"{name}: {told}" for name, all_told in alone.items() for told in all_told) or "\n".join(found))


def changed(template: Path, folder: Path, base: list[Answer], *names: str) -> list[str]:
    """Where an answer differs in any byte from that of the node which holds none of `names`."""
    answers, _ = walked(template, folder, *names)
    if ABOVE_ONE in names:  # the other may read it
        base, answers = ([a for a in found if not a.who.startswith("plain")] for found in (base, answers))
    assert [a[:2] for a in answers] == [a[:2] for a in base]
    return differences(base, answers)


def differences(base: list[Answer], answers: list[Answer]) -> list[str]:
    found = []
    for one, two in zip(base, answers, strict=True):
        for part in ("status", "headers", "body"):
            if getattr(one, part) != getattr(two, part):
                found.append(f"{one.who}: {one.asked}: {part}: {_where(getattr(one, part), getattr(two, part))}")
                break
    return found[:20]


def _where(one: object, two: object) -> str:
    a, b = (x.decode(errors="replace") if isinstance(x, bytes) else str(x) for x in (one, two))
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return f"...{a[max(0, at - 60) : at + 60]!r} / ...{b[max(0, at - 60) : at + 60]!r}"


@pytest.mark.timeout(300)
def test_who_may_read_the_canary_does_see_it(template: Path, without: tuple[list[Answer], list[Answer]], tmp_path: Path) -> None:
    """The control: the same walk does see a record more, and at every route where it is to be seen."""
    _, base = without
    assert not any(b"Kestrel nine" in b.body for b in base)
    for number, (names, paths) in enumerate(SEEN_AT.items()):
        _, answers = walked(template, tmp_path / str(number), *names)
        differ = {a.asked.split()[1] for b, a in zip(base, answers, strict=True) if b.body != a.body}
        assert differ >= paths, names
        assert any(b"Kestrel nine" in a.body for a in answers), names


SEEN_AT = {
    ("the first record of all", "a warning"): {
        "/reports", "/journal", "/search", "/metrics", "/warnings",
        f"/warnings/{NAMES['canary-warning']}", f"/warnings/{NAMES['canary-warning']}/cap", "/told",
    },
    ("a line of the watch log",): {"/log", "/journal", "/search", "/metrics"},
    ("what a person says in a session",): {"/reports", "/log", "/journal", "/told"},
}  # fmt: skip
"""Canaries, and where one who may read them sees a difference; a route that shows records belongs here too."""


def test_nothing_fails_inside_on_the_walk(without: tuple[list[Answer], list[Answer]]) -> None:
    base, mine = without
    assert [(a.who, a.asked, a.body) for a in [*base, *mine] if a.status >= 500 and a.status != 503] == []
    assert len(base) > 900
