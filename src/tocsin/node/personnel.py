"""People and machines as an operator or an administrator handles them: users, invitations, machine clients, receivers, proposals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec

from tocsin.core import Clearance
from tocsin.core.times import DAY
from tocsin.people import Act, Client, Invitation, Proposal, Receiver, Role, User
from tocsin.people.receivers import FEED

from .errors import NodeError
from .partnership import OPERATOR, Named, Nothing
from .service import Node

Json = dict[str, Any]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Short = Annotated[str, msgspec.Meta(max_length=200)]
Shorts = Annotated[list[Short], msgspec.Meta(max_length=20)]


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """A person: `clearance` is a level's name; empty means the lowest. `same_as`: another account of the same human being."""

    name: Name
    password: str
    roles: list[str]
    clearance: str = ""
    caveats: list[str] = []
    same_as: str = ""


class ChangedUser(msgspec.Struct, forbid_unknown_fields=True):
    """What of a person is to be exchanged; what is left out stays."""

    name: Name
    password: str | None = None
    roles: Shorts | None = None
    clearance: Short | None = None
    caveats: Shorts | None = None
    same_as: Short | None = None


class Subject(msgspec.Struct, forbid_unknown_fields=True):
    """Somebody as the organisation's own login names them."""

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class NewInvitation(msgspec.Struct, forbid_unknown_fields=True):
    """Whom to invite, with what they will be allowed."""

    name: Name
    roles: Shorts
    clearance: Short = ""
    caveats: Shorts = []


class OneFactor(msgspec.Struct, forbid_unknown_fields=True):
    """One second factor of a user; without an id all of them are meant."""

    name: Name
    factor: Short = ""


class NewClient(msgspec.Struct, forbid_unknown_fields=True):
    """A machine client: `certificate` (a SHA-256 in hex) pins one in place of a token; `owner` is the user it belongs to."""

    name: Name
    roles: Shorts = msgspec.field(default_factory=lambda: ["reader"])
    clearance: Short = ""
    caveats: Shorts = []
    owner: Short = ""
    days: Annotated[float, msgspec.Meta(gt=0, le=366)] = 90
    certificate: Short = ""


class NewReceiver(msgspec.Struct, forbid_unknown_fields=True):
    """A receiver: `kind` is mail, feed or webhook; `partner`: whose they count as, the node's own if empty. A feed's token lasts `days`."""

    name: Name
    kind: Short
    address: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    clearance: Short = ""
    caveats: Shorts = []
    partner: Short = ""
    days: Annotated[float, msgspec.Meta(gt=0, le=366)] = 90


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """A receiver whose token is renewed, and for how long."""

    name: Name
    days: Annotated[float, msgspec.Meta(gt=0, le=366)] = 90


def clearance_of(node: Node, level: str, caveats: list[str], partner: str = "") -> Clearance:
    """A clearance in the node's policy; raises `BadLabel` for an unknown level, `NodeError` above the node's own."""
    config = node.config
    rank, held = config.policy.rank(level or config.policy.levels[0]), frozenset(caveats)
    if rank > config.own.classification or not held <= config.own.caveats:
        raise NodeError(f"nobody here is cleared above the node itself, which is cleared to {config.clearance}")
    if partner and partner != config.id and node.book.get(partner) is None:
        raise NodeError(f"{partner[:40]!r} is no partner of this node")
    return Clearance(config.policy.name, partner or config.id, rank, held)


def known_roles(names: list[str]) -> list[str]:
    """`names` if all are roles; raises `NodeError`."""
    if unknown := set(names) - {role.value for role in Role}:
        raise NodeError(f"no role {min(unknown)[:40]!r}: use {', '.join(role.value for role in Role)}")
    return names


async def add_user(node: Node, new: NewUser, by: str = OPERATOR) -> Json:
    """Add a person."""
    roles, clearance = known_roles(new.roles), clearance_of(node, new.clearance, new.caveats)
    user = await node.people.add_user(new.name, new.password, roles, clearance, by=by, same_as=new.same_as)
    node.view(user.clearance)
    return user_row(node, user)


