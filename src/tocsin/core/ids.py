"""Identifiers: `type--uuid`, as STIX writes them."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    from .chance import Entropy
    from .times import Micros

_SHAPE = re.compile(r"([a-z][a-z0-9-]{0,39})--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_48_BITS = (1 << 48) - 1


def new_id(kind: str, entropy: Entropy, time: Micros | None = None) -> str:
    """A fresh id of `kind` out of `entropy`: a UUID of version 4, or where a `time` (µs UTC) is given of version 7 (RFC 9562).

    Those of version 7 begin with the time in ms, so that an index of ids grows at its end, however many it holds.
    """
    drawn = entropy.take(16)
    if time is None:
        return f"{kind}--{uuid.UUID(bytes=drawn, version=4)}"
    # Python's own arguments know the versions up to 5 alone: the four bits of the version, and the two of the variant, are set here.
    begun = (max(time, 0) // 1000 & _48_BITS).to_bytes(6, "big")
    return f"{kind}--{uuid.UUID(bytes=begun + bytes([0x70 | drawn[6] & 0x0F, drawn[7], 0x80 | drawn[8] & 0x3F]) + drawn[9:])}"


def kind_of_id(text: str) -> str:
    """The type in an id; raises `InputError` if it is none."""
    if (found := _SHAPE.fullmatch(text)) is None:
        raise InputError(f"{text[:60]!r} is no id: it should look like warning--xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx")
    return found[1]
