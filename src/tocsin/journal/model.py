"""What goes into the journal and what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tocsin.core import Record


class Entry(NamedTuple):
    """A record to keep. `data`: the bytes that were signed; `proof`: the sender's signature of the batch, and the path to it."""

    data: bytes
    record: Record
    proof: bytes = b""


class Kept(NamedTuple):
    """A record that is kept. `index` counts from 0 in its realm; `leaf` is SHA-256(`salt` ‖ `data`)."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    data: bytes
    record: Record
    proof: bytes
    salt: bytes
    leaf: bytes


class Leaf(NamedTuple):
    """What stays of a record for ever, erased or not."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    kind: str
    record_id: str
    leaf: bytes
