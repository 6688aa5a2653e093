"""Views: readers who may be shown the same things share one, and with it one picture and one watch."""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tocsin.core import Denied, may_read

from .gate import NOTHING_SAID, matter_of

if TYPE_CHECKING:
    from tocsin.core import Clearance, Label, Realm, Record

    from .gate import Gate, Matter

_ENCODER = msgspec.json.Encoder(order="deterministic")


class View(NamedTuple):
    """What one clearance may be shown. `id` is a digest of the clearance, never of data: 16 hex digits.

    `gate` holds both keys; a view without one, which no node has, is held to the label alone.
    """

    id: str
    clearance: Clearance
    gate: Gate | None = None

    def may(self, label: Label | None, realm: Realm = "", matter: Matter = NOTHING_SAID) -> bool:
        """Whether readers of this view may be shown what bears `label`."""
        if self.gate is None:
            return may_read(label, self.clearance)
        return self.gate.may(label, self.clearance, realm=realm, matter=matter)

    def may_see(self, record: Record) -> bool:
        """Whether readers of this view may be shown `record`, under the label that it bears now."""
        label = record.label if self.gate is None else self.gate.label_of(record)
        return self.may(label, record.realm, matter_of(record))

    def ours(self, label: Label) -> Label:
        """`label` under this node's policy, so that it joins with others; one that has no equal here, which nobody reads, as it is."""
        return (self.gate.ours(label) if self.gate is not None else None) or label


class Views:
    """The views that are active on this node, at most `limit`: work grows with each, and a node must say when it is full."""

    def __init__(self, limit: int = 16, gate: Gate | None = None) -> None:
        self._limit, self._gate = limit, gate
        self._active: dict[str, View] = {}
        self._lock = Lock()

    def of(self, clearance: Clearance) -> View:
        """The view of `clearance`, made active if it is not yet; raises `Denied` past the limit."""
        if self._gate is not None:
            clearance = self._gate.widened(clearance)
        view = View(hashlib.sha256(_ENCODER.encode(clearance)).hexdigest()[:16], clearance, self._gate)
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
