"""OpenSky state vectors say the same whether they come as a list, as columns or as CSV."""

import json
import math

import numpy as np
import pytest

from tocsin.core import FLAG, Identity

STATE = {
    "timestamp": 1_533_099_600_000,
    "icao24": "44d071",
    "callsign": "BEL3881",
    "latitude": 46.9629821777,
    "longitude": 8.1449203491,
    "altitude": 34_975.0,
    "groundspeed": 447.5,
    "track": 157.675,
    "vertical_rate": -128.0,
    "squawk": "7000",
    "onground": False,
}


def as_columns(states):
    return {name: {str(index): state.get(name) for index, state in enumerate(states)} for name in states[0]}


def as_csv(states):
    def text(value):
        return "" if value is None else str(value)

    return "\n".join([",".join(states[0]), *(",".join(text(value) for value in state.values()) for state in states), ""]).encode()


def same(one, two):
    return all(np.array_equal(one[name], two[name], equal_nan=one[name].dtype.kind == "f") for name in one.columns)


STATES = [
    STATE,
    {**STATE, "icao24": "4067f2", "timestamp": 1_533_099_601_000, "altitude": None, "squawk": None, "callsign": None},
    {**STATE, "onground": True, "latitude": None},
    {**STATE, "onground": True, "groundspeed": None, "track": None, "vertical_rate": None},
]


def test_every_value_arrives_in_its_unit(read):
    parsed = read([STATE], "opensky-json")
    row = {name: column[0] for name, column in parsed.observations.columns.items()}
    assert row["time"] == 1_533_099_600_000_000
    assert Identity.text(int(row["identity"])) == "44d071"
    assert (row["latitude"], row["longitude"]) == (46.9629821777, 8.1449203491)
    assert row["altitude"] == pytest.approx(10_660.38)
    assert row["speed"] == pytest.approx(447.5 * 1852 / 3600, rel=1e-6)
    assert row["course"] == pytest.approx(157.675)
    assert row["climb"] == pytest.approx(-0.65024)
    assert (row["callsign"], row["squawk"], row["flags"]) == (b"BEL3881", 0o7000, FLAG.AIRBORNE)
    assert parsed.error is None


def test_all_three_ways_of_writing_it_mean_the_same(read):
    listed = read(STATES, "opensky-json")
    assert len(listed.observations) == 3
    assert listed.skipped == {"no position": 1}
    assert listed.observations["flags"].tolist() == [FLAG.AIRBORNE, FLAG.AIRBORNE, FLAG.ON_GROUND]
    for other in (
        read(as_columns(STATES), "opensky-json"),
        read({name: list(column.values()) for name, column in as_columns(STATES).items()}, "opensky-json"),
        read(as_csv(STATES), "opensky-csv"),
    ):
        assert other.error is None
        assert same(listed.observations, other.observations)
        assert (other.rows, other.skipped) == (4, {"no position": 1})


def test_columns_are_put_together_by_their_row_numbers(read):
    columns = as_columns(STATES[:2])
    columns["altitude"] = {"1": 1_000.0, "0": 2_000.0}
    del columns["callsign"]["0"]
    del columns["track"]
    parsed = read(columns, "opensky-json").observations
    assert parsed["altitude"] == pytest.approx([609.6, 304.8])
    assert parsed["callsign"].tolist() == [b"", b""]
    assert np.isnan(parsed["course"]).all()


@pytest.mark.parametrize(
    "stamp",
    [
        1_533_099_600,
        1_533_099_600_000,
        1_533_099_600_000_000,
        1_533_099_600_000_000_000,
        "2018-08-01 05:00:00",
        "2018-08-01T05:00:00Z",
        "2018-08-01 07:00:00+02:00",
        "2018-08-01 00:30:00.000-0430",
    ],
)
def test_times_are_understood_in_every_unit_and_in_iso(read, stamp):
    for parsed in (
        read([{**STATE, "timestamp": stamp}], "opensky-json"),
        read(as_columns([{**STATE, "timestamp": stamp}]), "opensky-json"),
        read(as_csv([{**STATE, "timestamp": stamp}]), "opensky-csv"),
    ):
        assert parsed.observations["time"].tolist() == [1_533_099_600_000_000], parsed.skipped


