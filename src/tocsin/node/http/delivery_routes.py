"""What was told to whom and what partners told us: ledger, recall, inbox, requests, requirements, subscriptions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, get, post
from litestar.params import Body, QueryParameter

from tocsin.core import Report, Request, Requirement, Subscription, realms
from tocsin.node.inbox import Inbox
from tocsin.node.ledger import Ledger
from tocsin.node.requests import Requests
from tocsin.people import Act

from .exchange_routes import Area, Marked, Short, about
from .given import ById, OfRealm, TheActs, TheNode, TheReader

Json = dict[str, Any]
Long = Annotated[str, msgspec.Meta(max_length=20_000)]
Grade = Annotated[str, msgspec.Meta(pattern="^([A-F][1-6])?$")]
Some = Annotated[list[Short], msgspec.Meta(max_length=100)]
Limit = Annotated[int, QueryParameter(ge=1, le=500)]

Word = Annotated[str, QueryParameter(max_length=100)]
Flag = Annotated[bool, QueryParameter()]


class Why(msgspec.Struct, forbid_unknown_fields=True):
    """Why a record is recalled."""

    why: Short


class Noted(msgspec.Struct, forbid_unknown_fields=True):
    """Words that go with the end of something."""

    note: Annotated[str, msgspec.Meta(max_length=4000)] = ""


class NewRequest(Marked, forbid_unknown_fields=True, kw_only=True):
    """A request for information; `wanted_by` in µs UTC of realm time, `serves` are requirements."""

    question: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    why: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    topic: Short = ""
    indicator: Short = ""
    area: Area = msgspec.field(default_factory=list)
    wanted_by: int | None = None
    priority: Short = "routine"
    serves: Some = msgspec.field(default_factory=list)


class NewAnswer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An answer to a request: a report, releasable to its asker unless `releasable_to` says otherwise."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    text: Annotated[Long, msgspec.Meta(min_length=1)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    classification: Short
    grade: Grade = ""
    releasable_to: Some | None = None
    caveats: Some = []


class NewRequirement(Marked, forbid_unknown_fields=True, kw_only=True):
    """A priority requirement; its validity in µs UTC of protocol time."""

    number: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    valid_from: int
    valid_until: int
    topic: Short = ""


class NewSubscription(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A subscription: of the user's own, or with `to` what this node wants of partners. `end` ends it."""

    name: Short
    kinds: Some = []
    topics: Some = []
    indicators: Some = []
    area: Area = []
    to: Some = []
    end: bool = False


class LedgerController(Controller):
    """What became of what this node said."""

    path = "/exchange/ledger"

    @get("/", sync_to_thread=False)
    def rows(self, reader: TheReader, node: TheNode, realm: OfRealm, after: Word = "", limit: Limit = 100) -> list[Json]:
        """Rows past the record `after`, in the order in which things were said."""
        return Ledger(node).page(reader, realms.parse(realm), after, limit)

    @get("/{record:str}", sync_to_thread=False)
    def one(self, reader: TheReader, node: TheNode, record: ById) -> Json:
        """One record's fate, partner by partner."""
        return Ledger(node).one(reader, record)

    @post("/{record:str}/recall", status_code=200, act=Act.RECORD_RECALL)
    async def recall(self, reader: TheReader, node: TheNode, record: ById, data: Annotated[Why, Body()]) -> Json:
        """Call a record back from everyone who had it."""
        return await Ledger(node).recall(reader, record, data.why)


class InboxController(Controller):
    """What partners said."""

    path = "/inbox"

    @get("/", sync_to_thread=False)
    def rows(
        self, reader: TheReader, node: TheNode, realm: OfRealm, before: Annotated[int | None, QueryParameter(ge=0)] = None,
        limit: Limit = 100, unread: Flag = False, kind: Word = "", origin: Word = "", subscribed: Flag = False,
    ) -> list[Json]:  # fmt: skip
        """The newest first, older than `before` in the reader's own count, as far as they fit the filters."""
        return Inbox(node).page(
            reader, realms.parse(realm), before=before, limit=limit, unread=unread, kind=kind, origin=origin, subscribed=subscribed
        )

    @post("/{record:str}/read", status_code=200, act=Act.RECORD_READ)
    async def read(self, reader: TheReader, node: TheNode, record: ById) -> Json:
        """Mark one as read; its origin is told that somebody here has."""
        return await Inbox(node).read(reader, record)


