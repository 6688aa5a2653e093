"""Logging in and out, and who asks."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar, cast
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
CERTIFICATE = "tocsin.certificate"
"""Where the server puts the SHA-256 of a client's certificate, once its chain was checked."""
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
    """The reader that `connection` speaks for: a machine client by its bearer token or certificate, else a person by the session's cookie.

    Raises `NoSession`.
    """
    if (machine := _machine_at(node, connection)) is not None:
        return machine
    token = connection.cookies.get(COOKIE, "")
    if not token or (session := node.people.session(token)) is None:
        raise NoSession
    return reader_in(node, session)


def _machine_at(node: Node, connection: ASGIConnection[Any, Any, Any, Any]) -> Reader | None:
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    certificate = cast("dict[str, Any]", connection.scope).get(CERTIFICATE)
    if kind.lower() == "bearer":
        try:
            user = node.people.clients.by_token(token.strip())
        except Denied as error:
            raise NotIn(str(error)) from None
        if user is None:
            raise NoSession
    elif certificate is not None and COOKIE not in connection.cookies:
        if (user := node.people.clients.by_certificate(certificate)) is None:
            raise NoSession
    else:
        return None
    return Reader(user, node.view(user.clearance), "", None, proven=not node.people.security.step_up)


def still(node: Node, connection: ASGIConnection[Any, Any, Any, Any], reader: Reader) -> bool:
    """Whether `connection` still speaks for the same reader with the same rights: a stream ends as soon as it does not."""
    try:
        now = reader_at(node, connection)
    except Denied:
        return False
    return now.user == reader.user


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
    # A machine's token is in a header that no page can make a browser send.
    if (
        reader.session is not None
        and request.method not in SAFE
        and not hmac.compare_digest(request.headers.get(CSRF, "").encode(), reader.csrf.encode())
    ):
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


class Accepting(msgspec.Struct, forbid_unknown_fields=True):
    """An invitation's token, with the password that the invited person chose."""

    token: Short
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class Invited(msgspec.Struct, forbid_unknown_fields=True):
    """An invitation's token."""

    token: Short


class SessionController(Controller):
    """The session of the person at the console."""

    path = "/session"

    @post("/", status_code=200, act=Act.SESSION_OPEN)
    async def log_in(
        self, node: TheNode, screens: TheScreens, request: Request[Any, Any, Any], data: Annotated[LogIn, Body()]
    ) -> Response[Json]:
        """Log in; the answer sets the session's cookie, or says which second factor is still to be proven."""
        answer = await first(request, lambda: node.people.logins.begin(data.name, data.password))
        return entered(node, screens, request, answer)

    @get("/ways", sync_to_thread=False)
    def ways(self, node: TheNode) -> Json:
        """How one may log in here; needs no session."""
        return {"password": True, "organisation": urlsplit(node.oidc.provider.issuer).hostname if node.oidc is not None else None}

    @post("/invitation/look", status_code=200, reads=True)
    async def look(self, node: TheNode, request: Request[Any, Any, Any], data: Annotated[Invited, Body()]) -> Json:
        """Whom an invitation is for, for who holds its token."""
        found = await first(request, lambda: _soon(lambda: node.people.invitations.look(data.token)))
        return {"name": found.name, "roles": sorted(found.roles), "expires": found.expires, "node": node.config.name}

    @post("/invitation", status_code=200, act=Act.INVITATION_ACCEPT)
    async def accept(
        self, node: TheNode, screens: TheScreens, request: Request[Any, Any, Any], data: Annotated[Accepting, Body()]
    ) -> Response[Json]:
        """Accept an invitation with a password of one's own, and log in."""
        return entered(node, screens, request, await first(request, lambda: node.people.invitations.accept(data.token, data.password)))

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


def entered(node: Node, screens: Screens, request: Request[Any, Any, Any], answer: Session | Pending) -> Response[Json]:
    """The answer to a first factor: a session, or which second factor is still to be proven."""
    if isinstance(answer, Pending):
        return Response({"second_factor": list(answer.ways), "enrol": answer.enrol, "pending": answer.token})
    return opened(node, screens, request, answer)


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
