"""The demonstration, whole: processes, relay, recorded traffic, exercise, and the figures it ends with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "samples"


@pytest.fixture(scope="module")
def figures():
    ended = subprocess.run(
        [sys.executable, "-m", "tocsin", "demo", "--once", "--json", "--cache", str(CACHE)],
        capture_output=True,
        text=True,
        timeout=400,
        stdin=subprocess.DEVNULL,
        env={**os.environ},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(ended.stdout)


@pytest.mark.timeout(420)
def test_real_traffic_arrives_whole(figures):
    assert figures["observations"] >= 100_000
    assert figures["aircraft_real"] >= 500
    assert figures["lost"] == 0
    assert figures["doubled"] == 0
    delivered = figures["observations_delivered"]
    assert set(delivered) == {"BIRCH", "CEDAR"}
    assert min(delivered.values()) >= 100_000
    assert "DEMO" in figures["demo"]


@pytest.mark.timeout(420)
def test_every_cleared_node_warns_by_itself_and_only_in_the_exercise(figures):
    own = [w for w in figures["warnings"] if w["origin"] == w["node"]]
    assert {w["node"] for w in own} == {"ASTER", "BIRCH", "CEDAR"}
    for warning in figures["warnings"]:
        assert warning["realm"] == "exercise:night-lantern"
        assert warning["topic"] == "airborne-rapid-deployment"
        assert warning["evidence"]
        assert all(item["weight"] > 0 and item["indicator"] for item in warning["evidence"])
    assert {w["node"] for w in own if w["level"] == "HIGH"} == {"ASTER", "BIRCH", "CEDAR"}


@pytest.mark.timeout(420)
def test_what_left_the_node_was_approved_by_a_named_person_and_acknowledged(figures):
    at_partners = [w for w in figures["warnings"] if w["origin"] != w["node"]]
    assert {w["node"] for w in at_partners} == {"BIRCH", "CEDAR"}
    for warning in at_partners:
        assert warning["origin"] == "ASTER"
        assert warning["approved_by"] == "mara"
        assert warning["issued_at"] >= warning["drafted_at"]
    aster = next(w for w in figures["warnings"] if w["node"] == "ASTER")
    assert {k["partner"]: k["state"] for k in aster["who_knows"] if k["partner"] != "ASTER"} == {
        "BIRCH": "acknowledged",
        "CEDAR": "acknowledged",
    }


@pytest.mark.timeout(420)
def test_the_third_partner_was_left_out_with_a_reason(figures):
    (withheld,) = figures["withheld"]
    assert withheld["from"] == ["CEDAR"]
    assert withheld["reasons"]["CEDAR"]


@pytest.mark.timeout(420)
def test_latency_is_measured_apart_from_the_cut(figures):
    late = figures["latency_ms"]
    assert 0 < late["p50"] <= late["p99"]
    assert figures["latency_while_cut_ms"]["p99"] > late["p50"]
    assert {name: by["n"] > 100 for name, by in figures["latency_by_node"].items()} == {"BIRCH": True, "CEDAR": True}


@pytest.fixture
def at_a_terminal():
    """Programs that are started heed Ctrl-C, even where these tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.timeout(200)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_demonstration_that_is_ended_leaves_no_process_behind(number, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "demo", "--once", "--cache", str(CACHE)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env={**os.environ, "TMPDIR": str(tmp_path)},
        start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "three nodes are up" in line:
            break
    assert started(tmp_path)
    process.send_signal(number)
    process.stderr.read()
    assert process.wait(60) != 0
    process.stderr.close()
    for _ in range(100):
        if not started(tmp_path):
            return
        time.sleep(0.1)
    raise AssertionError(started(tmp_path))


def started(folder):
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words:
            found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found
