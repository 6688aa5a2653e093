"""The feed of a receiver without a node: what it is told, for who shows its token."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, MediaType, Request, Response, get
from litestar.params import QueryParameter

from tocsin.core import Denied, realms
from tocsin.node.service import Node
from tocsin.people import Receiver

from .given import ById, OfRealm, TheNode
from .session_routes import NotIn

Json = dict[str, Any]
After = Annotated[str, QueryParameter(max_length=80)]
Limit = Annotated[int, QueryParameter(ge=1, le=500)]


def receiver_at(node: Node, request: Request[Any, Any, Any]) -> Receiver:
    """The receiver that a request speaks for, by its token alone: no session, machine client or certificate counts here.

    Raises `NotIn`, `TooOften`.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        receiver = node.people.receivers.by_token(token.strip()) if kind.lower() == "bearer" else None
    except Denied as error:
        raise NotIn(str(error)) from None
    if receiver is None:
        raise NotIn("show this receiver's token: Authorization: Bearer ...")
    node.telling.keep_pace(receiver)
    return receiver


class ToldController(Controller):
    """What a receiver without a node is told."""

    path = "/told"

    @get("/")
    async def page(self, node: TheNode, request: Request[Any, Any, Any], realm: OfRealm, after: After = "", limit: Limit = 100) -> Json:
        """What this receiver is told past the cursor `after`, in the order in which it was told, from the start without one."""
        return await node.telling.page(receiver_at(node, request), realms.parse(realm), after, limit)

    @get("/{record:str}/cap", sync_to_thread=False)
    def cap(self, node: TheNode, request: Request[Any, Any, Any], record: ById) -> Response[str]:
        """The CAP 1.2 message of a warning's version that this receiver was told."""
        text = node.telling.cap(receiver_at(node, request), record)
        return Response(text, media_type=MediaType.XML, headers={"content-type": "application/cap+xml; charset=utf-8"})
