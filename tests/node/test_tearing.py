"""Tear-lines that two persons say, consents to what is ORCON, and labels that are due for review."""

import asyncio
from pathlib import Path

from tests.node.helpers import LEVELS, add_person, make, opened, person, serving
from tests.node.test_delivery import did, got, two, until
from tests.node.test_playing import reader
from tests.node.test_seconding import at_home, grown, proposal
from tocsin.core import Label, Report
from tocsin.core.times import DAY
from tocsin.node import checkup, operations
from tocsin.node.lowering import Lowering
from tocsin.node.partnership import Nothing
from tocsin.people import Act
from tocsin.policy import matter_of

TEXT = "Lorries move.\n\nOur man at the gate saw it.\n\nThey go east."
REPORT = {
    "realm": "live", "title": "Convoy", "text": TEXT, "source": "agent 7", "classification": "CONFIDENTIAL", "releasable_to": [],
    "grade": "B2",
}  # fmt: skip
TORN = {"paragraphs": [3, 1], "fields": ["title"], "source": "a partner", "classification": "RESTRICTED", "releasable_to": ["BIRCH"]}


def test_a_tear_line_is_said_by_two_persons_and_holds_what_was_named_and_nothing_else(tmp_path):
    async def work():
        async with two(tmp_path) as (aster, _, mara, bo), serving(aster) as url:
            await add_person(aster, "nia", ["approver"], LEVELS[-1])
            record = (await did(mara, "/reports", REPORT))["record"]
            parts = await got(mara, f"/labels/tear-lines/{record}")
            assert [row["text"] for row in parts["paragraphs"]] == TEXT.split("\n\n")
            made = await did(mara, "/labels/tear-lines", {**TORN, "record": record})
            assert (made["state"], made["report"]["text"]) == ("open", "Lorries move.\n\nThey go east.")
            assert await got(bo, "/reports") == []
            async with person(url, "nia") as nia:
                shown = await proposal(nia, made["id"])
                assert shown["content"]["report"]["text"] == "Lorries move.\n\nThey go east."
                await did(mara, f"/approvals/{made['id']}/approve", {"digest": made["digest"]}, (403,))
                assert (await did(nia, f"/approvals/{made['id']}/approve", {"digest": shown["digest"]}))["state"] == "done"
            (row,) = await until(lambda: got(bo, "/reports"))
            assert (row["title"], row["text"], row["source"], row["grade"]) == ("Convoy", "Lorries move.\n\nThey go east.", "a partner", "")
            (said,) = [kept for kept in aster.journal.records("live", kind="report") if kept.record.id != record]
            assert b"man at the gate" not in said.data
            assert record.encode() not in said.data
            assert [done.what for done in aster.people.acts() if done.act == Act.LABEL_TEAR] == [f"{said.record.id} from {record}"]
            # Another node's report is not torn here, and a tear-line is never of a higher level.
            await did(bo, "/labels/tear-lines", {**TORN, "record": row["record"], "paragraphs": [1], "releasable_to": []}, (409,))
            low = (await did(mara, "/reports", {**REPORT, "classification": "UNCLASSIFIED"}))["record"]
            await did(mara, "/labels/tear-lines", {**TORN, "record": low}, (409,))

    asyncio.run(work())


def test_labels_that_are_due_are_listed_until_they_were_looked_at(tmp_path):
    async def work():
        async with at_home(tmp_path) as (node, mara, sven):
            await add_person(node, "nia", ["approver"], LEVELS[-1])
            soon = node.clock.now() + DAY
            record = (await did(mara, "/reports", {**REPORT, "review": soon}))["record"]
            await did(mara, "/reports", REPORT)
            assert (await mara.get("/labels/due")).json() == []
            (row,) = (await mara.get("/labels/due", params={"by": soon})).json()
            assert (row["record"], row["review"], row["overdue"]) == (record, soon, False)
            assert (row["classification"], row["caveats"]) == ("CONFIDENTIAL", [])
            assert (await operations.status(node, Nothing()))["reviews_due"] == 0
            late = (await did(mara, "/reports", {**REPORT, "review": 1}))["record"]
            (row,) = (await sven.get("/labels/due")).json()
            assert (row["record"], row["overdue"]) == (late, True)
            assert (await operations.status(node, Nothing()))["reviews_due"] == 1
            later = {"record": late, "classification": "CONFIDENTIAL", "review": soon + DAY, "reason": "still so"}
            made = await did(mara, "/labels", later)
            await Lowering(node).approve(reader(node, "nia"), made["lowering"])
            assert (await mara.get("/labels/due")).json() == []
        rows = {row["what"]: row for row in await checkup.check(tmp_path / "aster")}
        assert rows["reviews"]["says"] == "no label is due"

    asyncio.run(work())


