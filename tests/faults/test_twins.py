"""Two nodes restored from one backup: the partner notices, so does one of the two; nothing is forged, doubled or lost in silence."""

import asyncio
import shutil

import msgspec
import pytest
from sqlalchemy import select

from tests.faults.processes import Member, place
from tests.faults.test_kills import drained
from tocsin.exchange import measure
from tocsin.exchange.tables import outbox
from tocsin.journal import Journal, Vault
from tocsin.node.system import SystemClock, SystemEntropy

pytestmark = pytest.mark.anyio
NOTICED = {"chain", "receipt", "forked"}


async def noticed(member):
    """What its journal says of another's trouble: refusals' reasons, and restarts."""
    kept = await member.kept()
    reasons = [msgspec.json.decode(one.record.body)["reason"] for one in kept if one.record.kind in {"refusal", "restart"}]
    return [reason for reason in reasons if reason in NOTICED or "restored" in reason]


async def delivered(member):
    """Ids of the records that its ledger calls delivered."""
    journal = await Journal.open(member.folder, Vault.open(member.folder, measure.SECRET), SystemClock(), SystemEntropy())
    try:
        return {row.record_id for row in journal.read_rows(select(outbox).where(outbox.c.state == "delivered"))}
    finally:
        await journal.close()


@pytest.mark.timeout(240)
async def test_two_nodes_out_of_one_backup_are_noticed(tmp_path, verdict):
    async with place(tmp_path, "ASTER", "BIRCH") as town:
        a, b = town["ASTER"], town["BIRCH"]
        await a.start()
        await b.start()
        a.order("say", first=0, count=5)
        await a.until(lambda: len(a.said()) == 5)
        await drained(a, b, range(5))
        await a.stop()
        shutil.copytree(tmp_path / "ASTER", tmp_path / "copy" / "ASTER")
        (tmp_path / "copy" / "BIRCH").mkdir()
        shutil.copy(tmp_path / "BIRCH" / "card.toml", tmp_path / "copy" / "BIRCH" / "card.toml")
        twin = Member(town, "ASTER")
        twin.folder = tmp_path / "copy" / "ASTER"
        town.members["twin"] = twin
        await a.start()
        await twin.start()
        for first in range(10, 40, 2):
            a.order("say", first=first, count=1)
            twin.order("say", first=first + 1, count=1)
            await a.until(lambda first=first: first in a.said())
            await twin.until(lambda first=first: first + 1 in twin.said())
        # The partner sees two chains where there can be one, and one of the two hears of receipts that are not its own.
        await b.until_state(lambda state: state["counters"]["refused"] > 0 or state["counters"].get("chains_begun_anew_by_partners", 0) > 0)
        async with asyncio.timeout(60):
            while True:
                if sum([(await one.state())["counters"].get("chains_begun_anew", 0) for one in (a, twin)]):
                    break
                await asyncio.sleep(0.2)
        for one in (a, twin, b):
            await one.stop()
        wanted = {one.record.id: one.record for member in (a, twin) for one in await member.kept() if one.record.kind == "report"}
        there = [one.record for one in await b.kept() if one.record.origin == "ASTER"]
        ids = [record.id for record in there]
        silent = (await delivered(a) | await delivered(twin)) - set(ids)
        assert await noticed(b)
        assert await noticed(a) + await noticed(twin)
        verdict(
            "two nodes restored from one backup",
            said=len(wanted),
            forged=sum(record != wanted.get(record.id) for record in there),
            lost=len(silent),
            doubled=len(ids) - len(set(ids)),
            note=f"{len(ids)} came, the others are owed",
        )
