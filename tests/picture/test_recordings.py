"""Real recordings with wrong clocks, spoofed positions, ground clutter and duplicates: no false track comes out of them.

A false track is one for which no true aircraft is there: a second track of one identity at one time, a kink that
nothing can fly, or a track on the ground. They are counted here by other code than the picture's own.
"""

from pathlib import Path

import numpy as np
import pytest
from tests.picture.making import ASTER, OPEN, REALM

from tocsin.core import FLAG, SeededEntropy, seconds
from tocsin.picture import Picture
from tocsin.sources import SWITZERLAND, load, sample

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "samples"
SHARED = ROOT.parent / "shared" / "data"
STEP = seconds(5)
NONE = {"twice": 0, "grounded": 0, "kinks": 0}
FASTEST_MS, SLACK_M = 450.0, 1000.0
NOISY = [f"noisy/noisy_{name}.json.gz" for name in ("ground", "landing", "spoofing", "takeoff", "time_issue")]
OTHERS = ["military/aircraft_carrier.json.gz", "military/inflight_refuelling.json.gz", "surveillance/border_control.json.gz"]
OTHERS += ["onground/zurich_airport.json.gz", "readsb/trace_full_ac671b.json", "ambulances/rega_zh.json.gz"]


def played(paths, *, step=STEP, shuffle=None):
    """Play recordings through a picture; gives it, its false tracks by kind, and how many tracks were up at most."""
    loaded = load(paths, feed="recording", realm=REALM, label=OPEN)
    assert not loaded.errors
    rows = loaded.observations
    picture = Picture(REALM, ASTER, entropy=SeededEntropy(5))
    false = {"twice": 0, "grounded": 0}
    looks, most, cursor = [], 0, 0
    edges = np.arange(int(rows["time"][0]) // step, int(rows["time"][-1]) // step + 2) * step
    cuts = np.searchsorted(rows["time"], edges)
    for i in np.flatnonzero(np.diff(cuts)):
        part = rows.select(slice(cuts[i], cuts[i + 1]))
        if shuffle is not None:
            part = part.select(shuffle.permutation(len(part)))
        now = int(edges[i + 1])
        picture.update(part, now)
        tracks = picture.tracks(now)
        most = max(most, len(tracks))
        false["twice"] += len(tracks) - len(np.unique(tracks["identity"]))
        false["grounded"] += int((tracks["flags"] & FLAG.ON_GROUND != 0).sum())
        delta = picture.since(cursor, now)
        cursor = delta.cursor
        looks.append(delta.changed)
    assert sum(v for k, v in picture.totals().items() if k != "tracks") == len(rows)
    return picture, false | {"kinks": kinks(looks)}, most


def kinks(looks):
    """How many steps of tracks, from look to look, are further than anything flies, each plot between them having its slack."""
    whole = {name: np.concatenate([look[name] for look in looks]) for name in ("number", "time", "latitude", "longitude", "updates")}
    order = np.lexsort((whole["time"], whole["number"]))
    number, time, latitude, longitude, updates = (column[order] for column in whole.values())
    # The chord on the ellipsoid WGS 84: within a metre of the way over ground for a hundred kilometres.
    a, flat = 6_378_137.0, 1 / 298.257223563
    e2, north, east = flat * (2 - flat), np.radians(latitude), np.radians(longitude)
    n = a / np.sqrt(1 - e2 * np.sin(north) ** 2)
    place = np.stack([n * np.cos(north) * np.cos(east), n * np.cos(north) * np.sin(east), n * (1 - e2) * np.sin(north)])
    metres = np.linalg.norm(np.diff(place), axis=0)
    plots = np.diff(updates.astype(np.int64))
    may = 1.01 * (FASTEST_MS * np.diff(time) / 1e6 + SLACK_M * plots)
    return int(((metres > may) & (np.diff(number.astype(np.int64)) == 0)).sum())


def test_the_count_of_kinks_can_count():
    def look(time, longitude, updates):
        row = {"number": [1], "time": [seconds(time)], "latitude": [46.0], "longitude": [longitude], "updates": [updates]}
        return {name: np.array(values) for name, values in row.items()}

    assert kinks([look(0, 7.0, 1), look(5, 7.01, 2), look(10, 7.02, 3)]) == 0
    assert kinks([look(0, 7.0, 1), look(5, 7.05, 2), look(10, 7.01, 3)]) == 1


@pytest.mark.parametrize("name", NOISY + OTHERS)
def test_a_noisy_recording_makes_no_false_track(name):
    _, false, most = played([sample(name, CACHE)], step=seconds(1 if name in NOISY else 5))
    assert false == NONE
    assert most >= 1


@pytest.mark.parametrize("name", NOISY)
def test_the_order_within_a_batch_does_not_make_false_tracks(name):
    _, false, _ = played([sample(name, CACHE)], shuffle=np.random.Generator(np.random.PCG64(2)))
    assert false == NONE


def test_a_position_that_freezes_for_minutes_and_then_leaps_is_one_track_for_each_time_it_was_heard():
    loaded = load([sample("noisy/noisy_time_issue.json.gz", CACHE)], feed="recording", realm=REALM, label=OPEN).observations
    moved = np.r_[True, (np.diff(loaded["latitude"]) != 0) | (np.diff(loaded["longitude"]) != 0)]
    silences = int((np.diff(loaded["time"][moved]) > seconds(120)).sum())
    picture, _, most = played([sample("noisy/noisy_time_issue.json.gz", CACHE)])
    totals = picture.totals()
    assert (totals["tracks"], most) == (silences + 1, 1)
    assert totals["duplicate"] == pytest.approx(int((~moved).sum()), abs=20)


def test_rows_on_the_ground_are_counted_and_make_no_track():
    picture, _, _ = played([sample("noisy/noisy_ground.json.gz", CACHE)])
    rows = load([sample("noisy/noisy_ground.json.gz", CACHE)], feed="recording", realm=REALM, label=OPEN).observations
    assert picture.totals()["ground"] == int((rows["flags"] & FLAG.ON_GROUND != 0).sum()) > 100


def test_spoofed_positions_are_found_out_and_the_aircraft_stays_one_at_a_time():
    picture, _, most = played([sample("noisy/noisy_spoofing.json.gz", CACHE)])
    assert picture.totals()["jump"] > 0
    assert most == 1


def test_a_day_over_switzerland_makes_as_many_tracks_as_there_were_flights():
    loaded = load([sample(SWITZERLAND, CACHE)], feed="recording", realm=REALM, label=OPEN)
    rows = loaded.observations
    order = np.lexsort((rows["time"], rows["identity"]))
    new = np.ones(len(order), bool)
    identity, time = rows["identity"][order], rows["time"][order]
    new[1:] = (np.diff(identity.astype(np.int64)) != 0) | (np.diff(time) > seconds(120))
    lone = int((np.diff(np.flatnonzero(np.r_[new, True])) == 1).sum())
    picture, false, most = played([sample(SWITZERLAND, CACHE)], step=seconds(60))
    totals = picture.totals()
    assert false == NONE
    assert totals["accepted"] > 0.99 * len(rows)
    # Each flight is a track; one that was seen once only, or came straight back after a pause, makes the small difference.
    assert abs(totals["tracks"] - (int(new.sum()) - lone)) <= 0.01 * new.sum()
    assert most >= 50


def shared(*names):
    paths = [SHARED.joinpath(*name.split("/")) for name in names]
    if not all(path.exists() for path in paths):
        print(reason := "there is no folder `shared` beside the checkout")
        pytest.skip(reason)
    return paths


def test_a_snapshot_with_every_other_aircraft_twice_makes_each_one_track():
    (path,) = shared("military-snapshot/mil_snapshot.json")
    picture, now = Picture(REALM, ASTER, entropy=SeededEntropy(5)), seconds(1_700_000_000)
    distinct = set()
    for step in range(3):
        loaded = load([path], feed="snapshot", realm=REALM, label=OPEN, undated=now + step * STEP)
        picture.update(loaded.observations, now + step * STEP)
        distinct |= set(loaded.observations["identity"].tolist())
    tracks = picture.tracks(now + 2 * STEP)
    totals = picture.totals()
    assert len(tracks) == len(np.unique(tracks["identity"]))
    assert 0 < len(tracks) <= len(distinct)
    assert totals["duplicate"] > 200


def test_a_recording_at_one_hertz_makes_no_false_track():
    _, false, most = played(shared("air-recordings/quickstart.csv.gz"))
    assert false == NONE
    assert most > 30
