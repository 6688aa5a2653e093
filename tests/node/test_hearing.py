"""Claims, sightings and daily counts: said over the API, kept as records, heard by the watch of each view that may."""

import asyncio

import numpy as np
import pytest

from tocsin.core import LIVE, Claim, Count, Label, body_of
from tocsin.core.times import HOUR
from tocsin.warning.series import DAY

from .helpers import LEVELS, add_person, make, opened, person, serving

OPEN_MARKS = {"realm": LIVE, "classification": LEVELS[0], "releasable_to": []}
SECRET_MARKS = {**OPEN_MARKS, "classification": LEVELS[2]}
CLAIM = {"text": "They train at the ramp.", "source": "harbour paper", "grade": "B2", "indicator": "training", "root": "agency"}


def run(tmp_path, work, topics=()):
    async def whole():
        folder = await make(tmp_path / "aster")
        if topics:
            text = (folder / "node.toml").read_text()
            (folder / "node.toml").write_text(f"topics = {list(topics)}\n" + text)
        async with opened(folder) as node, serving(node) as url:
            await add_person(node, "low", ["watch-officer"], LEVELS[0])
            await work(node, url)

    asyncio.run(whole())


def heard(node, level):
    own = node.config.own
    clearance = type(own)(own.policy, own.partner, level, own.caveats)
    return node.hearing.of(node.views.of(clearance), LIVE)


def test_a_claim_is_a_record_of_its_own_grade_and_is_heard(tmp_path):
    async def work(node, url):
        async with person(url) as mara:
            answer = await mara.post("/claims", json=CLAIM | OPEN_MARKS)
            assert answer.status_code == 201, answer.text
            (row,) = (await mara.get("/claims", params={"realm": LIVE})).json()
        assert row["record"] == answer.json()["record"]
        assert (row["grade"], row["graded_by"], row["channel"], row["root"]) == ("B2", "mara", "document", "agency")
        body = body_of(node.journal.get(row["record"]).record)
        assert isinstance(body, Claim)
        (told,) = heard(node, 2).told
        assert (told.about, told.root, told.grade) == ("training", "agency", "B2")

    run(tmp_path, work)


def test_whoever_asserts_is_told_which_topics_listen(tmp_path):
    async def work(node, url):
        async with person(url) as mara:
            rows = (await mara.get("/claims/indicators")).json()
            said = {}
            for indicator, channel in (
                ("training", "document"),
                ("training", "sighting"),
                ("exercise-announced", "telephone"),
                ("trianing", "document"),
            ):
                answer = await mara.post("/claims", json=CLAIM | OPEN_MARKS | {"indicator": indicator, "channel": channel})
                said[indicator, channel] = answer.json()["heard_by"]
        listens = sorted({row["topic"] for row in rows if (row["indicator"], row["by"]) == ("training", "claims")})
        announced = sorted({row["topic"] for row in rows if (row["indicator"], row["by"]) == ("exercise-announced", "anybody")})
        assert listens
        assert announced
        assert said == {
            ("training", "document"): listens,
            ("training", "sighting"): [],
            ("exercise-announced", "telephone"): announced,
            ("trianing", "document"): [],
        }

    run(tmp_path, work)


def test_what_a_view_may_not_read_it_is_not_told(tmp_path):
    async def work(node, url):
        async with person(url) as mara, person(url, "low") as low:
            before = (await low.get("/claims", params={"realm": LIVE})).content
            assert (await mara.post("/claims", json=CLAIM | SECRET_MARKS)).status_code == 201
            count = {"series": "aircraft", "source": "s", "days": [20000], "counts": [3]}
            assert (await mara.post("/counts", json=count | SECRET_MARKS)).status_code == 201
            assert (await low.get("/claims", params={"realm": LIVE})).content == before
            assert (await low.get("/counts", params={"realm": LIVE})).json() == []
        assert heard(node, 0) == ({}, ())
        assert len(heard(node, 2).told) == 1
        assert set(heard(node, 2).series) == {"aircraft"}

    run(tmp_path, work)


def test_a_claim_that_asserts_nothing_is_kept_and_is_no_evidence(tmp_path):
    async def work(node, url):
        async with person(url) as mara:
            assert (await mara.post("/claims", json={**CLAIM, "indicator": ""} | OPEN_MARKS)).status_code == 201
            assert len((await mara.get("/claims", params={"realm": LIVE})).json()) == 1
        assert heard(node, 2).told == ()

    run(tmp_path, work)


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": ""},
        {"grade": "Z9"},
        {"grade": "verified"},
        {"channel": "rumour"},
        {"latitude": 91.0, "longitude": 0.0},
        {"latitude": 47.0},
        {"releasable_to": ["NOBODY"]},
        {"claimed_at": 4_000_000_000_000_000},
        {"unknown": 1},
        {"text": "a\u202eb"},
    ],
)
def test_what_cannot_be_said_is_refused_in_one_line_and_nothing_is_kept(tmp_path, wrong):
    async def work(node, url):
        async with person(url) as mara:
            answer = await mara.post("/claims", json=CLAIM | OPEN_MARKS | wrong)
            assert 400 <= answer.status_code < 500
            assert "\n" not in answer.json()["error"]
            assert (await mara.get("/claims", params={"realm": LIVE})).json() == []

    run(tmp_path, work)


