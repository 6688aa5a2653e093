"""Who asks, and what that reader may be shown: the one function that every way out goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from tocsin.core import Label, Record, may_read
from tocsin.people import Role, User
from tocsin.policy import View

from .errors import NotAllowed

T = TypeVar("T")
SYSTEM = "node/"
"""What a node says by itself has the author `node/<view id>`: it belongs to the readers of that view."""


@dataclass(frozen=True)
class Reader:
    """A person who is logged in, with the view that they share with everyone of their clearance."""

    user: User
    view: View
    csrf: str

    def may(self, label: Label) -> bool:
        """Whether this reader may be shown what bears `label`."""
        return may_read(label, self.view.clearance)

    def may_see(self, record: Record, node: str) -> bool:
        """Whether this reader may be shown `record`; what this node's watch said in another view is not this reader's."""
        if record.origin == node and record.author.startswith(SYSTEM) and record.author != SYSTEM + self.view.id:
            return False
        return self.may(record.label)

    def readable(self, things: Iterable[T], label_of: Callable[[T], Label]) -> list[T]:
        """Those of `things` whose label this reader may read."""
        return [thing for thing in things if self.may(label_of(thing))]

    def needs(self, *roles: Role) -> None:
        """Raise `NotAllowed` unless this reader has one of `roles`."""
        if not self.user.roles & set(roles):
            raise NotAllowed(" or ".join(sorted(roles)))
