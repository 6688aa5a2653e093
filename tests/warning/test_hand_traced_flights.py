"""1,409 hand-traced flights cross lines and zones as their geometry says: the detectors against shapely."""

import json
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from shapely.geometry import LineString, Polygon

from tocsin.core import FLAG, Identity
from tocsin.core.times import SECOND
from tocsin.warning.detectors import detector_class
from tocsin.warning.model import Place
from tocsin.warning.scene import Scene

from .skies import READER, START, TOPIC, tracks

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "mnd-tracks"
FILES = ("20220801-20230915_fixed.geojson", "20230918-20240115.geojson")
MIDDLE = ((26.5, 121.383), (24.833, 119.983), (23.283, 117.85))
IDENTIFICATION = ((21.0, 117.5), (21.0, 121.5), (22.5, 123.0), (29.0, 123.0), (29.0, 117.5))
SOUTHWEST = ((21.0, 117.5), (21.0, 121.5), (22.3, 120.6), (23.0, 119.0))
LOOKS = 240
CLEAR_DEG = 0.002
"""Ways that come nearer than this to a corner or an edge without clearly crossing are left out: two geometries may differ there."""


@pytest.fixture(scope="module")
def flights():
    if not FOLDER.is_dir():
        pytest.skip("the hand-traced flights are not beside the checkout (shared/data/mnd-tracks)")
    lines = []
    for name in FILES:
        for feature in json.loads((FOLDER / name).read_text(encoding="utf-8"))["features"]:
            shape = feature["geometry"]
            lines += [shape["coordinates"]] if shape["type"] == "LineString" else shape["coordinates"]
    return [np.array(line, float)[:, :2] for line in lines]


def played(flights, detector):
    """Who (by index) the detector says has done it, when every flight is flown at once, a vertex or a point between at each look."""
    done = set()
    ways = [_looks(line) for line in flights]
    for look in range(LOOKS):
        at = np.array([way[min(look, len(way) - 1)] for way in ways])
        now = START + look * 20 * SECOND
        sky = tracks(
            len(at),
            identity=Identity.TRACK + np.arange(1, len(at) + 1, dtype="u8"),
            latitude=at[:, 1],
            longitude=at[:, 0],
            time=now,
            flags=FLAG.AIRBORNE | FLAG.MILITARY,
            altitude=6000.0,
            speed=200.0,
        )
        for sighting in detector.step(Scene(sky, now, "replay:hand-traced", READER)):
            done |= {int(key) & int(Identity.NUMBER) for key in sighting.members}
    return {number - 1 for number in done}


def _looks(line):
    """The line's vertices, with points between so that no way between two looks is a jump: 0.1 degrees in 20 s at most."""
    points = [line[0]]
    for one, two in pairwise(line):
        steps = max(1, int(np.ceil(np.hypot(*(two - one)) / 0.1)))
        points += [one + (two - one) * k / steps for k in range(1, steps + 1)]
    return points


def detector(name, place, **parameters):
    kind = detector_class(name)
    topic = msgspec.structs.replace(TOPIC, places=(place,))
    return kind(topic, kind.Parameters(at_least=1, full_at=2, who="any", window_minutes=240, gap_s=1800.0, **parameters))


def test_there_are_as_many_flights_as_the_source_says(flights):
    assert len(flights) == 1409


def test_flights_cross_the_middle_line_as_shapely_says(flights):
    middle = LineString([(lon, lat) for lat, lon in MIDDLE])
    found = played(flights, detector("line-crossing", Place("MIDDLE", "line", MIDDLE)))
    wrong, judged = [], 0
    for index, line in enumerate(flights):
        way = LineString(_looks(line)) if len(line) > 1 else None
        crosses = way is not None and way.intersects(middle)
        # A flight that only comes near, or touches an end, is told apart by less than the two geometries differ.
        unclear = way is None or (not crosses and way.distance(middle) < CLEAR_DEG * 5) or (crosses and _barely(way, middle))
        if unclear:
            continue
        judged += 1
        if crosses != (index in found):
            wrong.append(index)
    assert judged > 1300
    assert wrong == []
    assert sum(LineString(line).intersects(middle) for line in flights if len(line) > 1) > 100


@pytest.mark.parametrize("name", ["identification zone", "its south-west"])
def test_flights_enter_zones_as_shapely_says(flights, name):
    corners = IDENTIFICATION if name == "identification zone" else SOUTHWEST
    shape = Polygon([(lon, lat) for lat, lon in corners])
    found = played(flights, detector("zone-entry", Place("ZONE", "area", corners)))
    expected = {index for index, line in enumerate(flights) if len(line) > 1 and LineString(line).intersects(shape)}
    unclear = {
        i for i, line in enumerate(flights) if len(line) > 1 and LineString(line).distance(shape.exterior) < 1e-9 and i not in expected
    }
    assert len(expected) > 200
    assert found - unclear == expected - unclear


def _barely(way, line):
    """Whether a way crosses so near to a line's end, or by so little, that it may be on either side of a great circle."""
    ends = [way.coords[0], way.coords[-1]]
    short = any(LineString([end, end]).distance(line) < 0.02 for end in ends)
    tips = any(LineString([tip, tip]).distance(way) < 0.02 for tip in (line.coords[0], line.coords[-1]))
    reach = max(LineString([p, p]).distance(line) for p in way.coords)
    return short or tips or reach < 0.05
