"""The lattice's decision: exactly `may_read`, with a reason each, and never out of a replay."""

from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import Clearance, Label, LabelPolicy, may_read
from tocsin.policy import decide

POLICY = LabelPolicy("p", ("UNCLASSIFIED", "RESTRICTED", "SECRET"))
NAMES = ["ASTER", "BIRCH", "CEDAR", "DUNE"]
names = st.frozensets(st.sampled_from(NAMES))
caveats = st.frozensets(st.sampled_from(["SENSOR", "LEGAL"]))
policies = st.sampled_from(["p", "q"])
labels = st.builds(Label, policies, st.integers(-1, 3), names, names, caveats)
readers = st.builds(Clearance, policies, st.sampled_from(NAMES), st.integers(-1, 3), caveats)
realms = st.sampled_from(["live", "exercise:night", "exercise:a1"])


def label(**changes):
    given = {"classification": 1, "originators": frozenset({"ASTER"}), "releasable_to": frozenset({"ASTER", "BIRCH"})}
    return Label(**{"policy": "p", **given, **changes})


def reason(label, reader, realm="live"):
    (decision,) = decide(label, realm, [reader], policy=POLICY).decisions
    assert not decision.allowed
    return decision.reason


@given(labels, realms, st.lists(readers, max_size=6, unique_by=lambda r: r.partner))
def test_a_partner_is_in_the_audience_exactly_if_it_may_read(label, realm, partners):
    release = decide(label, realm, partners, policy=POLICY)
    assert release.audience == {p.partner for p in partners if may_read(label, p)}
    assert [d.allowed for d in release.decisions] == [may_read(label, p) for p in partners]
    assert [d.partner for d in release.decisions] == [p.partner for p in partners]
    assert all(d.reason.endswith(".") and "\n" not in d.reason for d in release.decisions)


@given(labels, st.lists(readers, min_size=2, max_size=6))
def test_a_partner_named_twice_needs_both_clearances(label, partners):
    audience = decide(label, "live", partners).audience
    for name in NAMES:
        mine = [p for p in partners if p.partner == name]
        assert (name in audience) == (bool(mine) and all(may_read(label, p) for p in mine))


@given(labels, st.lists(readers, max_size=6))
def test_a_replay_reaches_nobody(label, partners):
    release = decide(label, "replay:swiss", partners)
    assert release.audience == frozenset()
    assert {d.reason for d in release.decisions} <= {"A replay stays in the node."}


@given(st.sampled_from(["", "LIVE", "live ", "exercise:", "replay", "exercise:a/b", "live\n"]), st.lists(readers, max_size=3))
def test_an_unknown_realm_reaches_nobody(realm, partners):
    assert decide(label(), realm, partners).audience == frozenset()


def test_each_refusal_says_its_reason():
    cleared = Clearance("p", "BIRCH", 1)
    assert decide(label(), "live", [cleared]).audience == {"BIRCH"}
    assert reason(label(), Clearance("p", "CEDAR", 2)) == "It is not among those this is released to."
    assert reason(label(), Clearance("p", "BIRCH", 0)) == "It is cleared to UNCLASSIFIED, this is RESTRICTED."
    assert reason(label(caveats=frozenset({"SENSOR"})), cleared) == "It lacks caveat SENSOR."
    assert reason(label(caveats=frozenset({"SENSOR", "LEGAL"})), cleared) == "It lacks caveats LEGAL, SENSOR."
    assert reason(label(), Clearance("q", "BIRCH", 1)) == "It is cleared under policy q, this follows p."
    assert reason(label(classification=-1), cleared) == "The classification is unknown, so nobody may have it."
    assert reason(label(classification=7), cleared) == "It is cleared to RESTRICTED, this is level 7."
    assert reason(None, cleared) == "It bears no label, so nobody may have it."
    assert reason(label(), None) == "There is no clearance for this reader."


def test_without_a_policy_levels_go_by_rank():
    (decision,) = decide(label(), "live", [Clearance("p", "BIRCH", 0)]).decisions
    assert decision.reason == "It is cleared to level 0, this is level 1."


def test_what_is_malformed_denies_instead_of_failing():
    broken = Clearance("p", "BIRCH", None)
    release = decide(label(), "live", [broken, Clearance("p", "BIRCH", 1), Clearance("p", "ASTER", 1)])
    assert release.audience == {"ASTER"}
    assert release.decisions[0].reason == "The label or the clearance is malformed, so nobody may have it."
    assert decide(label(caveats=None), "live", [Clearance("p", "ASTER", 1)]).audience == frozenset()
    assert decide(label(), None, [Clearance("p", "ASTER", 1)]).audience == frozenset()


def test_nobody_asked_is_nobody_told():
    assert decide(label(), "live", []) == (frozenset(), ())
