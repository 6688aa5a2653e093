"""Logging in by the organisation's own login: there and back."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Controller, MediaType, Request, Response, get, post
from litestar.datastructures import Cookie

from tocsin.core import Denied, InputError, NotReachable
from tocsin.node.errors import NotFound
from tocsin.node.organisation import CALLBACK
from tocsin.node.service import Node
from tocsin.people import Act, Pending
from tocsin.people.oidc import Oidc

from .given import TheNode
from .session_routes import cookie_of, first

BROWSER = "tocsin_oidc"
# A page and not a redirect: the session's cookie is for this site's own requests alone, and a redirect from elsewhere is none.
_ON = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/{where}">'
    '<title>Tocsin</title><a href="/{where}">Tocsin</a>'
)


class OidcController(Controller):
    """The organisation's own login."""

    path = "/session/oidc"

    @post("/", status_code=200, act=Act.SESSION_OPEN)
    async def begin(self, node: TheNode, request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
        """Where to send the browser."""
        oidc = _oidc(node)
        url, browser = await first(request, oidc.begin)
        # Lax: it must come along when the provider sends the browser back here.
        secure = node.config.people.origin.startswith("https:")
        cookie = Cookie(key=BROWSER, value=browser, path=CALLBACK, httponly=True, samesite="lax", secure=secure, max_age=600)
        return Response({"url": url}, cookies=[cookie])

    @get("/callback", act=Act.SESSION_OPEN)
    async def finish(self, node: TheNode, request: Request[Any, Any, Any]) -> Response[str]:
        """What the provider's answer comes to: the session's cookie and the console, or the login page with the reason."""
        oidc = _oidc(node)
        state, code, iss, error = (str(request.query_params.get(name, ""))[:4000] for name in ("state", "code", "iss", "error"))
        try:
            if error or not code:
                raise _Refused("the organisation's login refused")
            who = await oidc.finish(state, code, request.cookies.get(BROWSER, ""), iss)
            answer = await node.people.admit_oidc(who)
        except (Denied, NotReachable, InputError) as refused:
            return _page("#" + urlencode({"refused": str(refused)}))
        gone = Cookie(key=BROWSER, value="", path=CALLBACK, max_age=0, httponly=True)
        if isinstance(answer, Pending):
            asked = {"pending": answer.token, "ways": ",".join(answer.ways), "enrol": str(int(answer.enrol))}
            return _page("#" + urlencode(asked), gone)
        return _page("", gone, cookie_of(node, request, answer))


class _Refused(Denied):
    """Raised if the provider itself said no."""


def _oidc(node: Node) -> Oidc:
    if node.oidc is None:
        raise NotFound
    return node.oidc


def _page(where: str, *cookies: Cookie) -> Response[str]:
    return Response(_ON.replace("{where}", where.replace("&", "&amp;")), media_type=MediaType.HTML, cookies=list(cookies))
