"""What people do about partners: by the command line's operations and by HTTP, over a relay that a node runs."""

import contextlib

import pytest

from tests.node.helpers import add_person, make, opened, person, serving
from tocsin.core import Denied, InputError, NotReachable
from tocsin.exchange import NotThatCard
from tocsin.node import control, partnership
from tocsin.node.checkup import check
from tocsin.node.control import run
from tocsin.node.errors import NodeError, NotFound
from tocsin.people import Act

pytestmark = pytest.mark.anyio

COMMUNITY = """
name = "river"
exclusion_quorum = 2
[policy]
name = "tocsin-levels"
levels = ["UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL"]
"""


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def introduce(*nodes):
    for one in nodes:
        for other in nodes:
            if one is not other:
                card = (await run(other, "partner.card", {}))["card"]
                await run(one, "partner.add", {"card": card, "clearance": "RESTRICTED"})


@contextlib.asynccontextmanager
async def nodes(folder, *names):
    async with contextlib.AsyncExitStack() as stack:
        found = [await stack.enter_async_context(opened(await make(folder / name.lower(), name))) for name in names]
        await introduce(*found)
        yield found


async def said_of_fingerprints(node):
    async with control.listening(node):
        return [row for row in await check(node.folder) if row["what"] == "fingerprints"]


def acts(node):
    return [(done.act, done.who, done.what) for done in node.people.acts()]


async def test_a_fingerprint_is_the_same_everywhere_and_is_compared_by_its_words(tmp_path):
    async with nodes(tmp_path, "ASTER", "BIRCH") as (a, b):
        own = await run(b, "partner.card", {})
        (row,) = await run(a, "partner.list", {})
        assert row["fingerprint"] == own["fingerprint"] == b.card().fingerprint()
        assert own["fingerprint"] in own["card"]
        assert (row["state"], row["compared"]) == ("pinned", False)
        with pytest.raises(NotThatCard):
            await run(a, "partner.confirm", {"name": "BIRCH", "words": a.card().fingerprint()})
        assert (await run(a, "status", {}))["uncompared"] == ["BIRCH"]
        assert [row["well"] for row in await said_of_fingerprints(a)] == [None]
        await run(a, "partner.confirm", {"name": "BIRCH", "words": own["fingerprint"].replace(" ", "-"), "by": "mara"})
        (row,) = await run(a, "partner.list", {})
        assert (row["compared"], row["compared_by"]) == (True, "mara")
        assert (await run(a, "status", {}))["uncompared"] == []
        assert await said_of_fingerprints(a) == []
        assert (Act.PARTNER_CONFIRM, "mara", "BIRCH") in acts(a)
        with pytest.raises(NotFound):
            await run(a, "partner.confirm", {"name": "CEDAR", "words": own["fingerprint"]})


async def test_new_keys_are_followed_by_hand_too_and_a_recovery_needs_its_paper(tmp_path):
    async with nodes(tmp_path, "ASTER", "BIRCH") as (a, b):
        with pytest.raises(NodeError, match="first keys"):
            await run(b, "partner.chain", {})
        paper = (tmp_path / "birch" / "recovery.key").read_text()
        before = b.card()
        rotated = await run(b, "partner.rotate", {"grace_hours": 1})
        assert (rotated["era"], rotated["serial"]) == (0, 1)
        with pytest.raises(NodeError, match="there already"):
            await run(b, "partner.recover", {"words": paper})
        (tmp_path / "birch" / "recovery.key").unlink()
        with pytest.raises(Denied):
            await run(b, "partner.recover", {"words": (tmp_path / "aster" / "recovery.key").read_text()})
        with pytest.raises(InputError):
            await run(b, "partner.recover", {"words": paper.replace("a", "o")})
        recovered = await run(b, "partner.recover", {"words": paper})
        assert (recovered["era"], recovered["serial"]) == (1, 0)
        assert (tmp_path / "birch" / "recovery.key").read_text() != paper
        chain = (await run(b, "partner.chain", {}))["chain"]
        found = await run(a, "partner.follow", {"name": "BIRCH", "chain": chain})
        assert found["fingerprint"] == recovered["fingerprint"] != before.fingerprint()
        assert [old.how for old in a.book.cards("BIRCH")] == ["pinned", "recovered"]
        assert {Act.PARTNER_ROTATE, Act.PARTNER_RECOVER} <= {act for act, *_ in acts(b)}
        with pytest.raises(InputError, match="no chain"):
            await run(a, "partner.follow", {"name": "BIRCH", "chain": "nonsense"})
    async with opened(tmp_path / "birch") as b:
        assert b.card().fingerprint() == recovered["fingerprint"]