def test_mixed_ways_of_writing_times_in_one_file_are_understood(read):
    states = [{**STATE, "timestamp": stamp} for stamp in (1_533_099_600, "2018-08-01 05:00:00", "later", None)]
    for parsed in (read(states, "opensky-json"), read(as_csv(states), "opensky-csv")):
        assert parsed.observations["time"].tolist() == [1_533_099_600_000_000] * 2
        assert parsed.skipped == {"no time": 2}


@pytest.mark.parametrize("stamp", [-5, 0, 1e11, 1e30, 4_102_444_801, 600_000_000])
def test_a_time_in_which_no_aircraft_was_tracked_leaves_the_row_out(read, stamp):
    assert read([{**STATE, "timestamp": stamp}], "opensky-json").skipped == {"time out of range": 1}


def test_the_time_is_the_position_s_own_where_that_is_said(read):
    states = [{**STATE, "last_position": value} for value in (1_533_099_598_250, None, 1_533_099_700_000)]
    for parsed in (read(states, "opensky-json"), read(as_csv(states), "opensky-csv")):
        assert parsed.observations["time"].tolist() == [1_533_099_598_250_000, 1_533_099_600_000_000, 1_533_099_600_000_000]


def test_squawks_survive_having_been_numbers(read):
    states = [{**STATE, "squawk": squawk} for squawk in ("7000", 7000, 7000.0, 47.0, "0047", None, 8000.0)]
    for parsed in (read(states, "opensky-json"), read(as_csv(states), "opensky-csv")):
        assert parsed.observations["squawk"].tolist() == [0o7000, 0o7000, 0o7000, 0o47, 0o47, -1, -1]
        assert parsed.nulled == {"squawk": 1}


def test_the_columns_of_the_network_s_own_database_are_in_si_units(read):
    header = "time,icao24,lat,lon,velocity,heading,vertrate,callsign,onground,squawk,baroaltitude,geoaltitude,lastposupdate,lastcontact"
    line = "1533099600,44d071,46.5,8.25,230.5,157.5,-0.65,BEL3881 ,false,7000,10660.5,10700,1533099598.5,1533099599"
    parsed = read(f"{header}\n{line}\n".encode(), "opensky-csv")
    row = {name: column[0] for name, column in parsed.observations.columns.items()}
    assert (row["latitude"], row["longitude"], row["time"]) == (46.5, 8.25, 1_533_099_598_500_000)
    assert (row["speed"], row["course"], row["altitude"]) == (230.5, 157.5, 10_660.5)
    assert row["climb"] == pytest.approx(-0.65)


def test_a_byte_order_mark_windows_lines_and_quotes_are_no_fault(read):
    data = b"\xef\xbb\xbf" + as_csv(STATES).replace(b"\n", b"\r\n").replace(b"BEL3881", b'"BEL3881"')
    parsed = read(data, "opensky-csv")
    assert parsed.error is None
    assert same(parsed.observations, read(STATES, "opensky-json").observations)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1533099600000,44d071,X,oops,8.1,1,1,1,1,7000,False", "row 3 has no number in column latitude"),
        ("1533099600000,44d071,X,46.9,8.1,1,1,1,1,7000,perhaps", "row 3 has no yes or no in column onground"),
        ("1533099600000,44d071,X,46.9", "row 3 has 4 columns where 11 are needed"),
        ("1533099600000,44d071,X,46.9,8.1,1,1,1,1,7000,False,more", "row 3 has 12 columns where 11 are needed"),
        ("x" * 70_000, "row 3 is longer than 65,536 bytes"),
        ("x" * 3_000_000, "row 3 is longer than 65,536 bytes"),
    ],
)
def test_a_bad_row_is_named_and_left_out(read, line, says):
    lines = as_csv([STATE] * 5).splitlines()
    parsed = read(b"\n".join([*lines[:2], line.encode(), *lines[2:], b""]), "opensky-csv")
    assert says in str(parsed.error)
    assert len(parsed.observations) == (1 if "longer" in says else 5)
    assert parsed.observations["time"].tolist() == [1_533_099_600_000_000] * len(parsed.observations)


