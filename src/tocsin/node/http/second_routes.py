"""What two persons do: erase a record, put a partner out, change a setting; and what partners ask a second person for."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, get, post
from litestar.params import Body

from tocsin.node.seconding import Seconding
from tocsin.people import Act

from .given import ById, TheNode, TheReader

Json = dict[str, Any]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=140)]


class Why(msgspec.Struct, forbid_unknown_fields=True):
    """Why it is to be done."""

    reason: Reason


class Setting(msgspec.Struct, forbid_unknown_fields=True):
    """A setting and its new value."""

    name: Annotated[str, msgspec.Meta(max_length=40)]
    value: Annotated[str, msgspec.Meta(max_length=40)] | bool | float


class Answered(msgspec.Struct, forbid_unknown_fields=True):
    """Yes or no to exactly what was shown."""

    digest: Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
    agree: bool
    note: Annotated[str, msgspec.Meta(max_length=400)] = ""


class SecondController(Controller):
    """Each proposes; it is done when a second person approves (`POST /approvals/{id}/approve`)."""

    path = "/"

    @post("/records/{record:str}/erase", act=Act.JOURNAL_ERASE)
    async def erase(self, reader: TheReader, node: TheNode, record: ById, data: Annotated[Why, Body()]) -> Json:
        """Propose that a record's body is erased for good; its leaf stays, and partners who had it are asked to hide it."""
        return await Seconding(node).erase(reader, record, data.reason)

    @post("/partners/{partner:str}/exclude", act=Act.PARTNER_EXCLUDE)
    async def exclude(self, reader: TheReader, node: TheNode, partner: ById, data: Annotated[Why, Body()]) -> Json:
        """Propose that a partner is put out."""
        return await Seconding(node).exclude(reader, partner, data.reason)

    @get("/settings", sync_to_thread=False)
    def settings(self, reader: TheReader, node: TheNode) -> list[Json]:
        """What two persons can change while the node runs."""
        return Seconding(node).settings(reader)

    @post("/settings", act=Act.SETTING_CHANGE)
    async def change(self, reader: TheReader, node: TheNode, data: Annotated[Setting, Body()]) -> Json:
        """Propose another value for a setting."""
        return await Seconding(node).set(reader, data.name, data.value)

    @post("/inbox/{record:str}/answer", act=Act.PROPOSAL_APPROVE)
    async def answer(self, reader: TheReader, node: TheNode, record: ById, data: Annotated[Answered, Body()]) -> Json:
        """Be, or refuse to be, the second person for what a partner's node asks."""
        return await Seconding(node).answer(reader, record, data.digest, agree=data.agree, note=data.note)
