"""A warning as CAP 1.2, prepared with the draft: the alert or update, and the cancellation of it.

Status follows the realm: an exercise is never Actual and names itself, a replay is a Test addressed to nobody
but this node. The scope is Restricted always: software speaks to those whom a label names, never to the public.
"""

from __future__ import annotations

from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tocsin.core import iso, realms
from tocsin.core.times import SECOND
from tocsin.formats import cap

from . import blocks
from .errors import BadStep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core import Realm, WarningRecord
    from tocsin.core.times import Micros

    from .model import Topic

_SOON: Final[Micros] = 15 * 60 * SECOND
_RESTRICTION: Final = "For those to whom it is released under its label. Not for publication."
_ENDED: Final = "The warning is withdrawn."
_LARGE: Final = 20.0


def to_cap(warning: WarningRecord, *, topic: Topic, realm: Realm, sender: str, sent: Micros, earlier: str = "") -> cap.CapMessage:
    """The CAP message of `warning` if it were sent at `sent`. `earlier`: the CAP text of the version that was issued before."""
    before = cap.read(earlier.encode()) if earlier else None
    status = realms.cap_status(realm)
    stays = realms.is_replay(realm)
    sent -= sent % SECOND
    return cap.CapMessage(
        identifier=f"{warning.warning}.{warning.version}",
        sender=sender,
        sent=sent,
        status=status,
        msg_type="Update" if before is not None else "Alert",
        scope="Private" if stays else "Restricted",
        restriction="" if stays else _RESTRICTION,
        addresses=(sender,) if stays else (),
        codes=(realm,),
        note=_note(realm),
        references=() if before is None else tuple(dict.fromkeys((*before.references, cap.reference(before)))),
        infos=tuple(_info(warning, topic, status, sent, language) for language in topic.languages),
    )


def prepare(warning: WarningRecord, *, topic: Topic, realm: Realm, sender: str, sent: Micros, earlier: str = "") -> WarningRecord:
    """`warning` with its message and cancellation as they would be if it were issued at `sent`."""
    message = to_cap(warning, topic=topic, realm=realm, sender=sender, sent=sent, earlier=earlier)
    return replace(warning, cap=cap.write(message), cancellation=_cancellation(message, message.sent, _ENDED))


def at_issue(warning: WarningRecord, *, sent: Micros, languages: Sequence[str] = ()) -> WarningRecord:
    """An issued version with the prepared message sent at `sent`.

    Raises `BadStep` if none was prepared, or if a block in one of `languages` is missing or stale.
    """
    message = _prepared(warning)
    blocks.check(warning, message.infos, languages or [info.language for info in message.infos])
    moved = sent - sent % SECOND - message.sent
    infos = tuple(replaced(info, expires=None if info.expires is None else info.expires + moved) for info in message.infos)
    message = replaced(message, identifier=f"{warning.warning}.{warning.version}", sent=message.sent + moved, infos=infos)
    return replace(warning, cap=cap.write(message), cancellation=_cancellation(message, message.sent, _ENDED))


def at_cancel(warning: WarningRecord, *, sent: Micros, note: str) -> WarningRecord:
    """A cancelled version whose message is the cancellation, sent at `sent`, of the one that it held."""
    message = _prepared(warning)
    return replace(warning, cap=_cancellation(message, max(sent, message.sent), note or _ENDED), cancellation="")


def realm_of(warning: WarningRecord) -> Realm:
    """The realm that a warning's message names; raises `BadStep` if none was prepared."""
    codes = _prepared(warning).codes
    if len(codes) != 1:
        raise BadStep("this warning's message does not name its realm")
    return realms.parse(codes[0])


def _prepared(warning: WarningRecord) -> cap.CapMessage:
    if not warning.cap:
        raise BadStep("this warning holds no CAP message: a version that was drafted by a watch does")
    return cap.read(warning.cap.encode())


def _cancellation(message: cap.CapMessage, sent: Micros, note: str) -> str:
    return cap.write(cap.cancellation_of(message, identifier=f"{message.identifier}.cancel", sent=sent, note=note))


def _note(realm: Realm) -> str:
    if realms.is_exercise(realm):
        return f"EXERCISE {realm}: not real."
    return f"TEST {realm}: recorded traffic, not now." if realms.is_replay(realm) else ""


def _info(warning: WarningRecord, topic: Topic, status: str, sent: Micros, language: str) -> cap.CapInfo:
    probability = warning.probabilities[topic.subject]
    soon = warning.eta is not None and warning.eta - sent <= _SOON
    parameters = [("level", warning.level), ("confidence", warning.confidence)]
    parameters += [(f"probability {name}", f"{value:.2f}") for name, value in sorted(warning.probabilities.items())]
    if warning.eta is not None:
        parameters.append(("estimated arrival", f"{warning.eta_place} {iso(warning.eta - warning.eta % SECOND)}"))
    block = blocks.render(warning, topic, language, status)
    return cap.CapInfo(
        language=language,
        event=block.event,
        urgency="Immediate" if soon else "Expected",
        severity="Severe" if warning.level == topic.level_names[-1] else "Moderate",
        certainty="Likely" if probability > 0.5 else "Possible" if probability >= 0.05 else "Unlikely",
        expires=sent + round(topic.valid_minutes * 60) * SECOND,
        headline=block.headline,
        description=block.description,
        parameters=(*parameters, *block.parameters),
        areas=_areas(warning, topic, block.area),
    )


def _areas(warning: WarningRecord, topic: Topic, where: str) -> tuple[cap.CapArea, ...]:
    if len(warning.area) >= 3:
        # Across the antimeridian a polygon of longitudes means its complement to some readers: circles do not.
        longitudes = [lon for _, lon in warning.area]
        if max(longitudes) - min(longitudes) < 180.0:
            return (cap.CapArea(description=where, polygons=((*warning.area, warning.area[0]),)),)
    circles = [(lat, lon, _LARGE) for lat, lon in warning.area]
    circles = circles or [(*place.points[0], place.radius_km or _LARGE) for place in topic.places[:1]]
    return (cap.CapArea(description=where, circles=tuple(circles)),) if circles else ()
