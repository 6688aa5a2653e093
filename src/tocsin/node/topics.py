"""Which topics a node warns of: those that ship with Tocsin by name, others as files in its folder."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from tocsin.core import InputError
from tocsin.warning import Topic, read_topic


def load_topics(names: Iterable[str], folder: Path) -> list[Topic]:
    """Each named topic: `folder/topics/NAME.yaml` if it is there, else the one that ships; raises `InputError`."""
    return [read_topic(*_find(name, folder)) for name in names]


def _find(name: str, folder: Path) -> tuple[bytes, str]:
    if "/" in name or name.startswith("."):
        raise InputError(f"topic {name!r}: give a name, and put the file into {folder / 'topics'}")
    own = folder / "topics" / f"{name}.yaml"
    if own.is_file():
        return own.read_bytes(), str(own)
    shipped = files("tocsin.warning").joinpath("topics", f"{name}.yaml")
    if not shipped.is_file():
        raise InputError(f"no topic {name!r}: put {name}.yaml into {folder / 'topics'}")
    return shipped.read_bytes(), f"{name}.yaml"
