"""Every bench runs small: to see that it works, not how fast it is."""

import json
import subprocess
import sys

import pytest

from tocsin.node.commands.figures import GOALS, flat, page

NAMES = ("formats", "picture", "journal", "detectors", "release", "exchange", "memory")

pytestmark = pytest.mark.timeout(300)


def bench(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tocsin", "bench", *map(str, arguments)], capture_output=True, text=True, timeout=280, check=False
    )


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """What `bench all` prints, small, and the page that it writes."""
    page = tmp_path_factory.mktemp("figures") / "figures.md"
    ended = bench("all", "--small", "--json", "--out", page)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout), page.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_bench_prints_figures(everything, name):
    found = everything[0][name]
    numbers = [value for value in json.dumps(found).replace(":", " ").replace(",", " ").split() if value.replace(".", "").isdigit()]
    assert any(float(value) > 0 for value in numbers)


def test_a_bench_says_on_which_machine_and_when():
    found = json.loads(bench("picture", "--small", "--json").stdout)
    assert found["machine"]
    assert len(found["date"]) == 10
    assert found["picture"]["tracks"] == found["tracks"] == 300


def test_the_exchange_says_what_an_envelope_costs_with_few_and_with_many_records_stored(everything):
    found = everything[0]["exchange"]
    assert {"recipients", "observations_per_s", "records_per_s", "p50_ms", "p99_ms", "bytes_per_observation", "cpu_s"} <= set(found)
    assert found["cost_per_envelope"]["cpu_ms_at_100"] > 0
    assert found["cost_per_envelope"]["cpu_ms_at_1000"] > 0
    assert not any(found[trouble] for trouble in ("lost", "doubled", "refused"))


def test_memory_is_of_two_whole_nodes_that_lose_nothing_on_the_way(everything):
    found = everything[0]["memory"]
    for side in ("sender", "recipient"):
        figures = [found[f"{side}_mb"][at] for at in ("warm", "at_10", "at_50", "at_100")]
        assert all(one > 20 for one in figures)
        tenths = json.loads(found["tenths_mb"][side])
        assert len(tenths) == 10
        assert found["off_percent"][side] == pytest.approx(100 * max(abs(one - tenths[0]) for one in tenths) / tenths[0], abs=0.1)
    assert found["flat"] == (max(found["off_percent"].values()) <= 10)
    assert (found["records"], found["simulated_s"]) == (200, 20)
    assert not any(found[trouble] for trouble in ("lost", "doubled", "gaps", "refused"))


def test_readsb_stands_beside_a_general_decoder(everything):
    found = everything[0]["formats"]["rows_per_s"]
    assert {"readsb", "trace_full", "sbs", "opensky-json", "opensky-csv"} <= set(found)
    assert any(name.endswith("of readsb") for name in found)


def test_the_page_of_figures_says_that_small_ones_mean_nothing_and_what_was_aimed_at(everything):
    found, text = everything
    assert "SMALL RUN" in text
    for name in NAMES:
        assert f"## `tocsin bench {name}`" in text
    for name, goals in GOALS.items():
        if name not in {"demo", "warning"}:
            assert goals.keys() <= dict(flat(found[name])).keys(), name


def test_a_figure_short_of_its_goal_says_so():
    text = page({"release": {"warm_per_s": 49_999, "cold_per_s": 5_000.0, "disagreements": 0}}, small=False)
    assert "| warm_per_s | 49,999 | ≥ 50,000, **not met** |" in text
    assert "| cold_per_s | 5,000 | ≥ 5,000 |" in text
    assert "| disagreements | 0 | ≤ 0 |" in text
    assert "SMALL RUN" not in text
