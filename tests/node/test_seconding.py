"""What two persons decide: erasing, excluding, settings; a partner as the second, over a real relay; one person where the node says so."""

import asyncio
import contextlib

import pytest
from msgspec import structs

from tests.node.helpers import LEVELS, add_person, make, opened, person, serving
from tests.node.test_delivery import TO_BIRCH, did, got, two, until
from tests.node.test_playing import NOW, reader
from tests.node.test_rules import rule
from tocsin.core import LIVE, Approval, ManualClock, Ref, SeededEntropy, encode
from tocsin.journal import Entry
from tocsin.node import config, operations, personnel
from tocsin.node.config import PeopleConfig
from tocsin.node.errors import Conflict
from tocsin.node.lowering import Lowering
from tocsin.node.rules import Rules
from tocsin.node.seconding import Seconding
from tocsin.people import Act

REPORT = {**TO_BIRCH, "releasable_to": []}


@contextlib.asynccontextmanager
async def at_home(tmp_path, **people):
    """ASTER with mara, who does everything, and sven, a security officer; both logged in."""
    folder = await make(tmp_path / "aster")
    if people:
        config.write(folder, structs.replace(config.read(folder), people=PeopleConfig(**people)))
    async with opened(folder) as node, serving(node) as url:
        await personnel.change_user(node, personnel.ChangedUser("mara", roles=["watch-officer", "approver", "administrator"]))
        await add_person(node, "sven", ["security-officer"], LEVELS[-1])
        async with person(url) as mara, person(url, "sven") as sven:
            yield node, mara, sven


async def grown(*nodes):
    """Their maras may do what needs two persons, too."""
    for node in nodes:
        roles = ["watch-officer", "approver", "administrator", "security-officer"]
        await personnel.change_user(node, personnel.ChangedUser("mara", roles=roles))


def acts(node, act):
    return [(done.who, done.what) for done in node.people.acts() if done.act == act]


async def proposal(client, identifier):
    return next(row for row in (await client.get("/approvals")).json() if row["id"] == identifier)


def test_two_persons_erase_a_record_and_only_its_leaf_remains(tmp_path):
    async def work():
        async with at_home(tmp_path) as (node, mara, sven):
            record = (await did(mara, "/reports", REPORT))["record"]
            leaf = node.journal.get(record).leaf
            made = await did(mara, f"/records/{record}/erase", {"reason": "a court said so"})
            assert (made["state"], made["says"]) == ("open", "proposed by mara, not approved")
            shown = await proposal(sven, made["id"])
            assert shown["content"] == {"record": record, "leaf": leaf.hex(), "reason": "a court said so"}
            await did(mara, f"/approvals/{made['id']}/approve", {"digest": made["digest"]}, (403,))
            await did(sven, f"/approvals/{made['id']}/approve", {"digest": "0" * 64}, (403,))
            assert node.journal.get(record) is not None
            done = await did(sven, f"/approvals/{made['id']}/approve", {"digest": shown["digest"]})
            assert (done["state"], done["says"]) == ("done", "proposed by mara, approved by sven")
            assert node.journal.get(record) is None
            assert [one.leaf for one in node.journal.leaves(LIVE) if one.record_id == record] == [leaf]
            assert await got(mara, "/reports") == []
            assert (await got(mara, "/search", q="trucks"))["count"] == 0
            assert acts(node, Act.JOURNAL_ERASE) == [("sven", record)]
            await did(mara, f"/records/{record}/erase", {"reason": "again"}, (404,))

    asyncio.run(work())


def test_two_persons_put_a_partner_out_and_the_second_is_shown_which_card(tmp_path):
    async def work():
        async with opened(await make(tmp_path / "birch", "BIRCH")) as other, at_home(tmp_path) as (node, mara, sven):
            await operations.add_partner(node, operations.NewPartner(other.card().to_toml(), "RESTRICTED"))
            made = await did(mara, "/partners/BIRCH/exclude", {"reason": "left the community"})
            assert node.book.get("BIRCH") is not None
            assert (await proposal(sven, made["id"]))["content"]["card"] == other.card().digest().hex()
            await did(sven, f"/approvals/{made['id']}/approve", {"digest": made["digest"]})
            assert node.book.get("BIRCH") is None
            assert node.book.standing("BIRCH").reason == "left the community"
            assert acts(node, Act.PARTNER_EXCLUDE) == [("sven", "BIRCH")]
            await did(mara, "/partners/BIRCH/exclude", {"reason": "again"}, (404,))

    asyncio.run(work())


