"""Labels that are lowered: proposing, approving, listing."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, get, post
from litestar.params import Body, QueryParameter

from tocsin.core.times import LAST
from tocsin.node.lowering import Lowering
from tocsin.node.tearing import Tearing
from tocsin.people import Act

from .exchange_routes import Marked, Moment
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
    review: Moment | None = None


class NewTear(Marked, forbid_unknown_fields=True, kw_only=True):
    """A tear-line of a report: which fields and paragraphs it takes over, a title and source of its own, and its label."""

    record: Short
    realm: Short = ""
    paragraphs: Annotated[list[int], msgspec.Meta(min_length=1, max_length=500)]
    fields: Annotated[list[Short], msgspec.Meta(max_length=10)] = msgspec.field(default_factory=list)
    title: Short = ""
    source: Short = ""


class NewConsent(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """To whom an ORCON record may go on, until when (protocol time, µs UTC)."""

    audience: Annotated[list[Short], msgspec.Meta(min_length=1, max_length=200)]
    until: Moment
    note: Annotated[str, msgspec.Meta(max_length=400)] = ""


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
        return await Lowering(node).propose(
            reader, data.record, data.classification, data.releasable_to, data.caveats, data.reason, data.review
        )

    @get("/due", sync_to_thread=False)
    def due(self, reader: TheReader, node: TheNode, by: Annotated[int | None, QueryParameter(ge=0, le=LAST)] = None) -> list[Json]:
        """This node's records whose label is to be looked at again by now, or by another time."""
        return Tearing(node).due(reader, node.clock.now() if by is None else by)

    @get("/tear-lines/{record:str}", sync_to_thread=False)
    def parts(self, reader: TheReader, node: TheNode, record: ById) -> Json:
        """A report's fields and numbered paragraphs, to choose a tear-line from."""
        return Tearing(node).parts(reader, record)

    @post("/tear-lines", act=Act.LABEL_TEAR)
    async def tear(self, reader: TheReader, node: TheNode, data: Annotated[NewTear, Body()]) -> Json:
        """Propose a tear-line; it is said when another person approves exactly its words (`POST /approvals/{id}/approve`)."""
        marked = data.classification, data.releasable_to, data.caveats
        chosen, own = (data.fields, data.paragraphs), (data.title, data.source)
        return await Tearing(node).propose(reader, data.record, chosen, own, marked, data.conditions())

    @post("/{record:str}/consent", act=Act.LABEL_CONSENT)
    async def consent(self, reader: TheReader, node: TheNode, record: ById, data: Annotated[NewConsent, Body()]) -> Json:
        """Consent that a partner's ORCON record, made from what this node said, goes on to others."""
        return await Tearing(node).consent(reader, record, data.audience, data.until, data.note)

    @post("/{lowering:str}/approve", status_code=200, act=Act.PROPOSAL_APPROVE)
    async def approve(self, reader: TheReader, node: TheNode, lowering: ById) -> Json:
        """Approve a lower label that another person proposed."""
        return await Lowering(node).approve(reader, lowering)
