"""A file that was cut, spoiled or made to hurt gives what can be saved, one line that says why, and never anything else."""

import gzip
import json
import time
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tocsin.core import InputError, Label, TooLarge
from tocsin.formats import FORMATS, BrokenGzip, Caps, FileTooLarge, UnknownFormat, gunzip, parse, recognise
from tocsin.formats.measure import synthetic

LABEL = Label("p", 0, frozenset({"ASTER"}), frozenset({"ASTER"}))
SMALL = synthetic(12)
SMALL["opensky-json columns"] = json.dumps(
    {
        name: {str(i): state[name] for i, state in enumerate(json.loads(SMALL["opensky-json"]))}
        for name in json.loads(SMALL["opensky-json"])[0]
    }
).encode()
NAMES = sorted(SMALL)


def parsed(data, name, **options):
    return parse(data, name.split()[0], feed="f", realm="live", label=LABEL, name="a file", **options)


def rows_of(observations):
    return [tuple(repr(column[index]) for column in observations.columns.values()) for index in range(len(observations))]


def whole_objects(text, after):
    """How many objects or arrays stand whole in the list that begins after `after`: by the standard library's reader."""
    decoder, place, count = json.JSONDecoder(), text.index(after) + len(after), 0
    while place < len(text) and text[place] in "{[":
        try:
            _, place = decoder.raw_decode(text, place)
        except ValueError:
            break
        count += 1
        place += text[place : place + 1] == ","
    return count


@pytest.mark.parametrize(("name", "after"), [("readsb", '"aircraft":['), ("trace_full", '"trace":['), ("opensky-json", "[")])
def test_a_json_list_cut_anywhere_keeps_every_whole_element(name, after):
    data = SMALL[name]
    everything = rows_of(parsed(data, name).observations)
    for cut in range(data.index(after.encode()) + len(after), len(data), 17):
        found = parsed(data[:cut], name)
        expected = whole_objects(data[:cut].decode(), after)
        assert rows_of(found.observations) == everything[:expected], cut
        assert found.rows == expected
        assert "a file: ends" in str(found.error), cut
        assert "byte" in str(found.error)


