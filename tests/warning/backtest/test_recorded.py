"""A topic over recorded traffic: what rings, when, and what it was about."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tocsin.core import InputError, SeededEntropy
from tocsin.core.observations import build
from tocsin.core.times import HOUR, SECOND, iso, parse_iso
from tocsin.sources.scenario import night
from tocsin.warning import shipped
from tocsin.warning.backtest import Happening, backtest_recorded, read_happenings
from tocsin.warning.errors import BadSeries
from tocsin.warning.trial import LABEL, REALM

START = parse_iso("2026-11-22T02:00:00Z")
TOPIC = shipped("airborne-rapid-deployment")
CLOCK = iter(range(0, 10**15, 1000)).__next__


@pytest.fixture(scope="module")
def recording():
    return night(feed="recording", realm=REALM, label=LABEL, start=START, seed=1, quiet_hours=1)


@pytest.fixture(scope="module")
def found(recording):
    what = [
        Happening("deployment", recording.takeoff, recording.crossing),
        Happening("before all", START - 9 * HOUR, START - 8 * HOUR),
    ]
    return backtest_recorded(TOPIC, recording.observations, what, clock_ns=CLOCK)


def test_the_deployment_rings_before_it_reaches_the_line(found):
    (event,) = found.events
    assert event.hit
    assert event.lead_minutes > 10
    assert (found.hits, found.of) == (1, 1)


def test_each_warning_names_what_it_was_about_and_none_is_false(found):
    assert {one.event for one in found.warnings} == {"deployment"}
    assert (found.false_warnings, found.false_warnings_per_30_days) == (0, 0.0)


def test_without_a_list_of_events_every_warning_is_false(recording):
    found = backtest_recorded(TOPIC, recording.observations, (), clock_ns=CLOCK)
    assert found.false_warnings == len(found.warnings) > 0
    assert (found.of, found.interval) == (0, (0.0, 1.0))


def test_only_the_past_is_visible(recording):
    """What rang by some moment rings the same if the recording ends there."""
    whole = backtest_recorded(TOPIC, recording.observations, (), clock_ns=CLOCK)
    cut = parse_iso(whole.warnings[0].at) + 60 * SECOND
    before = recording.observations["time"] <= cut
    part = backtest_recorded(TOPIC, recording.observations.select(before), (), clock_ns=CLOCK)
    assert part.warnings[0] == whole.warnings[0]


def test_quiet_traffic_rings_nothing():
    rng = SeededEntropy(3).child("quiet")
    size = 600
    east = np.frombuffer(rng.take(size * 2), "<u2") / 65535.0
    quiet = build(
        "recording",
        REALM,
        LABEL,
        size,
        time=START + np.arange(size) * 6 * SECOND,
        identity=(np.arange(size) % 20 + 1 + (1 << 56)).astype("u8"),
        latitude=47.0 + 0.01 * np.arange(size) % 1,
        longitude=7.0 + east,
        altitude=np.full(size, 9000.0),
    )
    found = backtest_recorded(TOPIC, quiet, (), clock_ns=CLOCK)
    assert found.warnings == ()
    assert found.hours == pytest.approx(599 * 6 / 3600, abs=1e-3)


def test_events_of_a_recording_are_times():
    (one,) = read_happenings(b"name,start,end\nA,2026-11-22T02:00:00Z,2026-11-22T03:00:00+00:00\n", "e.csv")
    assert (one.start, one.end - one.start) == (START, HOUR)
    for row in (b"A,2026-11-22,2026-11-23", b"A,2026-11-22T04:00:00Z,2026-11-22T03:00:00Z", b",2026-11-22T02:00:00Z,2026-11-22T03:00:00Z"):
        with pytest.raises(BadSeries, match=r"e\.csv:2"):
            read_happenings(b"name,start,end\n" + row + b"\n", "e.csv")


def run(*words):
    done = subprocess.run([sys.executable, "-m", "tocsin", "backtest", *map(str, words)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_command_plays_a_folder_and_misuse_is_one_line(tmp_path):
    lines = [
        "MSG,3,1,1,4B1815,1,{d},{t},{d},{t},SWR1,12000,,,46.{n:03d},7.{n:03d},,,0,0,0,0\n".format(
            d=iso(START + i * 10 * SECOND)[:10].replace("-", "/"), t=iso(START + i * 10 * SECOND)[11:19] + ".000", n=i
        )
        for i in range(60)
    ]
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "one.sbs").write_text("".join(lines))
    code, out, err = run("airborne-rapid-deployment", "--archive", folder, "--json")
    assert code == 0, err
    assert json.loads(out)["observations"] == 60
    for words in (
        (),
        ("--archive", tmp_path / "none"),
        ("--series", folder / "one.sbs"),
        ("--archive", folder, "--report", tmp_path / "r"),
    ):
        code, out, err = run("airborne-rapid-deployment", *words)
        assert (code, out, err.count("\n")) == (2, "", 1)


def test_the_command_over_a_series_gives_the_figures_and_a_page(tmp_path):
    from .making import counts, csv

    values = counts(120)
    values[100:102] = (140.0, 90.0)
    (tmp_path / "s.csv").write_bytes(csv(values))
    (tmp_path / "e.csv").write_text("name,start,end,tier\nA,2023-04-11,2023-04-12,1\n")
    words = ("daily-surge", "--series", tmp_path / "s.csv", "--events", tmp_path / "e.csv", "--count-column", "n")
    code, out, err = run(*words, "--json", "--report", tmp_path / "r.html")
    assert code == 0, err
    found = json.loads(out)
    needs = {"hits", "of", "interval", "false_alarm_episodes_per_year", "alarm_days_per_year", "events", "pre_event_alarms", "baselines"}
    assert needs | {"chance_of_pre_event_alarm"} <= set(found)
    assert set(found["events"][0]) >= {"name", "hit", "first_alarm", "lead_days"}
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert run(*words[:-1], "none")[0] == 2


def test_a_recording_of_another_realm_is_not_taken(recording):
    other = build("x", "live", LABEL, 1, time=np.array([START]), latitude=np.ones(1), longitude=np.ones(1))
    with pytest.raises(InputError):
        backtest_recorded(TOPIC, other, (), clock_ns=CLOCK)
