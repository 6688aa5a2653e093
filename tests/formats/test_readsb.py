"""readsb's aircraft.json becomes observations in SI units, and nothing that it does not say is made up."""

import math

import numpy as np
import pytest

from tocsin.core import FLAG, Identity

NOW = 1_700_000_000.5
PLANE = {
    "hex": "4b1815",
    "type": "adsb_icao",
    "flight": "SWR123  ",
    "t": "A320",
    "dbFlags": 1,
    "alt_baro": 10_000,
    "alt_geom": 10_400,
    "gs": 400,
    "track": 90.5,
    "baro_rate": -1_200,
    "squawk": "4637",
    "lat": 47.25,
    "lon": 8.5,
    "nic": 8,
    "rc": 186,
    "seen_pos": 2.25,
    "mlat": [],
    "tisb": [],
}


def one(read, **changes):
    plane = {**PLANE, **changes}
    parsed = read({"now": NOW, "aircraft": [{key: value for key, value in plane.items() if value is not ...}]}, "readsb")
    assert parsed.error is None, parsed.error
    assert len(parsed.observations) == 1, parsed.skipped
    return {name: column[0] for name, column in parsed.observations.columns.items()}, parsed


def test_every_value_arrives_in_its_unit(read):
    row, parsed = one(read)
    assert row["time"] == 1_700_000_000_500_000 - 2_250_000
    assert Identity.text(int(row["identity"])) == "4b1815"
    assert (row["latitude"], row["longitude"]) == (47.25, 8.5)
    assert row["altitude"] == pytest.approx(3_048.0)
    assert row["speed"] == pytest.approx(205.7778, abs=1e-3)
    assert row["course"] == pytest.approx(90.5)
    assert row["climb"] == pytest.approx(-6.096, abs=1e-4)
    assert (row["callsign"], row["type"], row["squawk"]) == (b"SWR123", b"A320", 0o4637)
    assert (row["accuracy"], row["integrity"]) == (186, 8)
    assert row["flags"] == FLAG.AIRBORNE | FLAG.MILITARY
    assert (parsed.rows, parsed.skipped, parsed.nulled) == (1, {}, {})
    assert (parsed.observations.feed, parsed.observations.realm, parsed.observations.label.policy) == ("f", "live", "p")


def test_what_is_not_said_is_null(read):
    row, _ = one(read, **{key: ... for key in PLANE if key not in ("hex", "lat", "lon")})
    assert row["time"] == 1_700_000_000_500_000
    assert all(math.isnan(row[name]) for name in ("altitude", "speed", "course", "climb", "accuracy"))
    assert (row["callsign"], row["type"], row["squawk"], row["integrity"], row["flags"]) == (b"", b"", -1, 255, 0)


def test_explicit_nulls_are_the_same_as_nothing_said(read):
    told, _ = one(read, **{key: ... for key in PLANE if key not in ("hex", "lat", "lon")})
    nulled, _ = one(read, **{key: None for key in PLANE if key not in ("hex", "lat", "lon", "mlat", "tisb")})
    assert {name: repr(value) for name, value in told.items()} == {name: repr(value) for name, value in nulled.items()}


def test_an_aircraft_on_the_ground_has_no_altitude(read):
    row, parsed = one(read, alt_baro="ground")
    assert row["flags"] == FLAG.ON_GROUND | FLAG.MILITARY
    assert math.isnan(row["altitude"])
    assert parsed.nulled == {}


def test_geometric_altitude_and_rate_stand_in_for_missing_barometric_ones(read):
    row, _ = one(read, alt_baro=..., baro_rate=..., geom_rate=600)
    assert row["altitude"] == pytest.approx(10_400 * 0.3048)
    assert row["climb"] == pytest.approx(3.048, abs=1e-4)
    assert row["flags"] == FLAG.MILITARY  # in the air or not: not said


def test_a_tilde_is_another_kind_of_address(read):
    row, _ = one(read, hex="~2a3b4c")
    assert Identity.text(int(row["identity"])) == "~2a3b4c"
    assert row["identity"] != one(read, hex="2a3b4c")[0]["identity"]


@pytest.mark.parametrize("address", ["", "~", "xyz123", "4b18155", "000000", "4b 815", "~~4b1815x", "４b1815", None, "<script>"])
def test_an_address_that_is_none_leaves_the_row_out(read, address):
    parsed = read({"now": NOW, "aircraft": [{**PLANE, "hex": address}, PLANE]}, "readsb")
    assert len(parsed.observations) == 1
    assert parsed.skipped == {"no identity": 1}


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"type": "mlat"}, FLAG.MLAT),
        ({"mlat": ["gs", "lat", "lon"]}, FLAG.MLAT),
        ({"mlat": ["gs", "track"]}, 0),
        ({"type": "tisb_icao"}, FLAG.TISB),
        ({"type": "tisb_trackfile"}, FLAG.TISB),
        ({"tisb": ["lat"]}, FLAG.TISB),
        ({"type": "adsr_icao"}, 0),
        ({"type": "a kind of tomorrow"}, 0),
    ],
)
def test_how_a_position_was_made_is_flagged(read, changes, flag):
    row, _ = one(read, **changes)
    assert row["flags"] & (FLAG.MLAT | FLAG.TISB) == flag


def test_military_is_the_first_bit_only(read):
    assert [one(read, dbFlags=bits)[0]["flags"] & FLAG.MILITARY for bits in (0, 1, 2, 3, 8, 9)] == [0, 4, 0, 4, 0, 4]