def test_the_time_of_a_cut_snapshot_is_kept_though_it_stood_at_the_end_or_the_start():
    planes = json.loads(SMALL["readsb"])["aircraft"]
    first = json.dumps({"now": 1_700_000_000.5, "aircraft": planes}).encode()
    assert len(parsed(first[: len(first) // 2], "readsb").observations) > 3
    spoiled = json.dumps({"ac": [*planes, {"lat": "x"}], "now": 1_700_000_000_500}).encode()
    found = parsed(spoiled, "readsb")
    assert len(found.observations) == 12
    assert found.observations["time"][0] == 1_700_000_000_100_000


@pytest.mark.parametrize("name", ["sbs", "opensky-csv"])
def test_lines_cut_anywhere_keep_every_row_before(name):
    data = SMALL[name]
    everything = rows_of(parsed(data, name).observations)
    for cut in range(data.index(b"\n") + 1, len(data), 13):
        found = rows_of(parsed(data[:cut], name).observations)
        before = rows_of(parsed(data[: data.rfind(b"\n", 0, cut) + 1], name).observations)
        assert found[: len(before)] == before == everything[: len(before)]
        assert len(found) - len(before) in (0, 1)


def test_columns_cut_anywhere_keep_the_rows_that_have_what_a_row_needs():
    data = SMALL["opensky-json columns"]
    most = 0
    for cut in range(2, len(data), 11):
        found = parsed(data[:cut], "opensky-json")
        assert found.error is not None
        assert len(found.observations) <= 12
        # Nothing comes before time, address, latitude and longitude have come; then every row stays.
        assert len(found.observations) >= most
        most = len(found.observations)
    assert most == 12


def test_one_spoiled_object_in_the_middle_costs_only_itself():
    planes = json.loads(SMALL["readsb"])["aircraft"]
    planes[5]["gs"] = "fast"
    planes[8]["lat"] = [1]
    found = parsed(json.dumps({"now": 1_700_000_000, "aircraft": planes}).encode(), "readsb")
    assert len(found.observations) == 10
    assert found.skipped == {"mistyped": 2}
    assert "aircraft 5 does not fit: Expected float | null, got str under gs" in str(found.error)


def test_text_that_breaks_in_the_middle_is_not_guessed_at():
    data = SMALL["readsb"]
    place = data.index(b'"hex"', len(data) // 2)
    found = parsed(data[:place] + b'"he' + data[place:], "readsb")
    assert 4 <= len(found.observations) <= 7
    assert rows_of(found.observations) == rows_of(parsed(data, "readsb").observations)[: len(found.observations)]
    assert "nothing after it is read, at byte" in str(found.error)


def test_brackets_and_quotes_inside_strings_are_text():
    planes = json.loads(SMALL["readsb"])["aircraft"][:3]
    for plane in planes:
        plane["r"] = '}],{"hex":"\\"]}{[\\'
    planes[1]["gs"] = None
    data = json.dumps({"now": 1_700_000_000, "aircraft": planes}).encode()
    assert len(parsed(data, "readsb").observations) == 3
    assert len(parsed(data[:-30], "readsb").observations) == 2


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":', b'{"aircraft":[', b'{"trace":[[', b'{"latitude":{"0":'])
@pytest.mark.parametrize("name", ["readsb", "trace_full", "opensky-json"])
def test_nesting_without_end_is_refused_in_one_line(name, opening):
    found = parsed(opening * 200_000, name)
    assert len(found.observations) == 0
    assert isinstance(found.error, InputError)
    assert "\n" not in str(found.error)


def test_a_deep_object_costs_only_itself():
    planes = json.loads(SMALL["readsb"])["aircraft"][:3]
    data = json.dumps({"now": 1_700_000_000, "aircraft": planes}).encode()
    for depth in (40, 5_000):
        bomb = data.replace(b'"ias"', b'"deep":' + b"[" * depth + b"]" * depth + b',"lat":"x","ias"', 1)
        found = parsed(bomb, "readsb")
        assert len(found.observations) == 2
        assert found.skipped == {"nested too deep": 1}


def test_caps_on_rows_keep_the_first_rows():
    for name in NAMES:
        found = parsed(SMALL[name], name, caps=Caps(rows=5))
        assert isinstance(found.error, TooLarge), name
        assert found.rows <= 6, name
        if "columns" not in name:
            assert rows_of(found.observations) == rows_of(parsed(SMALL[name], name).observations)[: len(found.observations)]
            assert len(found.observations) >= 1, name


def test_caps_on_bytes_keep_what_fits():
    for name in NAMES:
        cap = len(SMALL[name]) * 2 // 3
        for data in (SMALL[name], gzip.compress(SMALL[name])):
            found = parsed(data, name, caps=Caps(bytes=cap))
            assert isinstance(found.error, FileTooLarge), name
            assert found.observations.columns["time"].size >= (0 if "columns" in name else 3), name


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("opensky-json", b"[" * 8_000_000),
        ("opensky-json", b'["' + b'\\"' * 4_000_000),
        ("opensky-json", b'{"latitude":{' + b'"1":1,' * 1_500_000),
        ("readsb", b'{"aircraft":[' + b"}" * 8_000_000),
        ("trace_full", b'{"trace":[' + b"[]," * 2_500_000),
        ("opensky-csv", b"time,icao24,latitude,longitude\n" + b"," * 8_000_000),
        ("opensky-csv", b"time,icao24,latitude,longitude\n" + b"a\n" * 4_000_000),
        ("sbs", b"MSG\n" * 2_000_000),
    ],
)
def test_files_made_to_hurt_are_over_soon(name, data):
    begin = time.perf_counter()
    found = parsed(data, name, caps=Caps(rows=100_000))
    assert time.perf_counter() - begin < 20  # far more than it takes; without caps it would be minutes
    assert len(found.observations) == 0
    assert found.error is not None


def test_rows_before_a_heap_of_broken_ones_stay():
    good = SMALL["opensky-csv"]
    found = parsed(good + b"a\n" * 60_000 + good.split(b"\n", 1)[1], "opensky-csv")
    assert len(found.observations) == 12
    assert "more than 50,000 rows have another width, nothing after row 50,0" in str(found.error)


def test_a_heap_of_tiny_objects_is_cut_before_it_is_built():
    data = b"[" + b"{}," * 3_000_000 + b"{}]"
    found = parsed(data, "opensky-json", caps=Caps(rows=1_000))
    assert isinstance(found.error, TooLarge)
    assert found.rows <= 1_000


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from(["flip", "cut", "insert", "drop"]), st.binary(max_size=6)), min_size=1, max_size=5
    )
)
@example(edits=[(0.5, "insert", b'"')])
@example(edits=[(0.5, "insert", b"\\")])
@example(edits=[(0.3, "insert", b"\x00")])
@example(edits=[(0.1, "cut", b"")])
def test_no_spoiled_file_raises_anything(name, edits):
    data = bytearray(SMALL[name])
    for place, act, extra in edits:
        at = int(place * max(len(data) - 1, 0))
        if act == "cut":
            del data[at:]
        elif act == "drop":
            del data[at : at + 1 + len(extra)]
        elif act == "insert":
            data[at:at] = extra
        else:
            data[at : at + len(extra)] = extra
    found = parsed(bytes(data), name)
    assert len(found.observations) <= 40
    if found.error is not None:
        assert "\n" not in str(found.error)
        assert str(found.error).isprintable()


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)))
def test_noise_gives_nothing_and_raises_nothing(name, noise):
    assert len(parsed(noise, name).observations) <= 1


