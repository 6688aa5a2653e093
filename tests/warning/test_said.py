"""What people say: grades, independent origins, officers' sightings, and that claims alone never reach the top."""

import msgspec
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import Claim, Count, Label, SeededEntropy, body_of, decode, encode, make
from tocsin.core.times import HOUR, SECOND
from tocsin.warning import Watch, read_topic
from tocsin.warning.detectors.asserted import AssertedIndicator, AssertedParameters
from tocsin.warning.said import Heard, Told, independent, weight_of
from tocsin.warning.scene import Scene
from tocsin.warning.series import Series

from .skies import OPEN, READER, START, VIEW, tracks

SECRET = Label("demo", 2, frozenset({"ASTER"}), frozenset({"BIRCH"}))

TOPIC = """
id: drops
title: Drops
subject: deployment
hypotheses:
  - {id: routine, title: Routine, phrase: routine, base_rate: 0.9, persistence_hours: 48}
  - {id: deployment, title: Deployment, phrase: a deployment, base_rate: 0.1, persistence_hours: 48}
places: []
groups: [{id: words, cap: 1000000}]
indicators:
  - id: training
    title: They train for it
    detector: asserted-indicator
    group: words
    parameters: {about: training, lasts_hours: 24}
    likelihoods: {routine: 0.0001, deployment: 0.9}
    question: Who has seen them train?
  - id: seen
    title: An officer saw it
    detector: asserted-indicator
    group: words
    parameters: {about: seen, by: officers, lasts_hours: 24}
    likelihoods: {routine: 0.0001, deployment: 0.9}
    question: Who else saw it?
levels:
  - {name: NORMAL}
  - {name: HIGH, up: 0.3, down: 0.2}
  - {name: SEVERE, up: 0.5, down: 0.4}
warn_at: HIGH
authentication: {authenticated: [radar], single_kind_cap: SEVERE}
phrases: {subject: things, one: thing}
base_rate: Seldom.
innocent: [Other things.]
"""


def told(about="training", *, root="", grade="B2", channel="document", at=START, label=OPEN, record=None, source="paper"):
    return Told(record or f"claim-{root}-{grade}-{at}", about, source, root, grade, channel, at, at, "text", label)


def scene(*said, now=START):
    return Scene(tracks(0), now, "live", READER, Heard({}, said))


def asserted(**parameters):
    return AssertedIndicator(read_topic(TOPIC.encode(), "t"), AssertedParameters(**{"about": "training", **parameters}))


def strength(*said, now=START, **parameters):
    found = asserted(**parameters).step(scene(*said, now=now))
    return found[0].strength if found else 0.0


def test_better_grades_weigh_more_and_the_worst_weigh_next_to_nothing():
    order = [weight_of(grade) for grade in ("A1", "B2", "C3", "D4", "E5")]
    assert order == sorted(order, reverse=True)
    assert weight_of("A1") == 1.0
    assert weight_of("E5") < 0.01


def test_f_and_6_are_neutral_and_not_bad():
    assert weight_of("D3") < weight_of("F3") < weight_of("C3")
    assert weight_of("C4") < weight_of("C6") < weight_of("C3")
    assert weight_of("F6") > weight_of("D4") > weight_of("E5")


@pytest.mark.parametrize("grade", ["", "G1", "A7", "a1", "A", "A1 ", "verified"])
def test_what_is_not_graded_is_neutral_on_both(grade):
    assert weight_of(grade) == weight_of("F6")


def test_one_origin_counts_once_however_often_it_is_repeated():
    once = strength(told(root="agency"))
    many = strength(*(told(root="agency", source=f"paper {i}", record=f"r{i}") for i in range(20)))
    assert once == many > 0


def test_what_has_no_known_origin_counts_as_one_with_all_such():
    assert strength(told(), told(record="r2", source="other")) == strength(told())


def test_independent_origins_add_up_and_never_pass_one():
    one, two, three = (strength(*(told(root=name) for name in names)) for names in (["a"], ["a", "b"], ["a", "b", "c"]))
    assert one < two < three < 1.0


