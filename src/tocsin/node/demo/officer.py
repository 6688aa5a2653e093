"""A scripted officer: a person of a node, at its HTTP, as a browser would be."""

from __future__ import annotations

from typing import Any, Self

import httpx2

from tocsin.core import NotReachable

from .cast import Player

Json = dict[str, Any]


class Officer:
    """One logged-in person at one node."""

    def __init__(self, player: Player, url: str) -> None:
        self.player = player
        self._http = httpx2.AsyncClient(base_url=f"{url}/api/v1", timeout=30)
        self.session: Json = {}

    async def __aenter__(self) -> Self:
        self.session = await self._ask("POST", "/session", json={"name": self.player.officer, "password": self.player.password})
        self._http.headers["x-tocsin-csrf"] = self.session["csrf"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, path: str, **params: Any) -> Any:
        """The answer to a GET."""
        return await self._ask("GET", path, params=params)

    async def post(self, path: str, body: Json, **params: Any) -> Any:
        """The answer to a POST."""
        return await self._ask("POST", path, json=body, params=params)

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = await self._http.request(method, path, **more)
        except httpx2.TransportError as error:
            raise NotReachable(f"{self.player.id} does not answer {method} {path}: {type(error).__name__}") from None
        if answer.status_code >= 400:
            raise NotReachable(f"{self.player.id} answers {answer.status_code} to {method} {path}: {answer.json().get('error')}")
        return answer.json() if answer.content else None
