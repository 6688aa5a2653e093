"""Bundles: the same sealed messages as files, for partners behind an air gap. The container alone; no I/O.

A file is `MAGIC`, the length (4 bytes, big-endian) of a signed manifest, the manifest, and the messages one after
another. The manifest names sender and recipient and each message's size and digest, and both kinds of signature are over
it: a file that was cut, altered, or is another's is refused whole, before anything in it is looked at.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from tocsin.core import InputError, TooLarge

from . import wire
from .errors import BadWire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core.times import Micros

    from .card import Card
    from .keys import NodeKeys

MAGIC = b"tocsin bundle 1\n"
CONTEXT = b"tocsin bundle v1"
MAX_BYTES = 64_000_000
MAX_MESSAGES = 4096


class BadBundle(InputError):
    """Raised for a file that is no bundle, not whole, not for this node, or not signed by the partner that it names."""


class Part(wire.Wire, frozen=True):
    """One message of a bundle: its tag and class as in a subject, how many bytes, and their SHA-256."""

    tag: str
    klass: str
    size: int
    digest: bytes


class Manifest(wire.Wire, frozen=True):
    """What a bundle holds, by whom and for whom."""

    v: int
    sender: str
    recipient: str
    made_at: int
    parts: tuple[Part, ...]


class SignedManifest(wire.Wire, frozen=True):
    """A manifest's bytes and the signatures over them."""

    manifest: bytes
    signatures: wire.Signatures


class Message(NamedTuple):
    """One message as it would stand at the relay."""

    tag: str
    klass: str
    data: bytes


def write(keys: NodeKeys, recipient: str, messages: Sequence[Message], made_at: Micros) -> bytes:
    """A bundle's bytes; raises `TooLarge`."""
    parts = tuple(Part(one.tag, one.klass, len(one.data), hashlib.sha256(one.data).digest()) for one in messages)
    manifest = wire.write(Manifest(wire.VERSION, keys.partner, recipient, made_at, parts))
    head = wire.write(SignedManifest(manifest, keys.sign(CONTEXT, manifest, both=True)))
    data = b"".join([MAGIC, len(head).to_bytes(4, "big"), head, *(one.data for one in messages)])
    if len(data) > MAX_BYTES or len(messages) > MAX_MESSAGES:
        raise TooLarge("a bundle's bytes", len(data), MAX_BYTES)
    return data


def sender_of(data: bytes) -> str:
    """Whose bundle it says it is, before anything is checked but its shape; raises `BadBundle`."""
    return _manifest(_head(data)[0]).sender


def made_at(data: bytes) -> Micros:
    """When it says that it was made, before anything is checked but its shape; raises `BadBundle`."""
    return _manifest(_head(data)[0]).made_at


def read(data: bytes, sender: Card, me: str) -> tuple[Manifest, list[Message]]:
    """A bundle of `sender`'s for `me`, checked whole; raises `BadBundle`."""
    head, rest = _head(data)
    manifest = _manifest(head)
    if manifest.sender != sender.partner or manifest.recipient != me:
        raise BadBundle("this bundle is not for this node")
    if not sender.verify(CONTEXT, head.manifest, head.signatures, both=True):
        raise BadBundle(f"this bundle is not signed by {sender.partner}'s keys, or it was altered")
    if sum(part.size for part in manifest.parts) != len(rest):
        raise BadBundle("this bundle is not whole: copy it again")
    messages, at = [], 0
    for part in manifest.parts:
        one = rest[at : at + part.size]
        at += part.size
        if hashlib.sha256(one).digest() != part.digest:
            raise BadBundle("this bundle was altered or damaged: copy it again")
        messages.append(Message(part.tag, part.klass, one))
    return manifest, messages


def _head(data: bytes) -> tuple[SignedManifest, bytes]:
    if len(data) > MAX_BYTES:
        raise TooLarge("a bundle's bytes", len(data), MAX_BYTES)
    if not data.startswith(MAGIC):
        raise BadBundle("this is no bundle of this version")
    start = len(MAGIC) + 4
    end = start + int.from_bytes(data[len(MAGIC) : start], "big")
    if len(data) < end:
        raise BadBundle("this bundle is not whole: copy it again")
    try:
        return wire.read(data[start:end], SignedManifest), data[end:]
    except BadWire:
        raise BadBundle("this bundle was altered or damaged: copy it again") from None


def _manifest(head: SignedManifest) -> Manifest:
    try:
        found = wire.read(head.manifest, Manifest)
    except BadWire:
        raise BadBundle("this bundle was altered or damaged: copy it again") from None
    sane = all(wire.is_tag(part.tag) and part.klass in wire.CLASSES and part.size >= 0 for part in found.parts)
    if found.v != wire.VERSION or not sane or len(found.parts) > MAX_MESSAGES:
        raise BadBundle("this bundle's list of messages cannot be used")
    return found
