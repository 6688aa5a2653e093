"""What screens are told: that something changed, on which page, and for whom it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tocsin.core import Label, Realm, Record

from .readers import Reader

Listener = Callable[["Change"], None]


class Change(NamedTuple):
    """Something changed that screens show; `label` is of what changed, None for what every reader may know; `record`: if it was one."""

    what: str
    realm: Realm | None
    label: Label | None
    record: Record | None = None

    def is_for(self, reader: Reader, node: str) -> bool:
        """Whether `reader` may know of it."""
        if self.record is not None:
            return reader.may_see(self.record, node)
        return self.label is None or reader.may(self.label)


class Changes:
    """Who listens for changes."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at every change, until the function that this gives is called."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def tell(self, change: Change) -> None:
        """Tell everyone who listens."""
        for listener in list(self._listeners):
            listener(change)


def page_of(kind: str) -> str:
    """What of the screens a record of `kind` changes."""
    return _PAGES.get(kind, "journal")


_PAGES = {
    "warning": "warnings",
    "acknowledgement": "warnings",
    "finding": "warnings",
    "report": "reports",
    "claim": "claims",
    "count": "claims",
    "log": "log",
    "refusal": "exchange",
    "recall": "reports",
    "receipt": "exchange",
    "request": "requests",
    "requirement": "requests",
    "subscription": "exchange",
    "approval": "exchange",
}
