"""What was said can be called back: everyone who had it hears of it, and says so."""

import pytest
from tests.exchange.helpers import POLICY, REALM, clearance, label, town, until

from tocsin.core import Acknowledgement, Clearance, Recall, Receipt, Ref, Report
from tocsin.exchange.recalls import Recalls

pytestmark = pytest.mark.anyio


async def test_a_recall_reaches_exactly_those_who_had_the_record_and_their_nodes_say_so(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        kept, _ = await a.say("columns", "BIRCH")
        await until(lambda: a.state(kept)["BIRCH"] == "delivered")
        recall, release = await a.recall(kept)
        assert release.audience == {"BIRCH"}
        await until(lambda: a.fate(kept, "BIRCH").recalled_at is not None)
        assert a.fate(kept, "CEDAR").recalled_at is None
        assert b.exchange._context.recalls.recall_of(kept.record).id == recall.record.id
        assert c.journal.realms() == []
        # What is hidden stays provable: the record and its leaf are where they were.
        assert b.journal.get(kept.record.id).data == kept.data


async def test_a_recall_goes_out_whatever_the_partner_is_cleared_for_now(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        kept, _ = await a.say("columns", "BIRCH", level=2)
        await until(lambda: a.state(kept)["BIRCH"] == "delivered")
        await a.book.add(place.card("BIRCH"), Clearance("another policy", "BIRCH", 0))
        recall, release = await a.recall(kept, "released in error")
        assert release.audience == {"BIRCH"}
        await until(lambda: b.exchange._context.recalls.recall_of(kept.record) is not None)
        await until(lambda: a.state(recall)["BIRCH"] == "delivered")


async def test_a_deletion_that_never_reached_partners_4681(tmp_path):
    """MISP #4681: what is deleted here while a partner is away is gone there too once it is back."""
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        had, _ = await a.say("had", "BIRCH")
        await until(lambda: a.state(had)["BIRCH"] == "delivered")
        await b.transport.cut()
        flying, _ = await a.say("in flight", "BIRCH")
        await until(lambda: a.state(flying)["BIRCH"] == "sent")
        await a.transport.cut()
        waiting, _ = await a.say("not yet sent", "BIRCH")
        for kept in (had, flying, waiting):
            await a.recall(kept)
        await b.restart()
        await a.transport.restore()
        await until(lambda: len(b.journal.records(REALM, kind="recall")) == 3)
        # What lay sealed at the relay could not be opened by a node without its key, and is void now.
        assert b.titles() == ["had"]
        # It is on disk a moment before it is in memory.
        await until(lambda: b.exchange._context.recalls.recall_of(b.journal.get(had.record.id).record) is not None)
        await until(lambda: a.fate(had, "BIRCH").recalled_at is not None)
        assert a.state(waiting)["BIRCH"] == "withheld"
        assert a.fate(waiting, "BIRCH").reason == "It was recalled."
        assert b.counts["lost"] == 0
        assert b.refusals() == []


async def test_a_partner_cannot_recall_or_correct_what_another_said(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        kept, _ = await a.say("mine", "BIRCH", "CEDAR")
        await until(lambda: b.titles() == c.titles() == ["mine"])
        await b.say_body(Recall(why="mistaken"), "ASTER", "CEDAR", level=0, refs=[Ref("recalls", kept.record.id)])
        await b.say_body(Report(title="x", text="x", source="s"), "CEDAR", refs=[Ref("corrects", kept.record.id)])
        await until(lambda: sorted(c.refusals()) == ["correction", "recall"] and a.refusals() == ["recall"])
        for node in (a, c):
            assert node.exchange._context.recalls.recall_of(node.journal.get(kept.record.id).record) is None
        assert c.titles() == ["mine"]


async def test_a_recall_that_came_before_what_it_recalls_holds_for_its_origin_alone(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        await a.transport.cut()
        kept, _ = await a.say("mine", "BIRCH")
        await c.say_body(Recall(why="mistaken"), "BIRCH", level=0, refs=[Ref("recalls", kept.record.id)])
        await until(lambda: len(b.journal.records(REALM, kind="recall")) == 1)
        await a.transport.restore()
        await until(lambda: b.titles() == ["mine"])
        assert b.exchange._context.recalls.recall_of(b.journal.get(kept.record.id).record) is None


async def test_a_node_that_stopped_before_it_could_say_so_says_it_at_its_next_start(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        kept, _ = await a.say("columns", "BIRCH")
        await until(lambda: a.state(kept)["BIRCH"] == "delivered")

        async def dead(record):
            return

        b.exchange._acknowledge = dead
        await a.recall(kept)
        await until(lambda: b.exchange._context.recalls.recall_of(kept.record) is not None)
        assert a.fate(kept, "BIRCH").recalled_at is None
        await b.restart()
        await until(lambda: a.fate(kept, "BIRCH").recalled_at is not None)
        await b.restart()
        await until(lambda: b.exchange.links()[0].state == "up")
        assert len(b.journal.records(REALM, kind="receipt")) == 1


async def test_reading_shows_in_the_ledger_with_its_time(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        kept, _ = await a.say("columns", "BIRCH")
        other, _ = await a.say("ring", "BIRCH")
        await until(lambda: b.titles() == ["columns", "ring"])
        receipt, _ = await b.say_body(Receipt(state="read"), "ASTER", refs=[Ref("receipt-of", kept.record.id)])
        await b.say_body(Acknowledgement(warning="w", state="held"), "ASTER", refs=[Ref("acknowledges", other.record.id)])
        # CEDAR never had it: its receipt says nothing.
        await c.say_body(Receipt(state="read"), "ASTER", refs=[Ref("receipt-of", kept.record.id)])
        await until(lambda: a.state(kept) == {"BIRCH": "read", "CEDAR": "withheld"} and a.state(other)["BIRCH"] == "read")
        row = a.fate(kept, "BIRCH")
        assert row.offered_at <= row.sent_at <= row.delivered_at
        assert row.read_at == row.at == receipt.record.protocol_time
        assert row.read_receipt == receipt.record.id
        assert a.fate(kept, "CEDAR").read_at is None


def test_only_the_origin_recalls(tmp_path):
    class Empty:
        def realms(self):
            return []

    from tocsin.core import SeededEntropy, make
    from tocsin.journal import Kept

    def made(origin, body, refs=()):
        entropy = SeededEntropy(f"{origin}{body}")
        return make(
            body, realm=REALM, origin=origin, author="x", label=label(origin), protocol_time=1, realm_time=1, entropy=entropy, refs=refs
        )

    report = made("ASTER", Report(title="t", text="t", source="s"))
    standing = Recalls(Empty())
    for origin in ("BIRCH", "ASTER"):
        recall = made(origin, Recall(why="mistaken"), (Ref("recalls", report.id),))
        standing.take([Kept(0, b"", recall, b"", b"", b"")])
        assert (standing.recall_of(report) is not None) == (origin == "ASTER")
    assert clearance("ASTER").policy == POLICY
