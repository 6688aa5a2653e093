"""Test vectors of the protocol: what another implementation must compute, out of fixed seeds.

HPKE and ML-DSA-65 signatures are random by nature: `fixed` is the same for everyone, `made` holds one outcome
of each, which another implementation must open or verify and cannot make again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tocsin.core import Label, ManualClock, Report, SeededEntropy, encode, make

from . import chain, merkle, seal, trust_vectors, wire
from .keys import KemKey, NodeKeys, hpke_wrap, seeds_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.core.records import Record

TIME = 1_760_000_000_000_000
TAG_START = bytes(range(16)) + TIME.to_bytes(8, "big")


def protocol(known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All vectors as JSON values, bytes in hex. `known`: an earlier file, whose random outcomes are kept."""
    aster, birch = (NodeKeys.from_seeds(name, SeededEntropy(name)) for name in ("ASTER", "BIRCH"))
    made = dict((known or {}).get("made") or {})
    if missing := {"hpke", "grant", "batch", *trust_vectors.MADE} - made.keys():
        made |= {name: value for name, value in _made(aster, birch).items() if name in missing}
    return {"about": (__doc__ or "").splitlines()[0], "fixed": _fixed(aster, birch, made), "made": made}


def _fixed(aster: NodeKeys, birch: NodeKeys, made: Mapping[str, Any]) -> dict[str, Any]:
    card = aster.card("Watch of ASTER", ManualClock(TIME))
    datas = [encode(record) for record in _records()]
    items = (*(wire.Item(0, data) for data in datas[:2]), wire.Item(1, hashlib.sha256(datas[2]).digest()))
    leaves = [merkle.leaf_hash(seal.leaf_data(item)) for item in items]
    root = wire.write(wire.Root("ASTER", "records", 3, merkle.root(leaves)))
    key, salt, epoch = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 80))
    signatures = _signatures(made["batch"])
    payload = wire.Payload("records", "exercise:night", ("report", "report", ""), items, b"", signatures)
    envelope = seal.seal(payload, key, epoch, "ASTER", salt)
    head = wire.write(wire.EnvelopeHead(wire.VERSION, "ASTER", epoch, salt))
    hashes = [chain.item_hash(item) for item in items]
    tag = chain.realm_tag(aster.tag_key, "BIRCH", "exercise:night", "records")
    after = chain.run(wire.ZERO, hashes)
    header = wire.write(
        wire.Header(wire.VERSION, "ASTER", "BIRCH", tag, "records", 0, 3, wire.ZERO, after, hashlib.sha256(envelope).digest(), TIME)
    )
    gone = wire.write(wire.Control(wire.VERSION, "ASTER", "BIRCH", TIME, "gone", wire.write(wire.Gone(tag, 4, 7))))
    return {
        "seeds": {name: {key: seed.hex() for key, seed in seeds_from(SeededEntropy(name)).items()} for name in ("ASTER", "BIRCH")},
        "keys": {
            "ed25519_public": card.ed25519.hex(),
            "mldsa65_public_sha256": hashlib.sha256(card.mldsa65).hexdigest(),
            "kem_public_sha256": hashlib.sha256(card.kem).hexdigest(),
            "relay_user": card.relay,
            "card_signed_bytes_sha256": hashlib.sha256(card.signed_bytes()).hexdigest(),
            "fingerprint": card.fingerprint(),
        },
        "merkle": {"leaves": [leaf.hex() for leaf in leaves], "root": merkle.root(leaves).hex(), "paths": _hex(merkle.paths(leaves))},
        "records": [data.decode() for data in datas],
        "chain": {"items": _hex(hashes), "after_each": _hex([chain.run(wire.ZERO, hashes[: i + 1]) for i in range(3)])},
        "realm_tag": {
            "key": aster.tag_key.hex(),
            "records": tag,
            "observations": chain.realm_tag(aster.tag_key, "BIRCH", "exercise:night", "observations", TAG_START),
            "start": TAG_START.hex(),
        },
        "root_signed": {"bytes": root.hex(), "ed25519": aster.sign(seal.ROOT, root, both=False).ed25519.hex()},
        "epoch": {"key": key.hex(), "id": epoch.hex(), "commitment": seal.commit(key).hex()},
        "envelope": {
            "salt": salt.hex(),
            "head": head.hex(),
            "payload_sha256": hashlib.sha256(wire.write(payload)).hexdigest(),
            "padded_length": len(seal.pad(wire.write(payload))),
            "bytes_sha256": hashlib.sha256(envelope).hexdigest(),
        },
        "header": {"bytes": header.hex(), "ed25519": aster.sign(seal.HEADER, header, both=False).ed25519.hex()},
        "observations_packet": seal.make_packet(
            aster,
            recipient="BIRCH",
            tag=tag,
            klass="observations",
            first=0,
            before=wire.ZERO,
            items=[hashlib.sha256(b"packed").digest()],
            envelope=seal.seal(seal.payload_of_observations(aster, "live", b"packed"), key, epoch, "ASTER", salt),
            sent_at=TIME,
        ).hex(),
        "control": {"bytes": gone.hex(), "message": seal.make_control(aster, "BIRCH", wire.Gone(tag, 4, 7), TIME).hex()},
        "recipient_kem_public_sha256": hashlib.sha256(birch.kem.public()).hexdigest(),
    } | trust_vectors.fixed(aster, birch, _records(), tag, TIME)


