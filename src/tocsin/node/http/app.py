"""The HTTP application: handlers, headers, errors in one line, and the console's files."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get
from litestar.config.compression import CompressionConfig
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.router import Router
from litestar.static_files import create_static_files_router
from litestar.types import Message, Scope

from tocsin import __version__
from tocsin.core import Denied, InputError, NotReachable, TocsinError
from tocsin.node.acts import Acts
from tocsin.node.errors import Conflict, NotAllowed, NotFound, TooOften
from tocsin.node.rehearsal import Rehearsals
from tocsin.node.rules import Rules
from tocsin.node.screens import Screens
from tocsin.node.service import Node
from tocsin.node.warning_screens import WarningScreens
from tocsin.people import AlreadyDecided, FactorNeeded, NoSuchUser

from .audit_routes import AuditController
from .backtest_routes import BacktestController
from .claim_routes import ClaimController
from .delivery_routes import InboxController, LedgerController, RequestController, RequirementController, SubscriptionController
from .exchange_routes import ExchangeController, JournalController, LogController, ReportController
from .factor_routes import FactorController, OwnSessionController
from .label_routes import LabelController
from .live_routes import journal_live, live
from .oidc_routes import OidcController
from .partner_routes import PartnerController
from .people_routes import ApprovalController, ClientController, PeopleController, ReceiverController
from .rehearsal_routes import RehearsalController
from .rule_routes import RuleController
from .search_routes import metrics, search
from .second_routes import SecondController
from .session_routes import NoSession, SessionController, reader_of
from .told_routes import ToldController
from .watch_routes import WarningController, WatchController

log = logging.getLogger("tocsin")
STATIC = Path(__file__).parent.parent / "static"
MAX_BODY = 262_144
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
        "connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_STATUS: list[tuple[type[TocsinError], int]] = [
    (NoSession, 401),
    (FactorNeeded, 428),
    (NotFound, 404),
    (NoSuchUser, 404),
    (NotAllowed, 403),
    (TooOften, 429),
    (AlreadyDecided, 409),
    (Denied, 403),
    (Conflict, 409),
    (NotReachable, 503),
    (InputError, 400),
]


_MISSING = re.compile(r"required field `(\w{1,40})`")
_UNKNOWN = re.compile(r"unknown field `(\w{1,40})`")
_EXPECTED = re.compile(r"Expected `(str|int|float|bool|array|object)`(?: of length ([<>]=) (\d+)| ([<>]=) (-?[\d.]+))?")
_KINDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list", "object": "an object"}
_BOUNDS = {"<=": "at most", ">=": "at least"}
_LOOKS = {"grade": "a letter A to F and a digit 1 to 6, such as B2", "realm": "live, or exercise:NAME"}


@get("/health", sync_to_thread=False, summary="Whether the node answers")
def health() -> dict[str, bool]:
    """`{"ok": true}` and nothing else: it needs no session."""
    return {"ok": True}


def make_app(node: Node) -> Litestar:
    """The application of `node`."""
    api = Router(
        "/api/v1",
        route_handlers=[
            health,
            SessionController,
            OwnSessionController,
            FactorController,
            OidcController,
            PeopleController,
            ClientController,
            ReceiverController,
            ApprovalController,
            SecondController,
            WatchController,
            WarningController,
            ReportController,
            ClaimController,
            ExchangeController,
            JournalController,
            LogController,
            RehearsalController,
            RuleController,
            LabelController,
            PartnerController,
            AuditController,
            BacktestController,
            LedgerController,
            InboxController,
            RequestController,
            RequirementController,
            SubscriptionController,
            ToldController,
            live,
            journal_live,
            search,
            metrics,
        ],
        response_headers={"cache-control": "no-store"},
    )
    handlers: list[Any] = [api]
    rehearsal = Rehearsals(node)
    if (STATIC / "index.html").is_file():
        handlers.append(create_static_files_router("/", directories=[STATIC], html_mode=True))
    return Litestar(
        handlers,
        state=State({"node": node}),
        dependencies={
            "node": Provide(lambda: node, sync_to_thread=False),
            "screens": Provide(lambda: Screens(node), sync_to_thread=False),
            "warnings": Provide(lambda: WarningScreens(node), sync_to_thread=False),
            "rules": Provide(lambda: Rules(node), sync_to_thread=False),
            "acts": Provide(lambda: Acts(node), sync_to_thread=False),
            "rehearsal": Provide(lambda: rehearsal, sync_to_thread=False),
            "reader": Provide(reader_of, sync_to_thread=False),
        },
        before_send=[_headers_of(node)],
        compression_config=CompressionConfig(backend="gzip", exclude=["^/api/"]),
        exception_handlers={TocsinError: _tocsin_error, HTTPException: _http_error, Exception: _any_error},
        openapi_config=OpenAPIConfig(
            title="Tocsin", version=__version__, path="/api/v1/schema", render_plugins=[JsonRenderPlugin()], use_handler_docstrings=True
        ),
        request_max_body_size=MAX_BODY,
        logging_config=None,
    )


def _headers_of(node: Node) -> Callable[[Message, Scope], Awaitable[None]]:
    async def add(message: Message, _: Scope) -> None:
        # On every answer, whoever made it: a page, a file, an error. The date is by the node's own clock, as every other time it says.
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            headers["date"] = formatdate(node.clock.now() // 1_000_000, usegmt=True)
            # A page that is not the console's own comes with a stricter policy of its own.
            stricter = headers.get("content-security-policy", "")
            for name, value in HEADERS.items():
                headers[name] = value
            if stricter:
                headers["content-security-policy"] = stricter

    return add


def _answer(status: int, text: str) -> Response[dict[str, str]]:
    return Response({"error": text}, status_code=status, media_type=MediaType.JSON)


def _tocsin_error(_: Request[Any, Any, Any], error: TocsinError) -> Response[dict[str, str]]:
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    return _answer(status, str(error))


def _http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if error.status_code == 404 and _is_page(request) and (STATIC / "index.html").is_file():
        # Every page of the console has a URL; the console itself knows which.
        return Response((STATIC / "index.html").read_bytes(), media_type=MediaType.HTML)
    # The detail of a client's error may quote what was sent; the field's name is enough to mend it.
    extra = error.extra if isinstance(error.extra, list) else []
    keys = [_misfit(item) for item in extra if isinstance(item, dict) and item.get("key")]
    text = {400: "this request does not fit", 404: "there is nothing here by that name", 405: "not by this method", 413: "too large"}
    words = text.get(error.status_code, "this request was refused")
    return _answer(error.status_code, f"{words}: {', '.join(keys)}" if keys else words)


def _misfit(item: dict[str, Any]) -> str:
    """What does not fit, by its name: the field that is missing, that nobody knows, or that is not as it should be."""
    said, key = str(item.get("message", "")), str(item["key"])
    if missing := _MISSING.search(said):
        return f"{missing[1]} is missing"
    if unknown := _UNKNOWN.search(said):
        return f"there is no field {unknown[1]}"
    if key in _LOOKS:
        return f"{key} ({_LOOKS[key]})"
    # Of what the reader of JSON says, only what was expected: never what came.
    if expected := _EXPECTED.match(said):
        kind, longer, length, more, bound = expected.groups()
        size = f", {_BOUNDS[longer or more]} {length or bound}" if longer or more else ""
        return f"{'the body' if key == 'data' else key} ({_KINDS[kind]}{size}{' long' if length else ''})"
    return "the body" if key == "data" else key


def _is_page(request: Request[Any, Any, Any]) -> bool:
    # What a browser goes to; a probe of another program is told that there is nothing.
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def _any_error(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
    # The type and the place alone: a message may quote labelled content.
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f"{Path(last[0].filename).name}:{last[0].lineno}" if last else "nowhere"
    log.error("a request failed inside: %s at %s", type(error).__name__, where)
    return _answer(500, "something failed inside the node; its log names the kind")
