"""Real recordings, checked against the standard library's own readers: nothing lost, nothing made up, nothing doubled."""

import csv
import gzip
import io
import json
import math

import numpy as np
import pytest

from tocsin.core import FLAG, Identity, Label
from tocsin.formats import columns as wire
from tocsin.formats import parse, recognise

LABEL = Label("p", 0, frozenset({"ASTER"}), frozenset({"ASTER"}))
SAMPLES = [
    "collections/switzerland.json.gz",
    "military/aircraft_carrier.json.gz",
    "military/inflight_refuelling.json.gz",
    "noisy/noisy_ground.json.gz",
    "noisy/noisy_landing.json.gz",
    "noisy/noisy_spoofing.json.gz",
    "noisy/noisy_takeoff.json.gz",
    "noisy/noisy_time_issue.json.gz",
    "onground/zurich_airport.json.gz",
    "surveillance/border_control.json.gz",
    "ambulances/rega_zh.json.gz",
]


def load(path, **options):
    data = path.read_bytes()
    parsed = parse(data, recognise(path.name, data[:4096]), feed="f", realm="replay:r", label=LABEL, name=path.name, **options)
    assert parsed.error is None
    return parsed


def plain(path):
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def states(path):
    """The rows as the standard library reads them."""
    if ".csv" in path.name:
        rows = list(csv.DictReader(io.StringIO(plain(path).decode())))
        measures = ("latitude", "longitude", "altitude", "groundspeed", "track", "vertical_rate")
        return [{**row, **{name: float(row[name]) if row[name] else None for name in measures}} for row in rows]
    value = json.loads(plain(path))
    return (
        value
        if isinstance(value, list)
        else [dict(zip(value, cells, strict=True)) for cells in zip(*(c.values() for c in value.values()), strict=True)]
    )


def agrees(parsed, rows):
    """Every observation says what its row says, in order."""
    placed = [row for row in rows if row["latitude"] is not None and row["longitude"] is not None]
    observations = parsed.observations
    assert parsed.rows == len(rows)
    assert len(observations) == len(placed)
    assert parsed.skipped == ({"no position": len(rows) - len(placed)} if len(rows) > len(placed) else {})

    def column(name, factor=1.0):
        return np.array([math.nan if row.get(name) is None else row[name] * factor for row in placed])

    assert np.array_equal(observations["latitude"], column("latitude"))
    assert np.array_equal(observations["longitude"], column("longitude"))
    for ours, theirs, factor in (
        ("altitude", "altitude", 0.3048),
        ("speed", "groundspeed", 1852 / 3600),
        ("climb", "vertical_rate", 0.00508),
    ):
        assert np.allclose(observations[ours], column(theirs, factor), rtol=1e-6, atol=1e-6, equal_nan=True), ours
    assert np.allclose(observations["course"], column("track") % 360, rtol=1e-6, equal_nan=True)
    assert [Identity.text(int(value)) for value in observations["identity"]] == [row["icao24"].lower() for row in placed]
    assert [value.decode() for value in observations["callsign"]] == [(row.get("callsign") or "").strip() for row in placed]


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_say_what_the_standard_library_reads_in_them(samples, name):
    path = samples(name)
    agrees(load(path), states(path))


def test_a_day_over_switzerland_has_842_aircraft(samples):
    parsed = load(samples("collections/switzerland.json.gz"))
    assert len(parsed.observations) == 139_098
    assert len(np.unique(parsed.observations["identity"])) == 842
    assert (parsed.skipped, parsed.nulled) == ({}, {})


def test_the_trace_of_a_flight_is_whole(samples):
    path = samples("readsb/trace_full_ac671b.json")
    parsed, told = load(path), json.loads(path.read_text())
    observations = parsed.observations
    assert len(observations) == parsed.rows == len(told["trace"]) == 2_500
    assert set(map(int, observations["identity"])) == {Identity.parse("ac671b")}
    assert np.allclose(observations["time"] / 1e6, [told["timestamp"] + row[0] for row in told["trace"]], atol=1e-6)
    on_ground = [row[3] == "ground" for row in told["trace"]]
    assert ((observations["flags"] & FLAG.ON_GROUND) != 0).tolist() == on_ground
    feet = [math.nan if isinstance(row[3], str) or row[3] is None else row[3] * 0.3048 for row in told["trace"]]
    assert np.allclose(observations["altitude"], feet, equal_nan=True)
    assert {b"DAL1812"} <= set(observations["callsign"].tolist())


