"""Logging in and out, and who asks."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.params import Body

from tocsin.core import Denied
from tocsin.core.times import SECOND
from tocsin.node.readers import Reader
from tocsin.node.screens import Screens
from tocsin.node.service import Node
from tocsin.people import Act, Pending, Session

from .given import TheNode, TheReader, TheScreens

COOKIE = "tocsin_session"
CSRF = "x-tocsin-csrf"
SAFE = {"GET", "HEAD", "OPTIONS"}
Json = dict[str, Any]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
T = TypeVar("T")


class NoSession(Denied):
    """Raised if a request bears no valid session."""

    def __init__(self) -> None:
        super().__init__("log in first")


class NotIn(NoSession):
    """Raised if a step of logging in is refused; the text is the step's own."""

    def __init__(self, text: str) -> None:
        Denied.__init__(self, text)


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
    return reader_in(node, session)


def reader_in(node: Node, session: Session) -> Reader:
    """The reader of an open session."""
    proven = not node.people.security.step_up or node.people.logins.is_fresh(session)
    return Reader(session.user, node.view(session.user.clearance), session.csrf, session, proven)


def reader_of(node: TheNode, request: Request[Any, Any, Any]) -> Reader:
    """The reader of a request: its token checked if it changes something, and its roles by the act that its route declares."""
    reader = _with_token(node, request)
    if acts := acts_of(request.route_handler):
        reader.must(*acts)
    return reader


def acts_of(handler: Any) -> tuple[Act, ...]:
    """The acts that a route declares (`act=Act.LOG_WRITE`, or several); empty for one that only reads."""
    declared = handler.opt.get("act", ())
    return (declared,) if isinstance(declared, Act) else tuple(declared)


def _with_token(node: Node, request: Request[Any, Any, Any]) -> Reader:
    reader = reader_at(node, request)
    if request.method not in SAFE and not hmac.compare_digest(request.headers.get(CSRF, "").encode(), reader.csrf.encode()):
        raise BadCsrf
    return reader


