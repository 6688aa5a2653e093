"""The sphere's formulas agree with the ellipsoid's geodesics as far as a sphere can, and with each other."""

import numpy as np
import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import given
from hypothesis import strategies as st

from tocsin.sources.sphere import bearing, destination, distance

latitudes, longitudes = st.floats(-85, 85), st.floats(-180, 180)


@given(latitudes, longitudes, latitudes, longitudes)
def test_distances_are_those_of_the_ellipsoid_within_six_per_mille(a, b, c, d):
    there = Geodesic.WGS84.Inverse(a, b, c, d)["s12"]
    assert distance(a, b, c, d) == pytest.approx(there, rel=0.006, abs=1)


@given(latitudes, longitudes, st.floats(0, 360), st.floats(1, 2_000_000))
def test_going_somewhere_and_measuring_gives_what_was_gone(latitude, longitude, course, metres):
    c, d = destination(latitude, longitude, course, metres)
    assert distance(latitude, longitude, c, d) == pytest.approx(metres, rel=1e-6, abs=1e-2)
    assert -180 <= d <= 180


@given(st.floats(-80, 80), longitudes, st.floats(0, 359.99), st.floats(1000, 500_000))
def test_the_bearing_of_where_one_went_is_the_course_one_went(latitude, longitude, course, metres):
    difference = bearing(latitude, longitude, *destination(latitude, longitude, course, metres)) - course
    assert abs((difference + 180) % 360 - 180) < 1e-6


def test_whole_columns_at_once():
    assert distance(np.zeros(3), np.zeros(3), np.zeros(3), np.array([0.0, 1.0, 180.0])) == pytest.approx([0, 111_195, 20_015_114], abs=5)
