"""Realms: worlds that never touch. `live`, an exercise's, or a replay's."""

from __future__ import annotations

import re

from .errors import BadRealm

Realm = str
"""`live`, `exercise:<id>` or `replay:<id>`; ids are 1 to 40 of a-z, 0-9 and hyphen."""

LIVE: Realm = "live"
_SHAPE = re.compile(r"live|(?:exercise|replay):[a-z0-9][a-z0-9-]{0,39}")


def parse(text: str) -> Realm:
    """`text` as a realm; raises `BadRealm`."""
    if not _SHAPE.fullmatch(text):
        raise BadRealm(text)
    return text


def is_exercise(realm: Realm) -> bool:
    """Whether everything in `realm` is an exercise's: never CAP status Actual, always marked."""
    return realm.startswith("exercise:")


def is_replay(realm: Realm) -> bool:
    """Whether `realm` is a replay: its warnings are CAP status Test and stay in the node."""
    return realm.startswith("replay:")


def cap_status(realm: Realm) -> str:
    """The CAP 1.2 status that messages of `realm` bear."""
    return {"live": "Actual", "exercise": "Exercise", "replay": "Test"}[parse(realm).partition(":")[0]]
