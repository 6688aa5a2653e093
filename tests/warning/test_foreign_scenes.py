"""Scenes that somebody else wrote: other kinematics, other spellings; whatever the file looks like, the bell is right."""

import gzip
import json
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.warning.foreign import Attack, Flight, Scene, Style, deployment, fly, go, passers, write
from tocsin.core import InputError
from tocsin.sources.scenes import read_scene
from tocsin.warning import shipped
from tocsin.warning.trial import run

TOPIC = shipped("airborne-rapid-deployment")
BASE = (44.0, 20.0)
USUAL = Style().columns
FEW = Attack(background=12)


def off(course, km, at=BASE):
    return tuple(map(float, go(*at, course, km)))


def tried(folder, scene, style=Style()):  # noqa: B008
    write(folder, "scene", scene, style)
    return run(read_scene(folder, "scene"), TOPIC, clock_ns=time.perf_counter_ns, every_s=30)


SPELT = {
    "another order, and columns of the author's own": Style(columns=("onground", "squawk", *reversed(USUAL), "alert")),
    "no columns for call sign, type and climb": Style(
        columns=tuple(c for c in USUAL if c not in {"callsign", "typecode", "vertical_rate"})
    ),
    "empty cells for call sign, type and climb": Style(blank=("callsign", "typecode", "vertical_rate")),
    "Unix seconds, addresses in capitals, plain text": Style(times="epoch", upper=True, gz=False),
    "one to sixty seconds between rows, a third of them lost": Style(step=(1.0, 60.0), lost=0.3),
    "holes in every column but time and place": Style(holes=0.1),
    "rows in no order": Style(shuffled=True, times="epoch"),
}


@pytest.mark.parametrize("how", SPELT)
def test_a_deployment_rings_however_its_file_is_spelt(tmp_path, how):
    found = tried(tmp_path, deployment(FEW), SPELT[how])
    assert found.hit
    assert found.lead_minutes >= 20


FLOWN = {
    "slow and low": FEW._replace(knots=220, feet=1000),
    "fast and high, a slow climb": FEW._replace(knots=320, feet=30_000, fpm=800),
    "fifteen miles apart": FEW._replace(spacing_nm=15),
    "one mile apart, sixty of them": FEW._replace(spacing_nm=1, count=60),
    "four": FEW._replace(count=4),
    "four that say no type, ten miles apart": FEW._replace(count=4, kinds=("",), spacing_nm=10),
    "neither type nor call sign": FEW._replace(kinds=("",), called=False, spacing_nm=8),
    "some say their type": FEW._replace(kinds=("C130", "", "A400", ""), spacing_nm=8),
    "two sorts, one a third slower": FEW._replace(knots=400, slower=130, kinds=("IL76", "AN12"), spacing_nm=10, way_km=400),
    "no faster than 250 knots below 10,000 feet": FEW._replace(
        knots=410, limit=10_000, feet=30_000, kinds=("Y20",), spacing_nm=8, way_km=400
    ),
    "a flight number of armed forces and no type": FEW._replace(kinds=("",), call="RFF", spacing_nm=10),
    "two fields": FEW._replace(fields=2),
    "three streams": FEW._replace(split=3, count=12),
    "half go dark after take-off": FEW._replace(dark=0.5, off_km=40),
    "all go dark on the way": FEW._replace(dark=1.0, off_km=100),
    "across the date line": FEW._replace(at=(25.0, 178.0), course=80.0),
    "in the far south": FEW._replace(at=(-64.0, -60.0), course=350.0),
    "a wide staging area": FEW._replace(radius_km=60),
    "many around": FEW._replace(background=300),
}


@pytest.mark.parametrize("how", FLOWN)
def test_a_deployment_rings_in_time_however_it_is_flown(tmp_path, how):
    found = tried(tmp_path, deployment(FLOWN[how]))
    assert found.hit
    assert not found.early
    assert found.lead_minutes >= 18


def test_a_line_of_many_points_that_bends_and_runs_either_way(tmp_path):
    goal = off(60, 300)
    line = [off(150 + 4 * np.sin(i), 12.0 * i, goal) for i in range(-14, 15)]
    for points in (line, line[::-1]):
        assert tried(tmp_path, deployment(FEW._replace(line=tuple(points)))).hit


def test_without_a_launch_every_ring_before_the_line_counts(tmp_path):
    scene = deployment(FEW)
    truth = {key: value for key, value in scene.truth.items() if key != "launch"}
    found = tried(tmp_path, scene._replace(truth=truth))
    assert found.hit
    assert found.after_launch_minutes is None


def quiet(flights, hours, kind="lookalike", **more):
    ends, goal = hours * 3600, off(60, 300)
    flights = [Flight(*(c[f.t <= ends] if isinstance(c, np.ndarray) else c for c in f)) for f in flights]
    truth = {
        "staging": [{"lat": BASE[0], "lon": BASE[1], "radius_km": 20.0}],
        "watch_line": [off(150, d, goal) for d in (-170, 0, 170)],
        "kind": kind,
        **more,
    }
    return Scene(flights + passers(np.random.default_rng(3), off(60, 150), 20, ends), truth, hours)


def bank(**says):
    rng, over = np.random.default_rng(1), [BASE, off(60, 300), off(60, 500)]
    return [
        fly(over, 900 + i * 100 + rng.normal(0, 15), rng.uniform(420, 470), 35_000, 2000, icao=f"{0x500000 + i:06x}", **says)
        for i in range(14)
    ]


