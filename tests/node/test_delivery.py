"""Ledger, recall, correction, inbox, requests and subscriptions, as people use them on two nodes with a relay between."""

import asyncio
import contextlib
import json

import msgspec
import pytest
import websockets

from tests.node.helpers import PASSWORD, add_person, make, opened, person, serving
from tocsin.core import LIVE, iso
from tocsin.exchange import Relay
from tocsin.node import operations

REPORT = {"realm": LIVE, "title": "Loading seen", "text": "Trucks at the ramp.", "source": "harbour", "classification": "RESTRICTED"}
TO_BIRCH = {**REPORT, "releasable_to": ["BIRCH"]}


async def until(work, seconds=20.0):
    for _ in range(int(seconds / 0.05)):
        if found := await work():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"did not happen in {seconds} s")


@contextlib.asynccontextmanager
async def two(tmp_path, **more):
    """ASTER and BIRCH, who know each other, with a person `mara` logged in at each."""
    async with contextlib.AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(opened(await make(tmp_path / name.lower(), name, **more))) for name in ("ASTER", "BIRCH")]
        for node, other in (nodes, nodes[::-1]):
            card = other.keys.card(other.config.name, other.clock)
            await operations.add_partner(node, operations.NewPartner(card.to_toml(), "CONFIDENTIAL", list(more.get("caveats", ()))))
        relay = Relay(tmp_path / "relay")
        url = await relay.start([node.keys.card(node.config.name, node.clock) for node in nodes])
        stack.push_async_callback(relay.stop)
        people = []
        for node in nodes:
            await stack.enter_async_context(node.exchanging(url))
            people.append(await stack.enter_async_context(person(await stack.enter_async_context(serving(node)))))
        yield (*nodes, *people)


