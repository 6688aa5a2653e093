"""Between rows and structs: what several of this room's services read and write alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import func, insert, select

from tocsin.core import Clearance

from .errors import BadUser, LastAdministrator, NoSuchUser
from .model import Act, Role, User
from .tables import acts, users

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Row

    from tocsin.core.times import Micros

_ENCODER = msgspec.json.Encoder(order="deterministic")


def text(value: Any) -> str:
    """`value` as JSON, the same for the same value."""
    return _ENCODER.encode(value).decode()


def roles_in(stored: str) -> frozenset[Role]:
    """Roles out of a column."""
    return msgspec.json.decode(stored, type=frozenset[Role])


def clearance_in(stored: str) -> Clearance:
    """A clearance out of a column."""
    return msgspec.json.decode(stored, type=Clearance)


def user_of(row: Row[Any]) -> User:
    """A row of `users`."""
    return User(row.name, roles_in(row.roles), clearance_in(row.clearance), row.person or row.key, since=row.added_at)


def find(connection: Connection, key: str) -> User:
    """The user of `key`; raises `NoSuchUser`."""
    row = connection.execute(select(users).where(users.c.key == key)).one_or_none()
    if row is None:
        raise NoSuchUser
    return user_of(row)


def roles_of(names: Iterable[str]) -> frozenset[Role]:
    """Roles by name, one at least; raises `BadUser`."""
    try:
        found = frozenset(Role(name) for name in names)
    except ValueError:
        raise BadUser(f"a role is one of {', '.join(Role)}") from None
    if not found:
        raise BadUser(f"a user needs at least one role of {', '.join(Role)}")
    return found


def guard_administrators(connection: Connection, before: User, after: User | None) -> None:
    """Raise `LastAdministrator` if the change left none; run after it in the same job, which the raising undoes."""
    lost = Role.ADMINISTRATOR in before.roles and (after is None or Role.ADMINISTRATOR not in after.roles)
    mark = f'%"{Role.ADMINISTRATOR.value}"%'
    if lost and not connection.scalar(select(func.count()).select_from(users).where(users.c.roles.like(mark))):
        raise LastAdministrator


def note(connection: Connection, time: Micros, who: str, act: Act, what: str) -> None:
    """Write one line of the audit, in the commit of what was done; nothing if `who` is empty."""
    if who:
        note_each(connection, time, who, act, [what])


def note_each(connection: Connection, time: Micros, who: str, act: Act, whats: Iterable[str]) -> None:
    """Write a line of the audit for each of `whats`, of which there is one at least."""
    connection.execute(insert(acts), [{"time": time, "who": who[:120], "act": act.value, "what": what[:200]} for what in whats])
