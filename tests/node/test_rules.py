"""Nothing leaves without a person, unless two agreed on a rule beforehand that covers it."""

import asyncio

import pytest

from tocsin.core import LIVE, InputError, ManualClock, Rule, SeededEntropy
from tocsin.core.times import SECOND
from tocsin.node import operations, secrets
from tocsin.node.acts import Acts
from tocsin.node.errors import Conflict, NotAllowed, NotFound
from tocsin.node.filtered import whole
from tocsin.node.readers import Reader
from tocsin.node.rules import Rules
from tocsin.node.service import Node
from tocsin.node.warning_screens import WarningScreens

from .helpers import LEVELS, add_person, make, opened
from .test_playing import NOW, played, reader

REALM = "exercise:night"
DAY = 86_400 * SECOND


def rule(**changes):
    fields = {
        "name": "night", "topic": "airborne-rapid-deployment", "level": "HIGH", "audience": ("BIRCH",), "realms": (REALM,),
        "valid_from": NOW - DAY, "valid_until": NOW + DAY, "state": "proposed",
    }  # fmt: skip
    return Rule(**{**fields, **changes})


def run(work, tmp_path):
    async def whole():
        birch = await make(tmp_path / "birch", "BIRCH")
        other = await Node.open(birch, secrets.find(birch), ManualClock(NOW), SeededEntropy(9))
        card = other.keys.card("Birch", other.clock).to_toml()
        await other.close()
        async with opened(await make(tmp_path / "aster"), ManualClock(NOW), SeededEntropy(3)) as node:
            await operations.add_partner(node, operations.NewPartner(card, "CONFIDENTIAL"))
            await add_person(node, "nia", ["approver"], LEVELS[-1])
            await add_person(node, "bo", ["watch-officer"], LEVELS[-1])
            rules = Rules(node)
            node.on_draft.append(rules.apply)
            await work(node, rules, reader(node), reader(node, "nia"))

    asyncio.run(whole())


def states(node: Node, who: Reader) -> set[str]:
    return {row["approved_by"] for row in WarningScreens(node).warnings(who, REALM)}


def test_a_rule_of_one_person_sends_nothing(tmp_path):
    async def work(node, rules, mara, nia):
        row = await rules.propose(mara, rule())
        assert row["state"] == "not in force"
        with pytest.raises(Conflict, match="two persons"):
            await rules.agree(mara, row["rule"])
        await played(node, REALM)
        assert states(node, mara) == {""}

    run(work, tmp_path)


def test_a_rule_of_two_issues_what_it_covers_in_its_own_name(tmp_path):
    async def work(node, rules, mara, nia):
        row = await rules.propose(mara, rule())
        assert (await rules.agree(nia, row["rule"]))["state"] == "in force"
        await played(node, REALM)
        versions = whole(node).warnings(REALM)[0]
        issued = [v for v in versions if v.body.state == "issued"]
        assert issued
        assert {v.body.approved_by for v in issued} == {"rule night, agreed by mara and nia"}
        assert all(v.body.level == "HIGH" for v in issued)
        assert all(v.record.label.releasable_to <= {"ASTER", "BIRCH"} for v in issued)
        assert [a.what for a in node.people.acts() if a.who == "rule night"]

    run(work, tmp_path)


def test_a_draft_that_a_person_issued_first_is_not_issued_again_by_a_rule(tmp_path):
    async def work(node, rules, mara, nia):
        await played(node, REALM)
        (draft,) = [v for v in whole(node).warnings(REALM)[0] if v.body.state in {"drafted", "updated"}][-1:]
        await rules.agree(nia, (await rules.propose(mara, rule()))["rule"])
        await Acts(node).approve(mara, REALM, draft.body.warning)
        before = len(whole(node).warnings(REALM)[0])
        assert not await rules.apply(REALM, draft.record, draft.body)
        assert len(whole(node).warnings(REALM)[0]) == before

    run(work, tmp_path)


@pytest.mark.parametrize("changes", [{"realms": (LIVE,)}, {"valid_until": NOW - 1}, {"valid_from": NOW + 1}])
def test_a_rule_that_does_not_cover_a_warning_sends_nothing(tmp_path, changes):
    async def work(node, rules, mara, nia):
        row = await rules.propose(mara, rule(**changes))
        await rules.agree(nia, row["rule"])
        await played(node, REALM)
        assert states(node, mara) == {""}

    run(work, tmp_path)


def test_a_withdrawn_rule_sends_nothing_and_stays_withdrawn(tmp_path):
    async def work(node, rules, mara, nia):
        row = await rules.propose(mara, rule())
        await rules.agree(nia, row["rule"])
        assert (await rules.withdraw(mara, row["rule"]))["state"] == "withdrawn"
        with pytest.raises(Conflict, match="withdrawn"):
            await rules.withdraw(nia, row["rule"])
        await played(node, REALM)
        assert states(node, mara) == {""}

    run(work, tmp_path)


def test_only_approvers_make_rules_and_unknown_ones_are_not_found(tmp_path):
    async def work(node, rules, mara, nia):
        with pytest.raises(NotAllowed, match="approver"):
            await rules.propose(reader(node, "bo"), rule())
        with pytest.raises(NotFound):
            await rules.agree(nia, "rule--00000000-0000-4000-8000-000000000000")
        assert rules.every(mara) == []

    run(work, tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "nonsense"},
        {"level": "NORMAL"},
        {"level": "NONSENSE"},
        {"audience": ("NOBODY",)},
        {"audience": ()},
        {"realms": ("replay:x",)},
        {"realms": ("nonsense",)},
        {"valid_until": NOW - 2 * DAY},
        {"valid_until": NOW + 900 * DAY},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_in_one_line(tmp_path, changes):
    async def work(node, rules, mara, nia):
        with pytest.raises(InputError) as refused:
            await rules.propose(mara, rule(**changes))
        assert "\n" not in str(refused.value)
        assert rules.every(mara) == []

    run(work, tmp_path)


def test_rules_hold_after_a_restart(tmp_path):
    async def work(node, rules, mara, nia):
        row = await rules.propose(mara, rule())
        await rules.agree(nia, row["rule"])

    run(work, tmp_path)

    async def again():
        async with opened(tmp_path / "aster", ManualClock(NOW), SeededEntropy(5)) as node:
            (row,) = Rules(node).every(reader(node))
            assert (row["state"], row["agreed_by"]) == ("in force", ["mara", "nia"])

    asyncio.run(again())
