"""Labels that are lowered: proposing, approving, listing."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, get, post
from litestar.params import Body

from tocsin.node.lowering import Lowering
from tocsin.people import Act

from .given import ById, TheNode, TheReader

Json = dict[str, Any]
Short = Annotated[str, msgspec.Meta(max_length=200)]


class Lower(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The lower label of a record: its level and caveats, and the partners that may have it beside those that may already."""

    record: Short
    classification: Short
    releasable_to: Annotated[list[Short], msgspec.Meta(max_length=200)] = []
    caveats: Annotated[list[Short], msgspec.Meta(max_length=20)] = []
    reason: Annotated[str, msgspec.Meta(max_length=400)] = ""


class LabelController(Controller):
    """Lowered labels: one person proposes, another approves."""

    path = "/labels"

    @get("/", sync_to_thread=False)
    def every(self, reader: TheReader, node: TheNode) -> list[Json]:
        """What was proposed and approved, as far as this reader may read it."""
        return Lowering(node).every(reader)

    @post("/", act=Act.LABEL_LOWER)
    async def propose(self, reader: TheReader, node: TheNode, data: Annotated[Lower, Body()]) -> Json:
        """Propose a lower label; the old one holds until another person approves."""
        return await Lowering(node).propose(reader, data.record, data.classification, data.releasable_to, data.caveats, data.reason)

    @post("/{lowering:str}/approve", status_code=200, act=Act.PROPOSAL_APPROVE)
    async def approve(self, reader: TheReader, node: TheNode, lowering: ById) -> Json:
        """Approve a lower label that another person proposed."""
        return await Lowering(node).approve(reader, lowering)