def test_bytes_that_are_no_text_spoil_only_their_own_row(read):
    lines = as_csv([STATE] * 3).splitlines()
    spoiled = lines[1].replace(b"BEL3881", b"\xff\xfe")
    parsed = read(b"\n".join([lines[0], spoiled, *lines[1:], b""]), "opensky-csv")
    assert len(parsed.observations) == 4
    assert parsed.observations["callsign"].tolist() == [b"", b"BEL3881", b"BEL3881", b"BEL3881"]


def test_a_quote_that_never_closes_swallows_nothing(read):
    lines = as_csv([STATE] * 3).splitlines()
    parsed = read(b"\n".join([lines[0], lines[1].replace(b"BEL", b'"BEL'), *lines[2:], b""]), "opensky-csv")
    assert len(parsed.observations) == 3


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"time,icao24\n1,2\n", b"a,b\n1,2\n", b"time,icao24,latitude,longitude\n", b"\xff\xfe,\x00\n\x01,\x02"]
)
def test_a_csv_file_with_nothing_in_it_gives_nothing(read, data):
    parsed = read(data, "opensky-csv")
    assert len(parsed.observations) == 0
    assert (parsed.error is None) == (data.startswith(b"time,icao24,lat"))


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_has_no_word_for_are_null(read, odd):
    for data in (json.dumps([{**STATE, "altitude": -55}] * 2), json.dumps(as_columns([{**STATE, "altitude": -55}] * 2))):
        parsed = read(data.replace("-55", odd, 1).encode(), "opensky-json")
        assert len(parsed.observations) == 2
        assert math.isnan(parsed.observations["altitude"][0])
        assert parsed.observations["altitude"][1] == pytest.approx(-16.764)
        assert parsed.nulled == {"not a number": 1}
    csv = as_csv([{**STATE, "altitude": -55}]).replace(b"-55", odd.lower().replace("infinity", "inf").encode())
    assert math.isnan(read(csv, "opensky-csv").observations["altitude"][0])


def test_a_value_of_the_wrong_kind_spoils_only_its_own_row_or_cell(read):
    listed = read([STATE, {**STATE, "latitude": "north"}, STATE], "opensky-json")
    assert len(listed.observations) == 2
    assert listed.skipped == {"mistyped": 1}
    assert "state vector 1 does not fit: Expected float | null, got str under latitude" in str(listed.error)
    columns = as_columns([STATE] * 3)
    columns["altitude"]["1"] = {"nested": True}
    parsed = read(columns, "opensky-json")
    assert len(parsed.observations) == 3
    assert math.isnan(parsed.observations["altitude"][1])
    assert "column altitude" in str(parsed.error)


def test_no_value_is_repeated_in_an_error(read):
    secret = "TOPSECRETWORD"
    for data, kind in (
        (json.dumps([{**STATE, "latitude": secret}]).encode(), "opensky-json"),
        (as_csv([{**STATE, "latitude": secret}]), "opensky-csv"),
        (json.dumps({"latitude": {"0": secret}}).encode(), "opensky-json"),
        (json.dumps({"aircraft": [{"lat": secret}]}).encode(), "readsb"),
        (json.dumps({"trace": [[secret]]}).encode(), "trace_full"),
        (f"MSG,3,1,1,4B1815,1,,,,,,,,,{secret},8.5,,,0,0,0,0\n".encode(), "sbs"),
    ):
        error = read(data, kind).error
        assert error is not None
        assert secret not in str(error)
