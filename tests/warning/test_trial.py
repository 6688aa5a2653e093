"""Trying a watch on scenes: what counts as a hit, that only the past is seen, and what the figures say."""

import time

import numpy as np
import pytest
from msgspec.structs import replace

from tests.warning.skies import TOPIC
from tocsin.core.times import SECOND
from tocsin.sources.scenes import Knobs, make
from tocsin.warning.marks import interval, marks, row
from tocsin.warning.trial import placed, run

SURE = Knobs(aircraft=10, dropout=0.1, path="direct", spacing_error=0.1)


def tried(kind, seed, knobs=SURE, scene=None):
    return run(scene or make(kind, seed, part="train", knobs=knobs), TOPIC, clock_ns=time.perf_counter_ns, every_s=30.0)


@pytest.fixture(scope="module")
def attack():
    return make("deployment", 2, part="train", knobs=SURE)


@pytest.fixture(scope="module")
def rung(attack):
    return tried("deployment", 2, scene=attack)


def test_a_deployment_rings_after_launch_and_well_before_the_line(attack, rung):
    assert rung.hit
    assert not rung.early
    first = rung.rings[0]
    assert attack.launch < first.at < attack.line_reached
    assert rung.lead_minutes == pytest.approx((attack.line_reached - first.at) / SECOND / 60, abs=0.01)
    assert rung.lead_minutes > 10
    assert "watch line LINE" in first.sentence


def test_transports_that_say_nothing_of_themselves_ring_too(attack):
    rows = {**attack.rows, "type": np.zeros(len(attack.rows["time"]), "S4"), "callsign": np.zeros(len(attack.rows["time"]), "S8")}
    assert tried("deployment", 2, scene=replace(attack, rows=rows)).hit


def test_what_comes_later_changes_nothing_before(attack, rung):
    at = rung.rings[0].at
    past = attack.rows["time"] <= at
    cut = replace(attack, rows={name: column[past] for name, column in attack.rows.items()})
    assert tried("deployment", 2, scene=cut).rings[0] == rung.rings[0]


def test_the_same_scene_gives_the_same_answer(attack, rung):
    again = tried("deployment", 2, scene=attack)
    assert (again.rings, again.opened, again.highest) == (rung.rings, rung.opened, rung.highest)


@pytest.mark.parametrize("kind", ["bank", "exercise"])
def test_what_only_looks_alike_does_not_ring(kind):
    found = tried(kind, 2)
    assert found.rings == ()
    assert found.hit is None


def test_the_same_exercise_rings_if_nobody_announced_it():
    scene = make("exercise", 2, part="train", knobs=SURE)
    assert scene.truth.announced
    silent = replace(scene, truth=replace(scene.truth, announced=()))
    assert tried("exercise", 2, scene=silent).rings


def test_a_line_is_watched_from_the_side_where_the_staging_areas_are(attack):
    ways = [placed(TOPIC, replace(attack, truth=replace(attack.truth, watch_line=line))) for line in _both_ways(attack)]
    sides = [next(p for p in topic.places if p.kind == "line").from_side for topic in ways]
    assert set(sides) == {"left", "right"}


def test_a_line_may_be_drawn_either_way_round(attack, rung):
    other = replace(attack, truth=replace(attack.truth, watch_line=_both_ways(attack)[1]))
    assert tried("deployment", 2, scene=other).rings[0].at == rung.rings[0].at


def _both_ways(scene):
    return scene.truth.watch_line, tuple(reversed(scene.truth.watch_line))


def test_an_interval_is_clopper_and_pearsons():
    # Table values: 0 of 30 reaches to 11.6 %, 98 of 100 from 93.0 to 99.8 %.
    assert interval(0, 30) == (0.0, pytest.approx(0.1157, abs=1e-4))
    assert interval(98, 100) == (pytest.approx(0.9296, abs=1e-4), pytest.approx(0.9976, abs=1e-4))
    assert interval(0, 0) == (0.0, 1.0)


def test_figures_count_what_they_say(rung):
    alike = replace(rung, kind="lookalike", sort="training", hit=None, lead_minutes=None)
    quiet = replace(rung, kind="background", sort="background", hit=None, hours=240.0, lead_minutes=None)
    missed = replace(rung, name="missed", hit=False, rings=(), lead_minutes=None, after_launch_minutes=None)
    found = marks([rung, missed, alike, quiet], {"path": {"direct": [rung, missed]}})
    assert found["pd"] == 0.5
    assert found["missed"] == ["missed"]
    assert found["median_lead_minutes"] == pytest.approx(rung.lead_minutes, abs=0.05)
    assert found["false_warnings_per_30_days"] == 3.0
    assert found["lookalike_alarms"] == 1.0
    assert found["lookalike_alarms_by_sort"] == {"training": {"rang": 1, "of": 1}}
    assert found["pd_curves"]["path"]["direct"]["pd"] == 0.5
    assert row(rung)["hit"] is True
    assert row(missed)["rang"] is False