class RequestController(Controller):
    """Requests for information."""

    path = "/requests"

    @get("/", sync_to_thread=False)
    def every(self, reader: TheReader, node: TheNode, realm: OfRealm) -> list[Json]:
        """Requests with their answers, the newest first."""
        return Requests(node).every(reader, realms.parse(realm))

    @get("/{request_id:str}", sync_to_thread=False)
    def one(self, reader: TheReader, node: TheNode, request_id: ById) -> Json:
        """One request with its answers."""
        return Requests(node).one(reader, request_id)

    @post("/", act=Act.REQUEST_SAY)
    async def ask(self, reader: TheReader, node: TheNode, acts: TheActs, data: Annotated[NewRequest, Body()]) -> Json:
        """Ask partners."""
        body = Request(question=data.question, why=data.why, state="open", wanted_by=data.wanted_by, priority=data.priority, **about(data))
        label = acts.new_label(reader, data.classification, data.releasable_to, data.caveats)
        return await Requests(node).ask(reader, realms.parse(data.realm), body, label, data.serves)

    @post("/{request_id:str}/answer", act=Act.REPORT_SAY)
    async def answer(self, reader: TheReader, node: TheNode, acts: TheActs, request_id: ById, data: Annotated[NewAnswer, Body()]) -> Json:
        """Answer one by a report."""
        to = data.releasable_to if data.releasable_to is not None else [Requests(node).one(reader, request_id)["origin"]]
        report = Report(
            title=data.title, text=data.text, source=data.source, grade=data.grade, graded_by=reader.user.name if data.grade else ""
        )
        return await Requests(node).answer(reader, request_id, report, acts.new_label(reader, data.classification, to, data.caveats))

    @post("/{request_id:str}/close", status_code=200, act=Act.REQUEST_CLOSE)
    async def close(self, reader: TheReader, node: TheNode, request_id: ById, data: Annotated[Noted, Body()]) -> Json:
        """Close one of this node's."""
        return await Requests(node).close(reader, request_id, data.note)


class RequirementController(Controller):
    """Priority requirements."""

    path = "/requirements"

    @get("/", sync_to_thread=False)
    def every(self, reader: TheReader, node: TheNode, realm: OfRealm) -> list[Json]:
        """Requirements with what serves each, the newest first."""
        return Requests(node).requirements(reader, realms.parse(realm))

    @post("/", act=Act.REQUIREMENT_SAY)
    async def require(self, reader: TheReader, node: TheNode, acts: TheActs, data: Annotated[NewRequirement, Body()]) -> Json:
        """Set one up."""
        validity = {"valid_from": data.valid_from, "valid_until": data.valid_until}
        body = Requirement(number=data.number, text=data.text, state="standing", topic=data.topic, **validity)
        label = acts.new_label(reader, data.classification, data.releasable_to, data.caveats)
        return await Requests(node).require(reader, realms.parse(data.realm), body, label)

    @post("/{requirement:str}/end", status_code=200, act=Act.REQUIREMENT_END)
    async def end(self, reader: TheReader, node: TheNode, requirement: ById) -> Json:
        """End one of this node's."""
        return await Requests(node).end(reader, requirement)


class SubscriptionController(Controller):
    """Who wants what."""

    path = "/subscriptions"

    @get("/", sync_to_thread=False)
    def every(self, reader: TheReader, node: TheNode) -> Json:
        """The user's own, this node's of partners, and partners' of this node."""
        return Inbox(node).subscriptions(reader)

    @post("/", status_code=200, act=Act.SUBSCRIPTION_CHANGE)
    async def change(self, reader: TheReader, node: TheNode, data: Annotated[NewSubscription, Body()]) -> Json:
        """Make, change or end one by its name."""
        lists = {name: tuple(getattr(data, name)) for name in ("kinds", "topics", "indicators", "area")}
        state = "ended" if data.end else "in force"
        return await Inbox(node).subscribe(reader, Subscription(name=data.name, state=state, **lists), data.to)