def test_two_persons_change_a_setting_which_holds_at_once_and_after_a_restart(tmp_path):
    async def work():
        async with at_home(tmp_path) as (node, mara, sven):
            assert {row["name"]: row["value"] for row in (await mara.get("/settings")).json()}["single_approver"] is False
            await did(mara, "/settings", {"name": "origin", "value": "https://elsewhere.example"}, (400,))
            await did(mara, "/settings", {"name": "session_hours", "value": 99}, (400,))
            await did(mara, "/settings", {"name": "step_up", "value": False}, (409,))
            made = await did(mara, "/settings", {"name": "session_hours", "value": 1})
            twin = await did(mara, "/settings", {"name": "session_hours", "value": 2})
            await did(sven, f"/approvals/{made['id']}/approve", {"digest": made["digest"]})
            assert node.people.security.lasts == 3600 * 1_000_000
            assert config.read(node.folder).people.session_hours == 1
            # It was proposed against another value than it has now.
            await did(sven, f"/approvals/{twin['id']}/approve", {"digest": twin["digest"]}, (409,))
            assert acts(node, Act.SETTING_CHANGE) == [("sven", "session_hours 1.0")]
            async with person(str(mara.base_url)) as late:
                session = next(row for row in (await late.get("/sessions")).json() if row["this"])
                assert session["expires"] - session["opened_at"] == 3600 * 1_000_000

    asyncio.run(work())


def test_single_approver_mode_is_shown_on_whatever_it_approved_rules_included(tmp_path):
    async def work():
        folder = await make(tmp_path / "aster")
        config.write(folder, structs.replace(config.read(folder), people=PeopleConfig(single_approver=True)))
        async with opened(await make(tmp_path / "birch", "BIRCH")) as other, opened(folder, ManualClock(NOW), SeededEntropy(3)) as node:
            await operations.add_partner(node, operations.NewPartner(other.card().to_toml(), "RESTRICTED"))
            mara = reader(node)
            agreed = await Rules(node).propose(mara, rule())
            assert (agreed["state"], agreed["mode"]) == ("in force", "single")
            assert agreed["says"] == "agreed by one person, mara: single-approver mode"
            own = node.own_label(mara)
            record = await node.keep(node.new_record(structs.replace(rule(), name="other"), LIVE, "mara", own))
            lowered = await Lowering(node).propose(mara, record.record.id, "UNCLASSIFIED", [], [], "")
            assert (lowered["state"], lowered["mode"]) == ("approved", "single")
            done = await Seconding(node).exclude(mara, "BIRCH", "left")
            assert done["says"] == "approved by one person, mara: single-approver mode"
            assert node.book.standing("BIRCH").reason == "left (one person's decision: single-approver mode)"

    asyncio.run(work())


def test_what_was_approved_and_not_done_before_the_node_stopped_is_done_at_its_next_start(tmp_path):
    async def work():
        async with at_home(tmp_path) as (node, mara, _):
            record = (await did(mara, "/reports", REPORT))["record"]
            made = await did(mara, f"/records/{record}/erase", {"reason": "law"})
            await node.people.approvals.approve(made["id"], node.people.user("sven"), made["digest"])
            assert node.journal.get(record) is not None
        async with opened(tmp_path / "aster") as node:
            await Seconding(node).resume()
            assert node.journal.get(record) is None
            assert node.people.approvals.get(made["id"]).state == "done"
            await Seconding(node).resume()

    asyncio.run(work())


