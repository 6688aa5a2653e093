"""The rehearsal, from the console's button."""

from __future__ import annotations

from typing import Any

from litestar import Controller, delete, get, post

from tocsin.people import Role

from .given import TheReader, TheRehearsal, TheScreens

Json = dict[str, Any]


class RehearsalController(Controller):
    """A four-minute night for a newcomer."""

    path = "/rehearsal"

    @post("/", status_code=201)
    async def start(self, reader: TheReader, rehearsal: TheRehearsal) -> Json:
        """Begin a night in a realm of its own."""
        reader.needs(Role.WATCH_OFFICER, Role.APPROVER, Role.ANALYST)
        return await rehearsal.start()

    @get("/", sync_to_thread=False)
    def show(self, reader: TheReader, rehearsal: TheRehearsal, screens: TheScreens) -> Json:
        """How far it is."""
        found = rehearsal.state()
        return found if found["realm"] is None or screens.sees(reader, found["realm"]) else rehearsal.idle()

    @delete("/", status_code=200)
    async def stop(self, reader: TheReader, rehearsal: TheRehearsal) -> Json:
        """End it early."""
        reader.needs(Role.WATCH_OFFICER, Role.APPROVER, Role.ANALYST)
        return await rehearsal.stop()
