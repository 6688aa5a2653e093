"""Views: readers who may be shown the same things share one, and with it one picture and one watch."""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tocsin.core import Denied

if TYPE_CHECKING:
    from tocsin.core import Clearance

_ENCODER = msgspec.json.Encoder(order="deterministic")


class View(NamedTuple):
    """What one clearance may be shown. `id` is a digest of the clearance, never of data: 16 hex digits."""

    id: str
    clearance: Clearance


class Views:
    """The views that are active on this node, at most `limit`: work grows with each, and a node must say when it is full."""

    def __init__(self, limit: int = 16) -> None:
        self._limit = limit
        self._active: dict[str, View] = {}
        self._lock = Lock()

    def of(self, clearance: Clearance) -> View:
        """The view of `clearance`, made active if it is not yet; raises `Denied` past the limit."""
        view = View(hashlib.sha256(_ENCODER.encode(clearance)).hexdigest()[:16], clearance)
        with self._lock:
            if view.id not in self._active and len(self._active) >= self._limit:
                raise Denied(f"this node serves {self._limit} views already: give the reader a clearance that others have, or remove one")
            return self._active.setdefault(view.id, view)

    def retire(self, view: View) -> None:
        """End `view`; its place is free. One that is not active changes nothing."""
        with self._lock:
            self._active.pop(view.id, None)

    def active(self) -> list[View]:
        """The active views, in the order in which they became so."""
        with self._lock:
            return list(self._active.values())