def same_origin(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Whether a browser's Origin is this very host, or there is none."""
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")


class WithCode(msgspec.Struct, forbid_unknown_fields=True):
    """A one-time or recovery code for a login that waits for it."""

    pending: Short
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Waiting(msgspec.Struct, forbid_unknown_fields=True):
    """A login that waits for its second factor."""

    pending: Short


class WithPasskey(msgspec.Struct, forbid_unknown_fields=True):
    """A passkey's answer for a login that waits for it, as the browser gives it."""

    pending: Short
    credential: Json


class SessionController(Controller):
    """The session of the person at the console."""

    path = "/session"

    @post("/", status_code=200, act=Act.SESSION_OPEN)
    async def log_in(
        self, node: TheNode, screens: TheScreens, request: Request[Any, Any, Any], data: Annotated[LogIn, Body()]
    ) -> Response[Json]:
        """Log in; the answer sets the session's cookie, or says which second factor is still to be proven."""
        answer = await first(request, lambda: node.people.logins.begin(data.name, data.password))
        if isinstance(answer, Pending):
            return Response({"second_factor": list(answer.ways), "enrol": answer.enrol, "pending": answer.token})
        return opened(node, screens, request, answer)

    @post("/totp", status_code=200, act=Act.SESSION_OPEN)
    async def with_code(
        self, node: TheNode, screens: TheScreens, request: Request[Any, Any, Any], data: Annotated[WithCode, Body()]
    ) -> Response[Json]:
        """Finish logging in by a one-time code, or a recovery code."""
        return opened(node, screens, request, await first(request, lambda: node.people.logins.with_code(data.pending, data.code)))

    @post("/passkey/options", status_code=200, act=Act.SESSION_OPEN)
    async def passkey_options(self, node: TheNode, request: Request[Any, Any, Any], data: Annotated[Waiting, Body()]) -> Json:
        """What `navigator.credentials.get` is asked to finish logging in."""
        return dict(await first(request, lambda: _soon(lambda: node.people.logins.passkey_options(data.pending))))

    @post("/passkey", status_code=200, act=Act.SESSION_OPEN)
    async def with_passkey(
        self, node: TheNode, screens: TheScreens, request: Request[Any, Any, Any], data: Annotated[WithPasskey, Body()]
    ) -> Response[Json]:
        """Finish logging in by a passkey."""
        found = await first(request, lambda: node.people.logins.with_passkey(data.pending, data.credential))
        return opened(node, screens, request, found)

    @post("/enrol/totp/options", status_code=200, act=Act.FACTOR_ADD)
    async def enrol_totp(self, node: TheNode, request: Request[Any, Any, Any], data: Annotated[Waiting, Body()]) -> Json:
        """A secret for one-time codes, where the node wants a second factor and there is none yet."""
        return (await first(request, lambda: _soon(lambda: node.people.logins.enrol_totp(data.pending))))._asdict()

    @post("/enrol/totp", status_code=200, act=Act.FACTOR_ADD)
    async def enrolled_totp(
        self, node: TheNode, screens: TheScreens, request: Request[Any, Any, Any], data: Annotated[WithCode, Body()]
    ) -> Response[Json]:
        """Add them with a first code, and finish logging in; the answer holds the recovery codes, this once."""
        session, added = await first(request, lambda: node.people.logins.enrolled_totp(data.pending, data.code))
        return opened(node, screens, request, session, {"recovery": list(added.recovery)})

    @post("/enrol/passkey/options", status_code=200, act=Act.FACTOR_ADD)
    async def enrol_passkey(self, node: TheNode, request: Request[Any, Any, Any], data: Annotated[Waiting, Body()]) -> Json:
        """What `navigator.credentials.create` is asked, where the node wants a second factor and there is none yet."""
        return dict(await first(request, lambda: _soon(lambda: node.people.logins.enrol_passkey(data.pending))))

    @post("/enrol/passkey", status_code=200, act=Act.FACTOR_ADD)
    async def enrolled_passkey(
        self, node: TheNode, screens: TheScreens, request: Request[Any, Any, Any], data: Annotated[WithPasskey, Body()]
    ) -> Response[Json]:
        """Add it, and finish logging in; the answer holds the recovery codes, this once."""
        session, added = await first(request, lambda: node.people.logins.enrolled_passkey(data.pending, data.credential))
        return opened(node, screens, request, session, {"recovery": list(added.recovery)})

    @get("/", sync_to_thread=False)
    def show(self, reader: TheReader, screens: TheScreens) -> dict[str, Any]:
        """Who is here, and what there is to look at."""
        return screens.session(reader)

    @delete("/", act=Act.SESSION_CLOSE)
    async def log_out(self, node: TheNode, reader: TheReader, request: Request[Any, Any, Any]) -> None:  # noqa: ARG002 - needs a reader
        """End the session."""
        await node.people.log_out(request.cookies.get(COOKIE, ""))


async def first(request: Request[Any, Any, Any], step: Callable[[], Awaitable[T]]) -> T:
    """One step of logging in, for which there is no session yet: from this node's own pages alone, and refused with 401."""
    if not same_origin(request):
        raise BadCsrf
    try:
        return await step()
    except Denied as error:
        raise NotIn(str(error)) from None


def opened(node: Node, screens: Screens, request: Request[Any, Any, Any], session: Session, more: Json | None = None) -> Response[Json]:
    """The answer that begins a session, with its cookie."""
    return Response({**screens.session(reader_in(node, session)), **(more or {})}, cookies=[cookie_of(node, request, session)])


def cookie_of(node: Node, request: Request[Any, Any, Any], session: Session) -> Cookie:
    """The session's cookie: no script reads it, no other site sends it."""
    secure = request.url.scheme == "https" or node.config.people.origin.startswith("https:")
    age = (session.expires - node.clock.now()) // SECOND
    return Cookie(key=COOKIE, value=session.token, path="/", httponly=True, samesite="strict", secure=secure, max_age=age)


async def _soon(work: Callable[[], T]) -> T:
    return work()
