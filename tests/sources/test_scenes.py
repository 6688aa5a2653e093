"""Scenes: they fly as makers say, they cross when the truth says, and what others write is read."""

import gzip
import json

import numpy as np
import pytest

from tocsin.core import FLAG, InputError, Label
from tocsin.core.times import SECOND, parse_iso
from tocsin.sources.scenes import KINDS, Knobs, make, read_scene, scene_names, write_scene
from tocsin.sources.scenes.backdrop import held_out, moved
from tocsin.sources.scenes.envelopes import TRANSPORT
from tocsin.sources.scenes.flying import Profile, fly, length, off
from tocsin.sources.sphere import distance

LABEL = Label("demo", 0, frozenset({"ASTER"}), frozenset({"ASTER"}))
HEADER = "timestamp,icao24,callsign,typecode,latitude,longitude,altitude,groundspeed,track,vertical_rate"
TRUTH = {"staging": [{"lat": 10.0, "lon": 179.5, "radius_km": 30}], "watch_line": [[12, -178], [8, -178]], "kind": "lookalike"}


def force(scene):
    return np.isin(scene.rows["type"], [name.encode() for name in TRANSPORT])


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_made_the_same_from_the_same_seed_and_flies_within_reason(kind):
    one, two, other = make(kind, 3), make(kind, 3), make(kind, 4)
    assert all(np.array_equal(one.rows[name], two.rows[name], equal_nan=one.rows[name].dtype.kind == "f") for name in one.rows)
    assert not np.array_equal(one.rows["time"], other.rows["time"])
    rows = one.rows
    assert (np.diff(rows["time"]) >= 0).all()
    assert np.abs(rows["latitude"]).max() <= 90
    assert np.abs(rows["longitude"]).max() <= 180
    assert rows["speed"].max() < 280
    assert 0 <= rows["altitude"].min() <= rows["altitude"].max() < 13_500
    assert (one.truth.kind == "deployment") == (kind == "deployment") == (one.line_reached is not None)


def test_training_and_testing_seeds_share_nothing():
    train, test = make("deployment", 1, part="train"), make("deployment", 1, part="test")
    assert train.truth.staging != test.truth.staging
    assert not set(train.rows["identity"].tolist()) & set(test.rows["identity"].tolist())


@pytest.mark.parametrize("seed", range(4))
def test_the_force_reaches_the_line_when_the_truth_says(seed):
    from shapely.geometry import LineString, Point

    scene = make("deployment", seed, knobs=Knobs(dropout=0.0, typed=1.0, path="direct"))
    rows = scene.rows
    near = force(scene) & (np.abs(rows["time"] - scene.line_reached) <= 30 * SECOND)
    # In kilometres on a plane around the line's middle, for which a line of some 300 km is small enough.
    line = np.array(scene.truth.watch_line)
    mid = line.mean(axis=0) if np.ptp(line[:, 1]) < 180 else line[0]

    def flat(lat, lon):
        return (np.asarray((lon - mid[1] + 180) % 360 - 180) * 111.2 * np.cos(np.radians(mid[0])), (np.asarray(lat) - mid[0]) * 111.2)

    shape = LineString(list(zip(*flat(line[:, 0], line[:, 1]), strict=True)))
    x, y = flat(rows["latitude"][near], rows["longitude"][near])
    assert min(shape.distance(Point(a, b)) for a, b in zip(x, y, strict=True)) < 12
    assert scene.launch < scene.line_reached


def test_a_stream_keeps_the_spacing_it_was_given():
    knobs = Knobs(aircraft=12, dropout=0.0, spacing_error=0.0, typed=1.0, path="direct")
    seed = next(
        s for s in range(60) if (a := make("deployment", s, knobs=knobs).truth.about)["abreast"] == a["split"] == 1 and not a["low"]
    )
    scene = make("deployment", seed, knobs=knobs)
    rows, asked = scene.rows, scene.truth.about["spacing_km"]
    at = scene.launch + (scene.line_reached - scene.launch) * 6 // 10
    flying = np.unique(rows["identity"][force(scene) & (rows["speed"] > 120)])
    places = []
    for i in flying:
        mine = rows["identity"] == i
        if rows["time"][mine].min() < at < rows["time"][mine].max() and rows["callsign"][mine][0][:5] in (b"HAWK1", b""):
            places.append([np.interp(at, rows["time"][mine], rows[c][mine]) for c in ("latitude", "longitude")])
    places = np.array(places)
    apart = distance(places[:, None, 0], places[:, None, 1], places[None, :, 0], places[None, :, 1]) / 1000
    nearest = np.sort(apart, axis=1)[:, 1]
    assert np.median(nearest) == pytest.approx(asked, rel=0.2)


def test_lost_observations_are_lost():
    whole, half = (make("deployment", 5, knobs=Knobs(dropout=d, aircraft=8)) for d in (0.0, 0.5))
    share = len(half.rows["time"]) / len(whole.rows["time"])
    assert 0.4 < share < 0.95


def test_a_flight_climbs_cruises_and_descends_within_its_profile():
    route = [(50.0, 10.0), off((50.0, 10.0), 80.0, 400_000.0)]
    flown = fly(route, Profile(200.0, 8000.0, 10.0, 20_000.0, 300.0, 70.0, 8_000.0))
    assert length(route) == pytest.approx(400_000, rel=1e-6)
    assert flown.altitude.max() == pytest.approx(8000.0)
    assert flown.speed.max() == pytest.approx(200.0, rel=0.02)
    assert np.abs(np.diff(flown.course)).max() < 1.0
    low = flown.altitude < 310
    assert flown.speed[low & (flown.time > 600)].min() == pytest.approx(70.0, rel=0.05)


# --- the recording ---------------------------------------------------------------------------------------------------


