"""Logging in and out, and who asks."""

from __future__ import annotations

import hmac
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.params import Body

from tocsin.core import Denied
from tocsin.node.readers import Reader
from tocsin.node.service import Node

from .given import TheNode, TheReader, TheScreens

COOKIE = "tocsin_session"
CSRF = "x-tocsin-csrf"
SAFE = {"GET", "HEAD", "OPTIONS"}


class NoSession(Denied):
    """Raised if a request bears no valid session."""

    def __init__(self) -> None:
        super().__init__("log in first")


class BadCsrf(Denied):
    """Raised if a request that changes something lacks the session's token."""

    def __init__(self) -> None:
        super().__init__("this request lacks the session's token: load the page again")


class LogIn(msgspec.Struct, forbid_unknown_fields=True):
    """A name and a password."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


def reader_at(node: Node, connection: ASGIConnection[Any, Any, Any, Any]) -> Reader:
    """The reader whose session cookie `connection` bears; raises `NoSession`."""
    token = connection.cookies.get(COOKIE, "")
    if not token or (session := node.people.session(token)) is None:
        raise NoSession
    return Reader(session.user, node.view(session.user.clearance), session.csrf)


def reader_of(node: TheNode, request: Request[Any, Any, Any]) -> Reader:
    """The reader of a request, its token checked if it changes something."""
    reader = reader_at(node, request)
    if request.method not in SAFE and not hmac.compare_digest(request.headers.get(CSRF, "").encode(), reader.csrf.encode()):
        raise BadCsrf
    return reader


def same_origin(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Whether a browser's Origin is this very host, or there is none."""
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")


class SessionController(Controller):
    """The session of the person at the console."""

    path = "/session"

    @post("/", status_code=200)
    async def log_in(
        self, node: TheNode, screens: TheScreens, request: Request[Any, Any, Any], data: Annotated[LogIn, Body()]
    ) -> Response[dict[str, Any]]:
        """Log in; the answer sets the session's cookie."""
        if not same_origin(request):
            raise BadCsrf
        try:
            session = await node.people.log_in(data.name, data.password)
        except Denied as error:
            return Response({"error": str(error)}, status_code=401)
        reader = Reader(session.user, node.view(session.user.clearance), session.csrf)
        cookie = Cookie(
            key=COOKIE,
            value=session.token,
            path="/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
            max_age=12 * 3600,
        )
        return Response(screens.session(reader), cookies=[cookie])

    @get("/", sync_to_thread=False)
    def show(self, reader: TheReader, screens: TheScreens) -> dict[str, Any]:
        """Who is here, and what there is to look at."""
        return screens.session(reader)

    @delete("/")
    async def log_out(self, node: TheNode, reader: TheReader, request: Request[Any, Any, Any]) -> None:  # noqa: ARG002 - needs a reader
        """End the session."""
        await node.people.log_out(request.cookies[COOKIE])
