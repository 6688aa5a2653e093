"""What two persons do, what somebody subscribes to, and pages past the newest: through the real command line and HTTP of one node."""

import asyncio
import contextlib
import io
import json

import pytest

from tests.node.helpers import PASSWORD
from tests.node.test_delivery import did, got
from tests.node.test_seconding import REPORT, at_home
from tocsin.core import LIVE
from tocsin.node import cli
from tocsin.people import Act

ERASED = "report--00000000-0000-4000-8000-000000000000"


class Shell:
    """`tocsin` as a person types it, beside the node that it asks."""

    def __init__(self, folder):
        self.folder = folder

    async def __call__(self, *words, by="mara"):
        return await asyncio.to_thread(self._run, [*words[:-1], words[-1], "--as", by])

    def _run(self, words):
        out, err, code = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                cli.main([str(word) for word in words])
            except SystemExit as end:
                code = end.code or 0
        assert code == 0 or err.getvalue().count("\n") == 1, err.getvalue()
        return code, out.getvalue(), err.getvalue()

    async def json(self, *words, by="mara"):
        code, out, err = await self(*words, "--json", by=by)
        assert code == 0, err
        return json.loads(out)


@contextlib.asynccontextmanager
async def shell(tmp_path):
    async with at_home(tmp_path) as (node, mara, sven):
        yield node, mara, sven, Shell(node.folder)


@pytest.fixture(autouse=True)
def password(monkeypatch):
    """Every verb logs in."""
    monkeypatch.setenv("TOCSIN_PASSWORD", PASSWORD)


def test_the_verbs_of_two_persons_do_what_they_say(tmp_path):
    async def work():
        async with shell(tmp_path) as (node, mara, _, tocsin):
            folder = node.folder
            record = (await did(mara, "/reports", REPORT))["record"]
            made = await tocsin.json("erase", folder, record, "--reason", "a court said so")
            assert (made["state"], made["what"]) == ("open", record)
            assert (await tocsin("approval", "approve", folder, made["id"]))[0] == 1  # not by who proposed it
            (row,) = await tocsin.json("approval", "list", folder, by="sven")
            assert row["content"]["reason"] == "a court said so"
            assert "a court said so" in (await tocsin("approval", "list", folder, by="sven"))[1]
            done = await tocsin.json("approval", "approve", folder, made["id"], by="sven")
            assert done["state"] == "done"
            assert node.journal.get(record) is None
            assert (await tocsin("approval", "approve", folder, "proposal-x", by="sven"))[0] == 2
            assert (await tocsin("erase", folder, ERASED, "--reason", "x"))[0] == 1
            assert (await tocsin("erase", folder, record, "--reason", "two\nlines"))[0] in {1, 2}

            settings = {row["name"]: row["value"] for row in await tocsin.json("setting", "list", folder)}
            made = await tocsin.json("setting", "change", folder, "idle_minutes", "45")
            assert (await tocsin("approval", "withdraw", folder, made["id"]))[0] == 0
            assert (await tocsin("approval", "approve", folder, made["id"], by="sven"))[0] in {1, 2}
            made = await tocsin.json("setting", "change", folder, "idle_minutes", "45")
            await tocsin.json("approval", "approve", folder, made["id"], by="sven")
            after = {row["name"]: row["value"] for row in await tocsin.json("setting", "list", folder)}
            assert after == settings | {"idle_minutes": 45}
            assert (await tocsin("setting", "change", folder, "colour", "blue"))[0] == 2
            assert (await tocsin("setting", "change", folder, "idle_minutes", "45"))[0] == 1
            assert (await tocsin("partner", "exclude", folder, "BIRCH", "--reason", "gone"))[0] == 1
            assert (await tocsin("approval", "answer", folder, record))[0] == 2
            assert (await tocsin("approval", "ask", folder, made["id"], "--partner", "BIRCH"))[0] == 1

    asyncio.run(work())