async def test_a_node_made_anew_takes_its_name_back_with_paper_and_its_last_card(tmp_path):
    async with nodes(tmp_path, "ASTER", "BIRCH") as (a, b):
        card, paper = b.card().to_toml(), (tmp_path / "birch" / "recovery.key").read_text()
        async with opened(await make(tmp_path / "again", "BIRCH", recovery=str(tmp_path / "unused.key"))) as again:
            with pytest.raises(Denied):
                await run(again, "partner.recover", {"words": (tmp_path / "unused.key").read_text(), "card": card})
            await run(again, "partner.recover", {"words": paper, "card": card, "next_file": str(tmp_path / "next.key")})
            chain = (await run(again, "partner.chain", {}))["chain"]
            found = await run(a, "partner.follow", {"name": "BIRCH", "chain": chain})
            assert found["fingerprint"] == again.card().fingerprint()


async def test_a_revocation_stands_without_a_running_node_and_names_the_foreign_relay(tmp_path):
    async with nodes(tmp_path, "ASTER", "BIRCH") as (a, _):
        done = await run(a, "partner.revoke", {"name": "BIRCH", "reason": "laptop stolen", "by": "mara"})
        assert done["relay"] == ""
        (row,) = await run(a, "partner.list", {})
        assert (row["state"], row["reason"]) == ("revoked", "laptop stolen")
        assert (Act.PARTNER_REVOKE, "mara", "BIRCH") in acts(a)
        assert a.revocations.rows()[0]["partner"] == "BIRCH"
        with pytest.raises(NotFound):
            await run(a, "partner.revoke", {"name": "BIRCH", "reason": "again"})
        with pytest.raises(NotReachable):
            await run(a, "partner.test", {"name": "BIRCH"})
    async with opened(tmp_path / "aster") as a:
        assert a.book.get("BIRCH") is None
        assert a.revocations.rows()[0]["reason"] == "laptop stolen"


async def test_enough_members_of_the_community_exclude_and_fewer_do_not(tmp_path):
    async with nodes(tmp_path, "ASTER", "BIRCH", "CEDAR", "DOGWOOD") as (a, b, c, d):
        members = "".join(f'[partners.{name}]\nclearance = "RESTRICTED"\n' for name in ("ASTER", "BIRCH", "CEDAR", "DOGWOOD"))
        for voter in (b, c):
            await run(voter, "partner.revoke", {"name": "DOGWOOD", "reason": "stolen"})
        votes = [node.journal.records("live", kind="revocation")[0] for node in (b, c)]

        async def tell(kept):
            from tocsin.journal import Entry

            await a.journal.keep([Entry(kept.data, kept.record, kept.proof)])
            a.revocations.add([kept])

        await tell(votes[0])
        (a.folder / "community.toml").write_text(COMMUNITY + members)
        assert not await partnership.exclude_if_agreed(a, "DOGWOOD")
        await tell(votes[0])  # the same again is the same vote
        assert not await partnership.exclude_if_agreed(a, "DOGWOOD")
        await tell(votes[1])
        (a.folder / "community.toml").unlink()
        assert not await partnership.exclude_if_agreed(a, "DOGWOOD"), "who follows no community excludes nobody"
        (a.folder / "community.toml").write_text(COMMUNITY + members)
        assert await partnership.exclude_if_agreed(a, "DOGWOOD")
        assert a.book.get("DOGWOOD") is None
        assert a.book.standing("DOGWOOD").state == "excluded"
        newest = a.revocations.rows()[0]
        assert (newest["state"], newest["agreed"]) == ("excluded", ["BIRCH", "CEDAR"])
        # That is this node's own note, and no vote.
        assert a.journal.records("live", kind="revocation")[-1].record.label.releasable_to == {"ASTER"}
        assert not await partnership.exclude_if_agreed(a, "DOGWOOD")
        assert d.book.get("ASTER") is not None


async def test_partners_are_for_those_who_answer_for_keys(tmp_path):
    async with nodes(tmp_path, "ASTER", "BIRCH") as (a, b):
        await add_person(a, "ola", ["watch-officer"], "RESTRICTED")
        async with serving(a) as url:
            async with person(url) as mara:
                found = (await mara.get("/partners")).json()
                assert found["own"]["fingerprint"] == a.card().fingerprint()
                assert found["partners"][0]["fingerprint"] == b.card().fingerprint()
                wrong = await mara.post("/partners/BIRCH/confirm", json={"words": a.card().fingerprint()})
                assert wrong.status_code == 403
                right = await mara.post("/partners/BIRCH/confirm", json={"words": b.card().fingerprint()})
                assert right.json()["compared_by"] == "mara"
                assert (await mara.post("/partners/BIRCH/test")).status_code == 503
                assert (await mara.post("/partners/NOBODY/revoke", json={"reason": "x"})).status_code == 404
                assert (await mara.post("/partners/BIRCH/revoke", json={"reason": "stolen"})).status_code == 200
                assert (await mara.get("/partners")).json()["revocations"][0]["partner"] == "BIRCH"
            async with person(url, "ola") as ola:
                assert (await ola.get("/partners")).status_code == 403
                assert (await ola.post("/partners/BIRCH/confirm", json={"words": "x"})).status_code == 403
                assert (await ola.post("/partners/BIRCH/revoke", json={"reason": "x"})).status_code == 403
                assert (await ola.post("/partners/BIRCH/test")).status_code == 403