@pytest.mark.parametrize(
    "wrong", [{"days": [1, 1]}, {"counts": [1.0]}, {"counts": [1.0, -2.0]}, {"days": [], "counts": []}, {"days": [99_999, 99_998]}]
)
def test_counts_that_cannot_be_are_refused(tmp_path, wrong):
    async def work(node, url):
        count = {"series": "aircraft", "source": "s", "days": [20000, 20001], "counts": [3.0, 4.0]}
        async with person(url) as mara:
            assert 400 <= (await mara.post("/counts", json=count | OPEN_MARKS | wrong)).status_code < 500
            assert (await mara.get("/counts", params={"realm": LIVE})).json() == []

    run(tmp_path, work)


def test_of_a_day_that_was_said_twice_the_later_count_holds(tmp_path):
    async def work(node, url):
        count = {"series": "aircraft", "source": "s", "days": [20000, 20001], "counts": [3.0, 4.0]}
        async with person(url) as mara:
            assert (await mara.post("/counts", json=count | OPEN_MARKS)).status_code == 201
            assert (await mara.post("/counts", json=count | {"days": [20001, 20002], "counts": [9.0, 1.0]} | OPEN_MARKS)).status_code == 201
            (row,) = (await mara.get("/counts", params={"realm": LIVE})).json()
        assert (row["days"], row["counts"]) == ([20000, 20001, 20002], [3.0, 9.0, 1.0])

    run(tmp_path, work)


def test_a_reader_says_nothing_and_readers_roles_are_refused(tmp_path):
    async def work(node, url):
        await add_person(node, "quiet", ["reader"], LEVELS[0])
        async with person(url, "quiet") as quiet:
            assert (await quiet.post("/claims", json=CLAIM | OPEN_MARKS)).status_code == 403
            assert (await quiet.get("/claims", params={"realm": LIVE})).status_code == 200

    run(tmp_path, work)


def test_counts_that_people_say_ring_the_daily_topic(tmp_path):
    async def work(node, url):
        today = node.clock.now() // DAY
        values = np.random.default_rng(1).integers(2, 25, 80).astype(float)
        values[-2:] = (140.0, 120.0)
        count = {"series": "aircraft", "source": "ministry", "days": list(range(today - 79, today + 1)), "counts": values.tolist()}
        async with person(url) as mara:
            assert (await mara.post("/counts", json=count | OPEN_MARKS)).status_code == 201
            world = node.worlds[LIVE]
            await node.look(world, node.clock.now())
            (found,) = (await mara.get("/assessments", params={"realm": LIVE})).json()
            assert found["topic"] == "daily-surge"
            assert found["level"] == "HIGH"
            rows = (await mara.get("/warnings", params={"realm": LIVE})).json()
        assert [row["state"] for row in rows] == ["drafted"]
        assert rows[0]["evidence"][0]["indicator"] == "two-day-peak"

    run(tmp_path, work, topics=("daily-surge",))


def test_a_partners_claim_names_no_origin_of_its_own(tmp_path):
    """Passed on by many, a claim without a known origin is one."""

    async def work(node, url):
        label = Label(node.config.policy.name, 0, frozenset({"ASTER"}), frozenset({"ASTER"}))
        for _ in range(3):
            await node.keep(node.new_record(Claim(text="x", source="y", indicator="training"), LIVE, "mara", label))
        assert {told.root for told in heard(node, 2).told} == {""}

    run(tmp_path, work)


def test_counts_that_make_no_series_are_left_out_and_stop_nothing(tmp_path):
    async def work(node, url):
        label = Label(node.config.policy.name, 0, frozenset({"ASTER"}), frozenset({"ASTER"}))
        for days, counts in (((1, 2), (1.0,)), ((1,), (-5.0,)), ((), ())):
            await node.keep(node.new_record(Count(series="aircraft", source="s", days=days, counts=counts), LIVE, "mara", label))
        assert heard(node, 2).series == {}
        await node.look(node.worlds[LIVE], node.clock.now() + HOUR)

    run(tmp_path, work)
