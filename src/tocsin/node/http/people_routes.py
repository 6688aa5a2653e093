"""People and machines, for administrators and security officers; proposals that need two persons."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, delete, get, patch, post
from litestar.params import Body

from tocsin.node import personnel
from tocsin.node.errors import NotAllowed
from tocsin.node.filtered import Filtered
from tocsin.node.ledger import told_rows
from tocsin.node.partnership import Named, Nothing
from tocsin.node.readers import Reader
from tocsin.node.seconding import Seconding
from tocsin.node.service import Node
from tocsin.people import SECONDS, Act, Role
from tocsin.people.approvals import may_second
from tocsin.people.clients import narrowed

from .given import ById, TheNode, TheReader

Json = dict[str, Any]
KEEPERS = (Role.ADMINISTRATOR, Role.SECURITY_OFFICER)


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """What of a person is to be exchanged."""

    roles: personnel.Shorts | None = None
    clearance: personnel.Short | None = None
    caveats: personnel.Shorts | None = None
    same_as: personnel.Short | None = None


class Lasts(msgspec.Struct, forbid_unknown_fields=True):
    """For how many days a token is good."""

    days: Annotated[float, msgspec.Meta(gt=0, le=366)] = 90


class Proposed(msgspec.Struct, forbid_unknown_fields=True):
    """The digest of what the approver was shown."""

    digest: Annotated[str, msgspec.Meta(min_length=64, max_length=64)]


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The partner that is asked to be the second."""

    partner: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]


class PeopleController(Controller):
    """Users and invitations."""

    path = "/people"

    @get("/")
    async def every(self, reader: TheReader, node: TheNode) -> Json:
        """Everyone who may log in, who is invited, and what each role may do."""
        reader.needs(*KEEPERS)
        return {
            "users": await personnel.list_users(node, Nothing()),
            "invitations": await personnel.invitations(node, Nothing()),
            "sessions": [one._asdict() for one in node.people.sessions.of()],
        }

    @post("/invitations", act=Act.INVITATION_ADD)
    async def invite(self, reader: TheReader, node: TheNode, data: Annotated[personnel.NewInvitation, Body()]) -> Json:
        """Invite a person; the answer holds the token, this once."""
        _within(node, reader, data.clearance, data.caveats)
        return await personnel.invite(node, data, reader.user.name)

    @delete("/invitations/{invitation:str}", act=Act.INVITATION_REMOVE)
    async def uninvite(self, reader: TheReader, node: TheNode, invitation: ById) -> None:
        """Withdraw an invitation."""
        await personnel.uninvite(node, Named(invitation), reader.user.name)

    @patch("/{name:str}", act=Act.USER_CHANGE)
    async def change(self, reader: TheReader, node: TheNode, name: ById, data: Annotated[Change, Body()]) -> Json:
        """Change somebody else's roles or clearance."""
        _another(node, reader, name)
        _within(node, reader, data.clearance or "", data.caveats or [])
        wanted = personnel.ChangedUser(name, None, data.roles, data.clearance, data.caveats, data.same_as)
        return await personnel.change_user(node, wanted, reader.user.name)

    @delete("/{name:str}", act=Act.USER_REMOVE)
    async def remove(self, reader: TheReader, node: TheNode, name: ById) -> None:
        """Remove somebody: all that is theirs ends at once."""
        _another(node, reader, name)
        await personnel.remove_user(node, Named(name), reader.user.name)

    @get("/removed")
    async def removed(self, reader: TheReader, node: TheNode) -> list[Json]:
        """Accounts of the organisation's login that were removed here."""
        reader.needs(*KEEPERS)
        return await personnel.removed(node, Nothing())

    @post("/readmit", status_code=200, act=Act.USER_READMIT)
    async def readmit(self, reader: TheReader, node: TheNode, data: Annotated[personnel.Subject, Body()]) -> Json:
        """Let one of them be made again at its next login."""
        return await personnel.readmit(node, data, reader.user.name)

    @delete("/{name:str}/sessions", act=Act.SESSION_END)
    async def end_sessions(self, reader: TheReader, node: TheNode, name: ById) -> None:
        """End every session of somebody."""
        await personnel.end_sessions(node, Named(name), reader.user.name)

    @delete("/{name:str}/factors", act=Act.SESSION_END)
    async def remove_factors(self, reader: TheReader, node: TheNode, name: ById) -> None:
        """Remove the second factors of somebody who has lost them; their sessions end."""
        _another(node, reader, name)
        await personnel.remove_factor(node, personnel.OneFactor(name), reader.user.name)


class ClientController(Controller):
    """Machine clients."""

    path = "/clients"

    @get("/")
    async def every(self, reader: TheReader, node: TheNode) -> list[Json]:
        """Every machine client."""
        reader.needs(*KEEPERS)
        return await personnel.list_clients(node, Nothing())

    @post("/", act=Act.CLIENT_ADD)
    async def add(self, reader: TheReader, node: TheNode, data: Annotated[personnel.NewClient, Body()]) -> Json:
        """Add one; the answer holds the token, this once. It belongs to who adds it unless another owner is named."""
        _within(node, reader, data.clearance, data.caveats)
        return await personnel.add_client(node, msgspec.structs.replace(data, owner=data.owner or reader.user.name), reader.user.name)

    @delete("/{name:str}", act=Act.CLIENT_REMOVE)
    async def remove(self, reader: TheReader, node: TheNode, name: ById) -> None:
        """Remove one."""
        await personnel.remove_client(node, Named(name), reader.user.name)


