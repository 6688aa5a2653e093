"""What receivers without a node are told: their feed over HTTP, in an order of its own, recalls, lowered labels, what ends it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec import structs

from tocsin.core import LIVE, Clearance, Label, ManualClock, Recall, Ref, Relabel, Report, SeededEntropy
from tocsin.core.times import DAY, SECOND
from tocsin.journal import backup
from tocsin.node import auditing, personnel, secrets
from tocsin.node.acts import Acts
from tocsin.node.errors import Conflict
from tocsin.node.http import make_app
from tocsin.node.ledger import Ledger
from tocsin.node.partnership import Named
from tocsin.node.readers import Reader
from tocsin.node.seconding import Seconding
from tocsin.node.service import Node
from tocsin.people import Act
from tocsin.policy import Matter, SitePolicies
from tocsin.policy.tlp import TLP
from tocsin.warning import lifecycle, shipped

from .walk import OPEN, ZERO, Twin, finding, founded, keep, label, warning

TEXT = Report(title="Kestrel", text="Kestrel is near.", source="harbour", grade="B2")
Json = dict[str, Any]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(founded(tmp_path_factory.mktemp("template") / "node"))


class Desk:
    """A receiver at its own machine: it knows the node's address and its token."""

    def __init__(self, node: Node, token: str) -> None:
        transport = httpx2.ASGITransport(app=make_app(node), raise_app_exceptions=False)  # type: ignore[arg-type]
        self.http = httpx2.AsyncClient(transport=transport, base_url="http://node/api/v1", headers={"authorization": f"Bearer {token}"})

    async def get(self, path: str = "/told", **params: Any) -> httpx2.Response:
        return await self.http.get(path, params={"realm": LIVE} | params)

    async def told(self, **params: Any) -> list[Json]:
        answer = await self.get(**params)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["entries"])

    async def titles(self, **params: Any) -> list[str]:
        return [one.get("title", one.get("why", "")) for one in await self.told(**params)]


@contextlib.asynccontextmanager
async def node_at(folder: Path, now: int = ZERO) -> Any:
    node = await Node.open(folder, secrets.find(folder), ManualClock(now), SeededEntropy("told"))
    try:
        yield node
    finally:
        await node.close()


@contextlib.asynccontextmanager
async def at(template: Path, tmp_path: Path, *names: str) -> Any:
    """A node, its clock, and its receivers `names`, `desk` if there are none; cleared to RESTRICTED, and `top` to all there is."""
    shutil.copytree(template, tmp_path / "node")
    async with node_at(tmp_path / "node") as node:
        found = [Desk(node, (await personnel.renew_token(node, personnel.NewToken(name)))["token"]) for name in names or ("desk",)]
        async with contextlib.AsyncExitStack() as exits:
            for one in found:
                exits.push_async_callback(one.http.aclose)
            yield node, *found


def mara(node: Node, name: str = "mara") -> Reader:
    user = next(one for one in node.people.users() if one.name == name)
    return Reader(user, node.view(user.clearance), "x")


def report(title: str) -> Report:
    return structs.replace(TEXT, title=title)


async def lower(node: Node, record: Any, to: Label, seed: str) -> None:
    body = Relabel(record=record.id, digest="0" * 64, label=to, state="approved", proposed_by="nia")
    await keep(node, body, to, seed=seed, refs=[Ref("about", record.id)])


async def recall(node: Node, record: Any, seed: str = "recall", origin: str = "ASTER") -> Any:
    return await keep(node, Recall(why="mistaken"), label(0, origin=origin), seed=seed, origin=origin, refs=[Ref("recalls", record.id)])