def test_a_partner_is_the_second_person_over_the_relay_and_whoever_had_the_record_hides_it(tmp_path):
    async def work():
        async with two(tmp_path) as (aster, birch, mara, bo):
            await grown(aster, birch)
            record = (await did(mara, "/reports", TO_BIRCH))["record"]
            await until(lambda: got(bo, "/inbox", kind="report"))
            made = await did(mara, f"/records/{record}/erase", {"reason": "a court said so"})
            asked = await did(mara, f"/approvals/{made['id']}/ask", {"partner": "BIRCH"})
            (row,) = await until(lambda: got(bo, "/inbox", kind="approval"))
            assert (row["record"], row["title"]) == (asked["record"], f"asked: journal:erase {record}")
            assert row["asks"]["answered"] is False
            assert "a court said so" in row["asks"]["content"]
            await did(bo, f"/inbox/{row['record']}/answer", {"digest": "0" * 64, "agree": True}, (403,))
            told = await did(bo, f"/inbox/{row['record']}/answer", {"digest": row["asks"]["digest"], "agree": True})
            assert told["state"] == "approved"
            await did(bo, f"/inbox/{row['record']}/answer", {"digest": row["asks"]["digest"], "agree": False}, (409,))

            async def erased():
                return aster.journal.get(record) is None

            await until(erased)
            done = await proposal(mara, made["id"])
            assert (done["state"], done["mode"]) == ("done", "partner")
            assert done["says"] == "proposed by mara, approved by partner BIRCH (mara)"
            assert done["record_id"].startswith("approval--")
            assert acts(birch, Act.PROPOSAL_APPROVE) == [("mara", asked["record"])]

            async def hidden():
                rows = await got(bo, "/reports")
                return rows and rows[0]["recalled"]

            assert (await until(hidden))["why"] == "required by law"
            (row,) = await got(bo, "/inbox", kind="approval")
            assert row["asks"]["answered"] is True

    asyncio.run(work())


def test_a_partner_that_declines_or_may_not_have_the_record_is_no_second_person(tmp_path):
    async def work():
        async with two(tmp_path) as (aster, birch, mara, bo):
            await grown(aster, birch)
            own = (await did(mara, "/reports", {**TO_BIRCH, "releasable_to": []}))["record"]
            made = await did(mara, f"/records/{own}/erase", {"reason": "law"})
            answer = await mara.post(f"/approvals/{made['id']}/ask", json={"partner": "BIRCH"})
            assert (answer.status_code, "may not have" in answer.json()["error"]) == (409, True)
            made = await did(mara, "/settings", {"name": "idle_minutes", "value": 30})
            await did(mara, f"/approvals/{made['id']}/ask", {"partner": "NOBODY"}, (409,))
            await did(mara, f"/approvals/{made['id']}/ask", {"partner": "BIRCH"})
            (row,) = await until(lambda: got(bo, "/inbox", kind="approval"))
            body = {"digest": row["asks"]["digest"], "agree": False, "note": "why so short?"}
            await did(bo, f"/inbox/{row['record']}/answer", body)
            (heard,) = await until(lambda: got(mara, "/inbox", kind="approval"))
            assert heard["title"] == "declined: setting:change idle_minutes"
            assert (await proposal(mara, made["id"]))["state"] == "open"
            assert aster.config.people.idle_minutes == 120

    asyncio.run(work())


def test_an_answer_that_nobody_asked_for_or_that_is_not_signed_approves_nothing(tmp_path):
    async def work():
        async with two(tmp_path) as (aster, birch, mara, _):
            await grown(aster, birch)
            made = await did(mara, "/settings", {"name": "idle_minutes", "value": 30})
            asked = (await did(mara, f"/approvals/{made['id']}/ask", {"partner": "BIRCH"}))["record"]
            body = Approval(
                proposal=made["id"], act="setting:change", what="idle_minutes", digest=made["digest"], state="approved"
            )  # fmt: skip
            label = structs.replace(birch.own_label(), classification=0, releasable_to=frozenset({"ASTER", "BIRCH"}))
            for refs, changes in (
                ([], {}),
                ([Ref("answers", "approval--0")], {}),
                ([Ref("answers", asked)], {"digest": "0" * 64}),
                ([Ref("answers", asked)], {"act": "journal:erase"}),
                ([Ref("answers", asked)], {}),  # right in every word, and not signed by BIRCH's keys
            ):
                record = birch.new_record(structs.replace(body, **changes), LIVE, "mara", label, refs)
                (kept,) = await aster.journal.keep([Entry(encode(record), record)])
                assert await Seconding(aster).heard(kept) is None
            assert (await proposal(mara, made["id"]))["state"] == "open"
            assert len(acts(aster, Act.PROPOSAL_REFUSE)) == 3

    asyncio.run(work())


def test_a_partner_is_not_asked_about_its_own_exclusion(tmp_path):
    async def work():
        async with opened(await make(tmp_path / "birch", "BIRCH")) as other, at_home(tmp_path) as (node, _, _):
            await operations.add_partner(node, operations.NewPartner(other.card().to_toml(), "RESTRICTED"))
            mara = reader(node)
            made = await Seconding(node).exclude(mara, "BIRCH", "left")
            with pytest.raises(Conflict, match="no partner that could be asked"):
                await Seconding(node).ask(mara, made["id"], "BIRCH")

    asyncio.run(work())
