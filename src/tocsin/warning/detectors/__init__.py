"""Detectors: small classes that look at a scene and say what they see. Each is an entry point of `tocsin.detectors`.

A detector keeps what it must remember between looks, draws no randomness and reads no clock: what it says
follows from the scenes it was shown. To add one, write a class as `Detector` describes it, register it under
`tocsin.detectors` and give it a page in `docs/detectors/`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from tocsin.core import InputError

from ..episodes import Timing

if TYPE_CHECKING:
    from ..episodes import Sighting
    from ..model import Place, Topic
    from ..scene import Scene

API: Final = 1
GROUP: Final = "tocsin.detectors"


class Detector(Protocol):
    """What every detector is. `Parameters` is the struct that a topic's `parameters` must fit, with `Timing`'s fields."""

    api: ClassVar[int]
    Parameters: ClassVar[type[Timing]]
    places: tuple[Place, ...]
    """Where it looks; it can say nothing if nobody sees these. One that reads no tracks has none, and a method `watches(scene) -> bool`."""

    def __init__(self, topic: Topic, parameters: Timing) -> None: ...

    def step(self, scene: Scene) -> list[Sighting]:
        """What is there now. Called with scenes of rising time, every second to every minute."""
        ...


@cache
def detector_names() -> tuple[str, ...]:
    """The names that are registered, in alphabetic order."""
    return tuple(sorted(entry_points(group=GROUP).names))


@cache
def detector_class(name: str) -> type[Detector]:
    """The detector registered as `name`; raises `InputError` if there is none, or one written for another interface."""
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if len(found) != 1:
        raise InputError(f"{len(found)} detectors are registered as {name!r}, where there should be one")
    loaded: type[Detector] = found[0].load()
    if getattr(loaded, "api", None) != API or not issubclass(getattr(loaded, "Parameters", object), Timing):
        raise InputError(f"detector {name!r} is not written for interface {API}")
    return loaded