def test_a_receiver_is_told_what_it_may_have_of_what_this_node_said_page_by_page(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path, "desk", "top") as (node, desk, top):
            for number in range(5):
                await keep(node, report(f"r{number}"), label(number % 3), seed=f"r{number}")
            await keep(node, report("of BIRCH"), label(0, origin="BIRCH"), seed="b", origin="BIRCH")
            await keep(node, finding(), label(0), seed="finding")
            await keep(node, warning("warning--1", state="drafted"), label(0), seed="draft")
            await keep(node, warning("warning--2", state="cancelled", cap=""), label(0), seed="never issued")
            assert await top.titles() == ["r0", "r1", "r2", "r3", "r4"]
            page = (await desk.get(limit=2)).json()
            assert [one["title"] for one in page["entries"]] == ["r0", "r1"]
            assert (page["realm"], page["more"], page["next"]) == (LIVE, True, page["entries"][-1]["record"])
            later = (await desk.get(after=page["next"], limit=9)).json()
            assert [one["title"] for one in later["entries"]] == ["r3", "r4"]
            assert later["more"] is False
            end = (await desk.get(after=later["next"])).json()
            assert (end["entries"], end["next"]) == ([], later["next"])
            await keep(node, report("r5"), label(0), seed="r5")
            assert await desk.titles(after=later["next"]) == ["r5"]
            # Who asks again is given the same again: an answer that was lost on the way is not lost for good.
            assert await desk.titles(after=later["next"]) == ["r5"]
            assert await desk.titles() == ["r0", "r1", "r3", "r4", "r5"]
            entry = (await desk.told())[0]
            assert entry["status"] == "Actual"
            assert (entry["text"], entry["source"], entry["grade"], entry["banner"]) == (TEXT.text, "harbour", "B2", entry["banner"])
            assert "author" not in entry
            assert "mara" not in str(entry)

    asyncio.run(work())


def test_who_was_told_what_and_when_is_in_the_audit_once(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, desk):
            first = await keep(node, report("first"), label(0), seed="first")
            hidden = await keep(node, report("hidden"), label(2), seed="hidden")
            assert node.people.acts(act=Act.RECORD_TELL) == []
            await desk.told()
            node.clock.move_to(ZERO + SECOND)
            second = await keep(node, report("second"), label(0), seed="second")
            await desk.told(limit=1)
            assert [one.what for one in node.people.acts(act=Act.RECORD_TELL)] == [first.id], "what was not given was not told"
            await desk.told()
            await desk.told()
            audit = [(one.time, one.who, one.what) for one in node.people.acts(act=Act.RECORD_TELL)]
            assert audit == [(ZERO, "receiver:desk", first.id), (ZERO + SECOND, "receiver:desk", second.id)]
            await recall(node, first)
            await desk.told()
            await personnel.remove_receiver(node, Named("desk"))
            (row,) = await auditing.who_was_told(node, auditing.Told(first.id))
            assert (row["partner"], row["state"]) == ("receiver:desk", "told of its recall")
            assert await auditing.who_was_told(node, auditing.Told(hidden.id)) == []
            assert node.telling.told(second.id) == [{"receiver": "desk", "partner": "ASTER", "at": ZERO + SECOND, "recalled_at": None}], (
                "that it was told stays when the receiver goes"
            )

    asyncio.run(work())


def test_people_see_what_a_receiver_was_told_as_far_as_they_may_read_it(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path, "top") as (node, top):
            low = await keep(node, report("low"), label(0), seed="low")
            high = await keep(node, report("high"), label(2), seed="high")
            await top.told()
            one = Twin(node, node.clock)
            shown = {}
            for name in ("mara", "low-administrator", "low-reader"):
                client = await one.log_in(name)
                answer = await client.get("/receivers/top/told")
                shown[name] = [row["record"] for row in answer.json()] if answer.status_code == 200 else answer.status_code
                ledger = await client.get(f"/exchange/ledger/{high.id}")
                assert (ledger.status_code == 200) == (name == "mara")
                if name == "mara":
                    assert [row["receiver"] for row in ledger.json()["receivers"]] == ["top"]
                acts = (await client.get("/audit/acts")).text
                assert ("record:tell" in acts) == (name == "mara")
                await client.aclose()
            assert shown == {"mara": [high.id, low.id], "low-administrator": [low.id], "low-reader": 403}

    asyncio.run(work())


def test_what_was_recalled_is_told_to_who_had_it_and_to_nobody_else(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path, "desk", "top") as (node, desk, top):
            had = await keep(node, report("had"), label(0), seed="had")
            had_high = await keep(node, report("had high"), label(2), seed="had high")
            assert await desk.titles() == ["had"]
            never = await keep(node, report("never"), label(0), seed="never")
            said = await recall(node, had)
            await recall(node, never, "never's recall")
            await recall(node, had_high, "another's", origin="BIRCH")
            (stub, entry) = await desk.told()
            assert (stub["record"], stub["recalled"]) == (had.id, True)
            assert "title" not in stub
            assert "Kestrel" not in str(stub)
            assert (entry["cursor"], entry["record"], entry["kind"], entry["why"]) == (said.id, had.id, "report", "mistaken")
            assert [one["record"] for one in await desk.told(after=had.id)] == [had.id]
            assert await desk.told(after=said.id) == []
            await recall(node, had, "and again")
            assert await desk.told(after=said.id) == []
            # What it never had it does not hear of; and only its own origin recalls a record.
            assert await top.titles() == ["had high"]

    asyncio.run(work())


