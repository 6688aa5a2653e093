"""The second key: what is taken as policies, what errs, and that it says what the lattice says where it repeats it."""

import cedarpy
import msgspec
import pytest
from hypothesis import given, settings

from tocsin.core import Clearance, Label, SeededEntropy, may_read
from tocsin.policy import BadPolicies, SitePolicies
from tocsin.policy.measure import measure
from tocsin.policy.site import Asked, _entities, _schema, request

from .drawing import NOW, OPEN, label, labels, reader, readers, site


def asked(label, reader, **changes):
    given = {"action": "release", "level": "", "realm": "live", "kind": "report", "topic": "", "now": NOW, **changes}
    return Asked(label=label, reader=reader, **given)


def refusal(text):
    with pytest.raises(BadPolicies) as caught:
        site(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(labels, readers)
def test_the_shipped_permit_says_what_the_lattice_says(label, reader):
    assert SHIPPED.allow([asked(label, reader)]) == [may_read(label, reader, NOW)]


@given(labels, readers)
@settings(max_examples=40)
def test_every_fact_fits_the_schema(label, reader):
    question = request(asked(label, reader, action="tell", realm="exercise:night", topic="airlift"))
    with_schema = cedarpy.is_authorized_batch([question], OPEN, _entities(), schema=_schema())[0]
    assert with_schema.allowed
    assert with_schema.diagnostics.errors == []


def test_a_hundred_thousand_pairs_need_no_more_than_this_to_be_compared():
    found = measure(Ticks(), Ticks(), SeededEntropy(7), pairs=2_000, cold=50, warm=50)
    assert found["disagreements"] == 0
    assert 100 < found["allowed"] < 1_900
    assert found["pairs"] == 2_000


class Ticks:
    def __init__(self):
        self.at = 0

    def __call__(self):
        self.at += 1_000_000
        return self.at


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("permit(principal, action, resource", "policies/test.cedar: unexpected"),
        (OPEN + "forbid(principal, action, resource);", "policy1 is a forbid, which fails open when it errs"),
        ('@id("stop") forbid(principal, action, resource) when { context.realm == "live" };' + OPEN, "stop is a forbid"),
        ("permit(principal, action, resource) when { context.lable.level == 1 };", "attribute `lable` in context"),
        ('permit(principal, action, resource) when { context.label.classification < "2" };', "test.cedar: for policy `policy0`"),
        ('permit(principal, action == Action::"publish", resource);', "unrecognized action"),
        ("permit(principal, action, resource) when { context.label.expires > context.now };", "unable to guarantee safety"),
        ("permit(principal == ?principal, action, resource);", "templates are not taken"),
        ("permit(principal, action, resource) when { " + "(" * 100 + "true" + ")" * 100 + " };", "nest deeper"),
        ("// nothing", "there is no policy in it"),
        ("", "there is no policy in it"),
    ],
)
def test_what_cannot_be_used_safely_is_refused_in_one_line(text, says):
    assert says in refusal(text)


def test_policies_are_read_from_every_file_of_a_folder(tmp_path):
    (tmp_path / "b.cedar").write_text('@id("second") permit(principal == Reader::"CEDAR", action, resource);')
    (tmp_path / "a.cedar").write_text('@id("first") permit(principal == Reader::"BIRCH", action, resource);')
    (tmp_path / "notes.txt").write_text("forbid everything")
    found = SitePolicies.read(tmp_path)
    assert found.names == ("first", "second")
    assert found.allow([asked(label(), reader(name)) for name in ("BIRCH", "CEDAR", "DUNE")]) == [True, True, False]


def test_a_folder_that_is_not_there_empty_or_no_text_is_refused(tmp_path):
    for prepare, says in (
        (lambda: None, "there is no policy in it"),
        (lambda: (tmp_path / "x.cedar").write_bytes(b"\xff"), "not UTF-8"),
    ):
        prepare()
        with pytest.raises(BadPolicies, match=says):
            SitePolicies.read(tmp_path)
    with pytest.raises(BadPolicies, match="No such file"):
        SitePolicies.read(tmp_path / "gone")


def test_a_condition_that_errs_denies_even_beside_one_that_permits():
    text = OPEN + "permit(principal, action, resource) when { context.label.classification * 9223372036854775807 > 0 };"
    assert site(text).allow([asked(label(), reader())]) == [True]
    assert site(text).allow([asked(label(classification=2), reader())]) == [False]


@pytest.mark.parametrize(
    "broken",
    [
        asked(label(), reader(), realm=None),
        asked(label(), reader(), kind=3),
        asked(label(), reader(), topic=b"x"),
        asked(label(), reader(), now="x"),
        asked(label(), reader(), action="publish"),
        asked(label(), None),
        asked(None, reader()),
        asked(label(caveats=None), reader()),
        asked(label(classification="1"), reader()),
        asked(label(classification=2**70), reader()),
        asked(label(), Clearance("p", 7, 1)),
        asked(Label("p", 0, frozenset({"A"}), frozenset({1})), reader()),
        asked(label(communities=tuple((f"C{n}",) for n in range(9))), reader()),
    ],
)
def test_what_cannot_be_asked_is_a_no_and_harms_no_other_question(broken):
    assert site().allow([asked(label(), reader()), broken, asked(label(), reader())])[1] is False
    assert site().allow([broken]) == [False]


def test_questions_past_one_batch_keep_their_order():
    found = site('permit(principal == Reader::"BIRCH", action, resource);')
    names = ["BIRCH" if n % 3 else "CEDAR" for n in range(1_000)]
    assert found.allow([asked(label(), reader(name)) for name in names]) == [name == "BIRCH" for name in names]


def test_policies_that_look_at_the_clock_say_so():
    assert not SHIPPED.uses_time
    assert not site().uses_time
    assert site("permit(principal, action, resource) when { context.clock.hour > 7 };").uses_time
    assert site("permit(principal, action, resource) when { context.now > 7 };").uses_time


def test_the_facts_of_the_clock_are_utc():
    # Sunday 22 November 2026, 16:38 UTC.
    context = msgspec.json.decode(request(asked(label(), reader(), now=1_795_365_480_000_000))["context"])
    assert context["clock"] == {"hour": 16, "minute": 38, "weekday": 7}


SHIPPED = SitePolicies.shipped()