async def change_user(node: Node, new: ChangedUser, by: str = OPERATOR) -> Json:
    """Change a person's password, roles or clearance."""
    before = node.people.user(new.name)
    clearance = None
    if before is not None and (new.clearance is not None or new.caveats is not None):
        level = node.config.policy.levels[before.clearance.classification] if new.clearance is None else new.clearance
        clearance = clearance_of(node, level, sorted(before.clearance.caveats) if new.caveats is None else new.caveats)
    roles = None if new.roles is None else known_roles(new.roles)
    user = await node.people.change_user(new.name, password=new.password, roles=roles, clearance=clearance, same_as=new.same_as, by=by)
    node.view(user.clearance)
    return user_row(node, user)


async def list_users(node: Node, _: Nothing) -> list[Json]:
    """Everyone who may log in."""
    return [user_row(node, user) for user in node.people.users()]


async def remove_user(node: Node, who: Named, by: str = OPERATOR) -> Json:
    """Remove a person: sessions, factors, machine clients, invitations and proposals of theirs end at once."""
    await node.people.remove_user(who.name, by=by)
    return {"removed": who.name}


async def removed(node: Node, _: Nothing) -> list[Json]:
    """Accounts of the organisation's login that were removed here, by the subject that the login names them by."""
    return [{"subject": subject} for subject in node.people.removed()]


async def readmit(node: Node, who: Subject, by: str = OPERATOR) -> Json:
    """Let one of them in again: the account is made anew at its next login."""
    await node.people.readmit(who.subject, by=by)
    return {"readmitted": who.subject}


async def invite(node: Node, new: NewInvitation, by: str = OPERATOR) -> Json:
    """Invite a person, who then sets their own password; the token is shown this once."""
    clearance = clearance_of(node, new.clearance, new.caveats)
    made, token = await node.people.invitations.invite(new.name, known_roles(new.roles), clearance, by=by)
    address = node.config.people.origin.rstrip("/")
    return {**invitation_row(node, made), "token": token, "link": f"{address}/#/invitation/{token}" if address else ""}


async def invitations(node: Node, _: Nothing) -> list[Json]:
    """The open invitations."""
    return [invitation_row(node, one) for one in node.people.invitations.every()]


async def uninvite(node: Node, who: Named, by: str = OPERATOR) -> Json:
    """Withdraw an invitation, by its id or the name it is for."""
    await node.people.invitations.withdraw(who.name, by=by)
    return {"removed": who.name}


async def factors(node: Node, who: Named) -> Json:
    """A person's second factors."""
    found = node.people.factors
    return {"name": who.name, "factors": [one._asdict() for one in found.of(who.name)], "recovery_left": found.recovery_left(who.name)}


async def remove_factor(node: Node, which: OneFactor, by: str = OPERATOR) -> Json:
    """Remove a person's second factor, or all of them, for who has lost a telephone; their sessions end."""
    wanted = [which.factor] if which.factor else [one.id for one in node.people.factors.of(which.name)]
    for factor in wanted:
        await node.people.factors.remove(which.name, factor, by=by)
    await node.people.sessions.end_all(which.name, by=by)
    return {"removed": wanted}


async def end_sessions(node: Node, who: Named, by: str = OPERATOR) -> Json:
    """End every session of a person."""
    return {"ended": await node.people.sessions.end_all(who.name, by=by)}


async def add_client(node: Node, new: NewClient, by: str = OPERATOR) -> Json:
    """Add a machine client; its token is shown this once."""
    clearance = clearance_of(node, new.clearance, new.caveats)
    made, token = await node.people.clients.add(
        new.name, known_roles(new.roles), clearance, owner=new.owner, lasts=round(new.days * DAY), certificate=new.certificate, by=by
    )
    return {**client_row(node, made), **({"token": token} if token else {})}


async def list_clients(node: Node, _: Nothing) -> list[Json]:
    """Every machine client."""
    return [client_row(node, one) for one in node.people.clients.every()]


async def remove_client(node: Node, who: Named, by: str = OPERATOR) -> Json:
    """Remove a machine client."""
    await node.people.clients.remove(who.name, by=by)
    return {"removed": who.name}


async def add_receiver(node: Node, new: NewReceiver, by: str = OPERATOR) -> Json:
    """Add a receiver; a feed's token is shown this once."""
    clearance, lasts = clearance_of(node, new.clearance, new.caveats, new.partner), round(new.days * DAY)
    made, token = await node.people.receivers.add(new.name, new.kind, new.address, clearance, lasts=lasts, by=by)
    return {**receiver_row(node, made), **({"token": token} if token else {})}


