"""The trend of a lamp: against what the indicator weighed an hour ago, and silent where nothing was weighed then."""

from tests.warning.skies import Transports, civil, night, watch


def trends(steps):
    """Each lamp's states and trends, minute by minute."""
    found = {}
    for at, step in steps:
        for lamp in step.assessment.indicators:
            found.setdefault(lamp.id, []).append((at, lamp.state, lamp.trend))
    return found


def test_within_the_first_hour_no_lamp_says_that_it_grew():
    steps = list(night(watch(), lambda now: Transports().at(now), minutes=20, every_s=30))
    assert {trend for rows in trends(steps).values() for _, _, trend in rows} == {""}


def test_an_indicator_that_comes_up_is_stronger_and_one_that_fades_is_weaker():
    steps = list(night(watch(), lambda now: Transports().at(now), minutes=240, every_s=60))
    seen = {}
    for rows in trends(steps).values():
        for _, state, trend in rows:
            seen.setdefault(trend, set()).add(state)
    assert "seen" in seen["stronger"] | seen["steady"]
    assert seen["weaker"]
    assert "cannot say" not in seen["stronger"] | seen["weaker"]


def test_over_a_quiet_sky_nothing_grows():
    steps = list(night(watch(), civil, minutes=130, every_s=60))
    last = steps[-1][1].assessment.indicators
    assert {lamp.trend for lamp in last} <= {"", "steady"}
    assert "steady" in {lamp.trend for lamp in last}
