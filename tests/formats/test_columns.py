"""Observations cross the wire unchanged, and nothing else comes out of bytes than a batch or a typed error."""

import dataclasses

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tocsin.core import FLAG, Identity, Label, TooLarge
from tocsin.core.observations import COLUMNS, NULLS, build
from tocsin.formats import BadBatch, parse
from tocsin.formats import columns as wire
from tocsin.formats.measure import synthetic

LABEL = Label("p", 2, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH", "CEDAR"}), frozenset({"SENSOR"}))
NOW = 1_700_000_000_000_000


def batch(rows=3, **changes):
    known = {
        "time": NOW + np.arange(rows) * 1_000_000,
        "identity": np.arange(1, rows + 1, dtype=np.uint64) | np.uint64(Identity.ICAO),
        "latitude": np.linspace(46, 47, rows),
        "longitude": np.linspace(7, 8, rows),
    }
    return build("receivers", "exercise:night-1", LABEL, rows, **{**known, **changes})


def same(one, two):
    return (one.feed, one.realm, one.label) == (two.feed, two.realm, two.label) and all(
        one[name].dtype == two[name].dtype == COLUMNS[name] and one[name].tobytes() == two[name].tobytes() for name in COLUMNS
    )


def frame(**changes):
    """A well-made frame around whatever is asked for."""
    observations = batch()
    fields = {
        "v": 1,
        "feed": "receivers",
        "realm": "live",
        "label": msgspec.to_builtins(LABEL, order="deterministic"),
        "rows": 3,
        "columns": {
            "time": np.diff(observations["time"], prepend=0).tobytes(),
            **{name: observations[name].tobytes() for name in ("identity", "latitude", "longitude")},
        },
    }
    if "columns" not in changes:
        fields["columns"] = dict(sorted(fields["columns"].items()))
    return zstandard.compress(msgspec.msgpack.encode({**fields, **changes}))


def columns(**changes):
    plain = msgspec.msgpack.decode(zstandard.decompress(frame()))["columns"]
    return {name: value for name, value in sorted({**plain, **changes}.items()) if value is not None}


def test_a_batch_crosses_unchanged():
    for format, data in synthetic(500).items():  # noqa: A001
        observations = parse(data, format, feed="f", realm="live", label=LABEL).observations
        assert same(wire.unpack(wire.pack(observations)), observations), format


def test_feed_realm_and_label_travel_inside():
    arrived = wire.unpack(wire.pack(batch()))
    assert (arrived.feed, arrived.realm, arrived.label) == ("receivers", "exercise:night-1", LABEL)


def test_an_empty_batch_crosses_too():
    assert same(wire.unpack(wire.pack(batch(0))), batch(0))


def test_the_frame_that_tests_alter_is_a_good_one():
    assert len(wire.unpack(frame())) == 3
    assert same(wire.unpack(frame()), dataclasses.replace(batch(), realm="live"))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.data())
def test_every_batch_in_range_crosses_bit_for_bit(data):
    rows = data.draw(st.integers(0, 8))

    def column(values):
        return data.draw(st.lists(values, min_size=rows, max_size=rows))

    def measure(low, high):
        return column(st.floats(low, high, width=32) | st.just(float("nan")))

    word = st.text("ABC019-", max_size=4).map(str.encode)
    observations = batch(
        rows,
        time=column(st.integers(NOW - 10**14, NOW + 10**14)),
        identity=column(st.sampled_from([0, Identity.ICAO | 5, Identity.OTHER | 0xFFFFFF, Identity.TRACK | 2**50])),
        latitude=column(st.floats(-90, 90)),
        longitude=column(st.floats(-180, 180)),
        altitude=measure(-1_500, 40_000),
        speed=measure(0, 1_500),
        course=measure(0, 360),
        climb=measure(-300, 300),
        accuracy=measure(0, 1e6),
        callsign=column(word),
        type=column(word),
        squawk=column(st.integers(-1, 0o7777)),
        integrity=column(st.integers(0, 11) | st.just(255)),
        flags=column(st.sampled_from([0, 1, 2, 4, 8, 16, 32, 61])),
    )
    assert same(wire.unpack(wire.pack(observations)), observations)


def test_columns_without_a_value_are_left_out():
    sent = msgspec.msgpack.decode(zstandard.decompress(wire.pack(batch())))["columns"]
    assert list(sent) == ["identity", "latitude", "longitude", "time"]
    arrived = wire.unpack(wire.pack(batch()))
    for name in COLUMNS.keys() - sent.keys():
        assert np.array_equal(arrived[name], np.full(3, NULLS.get(name, np.nan), COLUMNS[name]), equal_nan=COLUMNS[name].kind == "f")