def _made(aster: NodeKeys, birch: NodeKeys) -> dict[str, Any]:
    key = bytes(range(32))
    epoch = seal.Epoch(bytes(range(64, 80)), key, frozenset({"BIRCH"}), TIME, TIME + 1)
    grant = seal.make_grant(epoch, "ASTER", birch.card("Watch of BIRCH", ManualClock(TIME)), None)
    datas = [encode(record) for record in _records()]
    leaves = [*datas[:2], b"withdrawn\x00" + hashlib.sha256(datas[2]).digest()]
    batch = seal.sign_batch(aster, "records", leaves)
    tag = chain.realm_tag(aster.tag_key, "BIRCH", "exercise:night", "records")
    return {
        "hpke": hpke_wrap(b"thirty-two bytes of a secret key", birch.kem.public(), b"tocsin test").hex(),
        "grant": wire.write(grant).hex(),
        "batch": {"ed25519": batch.ed25519.hex(), "mldsa65": batch.mldsa65.hex()},
    } | trust_vectors.made(aster, tag, TIME)


def check(found: Mapping[str, Any]) -> None:
    """Raises `AssertionError` unless the random outcomes in a file open and verify, by this implementation."""
    aster, birch = (NodeKeys.from_seeds(name, SeededEntropy(name)) for name in ("ASTER", "BIRCH"))
    made = found["made"]
    kem: KemKey = birch.kem
    if kem.open(bytes.fromhex(made["hpke"]), b"tocsin test") != b"thirty-two bytes of a secret key":
        raise AssertionError("hpke")
    grant = wire.read(bytes.fromhex(made["grant"]), wire.Grant)
    info = b"\x00".join([seal.GRANT, b"ASTER", b"BIRCH", grant.epoch + grant.commitment])
    if kem.open(grant.wrapped, info) != bytes(range(32)):
        raise AssertionError("grant")
    root = bytes.fromhex(found["fixed"]["root_signed"]["bytes"])
    if not aster.card("A", ManualClock(TIME)).verify(seal.ROOT, root, _signatures(made["batch"]), both=True):
        raise AssertionError("batch")
    trust_vectors.check(found, aster, birch, _records(), TIME)


def _records() -> list[Record]:
    entropy = SeededEntropy("vectors")
    reach = frozenset({"ASTER", "BIRCH"})
    label = Label("example", 1, frozenset({"ASTER"}), reach)
    return [
        make(
            Report(title=f"Report {i}", text="Nothing to report.", source="nobody"),
            realm="exercise:night",
            origin="ASTER",
            author="node",
            label=label,
            protocol_time=TIME + i,
            realm_time=TIME + i,
            entropy=entropy,
        )
        for i in range(3)
    ]


def _signatures(text: Mapping[str, str]) -> wire.Signatures:
    return wire.Signatures(bytes.fromhex(text["ed25519"]), bytes.fromhex(text["mldsa65"]))


def _hex(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else [_hex(one) for one in value]
