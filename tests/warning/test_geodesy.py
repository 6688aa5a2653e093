"""Geometry on the sphere against the WGS 84 geodesic."""

import numpy as np
import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString

from tocsin.warning import geodesy

WGS84 = Geodesic.WGS84
EAST = ((47.9, 9.0), (46.4, 11.2))


def vectors(*points):
    return geodesy.vectors(*np.array(points, "f8").T)


def crossing(line, before, after):
    return int(geodesy.crossings(geodesy.cut(line), vectors(before), vectors(after))[0])


def beside(line, fraction, metres):
    """The point `metres` to the right of the geodesic line at a fraction of its length."""
    whole = WGS84.InverseLine(*line[0], *line[1])
    at = whole.Position(whole.s13 * fraction)
    end = WGS84.Direct(at["lat2"], at["lon2"], at["azi2"] + 90, metres)
    return end["lat2"], end["lon2"]


@pytest.mark.parametrize(
    "line",
    [EAST, ((10.0, 100.0), (12.0, 118.0)), ((70.0, 179.0), (71.0, -178.0)), ((-5.0, 20.0), (40.0, 25.0)), ((89.0, 0.0), (89.0, 170.0))],
)
@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.5, 0.77, 0.98])
def test_a_crossing_is_exact_to_within_100_m(line, fraction):
    right, left = beside(line, fraction, 100.0), beside(line, fraction, -100.0)
    assert crossing(line, right, left) == 1
    assert crossing(line, left, right) == -1
    assert crossing(line, right, beside(line, fraction, 90_000.0)) == 0


def test_past_the_ends_nothing_crosses():
    whole = WGS84.InverseLine(*EAST[0], *EAST[1])
    for metres in (-2000.0, whole.s13 + 2000.0):
        at = whole.Position(metres)
        one = WGS84.Direct(at["lat2"], at["lon2"], at["azi2"] + 90, 1000)
        two = WGS84.Direct(at["lat2"], at["lon2"], at["azi2"] - 90, 1000)
        assert crossing(EAST, (one["lat2"], one["lon2"]), (two["lat2"], two["lon2"])) == 0


def test_a_stop_on_the_line_is_one_crossing_and_not_two_or_none():
    line = ((0.0, -10.0), (0.0, 10.0))
    ways = [((-1.0, 2.0), (0.0, 2.0)), ((0.0, 2.0), (1.0, 2.0))]
    assert sum(abs(crossing(line, *way)) for way in ways) == 1


def test_the_far_side_of_the_earth_does_not_count():
    assert crossing(((0.0, -10.0), (0.0, 10.0)), (-1.0, 179.0), (1.0, 179.0)) == 0


@given(*[st.floats(45.5, 48.5) for _ in range(2)], *[st.floats(8.0, 12.0) for _ in range(2)])
@settings(max_examples=150, deadline=None)
def test_it_agrees_with_shapely_where_the_earth_is_nearly_flat(lat1, lat2, lon1, lon2):
    # In a gnomonic sense straight: compare only ways whose ends are clearly off the line and its ends.
    line, way = LineString([(lon, lat) for lat, lon in EAST]), LineString([(lon1, lat1), (lon2, lat2)])
    assume(way.length > 0.05)
    assume(min(line.distance(p) for p in way.boundary.geoms) > 0.03)
    assume(min(way.distance(p) for p in line.boundary.geoms) > 0.03)
    assert bool(crossing(EAST, (lat1, lon1), (lat2, lon2))) == line.crosses(way)


@pytest.mark.parametrize(("start", "toward"), [((46.23, 6.1), (47.15, 10.1)), ((46.9, 12.5), (47.2, 10.0)), ((46.0, 9.5), (48.0, 10.4))])
def test_the_distance_ahead_is_right_to_one_percent(start, toward):
    way = WGS84.InverseLine(*start, *toward)
    heading = geodesy.headings(np.array([start[0]]), np.array([start[1]]), np.array([way.azi1]))
    ahead, _ = geodesy.ahead_m(geodesy.cut(EAST), vectors(start), heading, reach_m=600_000)
    low, high = 0.0, 600_000.0
    side = crossing(EAST, start, _on(way, high))
    assert side != 0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if crossing(EAST, start, _on(way, middle)) else (middle, high)
    assert ahead[0] == pytest.approx(low, rel=0.01)


def _on(way, metres):
    at = way.Position(metres)
    return at["lat2"], at["lon2"]


def test_the_side_ahead_is_the_side_that_crossing_finds():
    start, end = (46.5, 9.0), (47.8, 11.0)
    course = WGS84.Inverse(*start, *end)["azi1"]
    heading = geodesy.headings(np.array([start[0]]), np.array([start[1]]), np.array([course]))
    _, side = geodesy.ahead_m(geodesy.cut(EAST), vectors(start), heading, reach_m=600_000)
    assert side[0] == crossing(EAST, start, end) == 1


