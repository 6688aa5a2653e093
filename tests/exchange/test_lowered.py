"""Labels that change after a record was said: only its originators change them, and who may have it now gets it."""

import hashlib

import msgspec
import pytest
from tests.exchange.helpers import label, town, until

from tocsin.core import Consent, Relabel, Report, decode, encode, make
from tocsin.exchange import BadProof, verify_proof

pytestmark = pytest.mark.anyio


def lowered(kept, level, *readers, by="mara"):
    lower = label(kept.record.origin, *readers, level=level)
    digest = hashlib.sha256(kept.data).hexdigest()
    return Relabel(record=kept.record.id, digest=digest, label=lower, state="approved", proposed_by=by, mode="two-person")


async def test_a_lowered_label_reaches_a_partner_that_may_have_the_record_now(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR", levels={"BIRCH": 2, "CEDAR": 1}) as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        kept, _ = await a.say("secret", "BIRCH", "CEDAR", level=2)
        await until(lambda: b.titles() == ["secret"])
        assert a.state(kept)["CEDAR"] == "withheld"
        await a.say_body(lowered(kept, 1, "BIRCH", "CEDAR"), "BIRCH", "CEDAR", level=1)
        await a.exchange.decide_anew(kept.record.id)
        await until(lambda: c.titles() == ["secret"], what="the record that is lowered")
        held = c.journal.get(kept.record.id)
        assert held.data == kept.data
        verify_proof(held.data, held.proof, a.keys.card("ASTER", a.clock))
        assert c.exchange._context.gate.label_of(held.record).classification == 1
        await until(lambda: b.exchange._context.gate.label_of(kept.record).classification == 1)
        assert c.refusals() == b.refusals() == []


async def test_one_person_alone_lowers_nothing(tmp_path):
    async with town(tmp_path, "ASTER", "CEDAR", levels={"CEDAR": 1}) as place:
        a, c = place["ASTER"], place["CEDAR"]
        kept, _ = await a.say("secret", "CEDAR", level=2)
        body = lowered(kept, 1, "CEDAR", by="watch")  # who says it, too
        await a.say_body(body, "CEDAR", level=1)
        await a.say_body(msgspec.structs.replace(body, state="proposed", proposed_by="mara"), "CEDAR", level=1)
        await a.exchange.decide_anew(kept.record.id)
        await until(lambda: len(c.ear.records) == 2)
        assert a.state(kept)["CEDAR"] == "withheld"
        assert c.titles() == []


async def test_distribution_changed_on_the_way_misp_10450(tmp_path):
    """MISP #10450: whoever passes something on changes who may have it. Here only its originators can."""
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR", levels={"CEDAR": 1}) as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        kept, _ = await a.say("secret", "BIRCH", level=2)
        await until(lambda: b.titles() == ["secret"])
        held = b.journal.get(kept.record.id)
        # BIRCH says that it is lower: nobody's gate believes it, its own included.
        forged = lowered(kept, 0, "BIRCH", "CEDAR", by="bo")
        await b.say_body(forged, "ASTER", "CEDAR", level=0)
        await until(lambda: len(c.ear.records) == 1 and len(a.ear.records) == 1)
        for node in (a, b, c):
            assert node.exchange._context.gate.label_of(kept.record) == kept.record.label
        await a.exchange.decide_anew(kept.record.id)
        assert a.state(kept)["CEDAR"] == "withheld"
        # The bytes with another label are not what ASTER signed.
        wider = label("ASTER", "BIRCH", "CEDAR", level=0)
        changed = encode(msgspec.structs.replace(decode(held.data), label=wider))
        with pytest.raises(BadProof):
            verify_proof(changed, held.proof, a.keys.card("ASTER", a.clock))
        # Nor does BIRCH get it to CEDAR as ASTER's.
        assert c.titles() == []


async def test_orcon_goes_on_when_every_originator_has_consented(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR") as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        for node in place.nodes.values():
            for other in place.nodes.values():
                if (known := node.book.get(other.name)) is not None:
                    wide = msgspec.structs.replace(known.clearance, caveats=frozenset({"ORCON"}))
                    await node.book.add(known.card, wide)
            context = node.exchange._context
            context.clearance = msgspec.structs.replace(context.clearance, caveats=frozenset({"ORCON"}))
        both = msgspec.structs.replace(
            label("BIRCH", "ASTER", "CEDAR"), originators=frozenset({"ASTER", "BIRCH"}), caveats=frozenset({"ORCON"})
        )
        now = b.clock.now()
        made = make(
            Report(title="made of ASTER's", text="x", source="y"),
            realm="live", origin="BIRCH", author="watch", label=both, protocol_time=now, realm_time=now, entropy=b.entropy,
        )  # fmt: skip
        kept, release = await b.exchange.say(made)
        assert release.audience == {"ASTER"}
        assert b.fate(kept, "CEDAR").reason == "It is ORCON, and ASTER has not consented."
        await until(lambda: a.titles("live") == ["made of ASTER's"])
        await a.say_body(Consent(record=made.id, audience=("CEDAR",), until=now + 3_600_000_000), "BIRCH", "CEDAR", realm="live")
        await until(lambda: b.exchange._context.gate.standing.consents(made.id, "ASTER", "CEDAR", now))
        await b.exchange.decide_anew(made.id)
        await until(lambda: c.titles("live") == ["made of ASTER's"])


async def test_a_lowered_tag_that_never_reached_partners_misp_2223(tmp_path):
    """MISP #2223: what is lowered here while partners are away is lowered there too once they are back, and nobody keeps the old one."""
    async with town(tmp_path, "ASTER", "BIRCH", "CEDAR", levels={"BIRCH": 2, "CEDAR": 1}) as place:
        a, b, c = place["ASTER"], place["BIRCH"], place["CEDAR"]
        kept, _ = await a.say("secret", "BIRCH", "CEDAR", level=2)
        await until(lambda: a.state(kept)["BIRCH"] == "delivered")
        await b.transport.cut()
        await c.transport.cut()
        said, _ = await a.say_body(lowered(kept, 1, "BIRCH", "CEDAR"), "BIRCH", "CEDAR", level=1)
        await a.exchange.decide_anew(kept.record.id)
        await b.transport.restore()
        await c.transport.restore()
        await until(lambda: a.state(said) == {"BIRCH": "delivered", "CEDAR": "delivered"}, what="the lower label at both")
        await until(lambda: c.titles() == ["secret"], what="the record at whom it may have now")
        for node in (b, c):
            assert node.exchange._context.gate.label_of(node.journal.get(kept.record.id).record).classification == 1
            assert node.refusals() == []
            assert node.counts["doubled"] == node.counts["lost"] == 0
        await until(lambda: a.state(kept)["CEDAR"] == "delivered")