def test_a_consent_reaches_the_partner_that_asked_and_lets_the_record_go_on(tmp_path):
    async def work():
        async with two(tmp_path, caveats=("ORCON",)) as (aster, birch, mara, bo):
            await grown(aster, birch)
            async with opened(await make(tmp_path / "cedar", "CEDAR")) as cedar:
                for node in (aster, birch):
                    new = operations.NewPartner(cedar.card().to_toml(), "CONFIDENTIAL", ["ORCON"])
                    await operations.add_partner(node, new)
            orcon = Label(
                aster.config.policy.name, 1, frozenset({"ASTER", "BIRCH"}), frozenset({"ASTER", "BIRCH", "CEDAR"}), frozenset({"ORCON"})
            )
            record = birch.new_record(Report(title="Convoy", text="They go east.", source="both"), "live", "mara", orcon)
            await birch.say(record)
            assert [row.state for row in birch.exchange.ledger(record.id) if row.partner == "CEDAR"] == ["withheld"]

            async def came():
                return [row for row in await got(mara, "/inbox") if row.get("wants_consent")]

            (row,) = await until(came)
            assert (row["record"], row["consents"]) == (record.id, [])
            body = {"audience": ["CEDAR"], "until": aster.clock.now() + DAY, "note": "for the convoy"}
            await did(mara, f"/labels/{record.id}/consent", {**body, "audience": ["BIRCH"]}, (409,))
            await did(mara, f"/labels/{record.id}/consent", {**body, "audience": ["NOBODY"]}, (400,))
            await did(mara, f"/labels/{record.id}/consent", {**body, "until": 1}, (409,))
            await did(bo, f"/labels/{record.id}/consent", body, (409,))
            said = await did(mara, f"/labels/{record.id}/consent", body)
            ((given,),) = [row["consents"] for row in await came()]
            assert (given["consent"], given["audience"], given["until"], given["by"]) == (said["consent"], ["CEDAR"], body["until"], "mara")
            (row,) = await until(lambda: got(bo, "/inbox", kind="consent"))
            assert (row["record"], row["title"][: len(record.id)]) == (said["consent"], record.id)
            assert "CEDAR" in birch.gate.decide(orcon, "live", birch.book.clearances(), matter=matter_of(record)).audience

    asyncio.run(work())


def test_what_rests_on_a_feed_says_its_terms_and_so_does_its_tear_line(tmp_path):
    async def work():
        example = (Path(__file__).parents[2] / "examples" / "community.toml").read_bytes()
        async with opened(await make(tmp_path / "aster", "ASTER", community=example)) as node, serving(node) as url, person(url) as mara:
            session = (await mara.get("/session")).json()
            assert session["terms"] == ["NO-RESHARE", "NON-COMMERCIAL"]
            said = {**REPORT, "classification": session["levels"][-1], "terms": ["NON-COMMERCIAL"]}
            report = await did(mara, "/reports", said)
            assert " NON-COMMERCIAL REL TO ASTER" in report["banner"]
            torn = {**TORN, "record": report["record"], "classification": session["levels"][0], "releasable_to": []}
            assert " NON-COMMERCIAL REL TO ASTER" in (await did(mara, "/labels/tear-lines", torn))["banner"]
            # What may not be shared again names nobody else, whoever was chosen.
            shut = await did(mara, "/reports", {**said, "terms": ["NO-RESHARE"]})
            assert shut["banner"].endswith(" NO-RESHARE REL TO ASTER")
            await did(mara, "/reports", {**said, "terms": ["FREE"]}, (400,))

    asyncio.run(work())
