"""A partner that may have more today gets exactly what it may have, in order; live traffic goes first."""

import asyncio

import pytest
from tests.exchange.helpers import POLICY, REALM, clearance, town, until

from tocsin.core import Clearance, Report, Subscription
from tocsin.exchange import catalogue

pytestmark = pytest.mark.anyio


async def stranger(place, *names):
    """Take `names` out of everyone's books, as if they had never been there."""
    for node in place.nodes.values():
        for name in names:
            if node.book.get(name):
                await node.book.remove(name)


async def test_a_new_group_member_that_got_no_back_catalogue_3468(tmp_path, monkeypatch):
    """MISP #3468: a member that joins later gets what was said before it joined."""
    monkeypatch.setattr(catalogue, "PAGE", 7)
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        await stranger(place, "CEDAR")
        for i in range(60):
            readers = ("BIRCH", "CEDAR") if i % 3 else ("BIRCH",)
            await a.say(f"r{i}", *readers, level=2 if i % 5 == 0 else 1, realm="live" if i % 4 == 0 else REALM)
        await a.say("kept in the node")
        await until(lambda: len(b.ear.records) == 60)
        await place.introduce("ASTER", "CEDAR", level=1)
        expected = {
            realm: [f"r{i}" for i in range(60) if i % 3 and i % 5 and (i % 4 == 0) == (realm == "live")] for realm in ("live", REALM)
        }
        await until(lambda: {realm: c.titles(realm) for realm in expected} == expected)
        live, _ = await a.say("afterwards", "CEDAR")
        await until(lambda: c.titles() == [*expected[REALM], "afterwards"] and a.state(live)["CEDAR"] == "delivered")
        assert c.counts["lost"] == c.counts["doubled"] == 0
        assert c.refusals() == []
        assert b.counts.get("already_held", 0) == b.counts.get("repeated", 0) == 0


