"""The figures are of real work: the same bytes each time, every row read, and the clock is the caller's."""

import json

import pytest

from tocsin.core import Label
from tocsin.formats import FORMATS, parse, recognise
from tocsin.formats.measure import measure, synthetic

LABEL = Label("p", 0, frozenset({"A"}), frozenset({"A"}))


class Stepping:
    """A clock that moves a millisecond at each look."""

    def __init__(self):
        self.looks = 0

    def __call__(self):
        self.looks += 1
        return self.looks * 1_000_000


def test_figures_come_from_the_clock_that_is_handed_in():
    clock = Stepping()
    figures = measure(clock, rows=30, repeats=2)
    assert set(FORMATS) <= set(figures["rows_per_s"])
    assert set(figures["rows_per_s"].values()) == {30_000}
    assert set(figures["ms"].values()) == {1.0}
    assert clock.looks == 2 * 2 * len(figures["ms"])
    assert json.loads(json.dumps(figures)) == figures


def test_readsb_stands_beside_a_general_decoder_of_the_same_bytes():
    figures = measure(Stepping(), rows=10, repeats=1)
    assert figures["decoder"] in ("orjson", "json")
    assert f"{figures['decoder']}.loads of readsb" in figures["ms"]


def test_the_plain_decoder_stands_in_and_says_so(monkeypatch):
    import importlib

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert measure(Stepping(), rows=10, repeats=1)["decoder"] == "json"


@pytest.mark.parametrize("name", FORMATS)
def test_the_synthetic_traffic_is_read_without_a_fault(name):
    data = synthetic(200)[name]
    assert synthetic(200)[name] == data
    assert recognise("x", data[:2000]) == name
    parsed = parse(data, name, feed="f", realm="live", label=LABEL)
    assert (parsed.error, parsed.nulled, parsed.rows) == (None, {}, 200)
    assert len(parsed.observations) == (100 if name == "sbs" else 200)
    assert parsed.observations["speed"].min() > 0 or name == "sbs"
