"""BaseStation lines say a bit each; a row comes for every position, filled with what was said before of the same aircraft."""

import gzip
import math

import pytest

from tocsin.core import FLAG, Identity

HEX = "4B1815"


def line(kind, second=0.0, address=HEX, **said):
    order = ["callsign", "altitude", "speed", "course", "latitude", "longitude", "climb", "squawk", "alert", "emergency", "spi", "ground"]
    moment = f"2023/11/14,22:13:{second + 20:06.3f}"
    return f"MSG,{kind},1,1,{address},1,{moment},{moment}," + ",".join(str(said.get(name, "")) for name in order)


def position(second=0.0, address=HEX, altitude=10_000, ground=0, **said):
    return line(3, second, address, altitude=altitude, latitude=47.25, longitude=8.5, ground=ground, **said)


def sbs(*lines):
    return "\r\n".join([*lines, ""]).encode()


def test_a_position_is_filled_from_the_other_kinds_of_message(read):
    parsed = read(
        sbs(
            line(1, callsign="SWR123  "),
            line(4, 1, speed=400, course=90, climb=-1_200),
            line(6, 2, squawk=4637),
            line(8, 2, ground=0),
            position(2.5),
        ),
        "sbs",
    )
    assert parsed.error is None
    assert parsed.rows == 5
    assert parsed.skipped == {"no position of its own": 4}
    row = {name: column[0] for name, column in parsed.observations.columns.items()}
    assert row["time"] == 1_700_000_000_000_000 + 2_500_000
    assert Identity.text(int(row["identity"])) == "4b1815"
    assert (row["callsign"], row["squawk"]) == (b"SWR123", 0o4637)
    assert row["altitude"] == pytest.approx(3_048)
    assert row["speed"] == pytest.approx(205.7778, abs=1e-3)
    assert row["course"] == 90
    assert row["climb"] == pytest.approx(-6.096, abs=1e-4)
    assert row["flags"] == FLAG.AIRBORNE


def test_altitude_comes_from_types_5_and_6_where_a_position_lacks_it(read):
    parsed = read(sbs(line(5, altitude=5_000), position(1, altitude="")), "sbs")
    assert parsed.observations["altitude"][0] == pytest.approx(1_524)


def test_what_is_said_later_changes_nothing_before(read):
    parsed = read(sbs(position(0), line(1, 1, callsign="LATE"), line(4, 1, speed=100), position(2)), "sbs").observations
    assert parsed["callsign"].tolist() == [b"", b"LATE"]
    assert math.isnan(parsed["speed"][0])
    assert parsed["speed"][1] == pytest.approx(51.444, abs=1e-2)


def test_aircraft_do_not_borrow_from_each_other(read):
    parsed = read(
        sbs(
            line(1, address="AAAAAA", callsign="FIRST"),
            line(4, address="AAAAAA", speed=300),
            position(1, "BBBBBB"),
            position(1, "AAAAAA"),
            line(1, 1, address="BBBBBB", callsign="SECOND"),
            position(2, "BBBBBB"),
        ),
        "sbs",
    ).observations
    assert parsed["callsign"].tolist() == [b"", b"FIRST", b"SECOND"]
    assert [math.isnan(value) for value in parsed["speed"]] == [True, False, True]


def test_rows_keep_the_order_of_the_file(read):
    parsed = read(sbs(*(position(number, f"40000{9 - number}") for number in range(9))), "sbs").observations
    assert [Identity.text(int(value)) for value in parsed["identity"]] == [f"40000{9 - number}" for number in range(9)]


def test_an_old_speed_is_not_passed_off_as_new(read):
    parsed = read(sbs(line(1, callsign="KEPT"), line(4, 0, speed=400, course=90), position(29), position(31)), "sbs").observations
    assert [math.isnan(value) for value in parsed["speed"]] == [False, True]
    assert [math.isnan(value) for value in parsed["course"]] == [False, True]
    assert parsed["callsign"].tolist() == [b"KEPT", b"KEPT"]


def test_a_surface_position_is_on_the_ground(read):
    parsed = read(sbs(line(2, altitude="", speed=12, course=180, latitude=47.25, longitude=8.5, ground=-1)), "sbs").observations
    assert parsed["flags"].tolist() == [FLAG.ON_GROUND]
    assert parsed["speed"][0] == pytest.approx(6.173, abs=1e-2)


def test_lines_of_other_kinds_are_counted_and_harmless(read):
    parsed = read(sbs("AIR,,333,1,4B1815,1,2023/11/14,22:13:20,x,y", "SEL,,1,1,4B1815,1", position(), "MSG,9" + position()[5:]), "sbs")
    assert parsed.error is None
    assert len(parsed.observations) == 1
    assert parsed.skipped["other message"] == 3


@pytest.mark.parametrize(
    "broken",
    [
        "MSG,3,1,1,4B1815,1,2023/11/14,22:13:20",
        "MSG,3,1,1,4B1815,1,2023/11/14,22:13:20.0,2023/11/14,22:13:20.0,,abc,,,47.2,8.5,,,0,0,0,0",
        "complete nonsense",
        "MSG,3," + "x" * 200_000,
    ],
)
def test_a_broken_line_is_left_out_counted_and_named(read, broken):
    parsed = read(sbs(position(0), position(1), broken), "sbs")
    assert len(parsed.observations) == 2
    assert "a file: row 3 " in str(parsed.error)


@pytest.mark.parametrize("moment", ["2023/02/31,22:13:20.000", "2023/11/14,25:13:20.000", "yesterday,22:13:20", ",", "2023/11/14,"])
def test_a_time_that_is_none_leaves_the_row_out(read, moment):
    bad = position().replace("2023/11/14,22:13:20.000", moment, 1)
    parsed = read(sbs(bad, position(1)), "sbs")
    assert len(parsed.observations) == 1
    assert parsed.skipped == {"no time": 1}


def test_only_the_lines_that_have_ended_are_believed_of_a_cut_file(read):
    lines = sbs(*(position(number, altitude=38_000) for number in range(9)))
    parsed = read(gzip.compress(lines)[:-12], "sbs")
    assert 0 < len(parsed.observations) < 9 or parsed.rows == 9
    assert "too early" in str(parsed.error)
    assert parsed.observations["altitude"] == pytest.approx(11_582.4)