class ReceiverController(Controller):
    """Receivers without a node."""

    path = "/receivers"

    @get("/")
    async def every(self, reader: TheReader, node: TheNode) -> list[Json]:
        """Every receiver."""
        reader.needs(*KEEPERS)
        return await personnel.list_receivers(node, Nothing())

    @post("/", act=Act.RECEIVER_ADD)
    async def add(self, reader: TheReader, node: TheNode, data: Annotated[personnel.NewReceiver, Body()]) -> Json:
        """Add one; a feed's answer holds its token, this once."""
        _within(node, reader, data.clearance, data.caveats)
        return await personnel.add_receiver(node, data, reader.user.name)

    @post("/{name:str}/token", status_code=200, act=Act.RECEIVER_RENEW)
    async def renew(self, reader: TheReader, node: TheNode, name: ById, data: Annotated[Lasts, Body()]) -> Json:
        """Give a feed another token, which the answer holds this once; the old one ends."""
        level = node.people.receivers.get(name).clearance
        _within(node, reader, node.config.policy.levels[level.classification], sorted(level.caveats))
        return await personnel.renew_token(node, personnel.NewToken(name, data.days), reader.user.name)

    @get("/{name:str}/told", sync_to_thread=False)
    def told(self, reader: TheReader, node: TheNode, name: ById) -> list[Json]:
        """What one was told and when, as far as this reader may read it, the newest first."""
        reader.needs(*KEEPERS)
        return told_rows(node, reader, node.people.receivers.get(name))

    @delete("/{name:str}", act=Act.RECEIVER_REMOVE)
    async def remove(self, reader: TheReader, node: TheNode, name: ById) -> None:
        """Remove one."""
        await personnel.remove_receiver(node, Named(name), reader.user.name)


class ApprovalController(Controller):
    """Proposals that need two persons."""

    path = "/approvals"

    @get("/", sync_to_thread=False)
    def every(self, reader: TheReader, node: TheNode) -> list[Json]:
        """The proposals that this reader made or may be the second for, the newest first."""
        found = node.people.approvals.every()
        shown = Filtered(node, reader)
        mine = [one for one in found if one.proposed_by == reader.user.name or may_second(reader.user, one.act)]
        mine = [one for one in mine if shown.may_know(one.what)]
        content = Seconding(node).content
        return [personnel.proposal_row(one) | {"content": content(one), "may": {"approve": _may(node, reader, one)}} for one in mine]

    @post("/{proposal:str}/approve", status_code=200, act=Act.PROPOSAL_APPROVE)
    async def approve(self, reader: TheReader, node: TheNode, proposal: ById, data: Annotated[Proposed, Body()]) -> Json:
        """Approve what somebody else proposed: it is done at once."""
        return await Seconding(node).approve(reader, _known(node, reader, proposal), data.digest)

    @post("/{proposal:str}/ask", status_code=200, act=Act.PROPOSAL_MAKE)
    async def ask(self, reader: TheReader, node: TheNode, proposal: ById, data: Annotated[Asked, Body()]) -> Json:
        """Ask a partner's people to be the second."""
        return await Seconding(node).ask(reader, _known(node, reader, proposal), data.partner)

    @post("/{proposal:str}/withdraw", status_code=200, act=Act.PROPOSAL_WITHDRAW)
    async def withdraw(self, reader: TheReader, node: TheNode, proposal: ById) -> Json:
        """Withdraw a proposal that is not done yet."""
        return personnel.proposal_row(await node.people.approvals.withdraw(_known(node, reader, proposal), reader.user))


def _known(node: Node, reader: Reader, proposal: str) -> str:
    # One about a record that is hidden from this reader is as one that never was.
    about = next((one.what for one in node.people.approvals.every() if one.id == proposal), "")
    return proposal if Filtered(node, reader).may_know(about) else "none"


def _may(node: Node, reader: Reader, one: Any) -> bool:
    return (
        one.state == "open"
        and not SECONDS[one.act].isdisjoint(reader.user.roles)
        and not reader.user.machine
        and not node.people.same_person(reader.user, one.proposed_by)
    )


def _within(node: Node, reader: Reader, level: str, caveats: list[str]) -> None:
    # Nobody hands out what they do not hold themselves.
    wanted = personnel.clearance_of(node, level, caveats)
    if narrowed(wanted, reader.user.clearance) != wanted:
        raise NotAllowed("of somebody cleared as high as that")


def _another(node: Node, reader: Reader, name: str) -> None:
    if node.people.same_person(reader.user, name):
        raise NotAllowed("of another administrator: nobody changes or removes their own account")