def json_values():
    leaves = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.sampled_from([10**400, -(2**64), 1e308])
        | st.floats(allow_nan=False)
        | st.text(max_size=5)
    )
    keys = st.sampled_from(["hex", "icao24", "lat", "latitude", "timestamp", "alt_baro", "squawk", "trace", "flight", "0", "1", "mlat"])
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6), max_leaves=12)


@pytest.mark.parametrize("name", ["readsb", "trace_full", "opensky-json"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    value=json_values(),
    wrap=st.sampled_from(
        ["%s", '{"now":1700000000,"aircraft":[%s]}', '{"icao":"4b1815","timestamp":1,"trace":[%s]}', "[%s]", '{"latitude":%s}']
    ),
)
def test_json_of_any_other_shape_raises_nothing(name, value, wrap):
    found = parsed((wrap % json.dumps(value)).encode(), name)
    assert found.error is None or "\n" not in str(found.error)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("opensky-json", '{"timestamp":{"0":HUGE},"latitude":{"0":HUGE}}'),
        ("opensky-json", '[{"timestamp":1e308,"latitude":1e308,"squawk":1e308,"icao24":"4b1815"}]'),
        ("readsb", '{"now":1e308,"aircraft":[{"hex":"4b1815","lat":1,"lon":1,"seen_pos":1e308,"dbFlags":HUGE}]}'),
        ("readsb", '{"now":1.7e9,"aircraft":[{"hex":"4b1815","lat":1,"lon":1,"alt_baro":1e308,"gs":-1e308,"nic":1e308,"rc":1e300}]}'),
        ("readsb", '{"now":1.7e9,"aircraft":[{"hex":"4b1815","lat":1,"lon":1,"squawk":HUGE}]}'),
        ("trace_full", '{"icao":"4b1815","timestamp":1e308,"trace":[[1e308,1,1,1e308,1e308,1e308,HUGE,1e308]]}'),
        ("opensky-csv", "time,icao24,latitude,longitude\n1e400,4b1815,1e400,1e-400\nHUGE,4b1815,1,1\n"),
        ("opensky-csv", "time,icao24,latitude,longitude\n1969-01-01,4b1815,1,1\n9999-12-31T23:59:59Z,4b1815,1,1\n"),
        ("sbs", "MSG,3,1,1,4B1815,1,2023/11/14,22:13:20.0,,,,HUGE,,,1,1,,,0,0,0,0\n"),
    ],
)
def test_numbers_without_measure_are_never_taken_for_measurements(name, data):
    observations = parsed(data.replace("HUGE", "9" * 400).encode(), name).observations
    for column in ("altitude", "speed", "climb", "accuracy"):
        assert not (abs(observations[column]) > 1e8).any()
    assert not (observations["time"] > 4_102_444_800_000_000).any()


