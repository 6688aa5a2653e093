"""Series and events out of CSV: what is odd is said, what is missing stays missing."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import InputError, TooLarge
from tocsin.warning.backtest import read_events, read_series
from tocsin.warning.backtest.daily import LABEL
from tocsin.warning.backtest.series_file import MAX_BYTES
from tocsin.warning.errors import BadSeries

from .making import START, counts, csv


def read(text: str | bytes, **columns: str):
    data = text if isinstance(text, bytes) else text.encode()
    names = {"date_column": "date", "count_column": "n"} | columns
    return read_series(data, "f.csv", name="aircraft", label=LABEL, **names)


def day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(np.int64))


def test_a_plain_file_gives_its_counts_by_day_and_nothing_odd():
    found = read("date,n\n2024-01-01,3\n2024-01-02,0\n2024-01-03,12\n")
    assert found.series.day.tolist() == [day("2024-01-01") + i for i in range(3)]
    assert found.series.value.tolist() == [3.0, 0.0, 12.0]
    assert (found.faults, found.rows, found.missing) == ((), 3, 0)


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_first_column():
    found = read(b"\xef\xbb\xbfdate,n\r\n2024-01-01,3\r\n")
    assert found.series.value.tolist() == [3.0]


@pytest.mark.parametrize("nothing", ["", "-", "N/A", "null"])
def test_a_day_without_a_count_is_missing_and_not_zero(nothing):
    found = read(f"date,n\n2024-01-01,3\n2024-01-02,{nothing}\n2024-01-03,5\n")
    assert found.series.value.tolist() == [3.0, 5.0]
    assert found.missing == 1
    assert any("missing, not zero" in line and "Line 3" in line for line in found.faults)


def test_a_day_that_is_not_in_the_file_is_missing_and_said():
    found = read("date,n\n2024-01-01,3\n2024-01-05,5\n")
    assert found.missing == 3
    assert found.faults == ("3 days between the first and the last have no count: missing, not zero.",)


def test_a_zero_that_stands_there_is_a_count():
    assert read("date,n\n2024-01-01,0\n").series.value.tolist() == [0.0]


def test_the_same_row_twice_counts_once_and_is_said():
    found = read("date,n\n2024-01-01,3\n2024-01-01,3\n2024-01-02,4\n")
    assert found.series.value.tolist() == [3.0, 4.0]
    assert "the same count" in found.faults[0]


def test_of_a_day_with_two_counts_the_later_row_counts_and_it_is_said():
    found = read("date,n\n2024-01-01,3\n2024-01-01,9\n")
    assert found.series.value.tolist() == [9.0]
    assert "another count" in found.faults[0]


def test_rows_out_of_order_are_sorted_and_it_is_said():
    found = read("date,n\n2024-01-02,4\n2024-01-01,3\n")
    assert found.series.value.tolist() == [3.0, 4.0]
    assert "not in order" in found.faults[0]


def test_what_is_no_count_is_missing_and_its_lines_are_named():
    found = read("date,n\n2024-01-01,3\n2024-01-02,many\n2024-01-03,-4\n2024-01-04,inf\n")
    assert found.series.value.tolist() == [3.0]
    assert found.faults[0].startswith("Lines 3, 4, 5:")


@pytest.mark.parametrize("text", ["2024-03-05", "2024/3/5", "20240305", "2024.03.05", "2024-03-05 08:00", "113-03-05"])
def test_dates_as_people_write_them(text):
    assert read(f"date,n\n{text},1\n").series.day.tolist() == [day("2024-03-05")]


def test_years_of_the_other_calendar_are_said():
    assert "1911" in read("date,n\n113-03-05,1\n").faults[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("date,n\nyesterday,1\n", "f.csv:2: 'yesterday' is not a date"),
        ("date,n\n2024-02-30,1\n", "f.csv:2: '2024-02-30' is no day"),
        ("date,count\n2024-02-03,1\n", "f.csv:1: 0 columns named 'n': there are date, count"),
        ("date,n,n\n2024-02-03,1,2\n", "2 columns named 'n'"),
        ("date,n\n2024-02-03,1,7\n", "f.csv:2: 3 cells under 2 columns"),
        ('date,n\n2024-02-03,"1\n', "not CSV"),
        ("", "0 columns named 'date': there are none"),
        ("date,n\n2024-02-03,\n", "f.csv:2: no row's 'n' is a count"),
    ],
)
def test_what_cannot_be_a_series_is_refused_with_file_and_line(text, says):
    with pytest.raises(BadSeries, match=r"^[^\n]*$") as caught:
        read(text)
    assert says in str(caught.value)


def test_bytes_that_are_not_text_name_the_line():
    with pytest.raises(BadSeries, match=r"f\.csv:3: not UTF-8"):
        read(b"date,n\n2024-01-01,3\n\xff\xfe,4\n")


def test_a_file_past_the_cap_is_refused_before_it_is_read():
    with pytest.raises(TooLarge):
        read(b"x" * (MAX_BYTES + 1))


@given(st.binary(max_size=400))
def test_no_bytes_make_anything_but_a_series_or_an_error_of_ours(data):
    with contextlib.suppress(InputError):
        assert len(read(b"date,n\n" + data).series) > 0


def test_a_level_that_doubles_at_once_asks_whether_the_column_changed():
    values = np.concatenate([counts(300), 3.0 * counts(300, seed=2)])
    (line,) = read(csv(values)).faults
    assert "did the meaning of the column change?" in line
    said = day(line.split()[1])
    assert abs(said - (START + 300)) <= 31


def test_one_exercise_is_no_change_of_the_column():
    values = counts(600)
    values[300:303] = 150.0
    assert read(csv(values)).faults == ()


def test_weeks_of_zeros_are_said():
    values = counts(200)
    values[100:130] = 0.0
    assert any("30 zeros in a row" in line or "31 zeros in a row" in line for line in read(csv(values)).faults)


def test_events_come_by_their_start_with_their_tier():
    found = read_events(b"name,start,end,tier\nB,2024-05-23,2024-05-24,1\nA,2023-04-08,2023-04-10,2\n", "e.csv")
    assert [(e.name, e.tier, e.end - e.start) for e in found] == [("A", "2", 2), ("B", "1", 1)]


@pytest.mark.parametrize("row", ["A,2024-05-24,2024-05-23,1", ",2024-05-23,2024-05-24,1", "A,soon,2024-05-24,1"])
def test_an_event_that_cannot_be_is_refused(row):
    with pytest.raises(BadSeries, match=r"e\.csv:2"):
        read_events(f"name,start,end,tier\n{row}\n".encode(), "e.csv")


def test_the_same_row_twice_is_one_event_and_one_name_may_be_used_of_two_times():
    one = "A,2024-05-23,2024-05-24,1\n"
    assert len(read_events(("name,start,end,tier\n" + 2 * one).encode(), "e.csv")) == 1
    found = read_events(("name,start,end,tier\n" + one + "A,2024-06-23,2024-06-24,1\n").encode(), "e.csv")
    assert [(e.name, e.end - e.start) for e in found] == [("A", 1), ("A", 1)]


def test_events_without_a_head_line_are_name_start_end_and_tier():
    rows = b"\xef\xbb\xbfB,2024-05-23,2024-05-24,1\nA,2023-04-08,2023-04-10\n"
    assert read_events(rows, "e.csv") == read_events(b"name,start,end,tier\n" + rows[3:], "e.csv")
    assert [(e.name, e.tier) for e in read_events(rows, "e.csv")] == [("A", ""), ("B", "1")]
    with pytest.raises(BadSeries, match=r"e\.csv:1"):
        read_events(b"A,2024-13-23,2024-05-24,1\n", "e.csv")
    with pytest.raises(BadSeries, match="columns named 'name'"):
        read_events(b"what,when,until\nA,2024-05-23,2024-05-24\n", "e.csv")