def test_a_proposal_that_this_version_cannot_do_is_one_line_and_not_done(tmp_path):
    async def work():
        async with shell(tmp_path) as (node, mara, sven, tocsin):
            record = (await did(mara, "/reports", REPORT))["record"]
            user = node.people.user("mara")
            for act, content in (
                (Act.JOURNAL_ERASE, b"no JSON"),
                (Act.JOURNAL_ERASE, b'{"record": 7}'),
                (Act.PARTNER_EXCLUDE, b"{}"),
                (Act.SETTING_CHANGE, b"[]"),
            ):
                made = await node.people.approvals.propose(user, act, record, content)
                answer = await sven.post(f"/approvals/{made.id}/approve", json={"digest": made.digest})
                assert (answer.status_code, "propose it anew" in answer.json()["error"]) == (409, True), act
                assert "\n" not in answer.json()["error"]
                code, _, err = await tocsin("approval", "approve", node.folder, made.id, by="sven")
                assert (code, err.count("\n")) in {(1, 1), (2, 1)}
            assert node.journal.get(record) is not None

    asyncio.run(work())


def test_a_person_subscribes_changes_it_and_ends_it(tmp_path):
    async def work():
        async with shell(tmp_path) as (node, _, _, tocsin):
            folder = node.folder
            assert "No subscription" in (await tocsin("subscriptions", folder))[1]
            made = await tocsin.json(
                "subscribe", folder, "ferries", "--kinds", "report,warning", "--topics", "ferry", "--area", "47,8 47,9 48,9"
            )
            (one,) = made["mine"]
            assert (one["name"], one["kinds"], one["topics"]) == ("ferries", ["report", "warning"], ["ferry"])
            assert one["area"] == [[47.0, 8.0], [47.0, 9.0], [48.0, 9.0]]
            await tocsin.json("subscribe", folder, "ferries", "--kinds", "report")
            assert (await tocsin.json("subscriptions", folder))["mine"][0]["kinds"] == ["report"]
            shown = (await tocsin("subscriptions", folder))[1]
            assert "ferries" in shown
            assert "kinds report" in shown
            assert (await tocsin.json("subscriptions", folder, by="sven"))["mine"] == []
            await tocsin("subscribe", folder, "ferries", "--end")
            assert (await tocsin.json("subscriptions", folder))["mine"] == []
            for wrong in (("--area", "here"), ("--area", "47,8"), ("--area", "47,8,9 1,2 3,4")):
                assert (await tocsin("subscribe", folder, "x", *wrong))[0] == 2, wrong
            assert (await tocsin("subscribe", folder, "x", "--to", "NOBODY"))[0] == 1

    asyncio.run(work())


def test_reports_and_the_log_go_on_past_the_first_page(tmp_path):
    async def work():
        async with at_home(tmp_path) as (_, mara, _):
            said = [(await did(mara, "/reports", {**REPORT, "title": f"Report {i}"}))["record"] for i in range(5)]
            for i in range(5):
                await did(mara, "/log", {"realm": LIVE, "text": f"Line {i}"})
            for path, field, name in (("/reports", "title", "Report"), ("/log", "text", "Line")):
                every = [f"{name} {i}" for i in range(5)]
                seen, before = [], ""
                while page := await got(mara, path, limit=2, before=before):
                    assert len(page) <= 2
                    seen += [row[field] for row in page]
                    before = page[-1]["record"]
                assert seen == every[::-1]
                assert [row[field] for row in await got(mara, path)] == every[::-1]
                for wrong, status in (({"before": ERASED}, 404), ({"before": "x" * 81}, 400), ({"limit": 0}, 400), ({"limit": 501}, 400)):
                    assert (await mara.get(path, params={"realm": LIVE, **wrong})).status_code == status
            line = (await got(mara, "/log"))[0]["record"]
            assert (await mara.get("/reports", params={"realm": LIVE, "before": line})).status_code == 404
            # A correction on the first page keeps what it corrects, which lies on the last, from being shown as if it stood.
            corrected = (await did(mara, "/reports", {**REPORT, "title": "Mended", "corrects": said[0]}))["record"]
            (first,) = await got(mara, "/reports", limit=1)
            assert first["record"] == corrected
            assert [old["record"] for old in first["earlier"]] == [said[0]]
            assert said[0] not in {row["record"] for row in await got(mara, "/reports", before=said[1])}

    asyncio.run(work())