async def renew_token(node: Node, of: NewToken, by: str = OPERATOR) -> Json:
    """A feed's new token, shown this once; the old one ends."""
    made, token = await node.people.receivers.renew(of.name, lasts=round(of.days * DAY), by=by)
    return {**receiver_row(node, made), "token": token}


async def list_receivers(node: Node, _: Nothing) -> list[Json]:
    """Every receiver."""
    return [receiver_row(node, one) for one in node.people.receivers.every()]


async def remove_receiver(node: Node, who: Named, by: str = OPERATOR) -> Json:
    """Remove a receiver."""
    await node.people.receivers.remove(who.name, by=by)
    return {"removed": who.name}


def user_row(node: Node, user: User) -> Json:
    """A user as lists show it."""
    ways = [way for way in node.people.factors.ways(user.name) if way != "recovery"]
    return {"name": user.name, **_allowed(node, user.roles, user.clearance), "second_factor": ways}


def invitation_row(node: Node, one: Invitation) -> Json:
    """An invitation as lists show it."""
    allowed = _allowed(node, one.roles, one.clearance)
    return {"id": one.id, "name": one.name, **allowed, "invited_by": one.invited_by, "added_at": one.added_at, "expires": one.expires}


def client_row(node: Node, one: Client) -> Json:
    """A machine client as lists show it."""
    times = {"added_at": one.added_at, "expires": one.expires, "used_at": one.used_at}
    known = {"prefix": one.prefix, "certificate": one.certificate}
    return {"name": one.name, "owner": one.owner, **_allowed(node, one.roles, one.clearance), **known, **times}


def receiver_row(node: Node, one: Receiver) -> Json:
    """A receiver as lists show it."""
    level = node.config.policy.levels[one.clearance.classification]
    told: Json = {"name": one.name, "kind": one.kind, "address": one.address, "partner": one.clearance.partner}
    told |= {"clearance": level, "caveats": sorted(one.clearance.caveats), "added_by": one.added_by, "added_at": one.added_at}
    return {**told, "told": one.kind == FEED, "prefix": one.prefix, "expires": one.expires, "used_at": one.used_at}


def proposal_row(one: Proposal) -> Json:
    """A proposal as lists show it, with who stands behind it."""
    return {**one._asdict(), "says": one.says}


def _allowed(node: Node, roles: frozenset[Role], clearance: Clearance) -> Json:
    level = node.config.policy.levels[clearance.classification]
    return {"roles": sorted(roles), "clearance": level, "caveats": sorted(clearance.caveats)}


OPERATIONS: dict[str, tuple[type[msgspec.Struct], Callable[[Node, Any], Awaitable[Any]], Act | None]] = {
    "user.add": (NewUser, add_user, Act.USER_ADD),
    "user.list": (Nothing, list_users, None),
    "user.change": (ChangedUser, change_user, Act.USER_CHANGE),
    "user.remove": (Named, remove_user, Act.USER_REMOVE),
    "user.removed": (Nothing, removed, None),
    "user.readmit": (Subject, readmit, Act.USER_READMIT),
    "user.invite": (NewInvitation, invite, Act.INVITATION_ADD),
    "user.invitations": (Nothing, invitations, None),
    "user.uninvite": (Named, uninvite, Act.INVITATION_REMOVE),
    "user.factors": (Named, factors, None),
    "user.factor-remove": (OneFactor, remove_factor, Act.FACTOR_REMOVE),
    "user.log-out": (Named, end_sessions, Act.SESSION_END),
    "client.add": (NewClient, add_client, Act.CLIENT_ADD),
    "client.list": (Nothing, list_clients, None),
    "client.remove": (Named, remove_client, Act.CLIENT_REMOVE),
    "receiver.add": (NewReceiver, add_receiver, Act.RECEIVER_ADD),
    "receiver.token": (NewToken, renew_token, Act.RECEIVER_RENEW),
    "receiver.list": (Nothing, list_receivers, None),
    "receiver.remove": (Named, remove_receiver, Act.RECEIVER_REMOVE),
}
