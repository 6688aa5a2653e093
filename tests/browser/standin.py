"""A stand-in for the node: the built console with answers of the recorded shape, for screenshots and tests of the console alone.

It is no node: nothing here is kept, checked or released. The tests against the real node are in `test_end_to_end.py`.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import uvicorn
from tests.browser.keeping import Keeping
from tests.browser.shapes import (
    ASSERTABLE,
    BACKTEST,
    COUNTS,
    MINUTE,
    NIGHT,
    PLACES,
    START,
    ahead,
    assessment_of,
    backtests_of,
    claim_of,
    decisions,
    exchange_of,
    feeds_of,
    journal_of,
    rehearsal_of,
    report_of,
    warning_of,
)

BANNER = "RESTRICTED REL TO ASTER, BIRCH, CEDAR"
STATIC = Path(__file__).resolve().parents[2] / "src" / "tocsin" / "node" / "static"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self';"
    " worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".woff": "font/woff",
}


class Scene:
    """What the stand-in answers; tests change its parts to show other states."""

    def __init__(self, *, traffic: int = 140, seed: int = 7, warning: bool = True, realms: tuple[str, ...] = (NIGHT, "live")) -> None:
        self.chance = random.Random(seed)
        self.now = START + 40 * MINUTE
        self.logged_in = True
        self.warnings = [warning_of(self.now)] if warning else []
        self.realms = realms
        self.notice: str | None = "Recorded traffic, re-timed onto one window. Nothing here is happening now."
        self.broken: set[str] = set()
        self.slow: set[str] = set()
        self.posted: list[tuple[str, object]] = []
        self.sockets: set[asyncio.Queue] = set()
        self.log: list[dict] = []
        self.reports = [report_of(self.now)]
        self.claims = [claim_of(self.now)]
        self.rehearsal: dict = {"running": False, "realm": None, "elapsed_s": 0, "of_s": 240, "step": 0, "steps": []}
        self.keeping = Keeping(self.now)
        self.aircraft = [self._flight(n) for n in range(traffic)]
        self.stream = [{"n": 9000 + k, "behind": k} for k in range(12)]

    def _flight(self, n: int) -> dict:
        c = self.chance
        return {
            "n": n,
            "lat": c.uniform(44.6, 49.4),
            "lon": c.uniform(4.2, 12.2),
            "course": c.uniform(0, 360),
            "speed": c.uniform(150, 250),
            "alt": c.uniform(3000, 11500),
            "mil": int(c.random() < 0.06),
        }

    def step(self, seconds: float) -> None:
        self.now += int(seconds * 1e6)
        for a in self.aircraft:
            a["lat"], a["lon"] = ahead(a["lat"], a["lon"], a["course"], a["speed"] * seconds / 1000)

    def frame(self, realm: str) -> dict:
        rows = [(a["n"], a["lat"], a["lon"], a["alt"], a["speed"], a["course"], f"SWR{a['n']}", "A320", a["mil"], 0) for a in self.aircraft]
        if realm == NIGHT and self.warnings:
            along = 118 + (self.now - START - 40 * MINUTE) / 1e6 * 0.16
            for k in self.stream:
                lat, lon = ahead(46.12, 6.55, 49.0, along - k["behind"] * 8.6)
                rows.append((k["n"], lat, lon, 5800.0, 160.0, 49.0, "", "A400", 1, 1))
        columns = list(zip(*rows, strict=True))
        names = ["n", "lat", "lon", "alt", "speed", "course", "call", "what", "mil", "sim"]
        frame = {name: list(column) for name, column in zip(names, columns, strict=True)}
        return {
            "type": "tracks",
            "full": True,
            "realm": realm,
            "time": self.now,
            "cursor": self.now // 1_000_000,
            "gone": [],
            "climb": [0.0] * len(rows),
            "seen": [self.now - 400_000] * len(rows),
            **frame,
        }

    def session(self) -> dict:
        known = {
            "live": {"realm": "live", "kind": "live", "title": "Live", "note": None, "banner": BANNER},
            NIGHT: {"realm": NIGHT, "kind": "exercise", "title": "NIGHT LANTERN · run 3", "note": None, "banner": BANNER},
            "replay:jura": {"realm": "replay:jura", "kind": "replay", "title": "Jura, 12 March", "note": None, "banner": BANNER},
        }
        return {
            "user": "m.weber",
            "roles": ["watch-officer", "approver"],
            "may": self.keeping.may,
            "communities": ["air-picture", "sea-rescue"],
            "terms": ["NO-RESHARE", "NON-COMMERCIAL"],
            "csrf": "standin",
            "node": {"id": "aster", "name": "Aster watch floor"},
            "realms": [known[r] for r in self.realms],
            "demo": True,
            "notice": self.notice,
            "protocol_time": self.now,
            "levels": ["UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL"],
            "policy": "DEMO",
            "partners": ["aster", "birch", "cedar", "dune"],
        }

    def answer(self, method: str, path: str, query: dict, body: dict) -> tuple[int, object]:
        realm = query.get("realm", ["live"])[0]
        if method in {"POST", "PATCH"}:
            self.posted.append((path, body))
        if path == "/session" and method == "POST":
            self.logged_in = body.get("password") == "correct horse"
            return (200, self.session()) if self.logged_in else (401, {"error": "no"})
        if path == "/session" and method == "DELETE":
            self.logged_in = False
            return 204, None
        if path == "/session/ways":
            return 200, {"password": True, "organisation": None}
        if not self.logged_in:
            return 401, {"error": "log in first"}
        parts = path.strip("/").split("/")
        if parts[0] in self.broken:
            return 500, {"error": "the archive does not answer"}
        if parts[0] == "warnings" and len(parts) > 1:
            return self._warning(method, parts, body)
        match method, parts[0]:
            case "GET", "session":
                return 200, self.session()
            case "GET", "feeds":
                return 200, feeds_of(self.now)
            case "GET", "places":
                return 200, PLACES
            case "GET", "tracks":
                return 200, self.frame(realm)
            case "GET", "assessments":
                return 200, [assessment_of(self.now, high=realm == NIGHT and bool(self.warnings))]
            case "GET", "warnings":
                return 200, self.warnings if realm == NIGHT else []
            case "GET", "reports":
                return 200, self.reports
            case "POST", "reports":
                self.reports.insert(
                    0, {**report_of(self.now), "record": f"report--{len(self.reports) + 1}", "title": body["title"], "text": body["text"]}
                )
                return 200, self.reports[0]
            case "POST", "release":
                return 200, decisions(body)
            case "GET", "exchange" if parts[1:] == ["ledger"]:
                return 200, self.keeping.ledger
            case "POST", "exchange":
                row = next(row for row in self.keeping.ledger if row["record"] == parts[2])
                row["recalled"] = {"record": "recall--2", "by": "aster", "at": self.now, "why": body["why"]}
                row["partners"][0]["recalled_at"] = self.now
                return 200, row
            case "GET", "exchange":
                return 200, exchange_of(self.now)
            case "GET", "journal":
                return 200, journal_of(self.now, int(query.get("after", ["-1"])[0]))
            case "GET", "log":
                return 200, self.log
            case "POST", "log":
                line = {"protocol_time": self.now, "author": "m.weber", "text": body["text"], "handed_to": body.get("handed_to", "")}
                self.log.append(line)
                return 200, self.log[-1]
            case "GET", "claims":
                return 200, ASSERTABLE if parts[1:] == ["indicators"] else self.claims
            case "POST", "claims":
                self.claims.insert(0, {**claim_of(self.now), **body, "record": f"claim--{len(self.claims) + 1}", "author": "m.weber"})
                return 201, {"record": self.claims[0]["record"]}
            case "GET", "counts":
                return 200, COUNTS
            case "POST", "counts":
                return 201, {"record": "count--1"}
            case "GET", "backtests" if len(parts) == 1:
                return 200, backtests_of(self.now)
            case "GET", "backtests":
                return (200, BACKTEST) if parts[1] == "surge-2025" else (404, {"error": "there is nothing here by that name"})
            case "GET", "rehearsal":
                return 200, self.rehearsal
            case "POST", "rehearsal":
                self.rehearsal = rehearsal_of()
                return 200, {"realm": self.rehearsal["realm"]}
            case "DELETE", "rehearsal":
                self.rehearsal = {**self.rehearsal, "running": False}
                return 204, None
        return self.keeping.answer(method, parts, body, query)

    def _warning(self, method: str, parts: list[str], body: dict) -> tuple[int, object]:
        found = next((w for w in self.warnings if w["warning"] == parts[1]), None)
        if found is None:
            return 404, {"error": "no such warning"}
        if method == "GET":
            return 200, found
        match parts[2]:
            case "read":
                found["changed_since_read"] = False
            case "acknowledge":
                found["who_knows"][0] |= {"state": "acknowledged", "at": self.now, "by": "m.weber"}
                found["may"]["acknowledge"] = False
            case "approve":
                found |= {"state": "issued", "issued_at": self.now, "approved_by": "m.weber", "version": found["version"] + 1}
                found["may"] |= {"approve": False, "hold": False, "cancel": True}
                for k in found["who_knows"][1:]:
                    if k["state"] == "draft":
                        k |= {"state": "sent", "at": self.now}
            case "cancel":
                if not body.get("note"):
                    return 400, {"error": "a cancellation needs a reason"}
                found |= {"state": "cancelled"}
                found["may"] = dict.fromkeys(found["may"], False)
        return 200, found


class App:
    """The ASGI application around a scene, which another may take the place of between tests."""

    def __init__(self, scene: Scene) -> None:
        self.show(scene)

    def show(self, scene: Scene, rate: float = 1.0) -> None:
        """From now on `scene` is what is answered, `rate` seconds of its realm for each second; streams that are open go on with theirs."""
        self.scene, self.rate = scene, rate

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": message["type"] + ".complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await self._live(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _live(self, scope, receive, send) -> None:
        await receive()
        scene, rate = self.scene, self.rate
        if "live" in scene.broken:
            await send({"type": "websocket.close", "code": 1011})
            return
        await send({"type": "websocket.accept"})
        realm = parse_qs(scope["query_string"].decode()).get("realm", ["live"])[0]
        queue: asyncio.Queue = asyncio.Queue()
        scene.sockets.add(queue)
        gone = asyncio.create_task(_until_gone(receive))
        try:
            while not gone.done():
                if "live" in scene.broken:
                    await send({"type": "websocket.close", "code": 1011})
                    return
                scene.step(rate)
                await send({"type": "websocket.send", "text": json.dumps(scene.frame(realm))})
                try:
                    what = await asyncio.wait_for(queue.get(), 1.0)
                    await send({"type": "websocket.send", "text": json.dumps({"type": "changed", "what": what})})
                except TimeoutError:
                    pass
        finally:
            gone.cancel()
            scene.sockets.discard(queue)

    async def _http(self, scope, receive, send) -> None:
        path, body = scope["path"], b""
        while (message := await receive()).get("more_body") or message.get("body"):
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if path.startswith("/api/v1"):
            name = path.removeprefix("/api/v1")
            if name.strip("/").split("/")[0] in self.scene.slow:
                await asyncio.sleep(3)
            query = parse_qs(scope["query_string"].decode())
            status, answer = self.scene.answer(scope["method"], name, query, json.loads(body or b"{}"))
            kind, content = "application/json", b"" if answer is None else json.dumps(answer).encode()
            if isinstance(answer, str):
                kind, content = "text/html", answer.encode()
        else:
            file = STATIC / path.lstrip("/")
            if not file.is_file():
                file = STATIC / "index.html"
            status, kind, content = 200, TYPES.get(file.suffix, "application/octet-stream"), file.read_bytes()
        headers = {
            "content-type": kind,
            "content-security-policy": CSP,
            "content-length": str(len(content)),
            "x-content-type-options": "nosniff",
        }
        await send({"type": "http.response.start", "status": status, "headers": [(k.encode(), v.encode()) for k, v in headers.items()]})
        await send({"type": "http.response.body", "body": content})


async def _until_gone(receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


@contextmanager
def serve(app: App):
    """Serves `app` on a free port of loopback; gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="websockets-sansio", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(5)


if __name__ == "__main__":
    with serve(App(Scene())) as address:
        print(address, flush=True)
        threading.Event().wait()


def posted(scene: Scene, path: str) -> list[object]:
    """The bodies that pages have sent to `path`, the first first."""
    return [body for said, body in scene.posted if said == path]
