"""What is sealed opens for its audience, as it was; anything else does not open."""

import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core import Label, ManualClock, Report, SeededEntropy, TooLarge, encode, make
from tocsin.core.times import HOUR
from tocsin.exchange import BadProof, BadWire, NodeKeys, Refused, chain, seal, verify_proof, wire
from tocsin.exchange.keys import Prekeys

CLOCK = ManualClock(1_760_000_000_000_000)
ASTER, BIRCH, CEDAR = (NodeKeys.from_seeds(name, SeededEntropy(name)) for name in ("ASTER", "BIRCH", "CEDAR"))
CARD = ASTER.card("A", CLOCK)
BOTH = frozenset({"ASTER", "BIRCH"})


def records(count):
    entropy = SeededEntropy("records")
    label = Label("p", 1, frozenset({"ASTER"}), BOTH)
    return [
        encode(
            make(
                Report(title=f"t{i}", text="x", source="s"),
                realm="live",
                origin="ASTER",
                author="node",
                label=label,
                protocol_time=i,
                realm_time=i,
                entropy=entropy,
            )
        )
        for i in range(count)
    ]


def payload(count=3):
    return seal.payload_of(ASTER, "live", tuple(wire.Item(0, data) for data in records(count)), ("report",) * count)


def test_each_record_of_a_batch_verifies_alone():
    datas = records(7)
    proofs = seal.check_batch(payload(7), CARD)
    for data, proof in zip(datas, proofs, strict=True):
        verify_proof(data, proof, CARD)
    for data, proof, card in (
        (datas[0], proofs[1], CARD),
        (datas[0] + b" ", proofs[0], CARD),
        (datas[0], proofs[0], BIRCH.card("B", CLOCK)),
        (datas[0], proofs[0][:-1], CARD),
        (datas[0], b"", CARD),
        (datas[0], proofs[0], msgspec.structs.replace(CARD, name="Z")),
    ):
        with pytest.raises(BadProof):
            verify_proof(data, proof, card)


def test_a_proof_does_not_verify_without_its_second_signature():
    data, proof = records(1)[0], wire.read(seal.check_batch(payload(1), CARD)[0], wire.Proof)
    half = msgspec.structs.replace(proof, signatures=wire.Signatures(proof.signatures.ed25519))
    with pytest.raises(BadProof):
        verify_proof(data, wire.write(half), CARD)
    half = msgspec.structs.replace(proof, signatures=wire.Signatures(bytes(64), proof.signatures.mldsa65))
    with pytest.raises(BadProof):
        verify_proof(data, wire.write(half), CARD)


def test_a_record_of_another_origin_does_not_verify_even_if_signed():
    data = records(1)[0].replace(b"ASTER", b"BIRCH")
    batch = seal.payload_of(ASTER, "live", (wire.Item(0, data),), ("report",))
    with pytest.raises(BadProof, match="origin"):
        verify_proof(data, seal.check_batch(batch, CARD)[0], CARD)


def test_an_envelope_opens_with_its_epochs_key_alone():
    sealed = seal.seal(payload(), b"k" * 32, b"e" * 16, "ASTER", b"s" * 32)
    envelope = wire.read(sealed, wire.Envelope)
    assert seal.unseal(envelope, b"k" * 32) == payload_like(envelope, b"k" * 32)
    with pytest.raises(Refused):
        seal.unseal(envelope, b"j" * 32)


