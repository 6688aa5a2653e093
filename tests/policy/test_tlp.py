"""TLP 2.0 as a policy: who may have what at each of its words."""

import pytest

from tocsin.core import BadLabel, Clearance, ManualClock
from tocsin.policy import TELL, Gate, SitePolicies
from tocsin.policy.tlp import MEANING, TLP, may_be_published, tlp_label

COMMUNITY = ["ASTER", "BIRCH", "CEDAR"]
GATE = Gate(SitePolicies.shipped(), TLP, ManualClock(1), node="ASTER")
RED = TLP.rank("RED")


def partners():
    return [Clearance("TLP-2.0", name, RED) for name in [*COMMUNITY, "ELM"]]


@pytest.mark.parametrize(
    ("level", "reach", "tells", "published"),
    [
        ("CLEAR", {"ASTER", "BIRCH", "CEDAR"}, True, True),
        ("GREEN", {"ASTER", "BIRCH", "CEDAR"}, True, False),
        ("AMBER", {"ASTER", "BIRCH"}, True, False),
        ("AMBER+STRICT", {"ASTER", "BIRCH"}, False, False),
        ("RED", {"ASTER", "BIRCH"}, False, False),
    ],
)
def test_each_word_means_what_the_standard_says(level, reach, tells, published):
    label = tlp_label(level, "ASTER", COMMUNITY, ["BIRCH"])
    assert GATE.decide(label, "live", partners()).audience == reach
    client = Clearance("TLP-2.0", "BIRCH", RED)
    assert GATE.decide(label, "live", [client], action=TELL).audience == ({"BIRCH"} if tells else set())
    assert may_be_published(label) is published
    assert set(MEANING) == set(TLP.levels)


def test_own_people_read_red_only_if_they_are_cleared_for_it():
    label = tlp_label("RED", "ASTER", COMMUNITY)
    assert GATE.may(label, Clearance("TLP-2.0", "ASTER", RED))
    assert not GATE.may(label, Clearance("TLP-2.0", "ASTER", RED - 1))
    assert GATE.decide(label, "live", partners()).audience == {"ASTER"}


def test_a_sixth_word_is_refused():
    with pytest.raises(BadLabel, match="use one of CLEAR, GREEN, AMBER, AMBER"):
        tlp_label("WHITE", "ASTER", COMMUNITY)


def test_a_condition_keeps_even_clear_from_being_published():
    from msgspec import structs

    clear = tlp_label("CLEAR", "ASTER", COMMUNITY)
    assert not may_be_published(structs.replace(clear, terms=("NON-COMMERCIAL",)))
    assert not may_be_published(structs.replace(clear, policy="other"))
