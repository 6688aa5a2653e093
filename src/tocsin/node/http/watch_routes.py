"""What the watch page asks: tracks, feeds, places, assessments, warnings, and the acts on them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, MediaType, Response, get, post
from litestar.params import Body

from tocsin.core import realms
from tocsin.node.errors import NotFound
from tocsin.people import Act

from .frames import frame
from .given import ById, OfRealm, TheActs, TheNode, TheReader, TheScreens, TheWarnings

Json = dict[str, Any]


class Note(msgspec.Struct, forbid_unknown_fields=True):
    """Words that go with an act."""

    note: Annotated[str, msgspec.Meta(max_length=4000)] = ""


NoteBody = Annotated[Note, Body()]


class WatchController(Controller):
    """The picture and what is made of it."""

    path = "/"

    @get("/feeds", sync_to_thread=False)
    def feeds(self, reader: TheReader, screens: TheScreens, realm: OfRealm) -> list[Json]:
        """Feeds and their lateness."""
        return screens.feeds(reader, realms.parse(realm))

    @get("/places", sync_to_thread=False)
    def places(self, reader: TheReader, screens: TheScreens, realm: OfRealm) -> list[Json]:
        """Staging areas, watch lines, areas."""
        return screens.places(reader, realms.parse(realm))

    @get("/tracks", sync_to_thread=False)
    def tracks(self, reader: TheReader, node: TheNode, screens: TheScreens, realm: OfRealm) -> Json:
        """Every current track, as one full frame."""
        if not screens.sees(reader, realms.parse(realm)):
            raise NotFound
        world = node.worlds[realm]
        now = world.time(reader.view)
        return frame(world.realm, now, world.sight(reader.view).picture.since(0, now), full=True)

    @get("/assessments", sync_to_thread=False)
    def assessments(self, reader: TheReader, screens: TheScreens, realm: OfRealm) -> list[Json]:
        """What this reader's view makes of each topic now."""
        return screens.assessments(reader, realms.parse(realm))


class WarningController(Controller):
    """Warnings: reading and answering them."""

    path = "/warnings"

    @get("/", sync_to_thread=False)
    def every(self, reader: TheReader, warnings: TheWarnings, realm: OfRealm) -> list[Json]:
        """Every warning that this reader may see, the newest first."""
        return warnings.warnings(reader, realms.parse(realm))

    @get("/{warning:str}", sync_to_thread=False)
    def one(self, reader: TheReader, warnings: TheWarnings, warning: ById, realm: OfRealm) -> Json:
        """One warning with its versions."""
        return warnings.warning(reader, realms.parse(realm), warning)

    @get("/{warning:str}/cap", sync_to_thread=False)
    def cap(self, reader: TheReader, acts: TheActs, warning: ById, realm: OfRealm) -> Response[str]:
        """The CAP 1.2 message of its latest version."""
        return _xml(acts.versions(reader, realms.parse(realm), warning)[-1].body.cap)

    @get("/{warning:str}/cancellation", sync_to_thread=False)
    def cancellation(self, reader: TheReader, acts: TheActs, warning: ById, realm: OfRealm) -> Response[str]:
        """The CAP 1.2 cancellation, prepared before the issue."""
        return _xml(acts.versions(reader, realms.parse(realm), warning)[-1].body.cancellation)

    @post("/{warning:str}/approve", status_code=200, act=Act.WARNING_APPROVE)
    async def approve(self, reader: TheReader, acts: TheActs, warnings: TheWarnings, warning: ById, realm: OfRealm, data: NoteBody) -> Json:
        """Issue it to everyone who may have its evidence, in this reader's name."""
        await acts.approve(reader, realms.parse(realm), warning, data.note)
        return warnings.warning(reader, realm, warning)

    @post("/{warning:str}/cancel", status_code=200, act=Act.WARNING_CANCEL)
    async def cancel(self, reader: TheReader, acts: TheActs, warnings: TheWarnings, warning: ById, realm: OfRealm, data: NoteBody) -> Json:
        """Cancel it for everyone who was told."""
        await acts.cancel(reader, realms.parse(realm), warning, data.note)
        return warnings.warning(reader, realm, warning)

    @post("/{warning:str}/{word:str}", status_code=200, act=(Act.WARNING_ANSWER, Act.WARNING_HOLD))
    async def answer(
        self, reader: TheReader, acts: TheActs, warnings: TheWarnings, warning: ById, word: ById, realm: OfRealm, data: NoteBody
    ) -> Json:
        """Say that it was read, acknowledged (`acknowledge`) or held (`hold`)."""
        state = {"read": "read", "acknowledge": "acknowledged", "hold": "held"}.get(word)
        if state is None:
            raise NotFound
        await acts.answer(reader, realms.parse(realm), warning, state, data.note)
        return warnings.warning(reader, realm, warning)


def _xml(text: str) -> Response[str]:
    if not text:
        raise NotFound
    return Response(text, media_type=MediaType.XML, headers={"content-type": "application/cap+xml; charset=utf-8"})
