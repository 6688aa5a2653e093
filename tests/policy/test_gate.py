"""Two keys: both must allow, and no word of the site's opens what the lattice keeps shut."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core import Clearance, may_read
from tocsin.policy import RECEIVE, TELL, Gate, Matter, SitePolicies, read_community

from .drawing import NAMES, NOW, OPEN, POLICY, gate, label, labels, reader, readers, realms, site

CLOSED = 'permit(principal == Reader::"NOBODY", action, resource);'
ERRING = "permit(principal, action, resource) when { context.now * 9223372036854775807 > context.label.classification };"
HALF = 'permit(principal, action, resource) when { context.reader.partner == "BIRCH" || context.label.caveats.contains("SENSOR") };'
SITES = [SitePolicies.shipped(), site(OPEN), site(CLOSED), site(ERRING), site(HALF), SitePolicies.nothing("policies/: empty")]
NOTHING_AT_ALL = SITES[-1]


@given(st.sampled_from(SITES), labels, realms, st.lists(readers, max_size=4))
@settings(max_examples=200, deadline=None)
def test_whatever_the_site_says_what_the_lattice_denies_is_never_released(found, label, realm, partners):
    at = GATES[id(found)]
    may_leave = realm in {"live", "exercise:night"}
    for release in (at.decide(label, realm, partners), at.explain(label, realm, partners)):
        for decision, partner in zip(release.decisions, partners, strict=True):
            assert not decision.allowed or (may_leave and may_read(label, partner, NOW))
            assert decision.allowed == (decision.key == "")
        assert release.audience <= {p.partner for p in partners if may_read(label, p, NOW)}
    for partner in partners:
        assert not at.may(label, partner) or may_read(label, partner, NOW)


@given(labels, st.lists(readers, max_size=4, unique_by=lambda r: r.partner))
def test_as_it_ships_the_gate_says_what_the_lattice_says(label, partners):
    wanted = {p.partner for p in partners if may_read(label, p, NOW) and not kept(label, p.partner)}
    assert GATES[id(SITES[0])].decide(label, "live", partners).audience == wanted


def kept(label, partner):
    return "ORCON" in label.caveats and bool(label.originators - {"ASTER", partner})


@given(labels, realms, st.lists(readers, max_size=3))
def test_policies_that_cannot_be_read_allow_nothing_to_anyone(label, realm, partners):
    at = GATES[id(NOTHING_AT_ALL)]
    assert at.decide(label, realm, partners).audience == frozenset()
    assert not any(at.may(label, p, action=action) for p in partners for action in ("read", RECEIVE, TELL))


def test_a_refusal_names_the_key_that_said_no():
    decisions = {d.partner: d for d in gate(HALF).decide(label(), "live", [reader("BIRCH"), reader("CEDAR"), reader("DUNE", 0)]).decisions}
    assert decisions["BIRCH"].key == ""
    assert decisions["CEDAR"] == ("CEDAR", False, "The site's policies do not permit it (policy0).", "site")
    assert decisions["DUNE"] == ("DUNE", False, "It is cleared to UNCLASSIFIED, this is RESTRICTED.", "label")


def test_an_explanation_says_what_both_keys_say():
    found = gate(HALF).explain(label(), "live", [reader("BIRCH", 0), reader("CEDAR"), reader("DUNE", 0), reader("BIRCH")]).decisions
    assert [d.reason for d in found] == [
        "It is cleared to UNCLASSIFIED, this is RESTRICTED. The site's policies would permit it.",
        "The label allows it. The site's policies do not permit it (policy0).",
        "It is cleared to UNCLASSIFIED, this is RESTRICTED. The site's policies do not permit it (policy0).",
        "It is among those this is released to, and cleared for it.",
    ]


def test_policies_that_cannot_be_read_are_named_as_the_reason():
    (found,) = Gate(NOTHING_AT_ALL, POLICY, Still(), node="ASTER").decide(label(), "live", [reader()]).decisions
    assert found.reason == "The site's policies cannot be read, so nobody may have it."


class Still:
    def now(self):
        return NOW


class Counting(SitePolicies):
    def allow(self, asked):
        self.questions = getattr(self, "questions", 0) + len(asked)
        return super().allow(asked)


def counted(text, start=NOW):
    found = Counting({"test.cedar": text})
    at = Gate(found, POLICY, Moving(start), node="ASTER")
    return found, at


class Moving:
    def __init__(self, start):
        self.at = start

    def now(self):
        return self.at


def test_the_same_question_is_put_to_the_site_once():
    found, at = counted(OPEN)
    for _ in range(5):
        at.decide(label(), "live", [reader("BIRCH"), reader("CEDAR")])
        at.may(label(), reader("BIRCH"), realm="live")
    assert found.questions == 3
    at.decide(label(), "exercise:a", [reader("BIRCH")])
    at.decide(label(), "live", [reader("BIRCH")], matter=Matter("warning"))
    at.decide(label(), "live", [reader("BIRCH")], matter=Matter("warning", "airlift"))
    assert found.questions == 6


def test_an_answer_that_depends_on_the_clock_holds_for_its_minute():
    text = "permit(principal, action, resource) when { context.clock.hour < 7 };"
    at = counted(text, start=7 * 3_600_000_000 - 30_000_000)[1]
    assert at.decide(label(), "live", [reader()]).audience == {"BIRCH"}
    at.clock.at += 40_000_000
    assert at.decide(label(), "live", [reader()]).audience == frozenset()


def test_what_expires_is_given_to_nobody_from_that_moment_on():
    at = counted(OPEN)[1]
    bound = label(expires=NOW + 5)
    assert at.decide(bound, "live", [reader()]).audience == {"BIRCH"}
    at.clock.at += 5
    (decision,) = at.decide(bound, "live", [reader()]).decisions
    assert not decision.allowed
    assert decision.reason.startswith("This expired at 2026-09-21T")
    assert not at.may(bound, reader())


def test_an_answer_remembered_is_bounded():
    at = counted(OPEN)[1]
    import tocsin.policy.gate as module

    kept, module.REMEMBERED = module.REMEMBERED, 4
    try:
        for rank in range(9):
            assert at.decide(label(classification=0), "live", [reader("BIRCH", rank)]).audience == {"BIRCH"}
        assert len(at._site_said) <= 4
    finally:
        module.REMEMBERED = kept


def test_no_text_of_an_error_reaches_a_log_or_a_reason(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    secret = frozenset({"SENSOR"})
    at = gate(ERRING)
    decisions = at.explain(label(caveats=secret, classification=2), "live", [reader(caveats=secret)]).decisions
    out, err = capfd.readouterr()
    assert "overflow" not in caplog.text + out + err + "".join(d.reason for d in decisions)
    assert not decisions[0].allowed


# --- originators -----------------------------------------------------------------------------------------------


def test_orcon_of_ones_own_goes_where_its_label_says():
    own = label(caveats=frozenset({"ORCON"}))
    assert gate().decide(own, "live", [reader(caveats=own.caveats)]).audience == {"BIRCH"}


def test_orcon_made_from_anothers_goes_back_to_it_and_no_further():
    made = label(caveats=frozenset({"ORCON"}), originators=frozenset({"ASTER", "BIRCH"}))
    partners = [reader("BIRCH", caveats=made.caveats), reader("CEDAR", caveats=made.caveats)]
    release = gate().decide(made, "live", partners)
    assert release.audience == {"BIRCH"}
    assert release.decisions[1].reason == "It is ORCON, and BIRCH has not consented."
    assert gate(OPEN).decide(made, "live", partners).audience == {"BIRCH"}


def test_without_a_node_of_its_own_every_originator_has_to_consent():
    own = label(caveats=frozenset({"ORCON"}))
    assert gate(node="").decide(own, "live", [reader(caveats=own.caveats)]).audience == frozenset()


# --- communities -----------------------------------------------------------------------------------------------

COMMUNITY = read_community(
    b"""name = "c"
