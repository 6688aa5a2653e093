"""Chains: a running hash over everything one sender has for one recipient in one realm and class.

Records count one each, over SHA-256 of their signed bytes, so that any regrouping into envelopes, and any
marker for a record that was withdrawn, continues the same chain. Observations count one a batch.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from . import wire


def item_hash(item: wire.Item) -> bytes:
    """What a record contributes to its chain: SHA-256 of its signed bytes, withdrawn or not."""
    return item.data if item.state else hashlib.sha256(item.data).digest()


def step(before: bytes, item: bytes) -> bytes:
    """The chain's hash after one more item: SHA-256("tocsin chain v1" ‖ 0x00 ‖ before ‖ item)."""
    return hashlib.sha256(b"tocsin chain v1\x00" + before + item).digest()


def run(before: bytes, items: Iterable[bytes]) -> bytes:
    """The chain's hash after several items."""
    for item in items:
        before = step(before, item)
    return before


def realm_tag(key: bytes, recipient: str, realm: str, klass: str, start: bytes = b"") -> str:
    """16 letters that stand for a realm towards one recipient, and say nothing to whoever lacks the sender's `key`.

    The first 10 bytes of HMAC-SHA256, in lower-case base32. Observations take in the sender's `start` (16 random bytes),
    because their chains are held in memory and begin anew with each.
    """
    text = b"\x00".join([b"tocsin tag v1", klass.encode(), recipient.encode(), realm.encode(), start])
    return base64.b32encode(hmac.digest(key, text, "sha256")[:10]).decode().lower()
