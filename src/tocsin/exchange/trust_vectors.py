"""Test vectors of what stands outside envelopes: receipts, recovery keys, successions and bundles. `vectors.py` takes them in."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tocsin.core import ManualClock, SeededEntropy, encode

from . import bundle, receipts, seal, succession, wire
from .keys import NodeKeys
from .recovery import RecoveryKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.core import Record
    from tocsin.core.times import Micros

# Everything that `made` holds for this module: what is missing from an older file is drawn.
MADE = ("bundle",)


def fixed(aster: NodeKeys, birch: NodeKeys, records: Sequence[Record], tag: str, time: Micros) -> dict[str, Any]:
    """The same for everyone."""
    held = tuple(hashlib.sha256(encode(record)).digest() for record in records)
    receipt = wire.Receipt((wire.Have(tag, len(held), wire.ZERO, (1,)),), held)
    key = RecoveryKey.make(SeededEntropy("recovery"))
    clock = ManualClock(time)
    before, after = (keys.card("Watch of ASTER", clock) for keys in (aster, NodeKeys.from_seeds("ASTER", SeededEntropy("ASTER again"))))
    linked = wire.Linked("ASTER", succession.ROTATED, before.digest(), hashlib.sha256(after.signed_bytes()).digest())
    (message,) = _messages(aster, tag, time)
    part = bundle.Part(message.tag, message.klass, len(message.data), hashlib.sha256(message.data).digest())
    manifest = wire.write(bundle.Manifest(wire.VERSION, "ASTER", "BIRCH", time, (part,)))
    return {
        "receipt": {
            "body": wire.write(receipt).hex(),
            "message": seal.make_control(birch, "ASTER", receipt, time).hex(),
            "question": wire.write(wire.AskReceipt(tuple(record.id for record in records))).hex(),
        },
        "recovery": {"secret": SeededEntropy("recovery").take(32).hex(), "public_sha256": _sha(key.public()), "digest": key.digest().hex()},
        "succession": {
            "linked": wire.write(linked).hex(),
            "ed25519": aster.sign(succession.SUCCESSION, wire.write(linked), both=False).ed25519.hex(),
        },
        "bundle": {"magic": bundle.MAGIC.hex(), "manifest": manifest.hex(), "message_sha256": _sha(message.data)},
    }


def made(aster: NodeKeys, tag: str, time: Micros) -> dict[str, Any]:
    """One outcome of what is random."""
    return {"bundle": bundle.write(aster, "BIRCH", _messages(aster, tag, time), time).hex()}


def check(found: Mapping[str, Any], aster: NodeKeys, birch: NodeKeys, records: Sequence[Record], time: Micros) -> None:
    """Raises `AssertionError` unless what a file holds of these verifies."""
    card = aster.card("Watch of ASTER", ManualClock(time))
    data = bytes.fromhex(found["made"]["bundle"])
    try:
        manifest, messages = bundle.read(data, card, "BIRCH")
    except bundle.BadBundle:
        raise AssertionError("bundle") from None
    if wire.write(manifest).hex() != found["fixed"]["bundle"]["manifest"] or len(messages) != 1:
        raise AssertionError("bundle")
    message = bytes.fromhex(found["fixed"]["receipt"]["message"])
    theirs = birch.card("Watch of BIRCH", ManualClock(time))
    for record in records:
        receipts.check(message, theirs, encode(record))


def _messages(aster: NodeKeys, tag: str, time: Micros) -> list[bundle.Message]:
    gone = seal.make_control(aster, "BIRCH", wire.Gone(tag, 4, 7), time)
    return [bundle.Message(wire.NO_TAG, wire.CONTROL, gone)]


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