[policy]
name = "p"
levels = ["UNCLASSIFIED", "RESTRICTED", "SECRET"]
terms = ["NON-COMMERCIAL"]
[partners.ASTER]
clearance = "SECRET"
[partners.BIRCH]
clearance = "SECRET"
terms = ["NON-COMMERCIAL"]
[partners.CEDAR]
clearance = "SECRET"
[communities.NORTH]
members = ["BIRCH"]
[communities.EMPTY]
members = []
[equivalences.q]
levels = ["LOW", "HIGH"]
equals = { LOW = "RESTRICTED" }
"""
)


def test_the_communitys_file_says_who_belongs_and_what_it_accepted():
    at = gate(community=COMMUNITY)
    partners = [reader(name) for name in NAMES]
    assert at.decide(label(communities=(("NORTH",),)), "live", partners).audience == {"BIRCH"}
    assert at.decide(label(terms=("NON-COMMERCIAL",)), "live", partners).audience == {"BIRCH"}
    forged = Clearance("p", "CEDAR", 2, communities=("NORTH",))
    assert at.decide(label(communities=(("NORTH",),)), "live", [forged]).audience == frozenset()


def test_a_label_of_another_policy_is_mapped_and_what_has_no_equal_is_nobodys():
    at = gate(community=COMMUNITY)
    low, high = label(policy="q", classification=0), label(policy="q", classification=1)
    assert at.decide(low, "live", [reader("BIRCH", 1), reader("CEDAR", 0)]).audience == {"BIRCH"}
    assert at.may(low, reader("BIRCH", 1))
    assert not at.may(high, reader("BIRCH", 2))
    (decision,) = at.decide(high, "live", [reader()]).decisions
    assert decision.reason == "Policy q has no equal here for this label, so nobody may have it."
    assert at.banner(low) == "RESTRICTED REL TO ASTER, BIRCH, CEDAR, DUNE"
    assert at.banner(high) == "LABEL NOT UNDERSTOOD"
    assert gate().banner(low) == "LABEL NOT UNDERSTOOD"


def test_what_is_malformed_denies_instead_of_failing():
    at = gate(OPEN)
    assert at.decide(label(caveats=None), "live", [reader()]).audience == frozenset()
    assert at.decide(None, "live", [reader()]).audience == frozenset()
    assert at.decide(label(), None, [reader()]).audience == frozenset()
    assert at.decide(label(), "live", [Clearance("p", "BIRCH", None), reader("CEDAR")]).audience == {"CEDAR"}
    assert not at.may(label(caveats=None), reader())
    assert not at.may(None, reader())
    assert not at.may(label(), None)


# --- bugs elsewhere --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, OPEN])
def test_an_empty_sharing_group_published_to_everyone_misp_4200(text):
    at = gate(text, community=COMMUNITY)
    partners = [reader(name) for name in NAMES]
    for empty in (
        label(releasable_to=frozenset()),
        label(communities=((),)),
        label(communities=(("EMPTY",),)),
        label(communities=(("GONE",),)),
        label(communities=((), ("NORTH",))),
    ):
        release = at.decide(empty, "live", partners)
        assert release.audience == frozenset()
        assert {d.key for d in release.decisions} == {"label"}
    assert at.decide(label(), "live", partners).audience == set(NAMES)


@pytest.mark.parametrize("text", [None, OPEN])
def test_a_group_id_that_collided_with_anothers_misp_3380(text):
    at = gate(text, community=COMMUNITY)
    ours, theirs = label(communities=(("NORTH",),)), label(policy="q", classification=0, communities=(("NORTH",),))
    assert at.decide(ours, "live", [reader()]).audience == {"BIRCH"}
    # A group of the same name under another policy is another group: nobody here belongs to it until it is mapped.
    assert at.decide(theirs, "live", [reader()]).audience == frozenset()
    assert at.ours(theirs) is None


GATES = {id(found): Gate(found, POLICY, Still(), node="ASTER") for found in SITES}