def test_the_interfaces_that_say_ac_and_milliseconds_are_read_too(read):
    v2 = read({"ac": [PLANE], "msg": "No error", "now": int(NOW * 1000), "total": 1, "ctime": 1, "ptime": 0}, "readsb")
    assert v2.observations["time"].tolist() == read({"now": NOW, "aircraft": [PLANE]}, "readsb").observations["time"].tolist()


def test_an_aircraft_that_stands_there_twice_gives_two_rows(read):
    assert len(read({"now": NOW, "aircraft": [PLANE, PLANE]}, "readsb").observations) == 2


def test_old_and_guessed_positions_are_not_taken(read):
    plane = {key: value for key, value in PLANE.items() if key not in ("lat", "lon", "seen_pos")}
    plane |= {"lastPosition": {"lat": 1.5, "lon": 2.5, "seen_pos": 900}, "rr_lat": 43.1, "rr_lon": 2.1}
    parsed = read({"now": NOW, "aircraft": [plane]}, "readsb")
    assert len(parsed.observations) == 0
    assert parsed.skipped == {"no position": 1}


def test_a_snapshot_without_its_time_takes_the_one_it_was_received_at(read):
    assert read({"aircraft": [PLANE]}, "readsb").skipped == {"no time": 1}
    dated = read({"aircraft": [PLANE]}, "readsb", undated=1_650_000_000_000_000)
    assert dated.observations["time"].tolist() == [1_650_000_000_000_000 - 2_250_000]
    assert read({"now": NOW, "aircraft": [PLANE]}, "readsb", undated=5).observations["time"][0] > 1_650_000_000_000_000


@pytest.mark.parametrize("place", [(91, 0.5), (-90.5, 1), (0.5, 180.5), (1, -181), (1e300, 0.1), (0, 0)])
def test_a_position_off_the_earth_or_at_its_origin_is_left_out(read, place):
    parsed = read({"now": NOW, "aircraft": [{**PLANE, "lat": place[0], "lon": place[1]}, PLANE]}, "readsb")
    assert len(parsed.observations) == 1
    assert sum(parsed.skipped.values()) == 1


@pytest.mark.parametrize(
    ("changes", "column", "counted"),
    [
        ({"alt_baro": 999_999}, "altitude", "altitude"),
        ({"alt_baro": -90_000}, "altitude", "altitude"),
        ({"gs": -1}, "speed", "speed"),
        ({"gs": 99_999}, "speed", "speed"),
        ({"track": 361}, "course", "course"),
        ({"track": -181}, "course", "course"),
        ({"baro_rate": 1e9}, "climb", "climb"),
        ({"rc": -5}, "accuracy", "accuracy"),
        ({"alt_baro": "sea"}, "altitude", "altitude"),
    ],
)
def test_a_value_past_belief_is_null_and_counted(read, changes, column, counted):
    row, parsed = one(read, alt_geom=..., **changes)
    assert math.isnan(row[column])
    assert parsed.nulled == {counted: 1}


@pytest.mark.parametrize("squawk", ["8000", "12345", "abcd", "77-7", "12 4"])
def test_an_impossible_squawk_is_null(read, squawk):
    row, parsed = one(read, squawk=squawk)
    assert row["squawk"] == -1
    assert parsed.nulled == {"squawk": 1}


@pytest.mark.parametrize(("squawk", "octal"), [("7700", 0o7700), ("0000", 0), (7000, 0o7000), (47.0, 0o47), ("", -1)])
def test_squawks_are_octal_however_they_are_written(read, squawk, octal):
    assert one(read, squawk=squawk)[0]["squawk"] == octal


@pytest.mark.parametrize("flight", ["<b>hi", "A\u0301BC", "TOOLONGNAME", "a b", "\u202eABC", "A\x00B", "@@@@@@@@"])
def test_a_call_sign_that_no_aircraft_could_have_is_null(read, flight):
    row, parsed = one(read, flight=flight)
    assert row["callsign"] == b""
    assert sum(parsed.nulled.values()) == 1 or not flight.isascii()  # not ASCII: not even a call sign


def test_call_signs_are_trimmed_and_in_capitals(read):
    assert [one(read, flight=text)[0]["callsign"] for text in (" rch871 ", "RCH-01", "        ", "")] == [b"RCH871", b"RCH-01", b"", b""]


@pytest.mark.parametrize(("course", "becomes"), [(360, 0), (-90, 270), (-0.0, 0), (359.9, 359.9), (-180, 180)])
def test_courses_go_from_0_to_360(read, course, becomes):
    row, _ = one(read, track=course)
    assert row["course"] == pytest.approx(becomes, abs=1e-3)
    assert 0 <= row["course"] < 360


def test_a_containment_radius_of_nought_is_not_said(read):
    row, _ = one(read, rc=0, nic=0)
    assert math.isnan(row["accuracy"])
    assert row["integrity"] == 0


@pytest.mark.parametrize("age", [-5, 1e12])
def test_a_nonsensical_age_does_not_move_the_time(read, age):
    assert one(read, seen_pos=age)[0]["time"] == 1_700_000_000_500_000


def test_columns_have_the_types_that_the_core_asks_for(read):
    observations = read({"now": NOW, "aircraft": [PLANE] * 3}, "readsb").observations
    from tocsin.core.observations import COLUMNS

    assert {name: column.dtype for name, column in observations.columns.items()} == dict(COLUMNS)
    assert all(isinstance(column, np.ndarray) and len(column) == 3 for column in observations.columns.values())


def test_a_file_without_aircraft_is_a_fault_and_an_empty_one_is_not(read):
    assert "no list aircraft or ac" in str(read({"now": NOW}, "readsb").error)
    assert read({"now": NOW, "aircraft": []}, "readsb").error is None