def test_of_one_origin_the_best_graded_counts():
    assert [t.grade for t in independent([told(root="a", grade="D4"), told(root="a", grade="B1"), told(root="b", grade="C3")])] == [
        "B1",
        "C3",
    ]


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b", "c"]), st.sampled_from(["A1", "C3", "F6", "E5", ""])), max_size=12), st.randoms())
def test_the_order_in_which_things_are_said_changes_nothing(said, random):
    one = [told(root=root, grade=grade, record=f"r{i}") for i, (root, grade) in enumerate(said)]
    two = one.copy()
    random.shuffle(two)
    assert strength(*one) == strength(*two)


def test_what_was_said_counts_for_its_time_and_not_before_it_was_so():
    said = told(at=START)
    assert strength(said, now=START + 23 * HOUR, lasts_hours=24)
    assert not strength(said, now=START + 25 * HOUR, lasts_hours=24)
    assert not strength(said, now=START - SECOND)


def test_claims_and_officers_sightings_are_apart():
    own = told("training", channel="telephone")
    assert strength(own, by="officers")
    assert not strength(own)
    assert not strength(told("training"), by="officers")


def test_what_a_reader_may_not_see_says_nothing():
    assert not strength(told(label=SECRET))
    assert strength(told(root="a"), told(root="b", label=SECRET)) == strength(told(root="a"))


def test_the_finding_bears_the_labels_of_all_that_was_said():
    other = Label("demo", 1, frozenset({"BIRCH"}), frozenset({"ASTER", "BIRCH"}))
    (sighting,) = asserted().step(scene(told(root="a"), told(root="b", label=other)))
    assert sighting.labels == {OPEN, other}
    assert "text" not in sighting.text


def test_that_nobody_says_something_never_means_it_is_not_so():
    assert asserted().watches(scene()) is False


def watch(text=TOPIC):
    return Watch(read_topic(text.encode(), "t.yaml"), "live", VIEW, SeededEntropy(1), node="ASTER")


def test_claims_alone_never_reach_the_top_whatever_the_topic_says():
    said = tuple(told(root=name, grade="A1") for name in "abcdef")
    step = watch().step(tracks(0), START, heard=Heard({}, said))
    assert step.assessment.probabilities["deployment"] > 0.9
    assert step.assessment.level == "HIGH"
    assert step.assessment.would_change.startswith("Does anybody see it?")


def test_counts_and_claims_together_are_still_claims():
    topic = yaml.safe_load(TOPIC)
    topic["indicators"].append(
        {
            **msgspec.json.decode(msgspec.json.encode(topic["indicators"][0])),
            "id": "peak",
            "detector": "daily-peak",
            "parameters": {"series": "aircraft", "days": 1, "least_days": 7, "window_days": 30},
        }
    )
    day = START // (24 * HOUR)
    values = np.array([3.0, 4, 5, 3, 4, 5, 3, 4, 5, 90])
    series = Series("aircraft", np.arange(day - 9, day + 1, dtype=np.int64), values, OPEN)
    step = watch(yaml.safe_dump(topic)).step(tracks(0), START, heard=Heard({"aircraft": series}, (told(root="a", grade="A1"),)))
    assert {lamp.id for lamp in step.assessment.indicators if lamp.state == "seen"} == {"training", "peak"}
    assert step.assessment.level == "HIGH"


def test_an_officers_own_sighting_beside_claims_may_reach_the_top():
    said = (told(root="a", grade="A1"), told("seen", grade="A1", channel="sighting"))
    assert watch().step(tracks(0), START, heard=Heard({}, said)).assessment.level == "SEVERE"


def test_claims_and_counts_are_records_that_keep_what_they_said():
    claim = Claim(text="They train.", source="paper", grade="C3", indicator="training", root="agency", channel="telephone", latitude=1.0)
    count = Count(series="aircraft", source="ministry", days=(20000, 20001), counts=(3.0, 12.0))
    for body in (claim, count):
        record = make(
            body, realm="live", origin="ASTER", author="mara", label=OPEN, protocol_time=1, realm_time=1, entropy=SeededEntropy(1)
        )
        assert body_of(decode(encode(record))) == body


def test_a_claim_of_the_first_release_still_reads():
    assert msgspec.json.decode(b'{"text":"x","source":"y"}', type=Claim).channel == "document"
