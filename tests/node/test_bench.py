"""Every bench runs small: to see that it works, not how fast it is."""

import json
import subprocess
import sys

import pytest

NAMES = ("formats", "picture", "journal", "detectors", "release", "exchange", "memory")


def bench(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tocsin", "bench", *map(str, arguments)], capture_output=True, text=True, timeout=110, check=False
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_bench_prints_figures_with_machine_and_date(name):
    ended = bench(name, "--small", "--json")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["machine"]
    assert len(found["date"]) == 10
    assert found[name]
    numbers = [value for value in json.dumps(found[name]).replace(":", " ").replace(",", " ").split() if value.replace(".", "").isdigit()]
    assert any(float(value) > 0 for value in numbers)


def test_the_exchange_says_what_an_envelope_costs_with_few_and_with_many_records_stored():
    found = json.loads(bench("exchange", "--small").stdout)
    assert {"recipients", "observations_per_s", "records_per_s", "p50_ms", "p99_ms", "bytes_per_observation", "cpu_s"} <= set(found)
    assert found["cost_per_envelope"]["cpu_ms_at_100"] > 0
    assert found["cost_per_envelope"]["cpu_ms_at_1000"] > 0
    assert not any(found[trouble] for trouble in ("lost", "doubled", "refused"))


def test_readsb_stands_beside_a_general_decoder():
    found = json.loads(bench("formats", "--small").stdout)["formats"]["rows_per_s"]
    assert {"readsb", "trace_full", "sbs", "opensky-json", "opensky-csv"} <= set(found)
    assert any(name.endswith("of readsb") for name in found)


def test_all_writes_the_page_of_figures_and_says_that_small_ones_mean_nothing(tmp_path):
    page = tmp_path / "figures.md"
    ended = bench("all", "--small", "--out", page)
    assert ended.returncode == 0, ended.stderr
    text = page.read_text()
    assert "SMALL RUN" in text
    for name in NAMES:
        assert f"## `tocsin bench {name}`" in text