def test_a_recall_as_people_do_it_reaches_receivers(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, desk), node.exchanging(""):
            record = await Acts(node).report(mara(node), LIVE, TEXT, "UNCLASSIFIED", [], [])
            assert await desk.titles() == ["Kestrel"]
            row = await Ledger(node).recall(mara(node), record, "released in error")
            assert [one["receiver"] for one in row["receivers"]] == ["desk"]
            assert await desk.titles(after=record) == ["released in error"]
            with pytest.raises(Conflict):
                await Ledger(node).recall(mara(node), record, "released in error")

    asyncio.run(work())


def test_what_is_erased_is_recalled_from_who_was_told(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path, "desk", "top") as (node, desk, top):
            record = (await keep(node, report("gone"), label(0), seed="gone")).id
            assert await desk.titles() == ["gone"]
            made = await Seconding(node).erase(mara(node, "low-administrator"), record, "a court said so")
            await Seconding(node).approve(mara(node, "low-security-officer"), made["id"], made["digest"])
            assert node.journal.get(record) is None
            assert await desk.titles(after=record) == await desk.titles() == ["required by law"]
            assert await top.titles() == []

    asyncio.run(work())


def test_the_sites_policies_are_asked_whether_to_tell_and_what_they_kept_back_comes_when_they_allow_it(
    template: Path, tmp_path: Path
) -> None:
    permit = 'permit (principal, action, resource) when {{ action != Action::"tell" || context.{} }};'

    async def work() -> None:
        async with at(template, tmp_path) as (node, desk):
            node.gate.site = SitePolicies({"site": permit.format('kind == "warning"')})
            await keep(node, report("report"), label(0), seed="report")
            last = await keep(node, warning("warning--1"), label(0), seed="warning")
            assert [one["kind"] for one in await desk.told()] == ["warning"]
            hour = (ZERO // (3600 * SECOND) + 1) % 24
            node.gate.site = SitePolicies({"site": permit.format(f"clock.hour == {hour}")})
            node.gate._site_said.clear()
            assert await desk.told() == []
            node.clock.move_to(ZERO + 3600 * SECOND)
            assert await desk.titles(after=last.id) == ["report"]
            assert [one["kind"] for one in await desk.told()] == ["warning", "report"]

    asyncio.run(work())


def test_a_correction_names_what_it_corrects_to_who_was_told_that(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path, "desk", "top") as (node, desk, top):
            secret = await keep(node, report("secret"), label(2), seed="secret")
            await keep(node, report("better"), label(0), seed="better", refs=[Ref("corrects", secret.id)])
            assert [one["corrects"] for one in await top.told()] == [[], [secret.id]]
            assert [one["corrects"] for one in await desk.told()] == [[]]

    asyncio.run(work())


def test_a_request_that_was_cut_off_is_made_good_by_the_next(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, desk):
            for number in range(3):
                await keep(node, report(f"{number}"), label(0), seed=f"{number}")
            receiver, note = node.people.receivers.get("desk"), node.people.tellings.note

            async def cut(*args: Any) -> None:
                await note(*args)
                raise asyncio.CancelledError

            node.people.tellings.note = cut
            with pytest.raises(asyncio.CancelledError):
                await node.telling.page(receiver, LIVE, "", 2)
            node.people.tellings.note = note
            assert await desk.titles() == ["0", "1", "2"]
            assert len(node.people.acts(act=Act.RECORD_TELL)) == 3

    asyncio.run(work())


def test_a_lowered_label_lets_a_record_come_later_at_its_own_place(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path, "desk", "top") as (node, desk, top):
            secret = await keep(node, report("secret"), label(2), seed="secret")
            last = await keep(node, report("last"), label(0), seed="last")
            assert await desk.titles() == ["last"]
            assert await top.titles() == ["secret", "last"]
            await lower(node, secret, label(1), "lowered")
            (entry,) = await desk.told(after=last.id)
            assert (entry["title"], entry["cursor"]) == ("secret", secret.id)
            assert "RESTRICTED" in entry["banner"]
            await lower(node, secret, label(0), "lowered more")
            assert await desk.told(after=secret.id) == []
            assert "RESTRICTED" not in (await desk.told())[1]["banner"]
            assert await top.titles() == ["secret", "last"]

    asyncio.run(work())


def test_what_has_expired_is_not_told_and_its_cursor_holds(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, desk):
            brief = structs.replace(label(0), expires=ZERO + 10 * SECOND)
            one = await keep(node, report("brief"), brief, seed="brief")
            unseen = await keep(node, report("unseen"), structs.replace(brief, expires=ZERO + SECOND), seed="unseen")
            node.clock.move_to(ZERO + 2 * SECOND)
            (entry,) = await desk.told()
            assert (entry["record"], entry["expires"]) == (one.id, ZERO + 10 * SECOND)
            await keep(node, report("later"), label(0), seed="later")
            node.clock.move_to(ZERO + 11 * SECOND)
            assert await desk.titles(after=one.id) == ["later"]
            assert await desk.titles() == ["later"]
            assert node.telling.told(unseen.id) == []

    asyncio.run(work())


def test_an_exercise_is_marked_and_never_actual_and_a_replay_is_not_told(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, desk):
            topic, odds = shipped("airborne-rapid-deployment"), {"deployment": 0.6, "routine": 0.4}
            for realm in (LIVE, OPEN, "replay:r"):
                draft = warning(f"warning--{realm}", state="drafted", cap="", cancellation="", probabilities=odds)
                draft = lifecycle.prepare(draft, topic=topic, realm=realm, sender="ASTER", sent=ZERO)
                body = draft if realm == "replay:r" else lifecycle.approve(draft, by="mara", now=ZERO, topic=topic)
                body = structs.replace(body, state="issued")
                await keep(node, body, label(0), seed=realm, realm=realm)
            (drill,) = await desk.told(realm=OPEN)
            assert (drill["exercise"], drill["status"]) == (True, "Exercise")
            cap = await desk.get(drill["cap"].removeprefix("/api/v1"))
            assert cap.headers["content-type"].startswith("application/cap+xml")
            assert "<status>Exercise</status>" in cap.text
            (real,) = await desk.told()
            assert (real["exercise"], real["status"], real["level"]) == (False, "Actual", "HIGH")
            assert "<status>Actual</status>" in (await desk.get(real["cap"].removeprefix("/api/v1"))).text
            assert await desk.told(realm="replay:r") == []
            # A cursor is good in its own realm alone.
            assert (await desk.get(realm=OPEN, after=real["cursor"])).status_code == 404

    asyncio.run(work())


def test_a_warning_and_its_end_are_told_as_two_and_only_what_was_told_has_its_cap(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path, "desk", "top") as (node, desk, top):
            issued = await keep(node, warning("warning--1"), label(1), seed="issued")
            assert (await desk.get(f"/told/{issued.id}/cap")).status_code == 404, "not told yet"
            await keep(node, warning("warning--1", 2, "cancelled", cap="<alert>over</alert>"), label(1), seed="cancelled")
            first, second = await desk.told()
            assert [(one["version"], one["state"]) for one in (first, second)] == [(1, "issued"), (2, "cancelled")]
            assert "evidence" not in first
            assert (await desk.get(second["cap"].removeprefix("/api/v1"))).text == "<alert>over</alert>"
            high = await keep(node, warning("warning--2"), label(2), seed="high")
            await top.told()
            hidden, never = await desk.get(f"/told/{high.id}/cap"), await desk.get("/told/warning--x/cap")
            assert (hidden.status_code, hidden.content) == (never.status_code, never.content) == (404, never.content)
            await recall(node, issued)
            assert (await desk.get(f"/told/{issued.id}/cap")).status_code == 404

    asyncio.run(work())


def test_a_cursor_that_was_never_given_is_as_one_that_never_was(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path, "desk", "top") as (node, desk, top):
            mine = await keep(node, report("mine"), label(0), seed="mine")
            high = await keep(node, report("high"), label(2), seed="high")
            await top.told()
            wrong = [await desk.get(after=after) for after in (mine.id, high.id, "report--none", "x", "\x00")]
            assert {(one.status_code, one.content) for one in wrong} == {(404, wrong[0].content)}
            await desk.told()
            assert (await desk.get(after=mine.id)).status_code == 200
            for bad in ({"realm": "live\n"}, {"limit": 0}, {"limit": 501}, {"after": "x" * 81}):
                assert (await desk.get(**bad)).status_code == 400, bad

    asyncio.run(work())


def test_a_token_opens_its_feed_alone_and_ends_with_its_time_its_successor_and_its_receiver(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, desk):
            assert (await desk.get()).status_code == 200
            for path in ("/reports", "/session", "/warnings", "/receivers", "/journal"):
                assert (await desk.get(path)).status_code == 401, path
            _, machine = await node.people.clients.add("feeder", ["reader"], mara(node).user.clearance, by="operator")
            session = await Twin(node, node.clock).log_in("mara")
            assert (await session.get("/told", params={"realm": LIVE})).status_code == 401
            for token in (machine, "", "x", desk.http.headers["authorization"][7:-1] + "x"):
                answer = await session.get("/told", params={"realm": LIVE}, headers={"authorization": f"Bearer {token}"})
                assert answer.status_code == 401
            await session.aclose()
            assert (await desk.get()).status_code == 200
            new = Desk(node, (await personnel.renew_token(node, personnel.NewToken("desk", days=2)))["token"])
            assert [(await one.get()).status_code for one in (desk, new)] == [401, 200]
            node.clock.move_to(ZERO + 2 * DAY)
            assert (await new.get()).status_code == 401
            last = Desk(node, (await personnel.renew_token(node, personnel.NewToken("desk")))["token"])
            assert (await last.get()).status_code == 200
            await personnel.remove_receiver(node, Named("desk"))
            assert (await last.get()).status_code == 401
            for one in (new, last):
                await one.http.aclose()

    asyncio.run(work())


def test_another_receiver_of_the_same_name_begins_at_the_start(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, desk):
            one = await keep(node, report("one"), label(0), seed="one")
            assert await desk.titles() == ["one"]
            await personnel.remove_receiver(node, Named("desk"))
            node.clock.move_to(ZERO + SECOND)
            made = await personnel.add_receiver(node, personnel.NewReceiver("desk", "feed"))
            other = Desk(node, made["token"])
            assert (await other.get(after=one.id)).status_code == 404
            assert await other.titles() == ["one"]
            assert [row["at"] for row in node.telling.told(one.id)] == [ZERO, ZERO + SECOND]
            await other.http.aclose()

    asyncio.run(work())


def test_a_restarted_node_goes_on_where_it_was(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, desk):
            secret = await keep(node, report("secret"), label(2), seed="secret")
            first = await keep(node, report("first"), label(0), seed="first")
            await lower(node, secret, label(0), "lowered")
            assert await desk.titles(limit=1) == ["secret"]
            token = desk.http.headers["authorization"][7:]
        async with node_at(tmp_path / "node", ZERO + SECOND) as node:
            desk = Desk(node, token)
            assert await desk.titles(after=secret.id) == ["first"]
            await recall(node, secret)
            assert await desk.titles(after=first.id) == ["mistaken"]
        async with node_at(tmp_path / "node", ZERO + 2 * SECOND) as node:
            desk = Desk(node, token)
            assert await desk.titles(after=first.id) == ["mistaken"]
            assert [one.what for one in node.people.acts(act=Act.RECORD_TELL)][:2] == [secret.id, first.id]
            assert len(node.people.acts(act=Act.RECORD_TELL)) == 3
            await desk.http.aclose()

    asyncio.run(work())


def test_a_receiver_that_knows_more_than_a_restored_node_is_told_to_begin_again_and_misses_nothing(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, desk):
            first, had, kept_back = [await keep(node, report(one), label(0), seed=one) for one in ("first", "had", "kept back")]
            secret = await keep(node, report("secret"), label(2), seed="secret")
            assert await desk.titles(limit=1) == ["first"]
            backup.write(tmp_path / "node", node.vault, tmp_path / "backup", node.clock.now())
            assert await desk.titles(after=first.id) == ["had", "kept back"]
            token = desk.http.headers["authorization"][7:]
        backup.restore(tmp_path / "backup", tmp_path / "restored", lambda _: secrets.find(tmp_path / "node"), SeededEntropy("restored"))
        shutil.copy(tmp_path / "node" / secrets.FILE, tmp_path / "restored" / secrets.FILE)
        async with node_at(tmp_path / "restored", ZERO + SECOND) as node:
            desk = Desk(node, token)
            refused = await desk.get(after=kept_back.id)
            assert refused.status_code == 404
            assert "restored from a backup" in refused.json()["error"]
            assert "begin again" in refused.json()["error"]
            # Before it has begun again, what it had after the backup is recalled, and so is what it never may have had.
            await recall(node, had)
            await recall(node, secret, "another recall")
            new = await keep(node, report("new"), label(0), seed="new")
            assert (await desk.get(after=kept_back.id)).status_code == 404
            told = await desk.told()
            assert [one["record"] for one in told if not one["recalled"]] == [first.id, kept_back.id, new.id]
            assert [one["record"] for one in told if one["recalled"]] == [had.id]
            assert await desk.told(after=told[-1]["cursor"]) == []
            assert (await desk.get(after=kept_back.id)).status_code == 200, "told again, it is known again"
            await desk.http.aclose()

    asyncio.run(work())


def test_a_partners_receiver_is_told_no_more_than_the_partner_and_nothing_once_it_is_out(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, _):
            made = await personnel.add_receiver(
                node, personnel.NewReceiver("birch desk", "feed", clearance="CONFIDENTIAL", partner="BIRCH")
            )
            desk = Desk(node, made["token"])
            await keep(node, report("ours"), label(0), seed="ours")
            await keep(node, report("theirs"), label(2, "BIRCH"), seed="theirs")
            assert await desk.titles() == ["theirs"]
            card = node.book.get("BIRCH").card
            await node.book.add(card, Clearance("tocsin-levels", "BIRCH", 1))
            assert await desk.titles() == [], "the partner is cleared for less now"
            await keep(node, report("lower"), label(1, "BIRCH"), seed="lower")
            assert await desk.titles() == ["lower"]
            await node.book.remove("BIRCH")
            await keep(node, report("last"), label(0, "BIRCH"), seed="last")
            assert await desk.titles() == []
            receiver = node.people.receivers.get("birch desk")
            no = node.telling.explain(receiver, label(0, "BIRCH"), LIVE, Matter("report"))
            assert (no.allowed, no.reason) == (False, "It counts as one who is no partner of this node any more.")
            await desk.http.aclose()

    asyncio.run(work())


def test_the_preview_says_what_the_feed_does(template: Path, tmp_path: Path) -> None:
    """TLP keeps AMBER+STRICT from receivers, whatever they are cleared for: so says the preview, which asks as the feed does."""

    async def work() -> None:
        async with at(template, tmp_path) as (node, _):
            receiver = node.people.receivers.get("desk")
            receiver = receiver._replace(clearance=Clearance(TLP.name, "ASTER", 4))
            node.gate.policy = TLP
            node.config = structs.replace(node.config, policy=TLP, clearance="RED")
            for level, allowed in enumerate((True, True, True, False, False)):
                of = Label(TLP.name, level, frozenset({"ASTER"}), frozenset({"ASTER"}))
                said = node.telling.explain(receiver, of, LIVE, Matter("report"))
                record = await keep(node, TEXT, of, seed=f"tlp {level}")
                assert said.allowed == node.telling.may(receiver, of, record) == allowed

    asyncio.run(work())


def test_who_asks_too_often_waits_and_others_do_not(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path, "desk", "top") as (node, desk, top):
            codes = [(await desk.get()).status_code for _ in range(121)]
            assert codes == [200] * 120 + [429]
            assert (await top.get()).status_code == 200
            node.clock.move_to(ZERO + SECOND)
            assert [(await desk.get()).status_code for _ in range(3)] == [200, 200, 429]

    asyncio.run(work())


def test_a_page_is_bounded_in_size_and_always_gives_something(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, desk):
            for number in range(3):
                await keep(node, Report(title=f"{number}", text="x" * 700_000, source="s"), label(0), seed=f"{number}")
            page = (await desk.get(limit=500)).json()
            assert ([one["title"] for one in page["entries"]], page["more"]) == (["0", "1"], True)
            assert await desk.titles(after=page["next"]) == ["2"]

    asyncio.run(work())


def test_requests_at_once_tell_a_thing_once(template: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with at(template, tmp_path) as (node, desk):
            for number in range(10):
                await keep(node, report(f"{number}"), label(0), seed=f"{number}")
            answers = await asyncio.gather(*(desk.titles() for _ in range(8)))
            assert answers == [[f"{number}" for number in range(10)]] * 8
            assert len(node.people.acts(act=Act.RECORD_TELL)) == 10

    asyncio.run(work())