def test_what_flies_away_or_is_out_of_reach_never_arrives():
    start = (46.23, 6.1)
    away = geodesy.headings(np.array([start[0]]), np.array([start[1]]), np.array([250.0]))
    toward = geodesy.headings(np.array([start[0]]), np.array([start[1]]), np.array([70.0]))
    line = geodesy.cut(EAST)
    assert np.isinf(geodesy.ahead_m(line, vectors(start), away, reach_m=10_000_000)[0][0])
    assert np.isinf(geodesy.ahead_m(line, vectors(start), toward, reach_m=100_000)[0][0])
    assert np.isfinite(geodesy.ahead_m(line, vectors(start), toward, reach_m=400_000)[0][0])


def test_courses_mean_and_differ_across_north():
    assert geodesy.angle_between(np.array([350.0, 10.0]), np.array([10.0, 200.0])).tolist() == [20.0, 170.0]
    assert geodesy.mean_course(np.array([350.0, 10.0])) == pytest.approx(0.0, abs=1e-9) or geodesy.mean_course(
        np.array([350.0, 10.0])
    ) == pytest.approx(360.0)


def test_distances_are_right_to_half_a_percent():
    expected = WGS84.Inverse(46.23, 6.1, 47.9, 9.0)["s12"]
    assert geodesy.distances_m(vectors((47.9, 9.0)), (46.23, 6.1))[0] == pytest.approx(expected, rel=0.006)


def test_hulls_stay_together_across_the_antimeridian():
    points = geodesy.hull(np.array([10.0, 11.0, 10.0, 10.5]), np.array([179.0, 179.9, -179.0, 179.9]))
    assert len(points) == 3
    assert {lon for _, lon in points} == {179.0, 179.9, -179.0}
    assert geodesy.hull(np.array([]), np.array([])) == ()
    assert geodesy.hull(np.array([1.0]), np.array([2.0])) == ((1.0, 2.0),)
    assert len(geodesy.hull(np.array([1.0, 2.0]), np.array([2.0, 3.0]))) == 2


LONG = ((47.9, 9.0), (46.4, 11.2), (40.0, 20.0))
PLACE = st.tuples(st.floats(35, 52), st.floats(0, 30))


@settings(max_examples=60, deadline=None)
@given(st.lists(PLACE, min_size=1, max_size=6))
def test_the_nearest_place_of_a_line_is_the_nearest_of_a_thousand_along_it(places):
    pieces = geodesy.cut(LONG)
    assert len(pieces.first) > 5
    distance, side = geodesy.nearest_m(pieces, vectors(*places))
    share = np.linspace(0, 1, 2001)[:, None, None]
    along = (1 - share) * pieces.first + share * pieces.last
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    for at, left, place in zip(distance, side, vectors(*places), strict=True):
        angles = np.arccos(np.clip(along @ place, -1, 1))
        assert at == pytest.approx(geodesy.RADIUS_M * angles.min(), abs=60)
        piece = int(np.unravel_index(angles.argmin(), angles.shape)[1])
        if at > 200_000:
            continue  # beyond the ends of a line that bends its sides are hardly told
        heights = pieces.normal[max(piece - 1, 0) : piece + 2] @ place
        assert left in np.where(heights >= 0, 1, -1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PLACE, st.floats(0, 360)), min_size=2, max_size=6))
def test_what_lies_ahead_of_one_does_not_depend_on_the_others(flights):
    pieces = geodesy.cut(LONG)
    latitude, longitude = np.array([place for place, _ in flights]).T
    position, heading = geodesy.vectors(latitude, longitude), geodesy.headings(latitude, longitude, np.array([c for _, c in flights]))
    together = geodesy.ahead_m(pieces, position, heading, reach_m=2_000_000)
    for at in range(len(flights)):
        alone = geodesy.ahead_m(pieces, position[at : at + 1], heading[at : at + 1], reach_m=2_000_000)
        assert together[0][at] == pytest.approx(alone[0][0], abs=0.01)
        assert together[1][at] == alone[1][0]


def test_nobody_is_near_nothing_and_nothing_is_ahead_of_nobody():
    nobody = np.empty((0, 3))
    assert [len(one) for one in geodesy.nearest_m(geodesy.cut(EAST), nobody)] == [0, 0]
    assert [len(one) for one in geodesy.ahead_m(geodesy.cut(EAST), nobody, nobody, reach_m=1e6)] == [0, 0]


def test_a_place_that_is_asked_for_again_cannot_be_moved():
    with pytest.raises(ValueError, match="read-only"):
        geodesy.unit((46.2, 6.1))[0] = 0.0
    np.testing.assert_array_equal(geodesy.unit((46.2, 6.1)), vectors((46.2, 6.1))[0])