def test_a_recording_cut_by_half_keeps_its_first_half(samples):
    path = samples("collections/switzerland.json.gz")
    data = plain(path)[:6_000_000]
    parsed = parse(data, "opensky-json", feed="f", realm="live", label=LABEL, name="half.json")
    assert len(parsed.observations) == data.count(b"}")
    assert str(parsed.error).startswith("half.json: ends in the middle of state vector ")
    packed = path.read_bytes()
    parsed = parse(packed[: len(packed) // 2], "opensky-json", feed="f", realm="live", label=LABEL, name="half.json.gz")
    assert 50_000 < len(parsed.observations) < 90_000
    assert "end too early" in str(parsed.error)


def test_recorded_traffic_crosses_the_wire_in_a_third_of_its_size(samples):
    observations = load(samples("collections/switzerland.json.gz")).observations
    ordered = observations.select(np.argsort(observations["time"], kind="stable")[:20_000])
    packed = wire.pack(ordered)
    arrived = wire.unpack(packed)
    assert all(arrived[name].tobytes() == ordered[name].tobytes() for name in ordered.columns)
    assert len(packed) < len(ordered) * wire.ROW_BYTES / 3


@pytest.mark.parametrize(
    ("name", "rows", "aircraft"),
    [("air-recordings/switzerland.csv.gz", 139_098, 842), ("air-recordings/quickstart.csv.gz", 284_505, 213)],
)
def test_shared_csv_recordings_are_whole(shared, name, rows, aircraft):
    parsed = load(shared(name))
    assert len(parsed.observations) == rows
    assert len(np.unique(parsed.observations["identity"])) == aircraft


def test_the_csv_and_the_json_of_one_day_agree(shared, samples):
    listed, lines = (
        load(samples("collections/switzerland.json.gz")).observations,
        load(shared("air-recordings/switzerland.csv.gz")).observations,
    )

    def rows(observations):
        order = np.lexsort((observations["time"], observations["identity"]))
        return observations.select(order)

    one, two = rows(listed), rows(lines)
    assert np.array_equal(one["identity"], two["identity"])
    assert np.array_equal(one["callsign"], two["callsign"])
    assert np.allclose(one["latitude"], two["latitude"], atol=1e-9)
    assert np.allclose(one["altitude"], two["altitude"], atol=0.01)


def test_the_shared_csv_says_what_the_standard_library_reads_in_it(shared):
    path = shared("air-recordings/switzerland.csv.gz")
    agrees(load(path), states(path))


@pytest.mark.parametrize(
    "name",
    [
        "noisy_noisy_spoofing",
        "noisy_noisy_ground",
        "military_inflight_refuelling",
        "military_aircraft_carrier",
        "surveillance_border_control",
    ],
)
def test_shared_json_recordings_are_whole(shared, name):
    path = shared(f"air-recordings/{name}.json.gz")
    agrees(load(path), states(path))


def test_a_snapshot_of_military_aircraft_holds_708_rows_and_368_addresses(shared):
    path = shared("military-snapshot/mil_snapshot.json")
    told = json.loads(path.read_text())["ac"]
    parsed = load(path, undated=1_690_000_000_000_000)
    assert parsed.rows == len(told) == 708
    assert len({plane["hex"] for plane in told if "hex" in plane}) == 368
    placed = [plane for plane in told if "lat" in plane]
    assert parsed.skipped == {"no identity": 1, "no position": 185}
    assert len(parsed.observations) == len(placed) == 522
    assert [Identity.text(int(value)) for value in parsed.observations["identity"]] == [plane["hex"] for plane in placed]
    assert len(np.unique(parsed.observations["identity"])) == 272
    military = (parsed.observations["flags"] & FLAG.MILITARY) != 0
    assert military.tolist() == [bool(plane["dbFlags"] & 1) for plane in placed]
    multilaterated = (parsed.observations["flags"] & FLAG.MLAT) != 0
    assert multilaterated.tolist() == [plane["type"] == "mlat" or "lat" in plane["mlat"] for plane in placed]
    ages = [1_690_000_000_000_000 - round(plane["seen_pos"] * 1e6) for plane in placed]
    assert parsed.observations["time"].tolist() == ages


def test_a_snapshot_that_does_not_say_when_gives_no_observation(shared):
    parsed = load(shared("military-snapshot/mil_snapshot.json"))
    assert len(parsed.observations) == 0
    assert parsed.skipped["no time"] == 708