def payload_like(envelope, key):
    found = seal.unseal(envelope, key)
    assert [item.data for item in found.items] == records(3)
    return found


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_altered_bit_of_an_envelope_goes_unnoticed(data):
    sealed = seal.seal(payload(1), b"k" * 32, b"e" * 16, "ASTER", b"s" * 32)
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    changed = bytearray(sealed)
    changed[at // 8] ^= 1 << at % 8
    with pytest.raises((Refused, BadWire)):
        seal.unseal(wire.read(bytes(changed), wire.Envelope), b"k" * 32)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_altered_bit_of_a_packet_goes_unnoticed(data):
    packet = seal.make_packet(
        ASTER, recipient="BIRCH", tag="a" * 16, klass="records", first=0, before=wire.ZERO, items=[b"i" * 32], envelope=ENVELOPE, sent_at=5
    )
    seal.open_packet(packet, CARD, "BIRCH", "a" * 16, "records")
    at = data.draw(st.integers(0, len(packet) * 8 - 1))
    changed = bytearray(packet)
    changed[at // 8] ^= 1 << at % 8
    with pytest.raises((Refused, BadWire)):
        seal.open_packet(bytes(changed), CARD, "BIRCH", "a" * 16, "records")


ENVELOPE = seal.seal(payload(1), b"k" * 32, b"e" * 16, "ASTER", b"s" * 32)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_and_nothing_else_happens(data):
    for shape in (wire.Packet, wire.Header, wire.Envelope, wire.Payload, wire.SignedControl, wire.Heartbeat, wire.Proof):
        with pytest.raises(BadWire):
            wire.read(b"\xc1" + data, shape)
    with pytest.raises((BadWire, Refused)):
        seal.open_packet(data, CARD, "BIRCH", "a" * 16, "records")
    with pytest.raises((BadWire, Refused)):
        seal.open_control(data, CARD, "BIRCH")


def test_one_structure_has_one_encoding():
    data = wire.write(wire.Gone("a" * 16, 1, 2))
    assert wire.read(data, wire.Gone) == wire.Gone("a" * 16, 1, 2)
    for other in (data + b"\x00", b"\xdc\x00\x03" + data[1:], data[:-1] + b"\xcc\x02", data[:-1] + b"\xd2\x00\x00\x00\x02", data[:-1]):
        with pytest.raises(BadWire):
            wire.read(other, wire.Gone)
    with pytest.raises(BadWire):
        wire.read(b"\x94" + data[1:] + b"\x00", wire.Gone)
    with pytest.raises(BadWire):
        wire.read(data, wire.Gone, cap=3)


@given(st.binary(max_size=9000))
def test_padding_comes_off_and_hides_the_size(data):
    padded = seal.pad(data)
    assert seal.unpad(padded) == data
    size = len(padded)
    assert size >= 1024
    assert size & (size - 1) == 0 or (size // 3) & (size // 3 - 1) == 0
    assert size <= max(1024, (len(data) + 4) * 3 // 2)


def test_padding_that_is_not_zero_or_lies_about_its_length_is_refused():
    padded = seal.pad(b"abc")
    for wrong in (padded[:-1] + b"\x01", b"\xff\xff\xff\xff" + padded[4:], padded[:100], b""):
        with pytest.raises(BadWire):
            seal.unpad(wrong)
    with pytest.raises(TooLarge):
        seal.pad(bytes(wire.MAX_PAYLOAD + 1))


def test_a_grant_opens_for_its_member_alone():
    prekeys = Prekeys(CLOCK, SeededEntropy(1))
    epoch = seal.Epochs(CLOCK, SeededEntropy(2)).of(frozenset({"BIRCH"}))
    for prekey in (prekeys.current(), None):
        grant = seal.make_grant(epoch, "ASTER", BIRCH.card("B", CLOCK), prekey)
        assert seal.open_grant(grant, "ASTER", BIRCH, prekeys) == epoch.key
        with pytest.raises(Refused):
            seal.open_grant(grant, "CEDAR", BIRCH, prekeys)
        with pytest.raises(Refused):
            seal.open_grant(grant, "ASTER", CEDAR, Prekeys(CLOCK, SeededEntropy(3)))
        with pytest.raises(Refused, match="grant"):
            seal.open_grant(msgspec.structs.replace(grant, commitment=bytes(32)), "ASTER", BIRCH, prekeys)


def test_epochs_belong_to_an_audience_and_end():
    clock = ManualClock(1)
    epochs = seal.Epochs(clock, SeededEntropy(1))
    one, other = epochs.of(frozenset({"A"})), epochs.of(frozenset({"A", "B"}))
    assert one.key != other.key
    assert one.id != other.id
    assert epochs.of(frozenset({"A"})) is one
    clock.move_to(HOUR + 1)
    assert epochs.of(frozenset({"A"})) is not one
    assert epochs.get(one.id) is one
    clock.move_to(2 * HOUR + 1)
    epochs.of(frozenset({"C"}))
    assert epochs.get(one.id) is None
    epochs.end_all()
    assert epochs.get(other.id) is None
    for i in range(1000):
        epochs.of(frozenset({str(i)}))
    assert len(epochs._all) <= seal.LARGEST_AUDIENCES
    assert repr(one.key) not in repr(one)


def test_every_envelope_has_a_key_of_its_own():
    one, other = (seal.seal(payload(1), b"k" * 32, b"e" * 16, "ASTER", salt) for salt in (b"1" * 32, b"2" * 32))
    sealed = [wire.read(data, wire.Envelope).sealed for data in (one, other)]
    assert hashlib.sha256(sealed[0]).digest() != hashlib.sha256(sealed[1]).digest()


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=20), st.integers(0, 20))
def test_a_chain_does_not_depend_on_how_it_is_cut_up(items, at):
    assert chain.run(chain.run(wire.ZERO, items[:at]), items[at:]) == chain.run(wire.ZERO, items)


def test_withdrawing_a_record_does_not_break_its_chain():
    data = records(1)[0]
    assert chain.item_hash(wire.Item(0, data)) == chain.item_hash(wire.Item(1, hashlib.sha256(data).digest()))


def test_realm_tags_say_nothing_and_differ():
    tags = {
        chain.realm_tag(key, to, realm, klass, start)
        for key in (b"k" * 32, b"j" * 32)
        for to in ("BIRCH", "CEDAR")
        for realm in ("live", "exercise:x")
        for klass in ("records", "observations")
        for start in (b"", b"1")
    }
    assert len(tags) == 32
    assert all(wire.is_tag(tag) and len(tag) == 16 for tag in tags)


def test_a_batch_that_is_not_shaped_as_its_class_is_refused():
    good = payload(2)
    for wrong in (
        msgspec.structs.replace(good, kinds=("report",)),
        msgspec.structs.replace(good, packed=b"x"),
        msgspec.structs.replace(good, klass="observations"),
        msgspec.structs.replace(good, klass="other"),
        msgspec.structs.replace(good, items=(), kinds=()),
        msgspec.structs.replace(good, items=(wire.Item(1, b"short"), good.items[1])),
        msgspec.structs.replace(good, items=(wire.Item(2, b"x"), good.items[1])),
    ):
        with pytest.raises(Refused, match="malformed"):
            seal.check_batch(wrong, CARD)


def test_observations_are_signed_by_ed25519_alone_and_records_by_both():
    batch = seal.payload_of_observations(ASTER, "live", b"packed")
    assert seal.check_batch(batch, CARD) == []
    assert batch.signatures.mldsa65 == b""
    assert len(payload(1).signatures.mldsa65) == 3309
    # A signature that is not asked for is refused too: one meaning, one encoding.
    with pytest.raises(Refused):
        seal.check_batch(msgspec.structs.replace(batch, signatures=payload(1).signatures), CARD)
