"""How a verb reaches its node: through the operator's socket if it runs, by opening its folder if not."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from tocsin.core import Denied, NotReachable
from tocsin.node import control, secrets
from tocsin.node.config import read
from tocsin.node.service import Node
from tocsin.node.system import SystemClock, SystemEntropy


def call(folder: Path, op: str, **args: Any) -> Any:
    """Have the node in `folder` do `op`, running or not; raises what the node raises."""
    return asyncio.run(_call(folder, op, args))


async def _call(folder: Path, op: str, args: dict[str, Any]) -> Any:
    read(folder)
    try:
        return await control.call_running(folder, op, args)
    except NotReachable:
        node = await Node.open(folder, secrets.find(folder), SystemClock(), SystemEntropy())
    try:
        return await control.run(node, op, args)
    finally:
        await node.close()


class Console:
    """The running node's API as one of its people, by password: acts are in a person's name, never the operator's."""

    def __init__(self, folder: Path, user: str) -> None:
        import httpx2

        read(folder)
        try:
            self._url = (folder / "http.url").read_text().strip()
        except OSError:
            raise NotReachable(f"no node runs in {folder}: start it with `tocsin up {folder}`") from None
        # No connection is kept: a command asks once or twice, and nothing has to be closed when it ends.
        alone = httpx2.Limits(max_keepalive_connections=0)
        self._http = httpx2.Client(base_url=f"{self._url}/api/v1", timeout=30, verify=_trusted(folder, self._url), limits=alone)
        self._errors = (httpx2.TransportError,)
        answer = self._ask("POST", "/session", json={"name": user, "password": _password(user)})
        if "pending" in answer:
            if answer["enrol"] or set(answer["second_factor"]).isdisjoint({"totp", "recovery"}):
                raise Denied("this login needs a passkey, or a second factor that is not set up yet: use the console")
            answer = self._ask("POST", "/session/totp", json={"pending": answer["pending"], "code": _code(user)})
        self._http.headers["x-tocsin-csrf"] = answer["csrf"]
        self.session = answer

    def get(self, path: str, **params: Any) -> Any:
        """The answer to a GET."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: dict[str, Any], **params: Any) -> Any:
        """The answer to a POST."""
        return self._ask("POST", path, json=body, params=params)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._http.request(method, path, **more)
        except self._errors:
            raise NotReachable(f"the node at {self._url} does not answer: is it up?") from None
        if answer.status_code >= 400:
            error = control.Refused(answer.json().get("error", "refused"), 1 if answer.status_code in {401, 403, 404, 409} else 2)
            raise error
        return answer.json()


def _password(user: str) -> str:
    if given := os.environ.get("TOCSIN_PASSWORD"):
        return given
    if os.isatty(0):
        import getpass

        return getpass.getpass(f"Password of {user}: ")
    raise Denied("a password is needed: set TOCSIN_PASSWORD")


def _code(user: str) -> str:
    if given := os.environ.get("TOCSIN_CODE"):
        return given
    if os.isatty(0):
        import getpass

        return getpass.getpass(f"One-time code of {user}: ")
    raise Denied("a one-time code is needed: set TOCSIN_CODE")


def _trusted(folder: Path, url: str) -> Any:
    certificate = read(folder).http.certificate
    if not url.startswith("https:") or not certificate:
        return True
    import ssl

    # The node's own certificate, pinned: it is asked at whatever address it listens on.
    context = ssl.create_default_context(cafile=str(folder / certificate))
    context.check_hostname = False
    return context
