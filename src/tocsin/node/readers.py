"""Who asks, and what that reader may be shown: the one function that every way out goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from tocsin.core import Label, Realm, Record
from tocsin.people import HUMAN, SENSITIVE, Act, FactorNeeded, NotByMachine, Role, Session, User, may
from tocsin.people.roles import names_of
from tocsin.policy import View

from .errors import NotAllowed

T = TypeVar("T")
SYSTEM = "node/"
"""What a node says by itself has the author `node/<view id>`: it belongs to the readers of that view."""


def may_show(label: Label, view: View, realm: Realm = "") -> bool:
    """Whether readers of `view` may be shown what bears `label`, by both keys: the one place in the node that decides it."""
    return view.may(label, realm)


def may_see(record: Record, view: View, node: str) -> bool:
    """Whether readers of `view` may be shown `record`; what the watch of `node` said in another view is not theirs."""
    if record.origin == node and record.author.startswith(SYSTEM) and record.author != SYSTEM + view.id:
        return False
    return view.may_see(record)


@dataclass(frozen=True)
class Reader:
    """A person who is logged in, or a machine client, with the view that they share with everyone of their clearance.

    `session` is None for a machine. `proven`: nothing stands against sensitive acts: the second factor was proven lately, or the
    node does not ask for that.
    """

    user: User
    view: View
    csrf: str
    session: Session | None = None
    proven: bool = True

    def may(self, label: Label) -> bool:
        """Whether this reader may be shown what bears `label`."""
        return may_show(label, self.view)

    def may_see(self, record: Record, node: str) -> bool:
        """Whether this reader may be shown `record`."""
        return may_see(record, self.view, node)

    def readable(self, things: Iterable[T], label_of: Callable[[T], Label]) -> list[T]:
        """Those of `things` whose label this reader may read."""
        return [thing for thing in things if self.may(label_of(thing))]

    def must(self, *acts: Act) -> None:
        """Raise `NotAllowed` unless this reader may do one of `acts`, by the table in `people.roles`.

        `NotByMachine` if it is a machine and the act a person's; `FactorNeeded` if the second factor has to be proven first.
        """
        allowed = [act for act in acts if may(self.user.roles, act)]
        if not allowed:
            raise NotAllowed(names_of(acts[0]) if acts else "of the operator")
        if self.user.machine and HUMAN.issuperset(allowed):
            raise NotByMachine
        if not self.proven and SENSITIVE.issuperset(allowed):
            raise FactorNeeded(("totp", "passkey"))

    def needs(self, *roles: Role) -> None:
        """Raise `NotAllowed` unless this reader has one of `roles`."""
        if not self.user.roles & set(roles):
            raise NotAllowed(" or ".join(sorted(roles)))
