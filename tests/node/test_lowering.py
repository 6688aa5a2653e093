"""Lowering a label at a node: two persons, never a raise, and a gate whose policies cannot be read gives nobody anything."""

import asyncio

import pytest

from tocsin.core import BadLabel, ManualClock, Report, SeededEntropy
from tocsin.node import checkup, operations, secrets
from tocsin.node.acts import Acts
from tocsin.node.errors import Conflict, NotAllowed, NotFound
from tocsin.node.lowering import Lowering
from tocsin.node.service import Node
from tocsin.people import SamePerson

from .helpers import LEVELS, add_person, make, opened
from .test_playing import NOW, reader

REPORT = Report(title="Harbour", text="Ferries are late.", source="harbour office")


def run(work, tmp_path, **config):
    async def whole():
        birch = await make(tmp_path / "birch", "BIRCH")
        other = await Node.open(birch, secrets.find(birch), ManualClock(NOW), SeededEntropy(9))
        card = other.keys.card("Birch", other.clock).to_toml()
        await other.close()
        async with opened(await make(tmp_path / "aster", **config), ManualClock(NOW), SeededEntropy(3)) as node:
            await operations.add_partner(node, operations.NewPartner(card, "RESTRICTED"))
            await add_person(node, "nia", ["approver"], LEVELS[-1])
            await add_person(node, "bo", ["watch-officer"], LEVELS[0])
            await work(node, Lowering(node), reader(node), reader(node, "nia"), reader(node, "bo"))

    asyncio.run(whole())


async def said(node, who, level="CONFIDENTIAL"):
    return await Acts(node).report(who, "live", REPORT, level, ["BIRCH"], [])


def test_two_persons_lower_a_label_and_until_then_the_old_one_holds(tmp_path):
    async def work(node, lowering, mara, nia, bo):
        record = await said(node, mara)
        kept = node.journal.get(record).record
        row = await lowering.propose(mara, record, "UNCLASSIFIED", [], [], "it is in the papers")
        assert row["state"] == "open"
        assert node.gate.label_of(kept) == kept.label
        assert not bo.may_see(kept, "ASTER")
        assert lowering.every(bo) == []
        with pytest.raises(SamePerson):
            await lowering.approve(mara, row["lowering"])
        with pytest.raises(NotAllowed):
            await lowering.approve(bo, row["lowering"])
        done = await lowering.approve(nia, row["lowering"])
        assert (done["state"], done["approved_by"], done["mode"]) == ("approved", "nia", "two-person")
        assert node.gate.label_of(kept).classification == 0
        assert bo.may_see(kept, "ASTER")
        assert [r["state"] for r in lowering.every(bo)] == ["approved"]

    run(work, tmp_path)


def test_a_lowered_label_is_known_again_after_a_restart(tmp_path):
    async def work(node, lowering, mara, nia, bo):
        record = await said(node, mara)
        await lowering.approve(nia, (await lowering.propose(mara, record, "UNCLASSIFIED", [], [], ""))["lowering"])

    run(work, tmp_path)

    async def again():
        async with opened(tmp_path / "aster", ManualClock(NOW), SeededEntropy(4)) as node:
            (kept,) = node.journal.records("live", kind="report")
            assert node.gate.label_of(kept.record).classification == 0

    asyncio.run(again())


def test_a_label_is_never_raised_this_way_nor_by_who_may_not_read_it(tmp_path):
    async def work(node, lowering, mara, nia, bo):
        record = await said(node, mara, "RESTRICTED")
        with pytest.raises(Conflict, match="raise"):
            await lowering.propose(mara, record, "CONFIDENTIAL", [], [], "")
        with pytest.raises(Conflict, match="raise"):
            await lowering.propose(mara, record, "RESTRICTED", [], ["SENSOR"], "")
        with pytest.raises(Conflict, match="already"):
            await lowering.propose(mara, record, "RESTRICTED", ["BIRCH"], [], "")
        with pytest.raises(BadLabel, match="no partner"):
            await lowering.propose(mara, record, "UNCLASSIFIED", ["NOBODY"], [], "")
        with pytest.raises(NotFound):
            await lowering.propose(bo, record, "UNCLASSIFIED", [], [], "")
        with pytest.raises(NotFound):
            await lowering.approve(nia, record)
        with pytest.raises(NotFound):
            await lowering.approve(nia, "relabel--0")

    run(work, tmp_path)


def test_policies_that_cannot_be_read_give_nobody_anything_and_the_doctor_says_so(tmp_path):
    folder = asyncio.run(make(tmp_path / "aster"))
    config = folder / "node.toml"
    config.write_text('policies = "policies"\n' + config.read_text())
    for text, says in (
        (None, "there is no policy in it"),
        ("permit(principal, action, resource", "unexpected"),
        ("forbid(principal, action, resource);", "is a forbid"),
    ):
        (folder / "policies").mkdir(exist_ok=True)
        if text is not None:
            (folder / "policies" / "a.cedar").write_text(text)
        row = next(row for row in asyncio.run(checkup.check(folder)) if row["what"] == "policies")
        assert row["well"] is False
        assert says in row["says"]

        async def nothing():
            async with opened(folder) as node:
                assert not node.views.of(node.config.own).may(node.own_label())
                assert not node.gate.decide(node.own_label(), "live", [node.config.own]).audience

        asyncio.run(nothing())
    (folder / "policies" / "a.cedar").write_text("permit(principal, action, resource);")
    row = next(row for row in asyncio.run(checkup.check(folder)) if row["what"] == "policies")
    assert row["well"] is True


def test_a_node_is_founded_in_a_community_and_keeps_its_file(tmp_path):
    from pathlib import Path

    example = (Path(__file__).parents[2] / "examples" / "community.toml").read_bytes()
    folder = asyncio.run(make(tmp_path / "birch", "BIRCH", community=example))

    async def look():
        async with opened(folder) as node:
            assert node.config.policy.name == "northern-watch"
            assert node.config.clearance == "SECRET"
            assert node.views.of(node.config.own).clearance.communities == ("COAST", "RELIEF")
            assert node.config.relay.url.startswith("tls://relay-1.northern-watch.example:4222,tls://relay-2.")

    asyncio.run(look())
    rows = {row["what"]: row for row in asyncio.run(checkup.check(folder))}
    assert rows["community"]["well"]
    assert "digest" in rows["community"]["says"]
    (folder / "community.toml").write_text((folder / "community.toml").read_text().replace("[partners.BIRCH]", "[partners.BEECH]"))
    rows = {row["what"]: row for row in asyncio.run(checkup.check(folder))}
    assert not rows["community"]["well"]
