"""Replays, exercises, rehearsals: in realms of their own, whatever the files hold."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tocsin.core import LIVE, BadRealm, ManualClock, SeededEntropy
from tocsin.core.times import SECOND
from tocsin.node import night, playing
from tocsin.node.acts import Acts
from tocsin.node.errors import Conflict, NotAllowed
from tocsin.node.filtered import whole
from tocsin.node.readers import Reader
from tocsin.node.rehearsal import Rehearsals
from tocsin.node.screens import Screens
from tocsin.node.warning_screens import WarningScreens

from .helpers import LEVELS, add_person, make, opened

NOW = 1_790_000_000 * SECOND


def run(work, tmp_path):
    async def whole():
        async with opened(await make(tmp_path / "aster"), ManualClock(NOW), SeededEntropy(3)) as node:
            await work(node)

    asyncio.run(whole())


def reader(node, name="mara"):
    user = next(u for u in node.people.users() if u.name == name)
    return Reader(user, node.view(user.clearance), "csrf")


def flight(path: Path, rows: int = 30) -> Path:
    points = [
        {"timestamp": 1533124800000 + 10_000 * i, "icao24": "4b1815", "callsign": "SWR12", "latitude": 46.5 + 0.015 * i, "longitude": 7.5,
         "altitude": 30000.0, "groundspeed": 320.0, "track": 0.0, "vertical_rate": 0.0}
        for i in range(rows)
    ]  # fmt: skip
    path.write_text(json.dumps(points))
    return path


async def played(node, realm, seed=1):
    """The whole night, stepped by hand."""
    label = node.own_label()
    scene = night.observations(realm, label, seed)
    world = node.world(realm)
    times = scene["time"]
    for at in range(int(times[0]), int(times[-1]), 5 * SECOND):
        world.take(scene.select((times >= at) & (times < at + 5 * SECOND)), "ASTER")
        await node.look(world, at + 5 * SECOND)


def test_a_recording_plays_into_a_replay_and_nowhere_else(tmp_path):
    async def work(node):
        found = await playing.replay(node, [flight(tmp_path / "f.json")], "replay:one")
        assert (found["observations"], found["aircraft"], found["errors"], found["warnings"]) == (30, 1, [], [])
        assert list(node.worlds) == [LIVE, "replay:one"]
        assert (
            len(node.worlds["replay:one"].sight(node.views.of(node.config.own)).picture.tracks(node.worlds["replay:one"].clock.now())) == 1
        )

    run(work, tmp_path)


def test_a_broken_file_is_named_and_what_stood_before_the_break_plays(tmp_path):
    async def work(node):
        whole = flight(tmp_path / "f.json").read_text()
        (tmp_path / "cut.json").write_text(whole[: len(whole) * 2 // 3])
        (tmp_path / "noise.json").write_text("this is no recording")
        found = await playing.replay(node, [tmp_path / "cut.json", tmp_path / "noise.json", tmp_path / "missing.json"], "replay:two")
        assert 15 <= found["observations"] < 30
        assert len(found["errors"]) == 3
        assert all("\n" not in error for error in found["errors"])
        for name, error in zip(("cut.json", "noise.json", "missing.json"), found["errors"], strict=True):
            assert name in error

    run(work, tmp_path)


def test_a_replays_warning_is_a_test_and_cannot_be_issued(tmp_path):
    async def work(node):
        await played(node, "replay:night")
        who = reader(node)
        rows = WarningScreens(node).warnings(who, "replay:night")
        assert rows
        assert not rows[0]["may"]["approve"]
        with pytest.raises(Conflict, match="test"):
            await Acts(node).approve(who, "replay:night", rows[0]["warning"])
        body = Acts(node).versions(who, "replay:night", rows[0]["warning"])[-1].body
        assert "<status>Test</status>" in body.cap

    run(work, tmp_path)


def test_an_exercise_rings_is_approved_acknowledged_and_cancelled(tmp_path):
    async def work(node):
        realm = "exercise:night"
        await played(node, realm)
        who, acts, screens = reader(node), Acts(node), WarningScreens(node)
        (row,) = screens.warnings(who, realm)
        assert row["level"] == "HIGH"
        assert row["state"] in {"drafted", "updated"}
        assert row["innocent"]
        assert row["evidence"]
        assert row["cannot_see"]
        assert abs(sum(row["probabilities"].values()) - 1) < 2e-6
        assert screens.warnings(who, LIVE) == []
        body = acts.versions(who, realm, row["warning"])[-1].body
        assert "<status>Exercise</status>" in body.cap
        assert "<msgType>Cancel</msgType>" in body.cancellation
        assert "Actual" not in body.cap + body.cancellation
        at_once = await asyncio.gather(*(acts.approve(who, realm, row["warning"], f"note {n}") for n in range(5)), return_exceptions=True)
        assert at_once.count(None) == 1, "of five who press at once one issues it"
        assert all(isinstance(one, Conflict) and "issued already" in str(one) for one in at_once if one is not None)
        issued = screens.warning(who, realm, row["warning"])
        assert (issued["state"], issued["approved_by"]) == ("issued", "mara")
        assert issued["issued_at"] >= issued["drafted_at"]
        with pytest.raises(Conflict, match="issued"):
            await acts.approve(who, realm, row["warning"])
        await acts.answer(who, realm, row["warning"], "acknowledged")
        await acts.answer(who, realm, row["warning"], "acknowledged")
        assert [a.body.state for a in whole(node).answers(realm, row["warning"])] == ["acknowledged"]
        assert {k["partner"]: k["state"] for k in screens.warning(who, realm, row["warning"])["who_knows"]} == {"ASTER": "acknowledged"}
        await acts.cancel(who, realm, row["warning"], "it was a drill")
        gone = screens.warning(who, realm, row["warning"])
        assert gone["state"] == "cancelled"
        assert not gone["may"]["approve"]
        with pytest.raises(Conflict):
            await acts.cancel(who, realm, row["warning"], "again")

    run(work, tmp_path)


def test_only_an_approver_issues(tmp_path):
    async def work(node):
        await add_person(node, "bo", ["watch-officer"], LEVELS[-1])
        await played(node, "exercise:night")
        bo = reader(node, "bo")
        (row,) = WarningScreens(node).warnings(bo, "exercise:night")
        assert not row["may"]["approve"]
        with pytest.raises(NotAllowed, match="approver"):
            await Acts(node).approve(bo, "exercise:night", row["warning"])
        assert WarningScreens(node).warning(bo, "exercise:night", row["warning"])["state"] in {"drafted", "updated"}

    run(work, tmp_path)


def test_a_reader_of_a_lower_view_sees_nothing_of_a_higher_ones_warning(tmp_path):
    async def work(node):
        await add_person(node, "low", ["watch-officer"], LEVELS[0])
        await played(node, "exercise:night")
        low = reader(node, "low")
        assert WarningScreens(node).warnings(low, "exercise:night") == []
        assert Screens(node).journal(low, "exercise:night", None, 100) == []
        assert [r["realm"] for r in Screens(node).realms(low)] == [LIVE]

    run(work, tmp_path)


def test_the_journal_is_paged_by_each_readers_own_numbers(tmp_path):
    async def work(node):
        await add_person(node, "low", ["analyst"], LEVELS[0])
        who, low = reader(node), reader(node, "low")
        for number in range(25):
            await Acts(node).write_log(low if number % 3 == 0 else who, LIVE, f"line {number}")
        screens = Screens(node)
        every = screens.journal(who, LIVE, -1, 1000)
        assert [row["index"] for row in every] == list(range(25))
        assert all(row["understood"] for row in every)
        mine = screens.journal(low, LIVE, -1, 1000)
        assert [row["index"] for row in mine] == list(range(9))
        assert {row["id"] for row in mine} < {row["id"] for row in every}
        assert screens.journal(low, LIVE, 3, 2) == mine[4:6]
        assert screens.journal(low, LIVE, None, 4) == mine[-4:]
        assert screens.journal(low, LIVE, 8, 10) == []
        await Acts(node).write_log(low, LIVE, "one more")
        assert [row["index"] for row in screens.journal(low, LIVE, None, 2)] == [8, 9]

    run(work, tmp_path)


def test_what_rang_is_there_again_after_a_restart(tmp_path):
    async def work():
        folder = await make(tmp_path / "aster")
        async with opened(folder, ManualClock(NOW), SeededEntropy(3)) as node:
            await played(node, "exercise:night")
            who = reader(node)
            before = WarningScreens(node).warnings(who, "exercise:night")
        async with opened(folder, ManualClock(NOW + SECOND), SeededEntropy(4)) as node:
            after = WarningScreens(node).warnings(reader(node), "exercise:night")
            keep = ("warning", "level", "state", "sentence", "probabilities", "version")
            assert [{k: row[k] for k in keep} for row in after] == [{k: row[k] for k in keep} for row in before]

    asyncio.run(work())


def test_the_same_night_gives_the_same_bytes_again(tmp_path):
    def leaves(folder):
        found = []

        async def work(node):
            await played(node, "exercise:night")
            found.extend(kept.data for kept in node.journal.records("exercise:night"))

        run(work, folder)
        return found

    first, second = leaves(tmp_path / "a"), leaves(tmp_path / "b")
    assert len(first) > 5
    assert first == second


def test_an_exercise_of_a_name_that_was_used_is_refused(tmp_path):
    async def work(node):
        node.world("exercise:used")
        with pytest.raises(Conflict, match="new name"):
            await playing.start_exercise(node, "used", 60, 1, node.own_label())
        with pytest.raises(BadRealm):
            await playing.start_exercise(node, "Not A Name", 60, 1, node.own_label())

    run(work, tmp_path)


def test_a_rehearsal_runs_once_at_a_time_and_ticks_off_what_happened(tmp_path):
    async def work():
        folder = await make(tmp_path / "aster")
        clock = ManualClock(NOW)
        async with opened(folder, clock, SeededEntropy(3)) as node, node.running():
            rehearsal = Rehearsals(node).of(reader(node))
            assert not rehearsal.state()["running"]
            state = await rehearsal.start()
            assert state["running"]
            assert state["realm"] in [row["realm"] for row in Screens(node).realms(reader(node))]
            assert not any(step["done"] for step in state["steps"])
            with pytest.raises(Conflict, match="already"):
                await rehearsal.start()
            await played(node, state["realm"])
            clock.move_to(NOW + 100 * SECOND)
            done = {step["id"] for step in rehearsal.state()["steps"] if step["done"]}
            assert {"quiet", "surge", "bell"} <= done
            assert "acknowledged" not in done
            who = reader(node)
            (row,) = WarningScreens(node).warnings(who, state["realm"])
            await Acts(node).answer(who, state["realm"], row["warning"], "acknowledged")
            assert "acknowledged" in {step["id"] for step in rehearsal.state()["steps"] if step["done"]}
            assert not (await rehearsal.stop())["running"]
            clock.move_to(NOW + 400 * SECOND)
            assert (await rehearsal.start())["running"]
            await rehearsal.stop()

    asyncio.run(work())
    shutil.rmtree(tmp_path / "aster")
