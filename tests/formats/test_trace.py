"""A trace is one aircraft's day: each row an observation, call sign and squawk held until another is said."""

import json
import math

import pytest

from tocsin.core import FLAG, Identity

START = 1_738_703_622.25


USUAL = {"lat": 16.5, "lon": -88.5, "gs": 478.6, "track": 327.8, "rate": -640}


def trace(*rows, **head):
    return {"icao": "ac671b", "t": "B739", "dbFlags": 0, "timestamp": START, **head, "trace": list(rows)}


def row(offset, altitude=32_000, details=None, source="adsb_icao", **changes):
    lat, lon, gs, track, rate = (changes.get(k, v) for k, v in USUAL.items())
    return [offset, lat, lon, altitude, gs, track, 1, rate, details, source, 33_825, 32, 280, 0.0]


def test_each_row_is_an_observation_in_si_units(read):
    parsed = read(trace(row(0), row(8.96)), "trace_full")
    observations = parsed.observations
    assert parsed.error is None
    assert observations["time"].tolist() == [1_738_703_622_250_000, 1_738_703_631_210_000]
    assert {Identity.text(int(value)) for value in observations["identity"]} == {"ac671b"}
    assert observations["altitude"][0] == pytest.approx(9_753.6)
    assert observations["speed"][0] == pytest.approx(478.6 * 1852 / 3600, rel=1e-6)
    assert observations["climb"][0] == pytest.approx(-640 * 0.3048 / 60, rel=1e-6)
    assert observations["type"].tolist() == [b"B739"] * 2
    assert observations["flags"].tolist() == [FLAG.AIRBORNE] * 2


def test_call_sign_and_squawk_hold_until_another_is_said(read):
    said = {"flight": "DAL1812 ", "squawk": "4637", "nic": 8, "rc": 186}
    parsed = read(trace(row(0), row(1, details=said), row(2), row(3, details={"flight": "DAL99"}), row(4)), "trace_full").observations
    assert parsed["callsign"].tolist() == [b"", b"DAL1812", b"DAL1812", b"DAL99", b"DAL99"]
    assert parsed["squawk"].tolist() == [-1, 0o4637, 0o4637, 0o4637, 0o4637]
    assert parsed["integrity"].tolist() == [255, 8, 255, 255, 255]
    assert [math.isnan(value) for value in parsed["accuracy"]] == [True, False, True, True, True]


def test_ground_mlat_military_and_foreign_addresses_are_told_apart(read):
    parsed = read(trace(row(0, "ground"), row(1, None, source="mlat"), dbFlags=1, icao="~ac671b"), "trace_full").observations
    assert parsed["flags"].tolist() == [FLAG.ON_GROUND | FLAG.MILITARY, FLAG.MLAT | FLAG.MILITARY]
    assert Identity.text(int(parsed["identity"][0])) == "~ac671b"


def test_rows_may_be_shorter_than_today_and_longer_tomorrow(read):
    parsed = read(trace([0, 16.5, -88.5], [*row(1), "new", {"also": "new"}]), "trace_full")
    assert parsed.error is None
    assert len(parsed.observations) == 2


def test_a_row_of_the_wrong_shape_is_left_out_and_named(read):
    parsed = read(trace(row(0), ["late"], row(2)), "trace_full")
    assert len(parsed.observations) == 2
    assert parsed.skipped == {"mistyped": 1}
    assert "a file: row 1 does not fit" in str(parsed.error)


def test_a_trace_without_start_or_owner_gives_no_observation(read):
    assert read(trace(row(0), timestamp=None), "trace_full").skipped == {"no time": 1}
    assert read(trace(row(0), icao=None), "trace_full").skipped == {"no identity": 1}
    assert "ends too early" in str(read(b'{"icao":"ac671b"', "trace_full").error)


def test_a_cut_trace_keeps_its_head_and_its_whole_rows(read):
    whole = json.dumps(trace(*(row(index) for index in range(10)))).encode()
    parsed = read(whole[: int(len(whole) * 0.7)], "trace_full")
    assert 3 < len(parsed.observations) < 9
    assert parsed.observations["time"][0] == 1_738_703_622_250_000
    assert "ends in the middle of row" in str(parsed.error)
