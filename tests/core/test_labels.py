"""Labels form a lattice, and joining never lets anyone read more."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import BadLabel, Clearance, Label, LabelMismatch, LabelPolicy, banner, join, may_read
from tocsin.core.labels import derived, originate

NAMES = ["ASTER", "BIRCH", "CEDAR", "DUNE"]
POLICY = LabelPolicy("p", ("UNCLASSIFIED", "RESTRICTED", "SECRET"))
names = st.frozensets(st.sampled_from(NAMES))
caveats = st.frozensets(st.sampled_from(["SENSOR", "LEGAL", "ORCON"]))
ranks = st.integers(-2, 3)
labels = st.builds(Label, st.just("p"), ranks, names, names, caveats)
readers = st.builds(Clearance, st.just("p"), st.sampled_from(NAMES), ranks, caveats)
EVERYTHING = Clearance("p", "ASTER", 3, frozenset({"SENSOR", "LEGAL", "ORCON"}))


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


@given(labels, labels, readers)
def test_a_reader_of_the_whole_is_a_reader_of_each_part(a, b, reader):
    assert may_read(join([a, b]), reader) == (may_read(a, reader) and may_read(b, reader))


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
    higher = msgspec.structs.replace(reader, classification=reader.classification + 1, caveats=reader.caveats | {"ORCON"})
    assert may_read(label, higher) or not may_read(label, reader)


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
        '{"policy":"p","classification":0,"originators":["A"],"releasable_to":["A"],"expires":1}',
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


@given(labels)
def test_a_label_comes_through_json_as_it_was(label):
    assert msgspec.json.decode(msgspec.json.encode(label), type=Label) == label