def test_it_is_small():
    observations = parse(synthetic(5_000)["opensky-json"], "opensky-json", feed="f", realm="live", label=LABEL).observations
    assert len(wire.pack(observations)) < 32 * len(observations)  # of 69; the numbers are drawn at random
    assert len(wire.pack(batch(5_000))) < 16 * 5_000


def test_the_same_batch_is_the_same_bytes_whatever_its_nulls_were_made_of():
    other = np.array([0x7FC00001, 0xFFC00000, 0x7F800001], np.uint32).view(np.float32)
    plain = batch(altitude=[float("nan"), 5, 6])
    odd = plain.replace(altitude=np.array([other[1], 5, 6], np.float32))
    assert wire.pack(plain) == wire.pack(odd)
    assert wire.pack(batch(speed=other)) == wire.pack(batch())


def test_sets_are_written_in_order_so_that_equal_labels_are_equal_bytes():
    names = [f"PARTNER-{number}" for number in range(40)]
    forward = Label("p", 0, frozenset({"ASTER"}), frozenset(names))
    backward = Label("p", 0, frozenset({"ASTER"}), frozenset(reversed(names)))
    assert wire.pack(dataclasses.replace(batch(), label=forward)) == wire.pack(dataclasses.replace(batch(), label=backward))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("time", 0),
        ("time", -(2**62)),
        ("time", 2**62),
        ("identity", 4 << 56),
        ("identity", 7),
        ("identity", Identity.ICAO | 1 << 24),
        ("latitude", 90.1),
        ("latitude", float("nan")),
        ("longitude", float("inf")),
        ("altitude", 50_000),
        ("altitude", float("-inf")),
        ("speed", -1),
        ("course", -1),
        ("course", 361),
        ("climb", 301),
        ("accuracy", -1),
        ("squawk", 0o10000),
        ("squawk", -2),
        ("integrity", 12),
        ("flags", 64),
        ("flags", FLAG.ON_GROUND | FLAG.AIRBORNE),
        ("callsign", b"<script>"),
        ("callsign", b"a"),
        ("callsign", b"A\x00B"),
        ("callsign", b"\xff"),
        ("type", b"a320"),
    ],
)
def test_a_value_out_of_range_is_neither_sent_nor_taken(column, value):
    good = batch()
    spoiled = good[column].copy()
    spoiled[1] = value
    with pytest.raises(BadBatch, match=f"column {column} holds a value out of range in row 1"):
        wire.pack(good.replace(**{column: spoiled}))
    raw = np.diff(spoiled, prepend=np.int64(0)) if column == "time" else spoiled
    with pytest.raises(BadBatch, match=f"column {column} holds a value out of range in row 1"):
        wire.unpack(frame(columns=columns(**{column: raw.tobytes()})))


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": "1"},
        {"rows": -1},
        {"rows": 2},
        {"rows": 2**40},
        {"rows": 3.0},
        {"extra": 1},
        {"feed": ""},
        {"feed": "a\nb"},
        {"feed": "x" * 65},
        {"realm": "elsewhere"},
        {"realm": "live\n"},
        {"columns": []},
        {"columns": {"time": "text"}},
        {"label": None},
        {"label": {}},
        {"label": {**msgspec.to_builtins(LABEL, order="deterministic"), "unknown": 1}},
        {"label": {**msgspec.to_builtins(LABEL, order="deterministic"), "classification": -1}},
        {"label": {**msgspec.to_builtins(LABEL, order="deterministic"), "releasable_to": ["CEDAR", "BIRCH", "ASTER"]}},
        {"label": {**msgspec.to_builtins(LABEL, order="deterministic"), "releasable_to": ["ASTER", "ASTER", "BIRCH"]}},
    ],
)
def test_a_frame_with_any_other_field_is_refused(changes):
    with pytest.raises((BadBatch, TooLarge)) as caught:
        wire.unpack(frame(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"latitude": b""},
        {"latitude": b"\0" * 23},
        {"time": None},
        {"latitude": None},
        {"height": b"\0" * 24},
        {"flags": b"\0" * 6},
        {"callsign": b"\0" * 24},
        {"altitude": np.full(3, np.nan, np.float32).tobytes()},
        {"altitude": np.array([0x7FC00001, 0, 0], np.uint32).tobytes()},
    ],
)
def test_columns_that_pack_would_not_write_are_refused(changes):
    with pytest.raises(BadBatch):
        wire.unpack(frame(columns=columns(**changes)))