async def got(client, path, **params):
    answer = await client.get(path, params={"realm": LIVE, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def did(client, path, body=None, status=(200, 201)):
    answer = await client.post(path, json=body if body is not None else {})
    assert answer.status_code in status, answer.text
    return answer.json()


def fate(row, partner="BIRCH"):
    return next(one for one in row["partners"] if one["partner"] == partner)


def test_a_report_is_read_recalled_and_acknowledged_and_the_ledger_shows_when(tmp_path):
    async def work():
        async with two(tmp_path) as (_, _, mara, bo):
            said = await did(mara, "/reports", TO_BIRCH)
            (row,) = await until(lambda: got(bo, "/inbox", unread=True))
            assert (row["record"], row["title"], row["read_at"]) == (said["record"], "Loading seen", None)
            await did(bo, f"/inbox/{said['record']}/read")
            await did(bo, f"/inbox/{said['record']}/read")
            assert await got(bo, "/inbox", unread=True) == []

            async def read():
                row = await got(mara, f"/exchange/ledger/{said['record']}")
                return row if fate(row)["state"] == "read" and fate(row)["delivered_at"] else None

            one = fate(await until(read))
            # Word that it was read may overtake the receipt for its delivery.
            assert one["offered_at"] <= one["sent_at"] <= min(one["delivered_at"], one["read_at"])
            assert one["read_at"] == one["at"]
            assert one["read_by"] == "mara"

            await did(mara, f"/exchange/ledger/{said['record']}/recall", {"why": "mistaken"})

            async def hidden():
                row = (await got(bo, "/reports"))[0]
                return row if row["recalled"] else None

            row = await until(hidden)
            assert (row["title"], row["text"], row["source"]) == ("", "", "")
            assert (row["recalled"]["by"], row["recalled"]["why"]) == ("ASTER", "mistaken")
            for path in ("/inbox", "/reports", "/journal"):
                assert "Loading" not in json.dumps(await got(bo, path))
            # Its own people still see what was called back.
            assert (await got(mara, "/reports"))[0]["title"] == "Loading seen"
            (recall,) = await got(bo, "/inbox", kind="recall")
            assert recall["title"] == f"Recalled, mistaken: the report of {iso(row['protocol_time'])}"
            await did(bo, f"/inbox/{recall['record']}/read")

            async def seen():
                one = fate(await got(mara, f"/exchange/ledger/{said['record']}"))
                return one if one["recalled_at"] and one["recall_read_at"] else None

            assert (await until(seen))["recall_read_by"] == "mara"
            await did(mara, f"/exchange/ledger/{said['record']}/recall", {"why": "mistaken"}, (409,))

    asyncio.run(work())


def test_a_correction_stands_in_the_place_of_what_it_corrects(tmp_path):
    async def work():
        async with two(tmp_path) as (_, _, mara, bo):
            old = await did(mara, "/reports", TO_BIRCH)
            new = await did(mara, "/reports", {**TO_BIRCH, "title": "Loading seen at dawn", "corrects": old["record"]})

            async def corrected():
                rows = await got(bo, "/reports")
                return rows if rows and rows[0]["earlier"] else None

            for rows in (await until(corrected), await got(mara, "/reports")):
                assert [row["record"] for row in rows] == [new["record"]]
                assert [row["title"] for row in rows[0]["earlier"]] == ["Loading seen"]
            # Only who said it corrects it.
            await did(bo, "/reports", {**REPORT, "releasable_to": [], "corrects": old["record"]}, (409,))

    asyncio.run(work())


def test_a_request_is_answered_and_closed_and_serves_a_requirement(tmp_path):
    async def work():
        async with two(tmp_path) as (aster, _, mara, bo):
            now = aster.clock.now()
            level = {"realm": LIVE, "classification": "RESTRICTED", "releasable_to": ["BIRCH"]}
            pir = await did(
                mara, "/requirements", {**level, "number": "PIR-1", "text": "What loads?", "valid_from": now, "valid_until": 2 * now}
            )
            await did(mara, "/requirements", {**level, "number": "PIR-1", "text": "x", "valid_from": now, "valid_until": 2 * now}, (409,))
            asked = await did(
                mara, "/requests", {**level, "question": "Who saw the ramp?", "priority": "immediate", "serves": [pir["record"]]}
            )
            assert asked["state"] == "open"
            (row,) = await until(lambda: got(bo, "/requests"))
            assert (row["question"], row["mine"], row["priority"]) == ("Who saw the ramp?", False, "immediate")
            answer = {"title": "We did", "text": "Six trucks.", "source": "pilot", "classification": "RESTRICTED", "grade": "B2"}
            assert (await did(bo, f"/requests/{row['record']}/answer", answer))["state"] == "answered"
            await did(bo, f"/requests/{row['record']}/close", {}, (409,))

            async def answered():
                row = await got(mara, f"/requests/{asked['record']}")
                return row if row["state"] == "answered" else None

            assert [a["title"] for a in (await until(answered))["answers"]] == ["We did"]
            assert (await got(mara, "/requirements"))[0]["served_by"][-1]["title"] == "We did"
            assert (await did(mara, f"/requests/{asked['record']}/close", {"note": "Thanks."}))["state"] == "closed"
            await did(mara, f"/requests/{asked['record']}/close", {}, (409,))
            assert (await did(mara, f"/requirements/{pir['record']}/end"))["state"] == "ended"

    asyncio.run(work())


def test_an_answer_that_its_asker_would_not_get_is_refused_and_leaves_the_request_open(tmp_path):
    async def work():
        async with two(tmp_path) as (_, birch, mara, bo):
            level = {"realm": LIVE, "classification": "RESTRICTED", "releasable_to": ["BIRCH"]}
            past = await did(mara, "/requests", {**level, "question": "Who?", "wanted_by": birch.clock.now() - 1}, (400,))
            assert "past" in past["error"]
            await did(mara, "/requests", {**level, "question": "Who saw the ramp?"})
            (row,) = await until(lambda: got(bo, "/requests"))
            (aster_there,) = birch.book.partners()
            low = msgspec.structs.replace(aster_there.clearance, classification=0)
            await birch.book.add(aster_there.card, low, again=True)
            above = {"title": "We", "text": "Six.", "source": "pilot", "classification": "RESTRICTED"}
            refused = await did(bo, f"/requests/{row['record']}/answer", above, (403,))
            assert refused["error"].startswith("ASTER asked and would not get this: ")
            assert (await got(bo, f"/requests/{row['record']}"))["state"] == "open"
            assert await got(bo, "/reports") == []

    asyncio.run(work())


def test_subscriptions_of_users_filter_and_those_of_nodes_narrow(tmp_path):
    async def work():
        async with two(tmp_path) as (aster, _, mara, bo):
            await did(bo, "/subscriptions", {"name": "air", "kinds": ["report"], "topics": ["airborne"]})
            await did(mara, "/reports", {**TO_BIRCH, "topic": "airborne", "title": "Air"})
            await did(mara, "/reports", {**TO_BIRCH, "topic": "maritime", "title": "Sea"})
            await until(lambda: _titles(bo, ["Sea", "Air"]))
            assert [row["title"] for row in await got(bo, "/inbox", subscribed=True)] == ["Air"]
            wanted = await did(bo, "/subscriptions", {"name": "ours", "kinds": ["report"], "topics": ["airborne"], "to": ["ASTER"]})
            assert [row["name"] for row in wanted["mine"]] == ["air"]
            assert [(row["partner"], row["name"]) for row in wanted["ours"]] == [("ASTER", "ours")]

            async def known():
                return (await got(mara, "/subscriptions"))["theirs"]

            assert [(row["partner"], row["name"]) for row in await until(known)] == [("BIRCH", "ours")]
            sea = await did(mara, "/reports", {**TO_BIRCH, "topic": "maritime", "title": "More sea"})
            assert "subscribe" in fate(await got(mara, f"/exchange/ledger/{sea['record']}"))["reason"]
            await did(bo, "/subscriptions", {"name": "x", "area": [[1, 2], [3, 4]]}, (400,))
            assert aster.exchange.subscriptions("BIRCH")[0].topics == ("airborne",)

    asyncio.run(work())


async def _titles(client, wanted):
    return [row["title"] for row in await got(client, "/inbox", kind="report")] == wanted


def test_the_ledger_and_the_inbox_hold_only_what_the_reader_may_read_and_page_without_a_gap(tmp_path):
    async def work():
        async with two(tmp_path) as (aster, birch, mara, bo):
            for i in range(7):
                level = "CONFIDENTIAL" if i % 2 else "RESTRICTED"
                await did(mara, "/reports", {**TO_BIRCH, "title": f"r{i}", "classification": level})
            await until(lambda: _titles(bo, [f"r{i}" for i in reversed(range(7))]))
            await add_person(aster, "low", ["analyst"], "RESTRICTED")
            await add_person(birch, "low", ["reader"], "RESTRICTED")
            async with person(str(mara.base_url).rstrip("/"), "low", PASSWORD) as low:
                pages, after = [], ""
                while page := await got(low, "/exchange/ledger", limit=3, after=after):
                    pages += [row["title"] for row in page]
                    after = page[-1]["record"]
                assert pages == ["r0", "r2", "r4", "r6"]
                hidden = (await got(mara, "/exchange/ledger"))[1]["record"]
                assert (await low.get(f"/exchange/ledger/{hidden}")).status_code == 404
                assert (await low.post(f"/exchange/ledger/{hidden}/recall", json={"why": "mistaken"})).status_code == 404
            async with person(str(bo.base_url).rstrip("/"), "low", PASSWORD) as low:
                rows = await got(low, "/inbox", limit=2)
                rows += await got(low, "/inbox", limit=10, before=rows[-1]["index"])
                assert [row["title"] for row in rows] == ["r6", "r4", "r2", "r0"]
                assert [row["index"] for row in rows] == [3, 2, 1, 0]
                # A reader marks for itself; the origin is told by the floor alone.
                await did(low, f"/inbox/{rows[0]['record']}/read")
                assert len(birch.journal.records(LIVE, kind="receipt")) == 0

    asyncio.run(work())


def test_history_and_live_come_from_one_cursor_without_a_gap_or_a_double(tmp_path):
    async def work():
        async with opened(await make(tmp_path / "aster")) as node, serving(node) as url, person(url) as mara:
            cookie = f"tocsin_session={mara.cookies['tocsin_session']}"

            def stream(after=""):
                address = f"{url.replace('http', 'ws')}/journal/live?realm=live&after={after}"
                return websockets.connect(address, additional_headers={"cookie": cookie})

            async def listen(socket, count):
                rows, cursor, full = [], "", False
                while len(rows) < count:
                    frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
                    rows, cursor, full = rows + frame["rows"], frame["cursor"], full or frame["full"]
                return [row["id"] for row in rows], cursor, full

            said = [(await did(mara, "/reports", {**REPORT, "releasable_to": []}))["record"] for _ in range(5)]
            async with stream() as socket:
                said += [(await did(mara, "/reports", {**REPORT, "releasable_to": []}))["record"] for _ in range(3)]
                ids, cursor, full = await listen(socket, 8)
            assert (ids, full) == (said, True)
            later = [(await did(mara, "/reports", {**REPORT, "releasable_to": []}))["record"] for _ in range(2)]
            async with stream(cursor) as socket:
                ids, cursor, full = await listen(socket, 2)
                assert (ids, full) == (later, False)
                last = (await did(mara, "/reports", {**REPORT, "releasable_to": []}))["record"]
                assert (await listen(socket, 1))[0] == [last]
            # A cursor of another view begins at the start, and says so.
            async with stream("0" * 16 + "." + said[3]) as socket:
                ids, _, full = await listen(socket, 11)
                assert (ids, full) == ([*said, *later, last], True)

    asyncio.run(work())


@pytest.mark.parametrize("route", ["/inbox", "/exchange/ledger", "/requests", "/requirements"])
def test_a_realm_that_a_reader_does_not_see_is_empty(tmp_path, route):
    async def work():
        async with opened(await make(tmp_path / "aster")) as node, serving(node) as url, person(url) as mara:
            answer = await mara.get(route, params={"realm": "exercise:never-was"})
            assert (answer.status_code, answer.json()) == (200, [])

    asyncio.run(work())


def test_what_a_leaver_subscribed_to_and_read_is_not_their_successors_of_the_same_name(tmp_path):
    async def work():
        async with two(tmp_path) as (_, birch, mara, bo), serving(birch) as url:
            said = await did(mara, "/reports", TO_BIRCH)
            await until(lambda: got(bo, "/inbox"))
            await add_person(birch, "nia", ["analyst"], "CONFIDENTIAL")
            async with person(url, "nia") as nia:
                await did(nia, "/subscriptions", {"name": "air", "kinds": ["report"]})
                await did(nia, f"/inbox/{said['record']}/read")
                assert [row["name"] for row in (await got(nia, "/subscriptions"))["mine"]] == ["air"]
            await birch.people.remove_user("nia", by="mara")
            await add_person(birch, "nia", ["analyst"], "CONFIDENTIAL")
            async with person(url, "nia") as nia:
                assert (await got(nia, "/subscriptions"))["mine"] == []
                assert [row["read_at"] for row in await got(nia, "/inbox")] == [None]

    asyncio.run(work())
