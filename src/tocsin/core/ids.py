"""Identifiers: `type--uuid`, as STIX writes them."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    from .chance import Entropy

_SHAPE = re.compile(r"([a-z][a-z0-9-]{0,39})--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_id(kind: str, entropy: Entropy) -> str:
    """A fresh id of `kind` with a version 4 UUID out of `entropy`."""
    return f"{kind}--{uuid.UUID(bytes=entropy.take(16), version=4)}"


def kind_of_id(text: str) -> str:
    """The type in an id; raises `InputError` if it is none."""
    if (found := _SHAPE.fullmatch(text)) is None:
        raise InputError(f"{text[:60]!r} is no id: it should look like warning--xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx")
    return found[1]