def test_moving_a_recording_keeps_distances_speeds_and_turns_courses_with_it():
    scene = make("background", 1, knobs=Knobs(hours=1.0))
    batch = scene.observations(feed="f", realm="replay:x", label=LABEL)
    batch = batch.replace(latitude=46.0 + batch["latitude"] % 2, longitude=7.0 + batch["longitude"] % 3)
    there = moved(batch, to=(-33.0, 179.9), turn=120.0)
    before = distance(batch["latitude"][:-1], batch["longitude"][:-1], batch["latitude"][1:], batch["longitude"][1:])
    after = distance(there["latitude"][:-1], there["longitude"][:-1], there["latitude"][1:], there["longitude"][1:])
    assert np.allclose(before, after, rtol=1e-6, atol=0.5)
    assert distance(there["latitude"], there["longitude"], -33.0, 179.9).max() < 600_000
    assert np.ptp((there["course"] - batch["course"] + 180) % 360) < 15


def test_aircraft_train_or_test_and_never_both():
    batch = make("background", 2, knobs=Knobs(hours=2.0)).observations(feed="f", realm="replay:x", label=LABEL)
    train, test = held_out(batch, "train"), held_out(batch, "test")
    assert len(train) + len(test) == len(batch)
    assert not set(train["identity"].tolist()) & set(test["identity"].tolist())
    assert len(train)
    assert len(test)


# --- the plain form --------------------------------------------------------------------------------------------------


def written(folder, rows, truth=TRUTH, header=HEADER, packed=True):
    data = "\n".join([header, *rows, ""]).encode()
    (folder / f"it.csv{'.gz' if packed else ''}").write_bytes(gzip.compress(data) if packed else data)
    (folder / "it.json").write_text(json.dumps(truth))
    return read_scene(folder, "it")


def test_a_scene_that_is_written_reads_the_same(tmp_path):
    scene = make("deployment", 1, knobs=Knobs(aircraft=5))
    write_scene(tmp_path, scene)
    assert scene_names(tmp_path) == ["deployment-1"]
    again = read_scene(tmp_path, "deployment-1")
    assert (again.launch, again.line_reached) == (scene.launch, scene.line_reached)
    assert again.truth.staging == scene.truth.staging
    for name, within in (("latitude", 1e-5), ("longitude", 1e-5), ("altitude", 0.2), ("speed", 0.03)):
        assert np.allclose(again.rows[name], scene.rows[name], atol=within)
    first = (tmp_path / "deployment-1.csv.gz").read_bytes()
    write_scene(tmp_path, scene)
    assert (tmp_path / "deployment-1.csv.gz").read_bytes() == first


@pytest.mark.parametrize(
    "time",
    ["2026-03-01T02:20:00Z", "2026-03-01T02:20:00+00:00", "2026-03-01 02:20:00+00:00", "2026-03-01 02:20:00", "1772331600", "1772331600.0"],
)
def test_times_are_read_however_they_are_spelt(tmp_path, time):
    scene = written(tmp_path, [f"{time},780abc,HAWK1,Y-20,10,179,30000,400,90,0"])
    assert scene.rows["time"].tolist() == [parse_iso("2026-03-01T02:20:00Z")]


def test_what_others_leave_out_is_null_and_units_become_si(tmp_path):
    lines = [
        "1772331660,780abc,,,10.0,181.0,,,,",
        "1772331600,780ABC, hawk1 ,Il-76MD,10.1,179.0,1000,100,450,600",
        "1772331605,,HAWK2,A400M,10.1,179.0,ground,0,0,0",
        "1772331606,780abd,HAWK3,A320,,179.0,1000,100,45,0",
    ]
    scene = written(tmp_path, lines, packed=False)
    rows = scene.rows
    assert len(rows["time"]) == 3
    assert scene.notes == ("1 rows without time or position",)
    assert rows["type"].tolist() == [b"IL76", b"A400", b""]
    assert rows["callsign"].tolist() == [b"HAWK1", b"HAWK2", b""]
    assert rows["longitude"][2] == pytest.approx(-179.0)
    assert rows["altitude"][0] == pytest.approx(304.8)
    assert rows["speed"][0] == pytest.approx(51.44, rel=1e-3)
    assert rows["course"][0] == 90.0
    assert rows["climb"][0] == pytest.approx(3.048)
    assert np.isnan(rows["speed"][2])
    assert rows["flags"][1] == FLAG.ON_GROUND
    assert rows["identity"][0] == rows["identity"][2] != rows["identity"][1]


def test_aircraft_that_say_no_name_at_all_become_tracks(tmp_path):
    lines = [
        f"{1772331600 + t},,,,{10 + k * 0.2 + t * 0.0018:.5f},170.0,20000,389,0,0"
        for t in range(0, 300, 10)
        for k in range(5)
        if (t + k) % 7
    ]
    rows = written(tmp_path, lines).rows
    assert len(np.unique(rows["identity"])) == 5


@pytest.mark.parametrize(
    ("rows", "truth", "says"),
    [
        (["soon,780abc,,,10,179,,,,"], TRUTH, "'soon' is no time"),
        (["1772331600,780abc,,,95,179,,,,"], TRUTH, "no row has a time and a position"),
        (["1772331600,780abc,,,10,179,,,,"], {**TRUTH, "kind": "raid"}, "kind"),
        (["1772331600,780abc,,,10,179,,,,"], {**TRUTH, "staging": []}, "staging"),
    ],
)
def test_what_would_make_the_answer_wrong_is_refused_in_one_line(tmp_path, rows, truth, says):
    with pytest.raises(InputError, match=says) as found:
        written(tmp_path, rows, truth)
    assert "\n" not in str(found.value)


def test_a_folder_without_scenes_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no scene"):
        scene_names(tmp_path)
