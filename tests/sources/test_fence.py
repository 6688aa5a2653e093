"""What lies outside the area stops at the feed, and is counted."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources.making import T0, Taken, rows

from tocsin.core import InputError, ManualClock
from tocsin.core.observations import concat
from tocsin.sources import Fence, Playback

ALPS = ((45.0, 5.0), (48.0, 5.0), (48.0, 11.0), (45.0, 11.0))


def test_rows_outside_are_dropped_and_counted():
    fence = Fence(ALPS)
    batch = concat([rows([0]), rows([0], latitude=44.9), rows([0], longitude=11.1), rows([0], latitude=45.0)])
    assert fence.keep(batch)["latitude"].tolist() == [46.0, 45.0]
    assert fence.dropped == 2


def test_a_row_that_is_nowhere_is_outside():
    fence = Fence(ALPS)
    assert len(fence.keep(rows([0, 1], latitude=np.nan))) == 0
    assert fence.dropped == 2


def test_a_batch_that_is_all_inside_passes_as_it_is():
    batch = rows([0, 1])
    assert Fence(ALPS).keep(batch) is batch


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_inside_means_inside(latitude, longitude):
    kept = len(Fence(ALPS).keep(rows([0], latitude=latitude, longitude=longitude)))
    assert kept == (45 <= latitude <= 48 and 5 <= longitude <= 11)


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ((), "three points"),
        (((45, 5), (48, 5), (45, 5)), "three points"),
        (((45, 5), (46, 6), (47, 7)), "no area"),
        (((45, 5), (48, 11), (48, 5), (45, 11)), "cross"),
        (((45, 5), (91, 5), (48, 11)), "latitude -90 to 90"),
        (((45, 5), (float("nan"), 5), (48, 11)), "latitude -90 to 90"),
        (((45, -179), (48, -179), (48, 179)), "antimeridian"),
    ],
)
def test_what_is_no_area_is_refused(points, says):
    with pytest.raises(InputError, match=says):
        Fence(points)


def test_a_feed_with_a_fence_hands_on_nothing_from_outside():
    taken, clock = Taken(), ManualClock(T0 + 10**9)
    feed = Playback(concat([rows([0, 1]), rows([2, 3, 4], latitude=50.0)]), clock, fence=Fence(ALPS))
    asyncio.run(feed.run(taken))
    assert taken.times() == [0, 1]
    assert feed.status().skipped == {"outside the fence": 3}
    assert feed.status().observations == 2
