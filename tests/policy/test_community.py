"""A community's file: what it says, and that whatever it does not say is refused in one line."""

from pathlib import Path

import pytest

from tocsin.core import Clearance, Label, may_read
from tocsin.core.labels import originate
from tocsin.policy import BadCommunity, read_community

EXAMPLE = Path(__file__).parents[2] / "examples" / "community.toml"


@pytest.fixture
def text():
    return EXAMPLE.read_text()


@pytest.fixture
def community(text):
    return read_community(text.encode())


def refusal(text):
    with pytest.raises(BadCommunity) as caught:
        read_community(text.encode(), "c.toml")
    said = str(caught.value)
    assert said.startswith("c.toml")
    assert "\n" not in said
    return said


def test_a_file_says_who_is_cleared_for_what(community):
    assert community.clearance("BIRCH") == Clearance(
        "northern-watch", "BIRCH", 2, frozenset({"ORCON", "SENSOR"}), ("COAST", "RELIEF"), ("NON-COMMERCIAL",)
    )
    assert community.clearance("DUNE") == Clearance("northern-watch", "DUNE", 0)
    assert community.clearance("ELM") is None
    assert community.communities_of("ELM") == ()
    assert community.terms_of("ELM") == ()
    assert len(community.relays) == 2
    assert community.exclusion_quorum == 2


def test_a_label_for_a_community_reaches_its_members_alone(community):
    label = originate(community.label_policy, "UNCLASSIFIED", "ASTER", community.partners, communities=(("COAST",),))
    assert [name for name in community.partners if may_read(label, community.clearance(name))] == ["ASTER", "BIRCH"]


def test_a_label_of_another_policy_is_mapped_before_anything(community):
    theirs = Label("birch-marks", 1, frozenset({"BIRCH"}), frozenset({"ASTER", "BIRCH"}), frozenset({"RADAR"}), (("SHORE",),))
    ours = community.ours(theirs)
    assert ours == Label("northern-watch", 1, frozenset({"BIRCH"}), frozenset({"ASTER", "BIRCH"}), frozenset({"SENSOR"}), (("COAST",),))
    assert may_read(ours, community.clearance("ASTER"))
    assert not may_read(theirs, community.clearance("ASTER"))
    assert community.ours(ours) is ours


@pytest.mark.parametrize(
    "label",
    [
        Label("birch-marks", 2, frozenset({"BIRCH"}), frozenset({"ASTER"})),
        Label("birch-marks", 3, frozenset({"BIRCH"}), frozenset({"ASTER"})),
        Label("birch-marks", -1, frozenset({"BIRCH"}), frozenset({"ASTER"})),
        Label("birch-marks", 0, frozenset({"BIRCH"}), frozenset({"ASTER"}), frozenset({"SENSOR"})),
        Label("birch-marks", 0, frozenset({"BIRCH"}), frozenset({"ASTER"}), communities=(("COAST",),)),
        Label("birch-marks", 0, frozenset({"BIRCH"}), frozenset({"ASTER"}), terms=("NON-COMMERCIAL",)),
        Label("elm-marks", 0, frozenset({"BIRCH"}), frozenset({"ASTER"})),
    ],
    ids=["level left out", "no such level", "below", "caveat", "community", "term", "policy"],
)
def test_what_is_not_mapped_is_nobodys(community, label):
    assert community.ours(label) is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('clearance = "RESTRICTED"', 'clearance = "COSMIC"', "line 28: partners.CEDAR.clearance: 'COSMIC' is no level: use UNCLASSIFIED,"),
        ('caveats = ["ORCON", "SENSOR"]', 'caveats = ["MOON"]', "line 23: partners.BIRCH.caveats: 'MOON' is no caveat"),
        ('members = ["BIRCH", "CEDAR"]', 'members = ["ELM"]', "communities.RELIEF.members: 'ELM' is no partner"),
        ('members = ["BIRCH", "CEDAR"]', 'members = ["CEDAR", "CEDAR"]', "communities.RELIEF.members: name each once"),
        ("[communities.RELIEF]", "[communities.COAST]", "line 40, column 19"),
        (
            "[communities.RELIEF]",
            "[communities.Coast]",
            "communities.Coast: this name is too like COAST: two groups must not be taken for one",
        ),
        ("[communities.RELIEF]", "[communities.ASTER]", "communities.ASTER: this name is too like ASTER"),
        ("[partners.DUNE]", "[partners.dune]", "partners.dune: a partner's id is 1 to 24 capitals"),
        ('[partners.DUNE]\nname = "Dune Research"', "[partners.DUNE]\nname = 3", "partners.DUNE: Expected `str`, got `int`"),
        ("exclusion_quorum = 2", "exclusion_quorum = 0", "Expected `int` >= 1"),
        ("exclusion_quorum = 2", "exclusion_quorum = 4", "line 6: exclusion_quorum: more than the partners that could agree"),
        ('equals = { OPEN = "UNCLASSIFIED"', 'equals = { OPEN = "SECRET"', "a higher level of theirs equals a lower one of ours"),
        ('equals = { OPEN = "UNCLASSIFIED"', 'equals = { SHUT = "UNCLASSIFIED"', "'SHUT' is no level of theirs"),
        ("[equivalences.birch-marks]", "[equivalences.northern-watch]", "this is our own policy"),
        ('name = "Northern watch"', 'name = "Northern watch"\nquorum = 3', "unknown field `quorum`"),
        ('levels = ["UNCLASSIFIED", "RESTRICTED", "SECRET"]', "levels = []", "policy.levels: name each once, the lowest first"),
        ('name = "Northern watch"', "name = ", "line 3"),
    ],
)
def test_what_a_community_cannot_be_is_refused_in_one_line(text, old, new, says):
    assert old in text
    assert says in refusal(text.replace(old, new, 1))


def test_a_file_that_is_no_text_or_too_long_is_refused():
    with pytest.raises(BadCommunity, match="not UTF-8"):
        read_community(b"\xff")
    with pytest.raises(BadCommunity, match="more than"):
        read_community(b"#" * 300_000)


def test_a_digest_tells_two_communities_apart(community, text):
    assert community.digest() == read_community(text.encode()).digest()
    assert community.digest() != read_community(text.replace('members = ["BIRCH", "CEDAR"]', 'members = ["CEDAR"]').encode()).digest()
    assert len(community.digest()) == 16