async def test_a_partner_whose_clearance_was_raised_gets_what_it_could_not_have(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", levels={"BIRCH": 1}) as place:
        a, b = place["ASTER"], place["BIRCH"]
        for i in range(8):
            await a.say(f"r{i}", "BIRCH", level=1 + i % 2)
        await until(lambda: b.titles() == ["r0", "r2", "r4", "r6"])
        await a.book.add(place.card("BIRCH"), clearance("BIRCH", 2))
        await until(lambda: b.titles() == ["r0", "r2", "r4", "r6", "r1", "r3", "r5", "r7"])
        assert b.counts.get("already_held", 0) == 0


async def test_what_was_withdrawn_while_it_waited_comes_when_it_may_come_again(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await a.transport.cut()
        high, _ = await a.say("high", "BIRCH", level=2)
        await a.say("low", "BIRCH")
        await a.book.add(place.card("BIRCH"), Clearance(POLICY, "BIRCH", 1))
        await a.transport.restore()
        await until(lambda: b.titles() == ["low"] and a.state(high)["BIRCH"] == "withheld")
        await a.book.add(place.card("BIRCH"), Clearance(POLICY, "BIRCH", 2))
        await until(lambda: b.titles() == ["low", "high"] and a.state(high)["BIRCH"] == "delivered")
        # Its first place stays void: the chain can be told from the start.
        await b.stop()
        for file in sorted(b.folder.rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
        await b.start()
        await place.introduce("BIRCH", "ASTER")
        await b.go()
        await until(lambda: b.titles() == ["low", "high"])
        assert b.counts["lost"] == 0


async def test_a_catalogue_goes_on_after_a_restart_and_doubles_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "PAGE", 5)
    monkeypatch.setattr(catalogue, "AHEAD", 5)
    monkeypatch.setattr("tocsin.exchange.outgoing.AHEAD", 5)
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await stranger(place, "BIRCH")
        for i in range(40):
            await a.say(f"r{i}", "BIRCH")
        await b.transport.cut()
        await place.introduce("ASTER", "BIRCH")
        await until(lambda: a.exchange.links()[0].behind_out >= 5)
        await asyncio.sleep(0.2)
        # No receipt comes, so no more is offered: the rate is the partner's own.
        assert a.exchange.links()[0].behind_out <= 10
        await a.crash()
        await a.start()
        await a.go()
        await b.transport.restore()
        await until(lambda: b.titles() == [f"r{i}" for i in range(40)])
        assert b.counts["lost"] == b.counts["doubled"] == b.counts.get("already_held", 0) == 0


async def test_live_traffic_goes_before_the_catalogue(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "PAGE", 5)
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await stranger(place, "BIRCH")
        for i in range(300):
            await a.say(f"r{i}", "BIRCH")
        await place.introduce("ASTER", "BIRCH")
        await until(lambda: len(b.titles()) > 5)
        await a.say("now", "BIRCH")
        await until(lambda: "now" in b.titles())
        assert len(b.titles()) < 300
        await until(lambda: len(b.titles()) == 301)
        assert [title for title in b.titles() if title != "now"] == [f"r{i}" for i in range(300)]


async def test_a_subscription_narrows_reports_and_never_warnings_or_what_release_denies(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        wanted = Subscription(
            name="north", state="in force", kinds=("report",), topics=("airborne",), area=((46, 6), (48, 6), (48, 8), (46, 8))
        )
        await b.say_body(wanted, "ASTER", realm="live")
        await until(lambda: a.exchange.subscriptions("BIRCH"))

        async def say(title, *readers, topic="", area=(), level=1):
            return (await a.say_body(Report(title=title, text="x", source="s", topic=topic, area=area), *readers, level=level))[0]

        near, far = ((46.5, 6.5), (46.6, 6.5), (46.6, 6.7)), ((10, 10), (11, 10), (11, 11))
        everyone = ("BIRCH", "CEDAR")
        await say("fits", *everyone, topic="airborne", area=near)
        other = await say("another topic", *everyone, topic="maritime", area=near)
        await say("elsewhere", *everyone, topic="airborne", area=far)
        await say("does not say", *everyone)
        await say("not for BIRCH", "CEDAR", topic="airborne", area=near)
        await until(lambda: len(c.titles()) == 5)
        await until(lambda: b.titles() == ["fits", "does not say"])
        assert a.fate(other, "BIRCH").state == "withheld"
        assert "subscribe" in a.fate(other, "BIRCH").reason
        # Ended, everything that it may have comes, in the old order.
        await b.say_body(Subscription(name="north", state="ended"), "ASTER", realm="live")
        await until(lambda: b.titles() == ["fits", "does not say", "another topic", "elsewhere"])


async def test_observations_outside_a_subscriptions_area_are_not_sent(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        area = ((46, 6), (47, 6), (47, 8), (46, 8))
        await b.say_body(Subscription(name="west", state="in force", area=area), "ASTER")
        await until(lambda: a.exchange.subscriptions("BIRCH"))
        batch = a.observations(400, "BIRCH", "CEDAR")
        await a.exchange.share(batch)
        await until(lambda: b.ear.batches and c.ear.batches)
        (got, *_), (whole, *_) = b.ear.batches[0], c.ear.batches[0]
        inside = (batch["latitude"] >= 46) & (batch["latitude"] < 47) & (batch["longitude"] >= 6) & (batch["longitude"] < 8)
        assert 0 < inside.sum() < 400
        assert got["identity"].tolist() == batch["identity"][inside].tolist()
        assert len(whole) == 400
        await b.say_body(Subscription(name="west", state="in force", kinds=("report",)), "ASTER")
        await until(lambda: a.exchange.subscriptions("BIRCH")[0].kinds == ("report",))
        await a.exchange.share(a.observations(10, "BIRCH", "CEDAR"))
        await until(lambda: len(c.ear.batches) == 2)
        await asyncio.sleep(0.2)
        assert len(b.ear.batches) == 1
