"""Labels form a lattice, and joining never lets anyone read more."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import BadLabel, Clearance, Label, LabelMismatch, LabelPolicy, banner, join, may_read
from tocsin.core.labels import NO_RESHARE, derived, narrowed, originate

NAMES = ["ASTER", "BIRCH", "CEDAR", "DUNE"]
POLICY = LabelPolicy("p", ("UNCLASSIFIED", "RESTRICTED", "SECRET"))
names = st.frozensets(st.sampled_from(NAMES))
caveats = st.frozensets(st.sampled_from(["SENSOR", "LEGAL", "ORCON"]))
ranks = st.integers(-2, 3)
circles = st.lists(st.sampled_from(["NORTH", "SOUTH", "SEA"]), max_size=3, unique=True).map(tuple)
terms = st.lists(st.sampled_from(["NON-COMMERCIAL", "ATTRIBUTE", NO_RESHARE]), max_size=2, unique=True).map(tuple)
moments = st.none() | st.integers(0, 9)
clauses = st.lists(circles, max_size=3).map(tuple)
labels = st.builds(Label, st.just("p"), ranks, names, names, caveats, clauses, terms, moments, moments)
readers = st.builds(Clearance, st.just("p"), st.sampled_from(NAMES), ranks, caveats, circles, terms)
EVERYTHING = Clearance(
    "p", "ASTER", 3, frozenset({"SENSOR", "LEGAL", "ORCON"}), ("NORTH", "SOUTH", "SEA"), ("NON-COMMERCIAL", "ATTRIBUTE", NO_RESHARE)
)


@given(labels, labels)
def test_joining_is_commutative(a, b):
    assert join([a, b]) == join([b, a])


@given(labels, labels, labels)
def test_joining_is_associative(a, b, c):
    assert join([join([a, b]), c]) == join([a, join([b, c])]) == join([a, b, c])


@given(labels)
def test_joining_with_itself_changes_nothing(label):
    assert join([label, label]) == join([label]) == label


@given(labels, labels, labels)
def test_order_and_repetition_do_not_matter(a, b, c):
    assert join([a, b, c]) == join([c, a, b, a, c])


@given(labels, labels, readers, moments)
def test_a_reader_of_the_whole_is_a_reader_of_each_part(a, b, reader, now):
    assert may_read(join([a, b]), reader, now) == (may_read(a, reader, now) and may_read(b, reader, now))


def test_the_oracle_holds_for_every_pair_of_a_small_world():
    """Every label of two ranks, two partners, a caveat, two communities, two terms and an expiry, for every reader and moment."""
    powers = [frozenset(), frozenset("A"), frozenset("B"), frozenset("AB")]
    circles = [(), ((),), (("N",),), (("S",),), (("N", "S"),), (("N",), ("S",))]
    sensor = [frozenset(), frozenset({"SENSOR"})]
    terms = [(), ("NC",), (NO_RESHARE,)]
    every = [
        Label("p", rank, frozenset("A"), reach, caveats, clauses, said, expires)
        for rank, reach, caveats, clauses, said, expires in itertools.product((0, 1), powers, sensor, circles, terms, (None, 5))
    ]
    readers = [
        (Clearance("p", partner, rank, caveats, mine, accepted), now)
        for partner, rank, caveats, mine, accepted, now in itertools.product(
            "AB", (0, 1), sensor, ((), ("N",), ("S",), ("N", "S")), ((), ("NC",)), (4, 5)
        )
    ]
    sees = {}

    def seen_by(label):
        # One bit for each reader and moment.
        if (found := sees.get(label)) is None:
            found = sees[label] = sum(may_read(label, *reader) << at for at, reader in enumerate(readers))
        return found

    assert len(every) == 576
    assert len({seen_by(label) for label in every}) > 100
    for a, b in itertools.combinations_with_replacement(every, 2):
        assert seen_by(join([a, b])) == seen_by(a) & seen_by(b), (a, b)


@given(labels, labels, readers)
def test_a_rank_that_is_unknown_is_not_lifted_by_joining(a, b, reader):
    unknown = msgspec.structs.replace(a, classification=-1)
    assert not may_read(join([unknown, b]), reader)
    assert not may_read(join([b, unknown]), reader)


@given(st.lists(labels, min_size=1), readers)
def test_one_part_that_denies_denies_the_whole(parts, reader):
    assert may_read(join(parts), reader) == all(may_read(part, reader) for part in parts)


@given(labels, labels)
def test_originators_and_caveats_gather_and_readers_narrow(a, b):
    whole = join([a, b])
    assert whole.originators == a.originators | b.originators
    assert whole.caveats == a.caveats | b.caveats
    assert whole.releasable_to == a.releasable_to & b.releasable_to


@given(labels, readers)
def test_an_empty_releasable_to_is_nobody(label, reader):
    assert not may_read(msgspec.structs.replace(label, releasable_to=frozenset(), classification=0, caveats=frozenset()), reader)


@given(labels, st.sampled_from(NAMES))
def test_an_originator_has_no_implied_right(label, name):
    alone = msgspec.structs.replace(label, originators=frozenset({name}), releasable_to=label.releasable_to - {name})
    assert not may_read(alone, msgspec.structs.replace(EVERYTHING, partner=name))


@given(labels, readers)
def test_a_higher_clearance_reads_no_less(label, reader):
    higher = msgspec.structs.replace(
        reader,
        classification=reader.classification + 1,
        caveats=reader.caveats | {"ORCON"},
        communities=EVERYTHING.communities,
        terms=EVERYTHING.terms,
    )
    assert may_read(label, higher, 0) or not may_read(label, reader, 0)


@given(labels, readers)
def test_another_policy_denies(label, reader):
    assert not may_read(label, msgspec.structs.replace(reader, policy="q"))
    assert not may_read(msgspec.structs.replace(label, policy="q"), reader)


@given(labels, readers)
def test_what_is_missing_denies(label, reader):
    assert not may_read(None, reader)
    assert not may_read(label, None)
    assert not may_read(None, None)
    assert not may_read({"policy": "p"}, reader)


def test_each_condition_denies_by_itself():
    label = Label("p", 1, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"}), frozenset({"SENSOR"}))
    reader = Clearance("p", "BIRCH", 1, frozenset({"SENSOR"}))
    assert may_read(label, reader)
    for changes in ({"policy": "q"}, {"partner": "CEDAR"}, {"classification": 0}, {"caveats": frozenset()}):
        assert not may_read(label, msgspec.structs.replace(reader, **changes))
    for changes in (
        {"policy": "q"},
        {"releasable_to": frozenset({"ASTER"})},
        {"classification": 2},
        {"caveats": frozenset({"SENSOR", "X"})},
    ):
        assert not may_read(msgspec.structs.replace(label, **changes), reader)


def test_labels_of_two_policies_do_not_join():
    a, b = (Label(p, 0, frozenset({"ASTER"}), frozenset({"ASTER"})) for p in ("p", "q"))
    with pytest.raises(LabelMismatch, match="map them to one policy"):
        join([a, b])


def test_nothing_has_no_label():
    with pytest.raises(LabelMismatch):
        join([])
    with pytest.raises(LabelMismatch):
        join(iter(()))


@pytest.mark.parametrize(
    "text",
    [
        '{"policy":"p","classification":0,"originators":["A"],"releasable_to":["A"],"until":1}',
        '{"policy":"p","classification":0,"originators":["A"]}',
        '{"policy":"p","classification":"0","originators":["A"],"releasable_to":["A"]}',
        '{"policy":"p","classification":0.5,"originators":["A"],"releasable_to":["A"]}',
        '{"policy":"p","classification":true,"originators":["A"],"releasable_to":["A"]}',
        '{"policy":"p","classification":0,"originators":["A"],"releasable_to":null}',
        '{"policy":"p","classification":0,"originators":["A"],"releasable_to":"A"}',
        '{"policy":null,"classification":0,"originators":["A"],"releasable_to":["A"]}',
        "null",
        "[]",
    ],
)
def test_a_label_with_anything_unknown_missing_or_mistyped_is_no_label(text):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Label)


def test_who_originates_is_among_the_readers():
    label = originate(POLICY, "RESTRICTED", "ASTER", ["BIRCH"], ["SENSOR"])
    assert label == Label("p", 1, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"}), frozenset({"SENSOR"}))
    assert originate(POLICY, "SECRET", "ASTER", []).releasable_to == {"ASTER"}


@given(labels, st.sampled_from(NAMES), readers)
def test_deriving_adds_an_originator_and_no_reader(label, name, reader):
    assert derived(label, name).originators == label.originators | {name}
    assert may_read(derived(label, name), reader) == may_read(label, reader)


def test_a_level_that_the_policy_lacks_is_refused():
    for level in ("COSMIC", "", "secret"):
        with pytest.raises(BadLabel, match="use one of UNCLASSIFIED, RESTRICTED, SECRET"):
            POLICY.rank(level)
    assert [POLICY.rank(level) for level in POLICY.levels] == [0, 1, 2]


def test_a_banner_is_one_line_in_a_fixed_order():
    label = Label("p", 1, frozenset({"ASTER"}), frozenset({"BIRCH", "ASTER"}), frozenset({"SENSOR", "LEGAL"}))
    assert banner(label, POLICY) == "RESTRICTED LEGAL SENSOR REL TO ASTER, BIRCH"
    assert banner(msgspec.structs.replace(label, releasable_to=frozenset()), POLICY) == "RESTRICTED LEGAL SENSOR REL TO NOBODY"


def test_a_banner_of_an_unknown_rank_or_policy_is_refused():
    label = Label("p", 0, frozenset({"ASTER"}), frozenset({"ASTER"}))
    for changes in ({"classification": 3}, {"classification": -1}, {"policy": "q"}):
        with pytest.raises(BadLabel):
            banner(msgspec.structs.replace(label, **changes), POLICY)


def test_communities_ask_for_one_of_each_clause():
    label = originate(POLICY, "RESTRICTED", "ASTER", ["BIRCH"], communities=(("NORTH", "SOUTH"), ("SEA",)))
    reader = Clearance("p", "BIRCH", 1)
    for mine, allowed in (((), False), (("SEA",), False), (("NORTH",), False), (("SEA", "NORTH"), True), (("SEA", "SOUTH"), True)):
        assert may_read(label, msgspec.structs.replace(reader, communities=mine)) is allowed


def test_a_reader_in_both_communities_reads_what_is_made_of_both():
    north, south = (originate(POLICY, "RESTRICTED", "ASTER", ["BIRCH"], communities=((name,),)) for name in ("NORTH", "SOUTH"))
    whole = join([north, south])
    assert whole.communities == (("NORTH",), ("SOUTH",))
    assert may_read(whole, Clearance("p", "BIRCH", 1, communities=("NORTH", "SOUTH")))
    assert not may_read(whole, Clearance("p", "BIRCH", 1, communities=("NORTH",)))


def test_an_empty_community_is_nobody_and_stays_so():
    closed = originate(POLICY, "UNCLASSIFIED", "ASTER", ["BIRCH"], communities=((),))
    assert not may_read(closed, EVERYTHING)
    assert join([closed, originate(POLICY, "UNCLASSIFIED", "ASTER", ["BIRCH"], communities=(("NORTH",),))]).communities == ((),)


def test_a_label_that_expires_is_readable_until_then_and_nowhere_without_a_clock():
    label = originate(POLICY, "RESTRICTED", "ASTER", ["BIRCH"], expires=100)
    reader = Clearance("p", "BIRCH", 1)
    assert may_read(label, reader, 99)
    assert not may_read(label, reader, 100)
    assert not may_read(label, reader)
    assert join([label, msgspec.structs.replace(label, expires=50)]).expires == 50


def test_a_review_date_changes_nothing_for_readers():
    label = originate(POLICY, "RESTRICTED", "ASTER", ["BIRCH"], review=1)
    assert may_read(label, Clearance("p", "BIRCH", 1), 99)
    assert join([label, msgspec.structs.replace(label, review=None)]).review == 1


def test_a_feed_that_may_not_be_re_shared_stays_with_who_took_it_in():
    label = originate(POLICY, "UNCLASSIFIED", "ASTER", ["BIRCH"], terms=[NO_RESHARE])
    assert label.releasable_to == {"ASTER"}
    assert may_read(label, Clearance("p", "ASTER", 0))
    forged = msgspec.structs.replace(label, releasable_to=frozenset({"ASTER", "BIRCH"}))
    assert forged.releasable_to == frozenset()
    assert not may_read(forged, Clearance("p", "ASTER", 0))
    assert not may_read(forged, Clearance("p", "BIRCH", 0))


def test_a_feeds_terms_bind_who_has_accepted_them():
    label = originate(POLICY, "UNCLASSIFIED", "ASTER", ["BIRCH"], terms=["NON-COMMERCIAL"])
    assert not may_read(label, Clearance("p", "BIRCH", 0))
    assert may_read(label, Clearance("p", "BIRCH", 0, terms=("NON-COMMERCIAL",)))


@given(labels, st.frozensets(st.sampled_from(NAMES)), readers, moments)
def test_narrowing_loses_nothing_but_readers(label, audience, reader, now):
    assert may_read(narrowed(label, audience), reader, now) == (reader.partner in audience and may_read(label, reader, now))


def test_a_label_of_the_first_nodes_reads_and_writes_as_it_did():
    text = b'{"policy":"p","classification":1,"originators":["ASTER"],"releasable_to":["ASTER","BIRCH"],"caveats":[]}'
    label = msgspec.json.decode(text, type=Label)
    assert label == Label("p", 1, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"}))
    assert msgspec.json.encode(label, order="deterministic") == text
    assert msgspec.json.encode(join([label, label]), order="deterministic") == text


def test_a_banner_says_every_condition():
    label = originate(POLICY, "SECRET", "ASTER", ["BIRCH"], ["ORCON"], communities=(("S", "N"), ()), terms=["NC"], expires=0)
    assert banner(label, POLICY) == "SECRET ORCON NC COI NOBODY REL TO ASTER, BIRCH UNTIL 1970-01-01T00:00:00Z"
    label = msgspec.structs.replace(label, communities=(("S", "N"), ("N", "S"), ("N", "S", "W")), expires=None)
    assert banner(label, POLICY) == "SECRET ORCON NC COI N OR S REL TO ASTER, BIRCH"


@given(labels)
def test_a_label_comes_through_json_as_it_was(label):
    assert msgspec.json.decode(msgspec.json.encode(label), type=Label) == label
