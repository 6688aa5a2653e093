"""The examples in examples/policies do what their comments say."""

import pytest

from tocsin.core import parse_iso
from tocsin.policy import READ, RECEIVE, TELL, Matter

from .drawing import EXAMPLES, example, label, reader

BOTH = frozenset({"SENSOR", "LEGAL"})


def allowed(at, names, kind, topic="", **changes):
    partners = [reader(name, caveats=BOTH) for name in names]
    return at.decide(label(**changes), "live", partners, matter=Matter(kind, topic)).audience


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.cedar")))
def test_every_example_loads_and_lets_own_people_read_and_the_node_receive(name):
    at = example(name)
    for action in (READ, RECEIVE, TELL):
        assert at.may(label(), reader(), realm="live", action=action, matter=Matter("report"))


@pytest.mark.parametrize(
    ("when", "kind", "leaves"),
    [
        ("2026-11-23T06:59:59Z", "report", False),  # Monday
        ("2026-11-23T07:00:00Z", "report", True),
        ("2026-11-27T16:59:59Z", "report", True),  # Friday
        ("2026-11-27T17:00:00Z", "report", False),
        ("2026-11-28T12:00:00Z", "report", False),  # Saturday
        ("2026-11-29T12:00:00Z", "report", False),  # Sunday
        ("2026-11-29T03:00:00Z", "warning", True),
        ("2026-11-29T03:00:00Z", "observations", True),
    ],
)
def test_office_hours(when, kind, leaves):
    assert allowed(example("office-hours", parse_iso(when)), ["BIRCH"], kind) == ({"BIRCH"} if leaves else set())


def test_an_embargo_ends_when_it_says():
    before, after = example("embargo", parse_iso("2026-11-30T23:59:59Z")), example("embargo", parse_iso("2026-12-01T00:00:00Z"))
    assert allowed(before, ["BIRCH"], "warning", "fleet-movements") == set()
    assert allowed(after, ["BIRCH"], "warning", "fleet-movements") == {"BIRCH"}
    assert allowed(before, ["BIRCH"], "warning", "airborne-rapid-deployment") == {"BIRCH"}
    assert before.may(label(), reader(), matter=Matter("warning", "fleet-movements"))


def test_a_partner_limited_to_warnings():
    at = example("warnings-only")
    assert allowed(at, ["BIRCH", "CEDAR"], "warning") == {"BIRCH", "CEDAR"}
    assert allowed(at, ["BIRCH", "CEDAR"], "acknowledgement") == {"BIRCH", "CEDAR"}
    for kind in ("report", "observations", "finding", ""):
        assert allowed(at, ["BIRCH", "CEDAR"], kind) == {"BIRCH"}


def test_two_caveats_together_go_to_one_partner():
    at = example("two-caveats")
    assert allowed(at, ["BIRCH", "CEDAR"], "report", caveats=BOTH) == {"BIRCH"}
    for one in BOTH:
        assert allowed(at, ["BIRCH", "CEDAR"], "report", caveats=frozenset({one})) == {"BIRCH", "CEDAR"}
