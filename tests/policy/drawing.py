"""Labels, clearances and policies that the tests draw from."""

from pathlib import Path

from hypothesis import strategies as st

from tocsin.core import Clearance, Label, LabelPolicy, ManualClock
from tocsin.core.labels import NO_RESHARE
from tocsin.policy import Gate, SitePolicies

EXAMPLES = Path(__file__).parents[2] / "examples" / "policies"
POLICY = LabelPolicy("p", ("UNCLASSIFIED", "RESTRICTED", "SECRET"))
NAMES = ["ASTER", "BIRCH", "CEDAR", "DUNE"]
NOW = 1_790_000_000_000_000

names = st.frozensets(st.sampled_from(NAMES))
caveats = st.frozensets(st.sampled_from(["SENSOR", "LEGAL", "ORCON"]))
circles = st.lists(st.sampled_from(["NORTH", "SOUTH", "SEA"]), max_size=3, unique=True).map(tuple)
terms = st.lists(st.sampled_from(["NON-COMMERCIAL", NO_RESHARE]), max_size=2, unique=True).map(tuple)
policies = st.sampled_from(["p", "p", "p", "q"])
expiries = st.none() | st.integers(NOW - 2, NOW + 2)
labels = st.builds(Label, policies, st.integers(-1, 3), names, names, caveats, st.lists(circles, max_size=3).map(tuple), terms, expiries)
readers = st.builds(Clearance, policies, st.sampled_from(NAMES), st.integers(-1, 3), caveats, circles, terms)
realms = st.sampled_from(["live", "exercise:night", "replay:swiss", "nowhere"])

OPEN = "permit(principal, action, resource);"


def label(**changes):
    given = {"classification": 1, "originators": frozenset({"ASTER"}), "releasable_to": frozenset(NAMES)}
    return Label(**{"policy": "p", **given, **changes})


def reader(partner="BIRCH", rank=2, **changes):
    return Clearance("p", partner, rank, **changes)


def site(text=OPEN):
    return SitePolicies({"test.cedar": text})


def gate(text=None, *, now=NOW, **more):
    found = SitePolicies.shipped() if text is None else site(text)
    return Gate(found, POLICY, ManualClock(now), node=more.pop("node", "ASTER"), **more)


def example(name, now=NOW):
    return gate((EXAMPLES / f"{name}.cedar").read_text(), now=now)