def test_of_two_columns_with_one_name_the_first_counts():
    data = b"time,time,icao24,icao24,latitude,longitude,latitude\n1700000000,1,4b1815,xx,47,8,1\n"
    found = parsed(data, "opensky-csv")
    assert found.error is None
    assert (found.observations["time"][0], found.observations["latitude"][0]) == (1_700_000_000_000_000, 47)


def test_gzip_gives_back_what_went_in_members_and_all():
    assert gunzip(gzip.compress(b"one ") + gzip.compress(b"two"), cap=100) == b"one two"
    assert gunzip(gzip.compress(b"x" * 100), cap=100) == b"x" * 100
    assert gunzip(gzip.compress(b"one") + b"\0" * 512, cap=100) == b"one"


def test_gzip_that_ends_early_hands_over_what_came_out():
    whole = bytes(range(256)) * 400
    packed = gzip.compress(whole, 1)
    for cut in (11, len(packed) // 2, len(packed) - 1):
        with pytest.raises(BrokenGzip, match="end too early") as caught:
            gunzip(packed[:cut], cap=10**6, name="day.gz")
        assert whole.startswith(caught.value.recovered)
        assert str(caught.value).startswith("day.gz: ")


def test_gzip_that_is_damaged_says_so():
    packed = bytearray(gzip.compress(b"abc" * 5_000))
    packed[-6] ^= 0xFF
    with pytest.raises(BrokenGzip, match="damaged"):
        gunzip(bytes(packed), cap=10**6)
    with pytest.raises(BrokenGzip):
        gunzip(b"\x1f\x8bnonsense", cap=100)


def test_a_bomb_of_zeros_is_not_inflated():
    squeezed = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeezed.compress(b"\0" * 2**20) for _ in range(256)) + squeezed.flush()
    begin = time.perf_counter()
    with pytest.raises(FileTooLarge) as caught:
        gunzip(bomb, cap=2**20)
    assert len(caught.value.recovered) == 2**20
    assert time.perf_counter() - begin < 5


def test_a_compressed_recording_is_parsed_as_it_is():
    for name in NAMES:
        assert rows_of(parsed(gzip.compress(SMALL[name]), name).observations) == rows_of(parsed(SMALL[name], name).observations)


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_recognised_by_its_first_bytes_compressed_or_not(name):
    for head in (
        SMALL[name],
        SMALL[name][:600],
        b"\xef\xbb\xbf \n" + SMALL[name],
        gzip.compress(SMALL[name]),
        gzip.compress(SMALL[name])[:400],
    ):
        assert recognise("recording", head) == name.split()[0]


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a", b""),
        ("a.json", b'{"type":"FeatureCollection","features":[{"latitude":1}]}'),
        ("a.json", b'{"result":{"response":{"timestamp":1}}}'),
        ("a.json", b'[{"latitude": 1}]'),
        ("a.csv", b"time,price\n1,2\n"),
        ("a.bin", b"\x1a\x33\x00\x01"),
        ("a.gz", b"\x1f\x8b\x08nonsense"),
        ("bad\nname\x1b[31m.xml", b"<xml/>"),
    ],
)
def test_what_is_in_no_known_format_is_refused_in_one_line(name, head):
    with pytest.raises(UnknownFormat) as caught:
        recognise(name, head)
    assert str(caught.value).isprintable()


def test_the_name_helps_where_the_first_bytes_do_not():
    assert recognise("data/aircraft.json", b'{ "now" : 1700000000.5, "messages": 5') == "readsb"
    assert recognise("trace_full_ac671b.json", b'{"icao":"ac671b","noRegData":true') == "trace_full"


def test_a_format_that_is_not_there_is_refused():
    with pytest.raises(UnknownFormat, match="use one of readsb"):
        parse(b"", "asterix", feed="f", realm="live", label=LABEL)