def in_a_row(gap, knots=300, count=8, kind="C17", call="RCH"):
    over = [BASE, off(60, 300), off(60, 420)]
    return [fly(over, 900 + i * gap, knots, 24_000, icao=f"{0x510000 + i:06x}", call=f"{call}{200 + i}", kind=kind) for i in range(count)]


def box(course, km, leg=50.0, rounds=2):
    a, b = off(course + 90, leg / 2, off(course, km)), off(course - 90, leg / 2, off(course, km))
    far = [off(course, 20, a), off(course, 20, b)]
    route = [BASE, off(course, km), *([a, *far, b] * rounds), BASE]
    return [fly(route, 900 + 60 * i, 250, 15_000, icao=f"{0x520000 + i:06x}", call=f"HERK{i}", kind="C130") for i in range(6)]


def out_and_back(share):
    turn = off(60, 300 * share)
    route = [BASE, turn, off(330, 15, turn), BASE]
    return [fly(route, 900 + 60 * i, 260, 18_000, icao=f"{0x530000 + i:06x}", call=f"TRNR{i}", kind="C130") for i in range(8)]


ALIKE = {
    "a bank out of the staging area": lambda: quiet(bank(call="UIA101", kind="A320"), 1.5),
    "a bank that says no type": lambda: quiet(bank(call="UIA101"), 1.5),
    "relief every eight minutes": lambda: quiet(in_a_row(480), 2.0),
    "a rotation": lambda: quiet(in_a_row(900, count=4), 2.0),
    "a box beside the base": lambda: quiet(box(330, 60), 1.5),
    "a box towards the line": lambda: quiet(box(60, 60), 1.5),
    "an exercise that turns back, announced": lambda: quiet(out_and_back(0.5), 1.5, announced=True),
    "a quarter of an hour of nothing": lambda: quiet([], 0.25, "background"),
    "hours of nothing": lambda: quiet([], 4.0, "background"),
}


@pytest.mark.parametrize("how", ALIKE)
def test_what_only_looks_like_it_does_not_ring(tmp_path, how):
    assert tried(tmp_path, ALIKE[how]()).rings == ()


def test_what_the_bell_is_known_to_get_wrong_is_written_down(tmp_path):
    # A stream that comes half of the way before it turns: nothing tells it from the real one (docs/scenes.md).
    assert tried(tmp_path, quiet(out_and_back(0.5), 1.0)).rings


def changed(folder, **more):
    path = folder / "scene.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))


def test_a_header_in_capitals_and_a_kind_spelt_otherwise_are_understood(tmp_path):
    scene = quiet([], 0.25)
    write(tmp_path, "scene", scene)
    plain = read_scene(tmp_path, "scene")
    data = gzip.decompress((tmp_path / "scene.csv.gz").read_bytes()).decode()
    head, rows = data.split("\r\n", 1)
    (tmp_path / "scene.csv.gz").write_bytes(gzip.compress(("\ufeff" + head.title().replace(",", ", ") + "\n" + rows).encode()))
    line = [{"lat": lat, "lon": lon} for lat, lon in scene.truth["watch_line"]]
    changed(tmp_path, kind="Look-alike", watch_line=line)
    other = read_scene(tmp_path, "scene")
    assert other.truth == plain.truth
    assert all(np.array_equal(other.rows[key], plain.rows[key], equal_nan=key not in {"callsign", "type"}) for key in plain.rows)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "scene.csv.gz").write_bytes(b"not gzip"), "scene.csv.gz"),
        (lambda folder: (folder / "scene.json").write_text("{}"), "scene.json"),
        (lambda folder: (folder / "scene.json").write_text("{" * 5000), "scene.json"),
        (lambda folder: changed(folder, watch_line=[[44.0, 200.0], [44.0, -160.0]]), "same point"),
        (lambda folder: changed(folder, kind="raid"), "scene.json.*kind"),
        (lambda folder: (folder / "scene.csv.gz").unlink(), "scene.csv"),
    ],
)
def test_a_spoilt_scene_is_one_line(tmp_path, spoil, says):
    write(tmp_path, "scene", quiet([], 0.25, "background"))
    spoil(tmp_path)
    with pytest.raises(InputError, match=says) as caught:
        read_scene(tmp_path, "scene")
    assert "\n" not in str(caught.value)


def test_the_command_reads_a_folder_of_them_and_gives_every_figure(tmp_path):
    write(tmp_path, "one", deployment(FEW))
    write(tmp_path, "two", quiet(in_a_row(900, count=2), 1.0), SPELT["Unix seconds, addresses in capitals, plain text"])
    write(tmp_path, "three", quiet([], 0.5, "background"))
    command = [sys.executable, "-m", "tocsin", "bench", "warning", "--scenes", str(tmp_path), "--workers", "1", "--json"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=300)
    found = json.loads(done.stdout)
    assert (found["pd"], found["lookalike_alarms"], found["false_warnings_per_30_days"]) == (1.0, 0.0, 0.0)
    assert found["pd_interval"][1] == 1.0
    assert found["pd_curves"] == {}
    assert found["median_lead_minutes"] >= 20
    assert found["latency_s"] > 0
    assert [row["name"] for row in found["scenes"]] == ["one", "three", "two"]
