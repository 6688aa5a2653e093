"""The rehearsal, from the console's button."""

from __future__ import annotations

from typing import Any

from litestar import Controller, delete, get, post

from tocsin.people import Act

from .given import TheNode, TheReader, TheRehearsal

Json = dict[str, Any]


class RehearsalController(Controller):
    """A four-minute night for a newcomer."""

    path = "/rehearsal"

    @post("/", status_code=201, act=Act.REHEARSAL_START)
    async def start(self, reader: TheReader, node: TheNode, rehearsal: TheRehearsal) -> Json:
        """Begin a night in a realm of its own."""
        await node.people.act(reader.user.name, Act.REHEARSAL_START, "")
        return await rehearsal.of(reader).start()

    @get("/", sync_to_thread=False)
    def show(self, reader: TheReader, rehearsal: TheRehearsal) -> Json:
        """How far the reader's own is."""
        return rehearsal.of(reader).state()

    @delete("/", status_code=200, act=Act.REHEARSAL_END)
    async def stop(self, reader: TheReader, node: TheNode, rehearsal: TheRehearsal) -> Json:
        """End it early."""
        await node.people.act(reader.user.name, Act.REHEARSAL_END, "")
        return await rehearsal.of(reader).stop()
