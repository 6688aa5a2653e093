"""Real traffic: a day over Switzerland, and military aircraft as they were seen, none of which is a deployment."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.warning.skies import OPEN, START, VIEW, tracks, watch
from tocsin.core import NotReachable, SeededEntropy
from tocsin.core.times import SECOND
from tocsin.formats import gunzip, parse, recognise
from tocsin.picture import Picture
from tocsin.sources import SWITZERLAND, sample
from tocsin.sources.flights import retime
from tocsin.sources.scenario import night as scene

SHARED = Path(__file__).parents[2].parent / "shared"
REALM = "replay:recorded"
EXERCISE = "exercise:recorded"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The Swiss day, from the package of samples, or from the folder beside the checkout."""
    beside = SHARED / "data" / "air-recordings" / "switzerland.csv.gz"
    try:
        path = sample(SWITZERLAND, tmp_path_factory.getbasetemp().parent / "samples")
    except NotReachable as error:
        if not beside.is_file():
            pytest.skip(f"no recording: {error}")
        path = beside
    data = gunzip(path.read_bytes(), cap=400_000_000)
    name = path.name.removesuffix(".gz")
    found = parse(data, recognise(name, data[:4096]), feed="swiss", realm=REALM, label=OPEN).observations
    return found.select(np.argsort(found["time"], kind="stable"))


def play(batches, one, realm, *, every_s=10):
    """Every step of a watch over observations played through a picture."""
    picture = Picture(realm, VIEW, entropy=SeededEntropy(1))
    begin = min(int(b["time"][0]) for b in batches) // SECOND * SECOND
    end = max(int(b["time"][-1]) for b in batches)
    at = [0] * len(batches)
    for now in range(begin, end + every_s * SECOND, every_s * SECOND):
        for i, batch in enumerate(batches):
            to = int(np.searchsorted(batch["time"], now, side="right"))
            picture.update(batch.select(slice(at[i], to)), now)
            at[i] = to
        yield now, one.step(picture.tracks(now), now)


def test_a_day_of_swiss_traffic_says_nothing_at_all(recorded):
    steps = list(play([recorded], watch(realm=REALM), REALM, every_s=30))
    assert sum(len(step.findings) + len(step.warnings) for _, step in steps) == 0
    assert {step.assessment.level for _, step in steps} == {"NORMAL"}


def test_even_if_no_airliner_said_who_it_is_the_day_rings_no_warning(recorded):
    nameless = recorded.replace(callsign=np.zeros(len(recorded), "S8"))
    opened, levels = Counter(), Counter()
    for _, step in play([nameless], watch(realm=REALM), REALM, every_s=60):
        opened.update(one.body.indicator for one in step.findings if one.body.state == "opened")
        levels[step.assessment.level] += 1
    # What is closer than airliners may be to one another, for minutes, is rare even where 842 of them say nothing.
    print(f"where nobody says who they are: {dict(opened)}")
    assert opened["aircraft-in-stream"] <= 2
    assert opened["approach-to-line"] == opened["airlift-surge"] == 0
    assert set(levels) <= {"NORMAL", "GUARDED"}


def test_the_day_pressed_into_an_hour_says_nothing_either(recorded):
    pressed = retime(recorded, start=START, window_s=3300, entropy=SeededEntropy(1))
    steps = list(play([pressed], watch(realm=REALM), REALM))
    assert not any(step.findings or step.warnings for _, step in steps)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_demonstrations_night_in_real_traffic_rings_high_20_minutes_before_the_line(recorded, seed):
    staged = scene(feed="radar", realm=EXERCISE, label=OPEN, start=START, seed=seed)
    pressed = retime(recorded, start=START, window_s=3300, entropy=SeededEntropy(seed))
    traffic = type(pressed)(pressed.feed, EXERCISE, pressed.label, pressed.columns)
    high, bodies = None, []
    for now, step in play([staged.observations, traffic], watch(realm=EXERCISE), EXERCISE, every_s=5):
        high = now if high is None and step.assessment.level == "HIGH" else high
        bodies += [one.body for one in step.warnings]
    assert high is not None
    assert (staged.crossing - high) / SECOND / 60 >= 20
    assert high > staged.takeoff
    top = next(body for body in bodies if body.level == "HIGH")
    assert abs(top.eta - staged.crossing) <= 120 * SECOND
    assert "left staging RHÔNE in a stream and hold course for watch line EAST" in top.sentence
    assert len(bodies) <= 8


def test_the_worlds_military_aircraft_at_one_moment_form_no_stream():
    path = SHARED / "data" / "military-snapshot" / "mil_snapshot.json"
    if not path.is_file():
        pytest.skip("no folder `shared` beside the checkout: the military snapshot is not there")
    # The snapshot does not say when it was taken, so it is given a time.
    data = path.read_bytes().rstrip().removesuffix(b"}") + b', "now": 1690000000.0}'
    found = parse(data, "readsb", feed="snapshot", realm=REALM, label=OPEN).observations
    # As one moment, however long ago each was last heard: more at once than there ever were.
    first = np.unique(found["identity"], return_index=True)[1]
    now = 1_690_000_001 * SECOND
    named = ("identity", "latitude", "longitude", "altitude", "speed", "course", "climb", "type", "flags")
    shown = tracks(len(first), **{name: found[name][first] for name in named}, time=now)
    assert len(shown) > 200
    # One moment, held for ten minutes: whatever looks like a stream would open.
    one = watch(realm=REALM)
    steps = [one.step(shown, now + n * 10 * SECOND) for n in range(60)]
    assert [f.body.text for step in steps for f in step.findings] == []


def test_a_recording_that_is_cut_off_plays_as_far_as_it_goes(recorded):
    head = recorded.select(slice(0, 5000))
    assert len(list(play([head], watch(realm=REALM), REALM, every_s=60))) > 3
