"""The live stream: frames of tracks, and word of what else changed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.params import QueryParameter

from tocsin.core import BadRealm, Denied, Realm, realms
from tocsin.node.changes import Change
from tocsin.node.filtered import Filtered
from tocsin.node.readers import Reader
from tocsin.node.screens import Screens
from tocsin.node.service import Node

from .frames import frame
from .given import OfRealm, TheNode
from .session_routes import reader_at, same_origin, still

EVERY_S = 0.5
FEEDS_EVERY_S = 3.0
STILL_EVERY = 2
PAGE = 200
Cursor = Annotated[str, QueryParameter(max_length=200)]


class Stream:
    """One reader's stream of one realm."""

    def __init__(self, node: Node, reader: Reader, realm: Realm) -> None:
        self._node = node
        self._reader = reader
        self._realm = realm
        self._cursor = 0
        self._changed: set[str] = set()
        self._takes = 0
        self.wake = asyncio.Event()

    def hear(self, change: Change) -> None:
        """Note a change in this realm, if the reader may know of it: what happens in another moves nothing here."""
        if change.realm in {None, self._realm} and change.is_for(self._reader, self._node.config.id):
            self._changed.add(change.what)
            self.wake.set()

    def take(self) -> list[bytes]:
        """The frames that are due now."""
        out = []
        if Filtered(self._node, self._reader).sees(self._realm):
            world = self._node.worlds[self._realm]
            now = world.time(self._reader.view)
            delta = world.sight(self._reader.view).picture.since(self._cursor, now)
            full = self._cursor == 0
            self._takes += 1
            # Without news a frame still comes every second: it says what time it is here.
            if full or len(delta.changed) or len(delta.gone) or self._takes % STILL_EVERY == 0:
                out.append(msgspec.json.encode(frame(self._realm, now, delta, full=full)))
            self._cursor = delta.cursor
        if self._changed:
            out.append(msgspec.json.encode({"type": "changed", "what": sorted(self._changed)}))
            self._changed.clear()
        self.wake.clear()
        return out


@websocket("/live")
async def live(socket: WebSocket[Any, Any, Any], node: TheNode, realm: OfRealm) -> None:
    """Frames `{"type": "tracks", ...}` and `{"type": "changed", "what": [...]}` until either side ends it."""
    try:
        reader = reader_at(node, socket)
        wanted = realms.parse(realm)
        if not same_origin(socket):
            raise Denied("another site's page asked")
    except (Denied, BadRealm):
        await socket.accept()
        await socket.close(code=4401, reason="log in first")
        return
    await socket.accept()
    stream = Stream(node, reader, wanted)
    stop = node.listen(stream.hear)
    watcher = asyncio.create_task(_until_closed(socket))
    ticks = 0
    try:
        while not watcher.done() and still(node, socket, reader):
            for data in stream.take():
                await socket.send_data(data.decode(), mode="text")
            ticks += 1
            if ticks % int(FEEDS_EVERY_S / EVERY_S) == 0:
                await socket.send_data('{"type":"changed","what":["feeds","session"]}', mode="text")
            await asyncio.wait({watcher}, timeout=EVERY_S)
    except (WebSocketDisconnect, OSError):
        pass
    finally:
        stop()
        watcher.cancel()
    if not watcher.done() or not watcher.cancelled():
        await _close(socket)


async def _until_closed(socket: WebSocket[Any, Any, Any]) -> None:
    # The console never speaks here; whatever comes, the end above all, ends the stream.
    try:
        await socket.receive_data(mode="text")
    except WebSocketDisconnect:
        return


async def _close(socket: WebSocket[Any, Any, Any]) -> None:
    try:
        await socket.close(code=4401, reason="the session ended")
    except (WebSocketDisconnect, RuntimeError, OSError):
        return


@websocket("/journal/live")
async def journal_live(
    socket: WebSocket[Any, Any, Any], node: TheNode, realm: OfRealm, after: Annotated[str, QueryParameter(max_length=200)] = ""
) -> None:
    """History from a cursor on, then what comes, with no gap and nothing twice, until either side ends it.

    Frames `{"type": "rows", "cursor", "full", "rows"}`, rows as `GET /journal` gives them. Without a cursor, or with one
    that is not this reader's any more, everything comes from the start (`full`).
    """
    try:
        reader = reader_at(node, socket)
        wanted = realms.parse(realm)
        if not same_origin(socket):
            raise Denied("another site's page asked")
    except (Denied, BadRealm):
        await socket.accept()
        await socket.close(code=4401, reason="log in first")
        return
    await socket.accept()
    at, full = place_of(node, reader, wanted, after)
    watcher = asyncio.create_task(_until_closed(socket))
    try:
        while not watcher.done() and still(node, socket, reader):
            rows = Screens(node).journal(reader, wanted, at, PAGE) if Filtered(node, reader).sees(wanted) else []
            if rows:
                at = rows[-1]["index"]
                cursor = f"{reader.view.id}.{rows[-1]['id']}"
                await socket.send_data(msgspec.json.encode({"type": "rows", "cursor": cursor, "full": full, "rows": rows}).decode())
                full = False
            if len(rows) < PAGE:
                await asyncio.wait({watcher}, timeout=EVERY_S)
    except (WebSocketDisconnect, OSError):
        pass
    finally:
        watcher.cancel()
    if not watcher.done() or not watcher.cancelled():
        await _close(socket)


def place_of(node: Node, reader: Reader, realm: Realm, cursor: str) -> tuple[int, bool]:
    """The reader's own count that a cursor stands for, and whether it has to begin at the start instead.

    A cursor names a view and the last record that was given: the count itself moves when a clearance changes.
    """
    view, _, record = cursor.partition(".")
    kept = Filtered(node, reader).find(record) if view == reader.view.id else None
    if kept is None or kept.record.realm != realm:
        return -1, True
    at = Filtered(node, reader).place(kept)
    return (-1, True) if at is None else (at, False)