def test_a_label_field_that_stands_twice_is_refused():
    plain = zstandard.decompress(frame())
    once = msgspec.msgpack.encode("policy") + msgspec.msgpack.encode("p")
    assert plain.count(once) == 1
    twice = plain.replace(once, once + once).replace(b"\x85" + once, b"\x86" + once)
    with pytest.raises(BadBatch, match="the one way there is"):
        wire.unpack(zstandard.compress(twice))


def test_columns_out_of_order_are_refused():
    turned = dict(reversed(columns().items()))
    with pytest.raises(BadBatch, match="the one way there is"):
        wire.unpack(frame(columns=turned))


def test_rows_past_the_cap_are_neither_sent_nor_taken():
    with pytest.raises(TooLarge, match="rows"):
        wire.pack(batch(wire.MAX_ROWS + 1))
    assert len(wire.unpack(wire.pack(batch(wire.MAX_ROWS)))) == wire.MAX_ROWS
    with pytest.raises(TooLarge):
        wire.unpack(frame(rows=wire.MAX_ROWS + 1))


def test_a_label_too_long_for_a_header_is_neither_sent_nor_taken():
    many = Label("p", 0, frozenset({"ASTER"}), frozenset(f"PARTNER-{number:06d}" for number in range(6_000)))
    with pytest.raises(TooLarge):
        wire.pack(dataclasses.replace(batch(), label=many))
    with pytest.raises(TooLarge):
        wire.unpack(frame(label=msgspec.to_builtins(many, order="deterministic")))


def test_size_is_checked_before_anything_is_unpacked():
    bomb = zstandard.ZstdCompressor(level=1, write_content_size=True).compress(b"\0" * (wire.MAX_PLAIN + 1))
    with pytest.raises(TooLarge, match="content"):
        wire.unpack(bomb)
    with pytest.raises(TooLarge, match="packed"):
        wire.unpack(b"\0" * (wire.MAX_PACKED + 1))
    unsaid = zstandard.ZstdCompressor(write_content_size=False).compress(zstandard.decompress(frame()))
    with pytest.raises(BadBatch, match="does not say how large"):
        wire.unpack(unsaid)


def test_only_one_frame_and_nothing_after_it():
    for extra in (b"\0", frame(), b"\x50\x2a\x4d\x18\x01\x00\x00\x00x"):
        with pytest.raises(BadBatch):
            wire.unpack(frame() + extra)
    with pytest.raises(BadBatch):
        wire.unpack(b"\x50\x2a\x4d\x18\x01\x00\x00\x00x" + frame())  # a skippable frame before it


def test_a_dictionary_is_not_asked_for():
    words = zstandard.train_dictionary(1024, [frame()[:60] + bytes([n]) * 40 for n in range(255)])
    data = zstandard.ZstdCompressor(dict_data=words).compress(zstandard.decompress(frame()))
    with pytest.raises(BadBatch):
        wire.unpack(data)


def test_no_value_of_a_batch_stands_in_an_error():
    for changes in ({"feed": 5, "realm": "SECRETWORD"}, {"feed": "SECRETWORD\n"}, {"label": {"policy": "SECRETWORD"}}):
        with pytest.raises(BadBatch) as caught:
            wire.unpack(frame(**changes))
        assert "SECRETWORD" not in str(caught.value)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), min_size=1, max_size=4), st.booleans(), st.integers(0, 40))
@example([(0, 0)], True, 0)
def test_mutated_bytes_give_a_typed_error_or_a_batch_in_range(edits, inside, cut):
    data = bytearray(zstandard.decompress(GOOD) if inside else GOOD)
    for place, value in edits:
        data[place % len(data)] = value
    data = bytes(data[: len(data) - cut])
    try:
        arrived = wire.unpack(zstandard.compress(data) if inside else data)
    except (BadBatch, TooLarge) as error:
        says = str(error)
    else:
        says = ""
        assert same(wire.unpack(wire.pack(arrived)), arrived)
    assert "\n" not in says


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=300), st.booleans())
def test_noise_gives_a_typed_error(noise, framed):
    with pytest.raises((BadBatch, TooLarge)):
        wire.unpack(zstandard.compress(noise) if framed else noise)


GOOD = wire.pack(parse(synthetic(20)["readsb"], "readsb", feed="f", realm="live", label=LABEL).observations)
