"""What each view has been told: claims and daily counts out of its records, as the detectors take them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tocsin.core import Claim, Count, Label, Realm, Record, join
from tocsin.policy import View
from tocsin.warning.said import NOTHING, Heard, Told
from tocsin.warning.series import Series

from .readers import may_see
from .register import Register

CLAIMS = 1000
COUNTS = 400
"""How many of the newest records are listened to: a year of daily counts said one by one, and more claims than a topic can weigh."""


class _Known(NamedTuple):
    claims: int
    counts: int
    heard: Heard


class Hearing:
    """What was said, by view and realm. Gathered anew only when a view's records have changed."""

    def __init__(self, register: Register, node: str) -> None:
        self._register, self._node = register, node
        self._known: dict[tuple[str, Realm], _Known] = {}

    def of(self, view: View, realm: Realm) -> Heard:
        """What `view` has been told in `realm`; nothing else changes a byte of it."""
        shelf = self._register.shelf(view, realm)
        sizes = [len(shelf.kinds[kind]) if kind in shelf.kinds else 0 for kind in ("claim", "count")]
        if not any(sizes):
            return NOTHING
        known = self._known.get((view.id, realm))
        if known is None or [known.claims, known.counts] != sizes:
            heard = Heard(self._series(view, realm), self._told(view, realm))
            known = self._known[view.id, realm] = _Known(sizes[0], sizes[1], heard)
        return known.heard

    def forget(self) -> None:
        """Listen again to everything: what views may see has changed."""
        self._known.clear()

    def _newest(self, view: View, realm: Realm, kind: str, most: int) -> list[tuple[Record, object]]:
        shelf = self._register.shelf(view, realm)
        rows = shelf.kinds[kind].newest(most)[::-1] if kind in shelf.kinds else []
        return [(one.record, one.body) for one in self._register.read(realm, rows) if may_see(one.record, view, self._node)]

    def _told(self, view: View, realm: Realm) -> tuple[Told, ...]:
        found = self._newest(view, realm, "claim", CLAIMS)
        return tuple(_told(record, body, view) for record, body in found if isinstance(body, Claim) and body.indicator)

    def _series(self, view: View, realm: Realm) -> dict[str, Series]:
        days: dict[str, dict[int, float]] = {}
        labels: dict[str, list[Label]] = {}
        sources: dict[str, str] = {}
        for record, body in self._newest(view, realm, "count", COUNTS):
            if isinstance(body, Count) and len(body.days) == len(body.counts):
                # What was said later about a day holds.
                days.setdefault(body.series, {}).update(zip(body.days, body.counts, strict=True))
                labels.setdefault(body.series, []).append(view.ours(record.label))
                sources.setdefault(body.series, body.source)
        return {name: _series(name, found, join(labels[name]), sources[name]) for name, found in days.items() if _holds(found)}


def _told(record: Record, body: Claim, view: View) -> Told:
    return Told(
        record=record.id,
        about=body.indicator,
        source=body.source,
        # A root is known only where somebody named it: a partner that passes a claim on is no new origin.
        root=body.root,
        grade=body.grade,
        channel=body.channel,
        at=body.claimed_at if body.claimed_at is not None else record.realm_time,
        said_at=record.realm_time,
        text=body.text,
        label=view.ours(record.label),
        latitude=body.latitude,
        longitude=body.longitude,
    )


def _holds(days: dict[int, float]) -> bool:
    return bool(days) and all(np.isfinite(value) and value >= 0 for value in days.values())


def _series(name: str, days: dict[int, float], label: Label, source: str) -> Series:
    order = sorted(days)
    return Series(name, np.array(order, np.int64), np.array([days[day] for day in order], np.float64), label, source)
