"""Which topics a node warns of: those that ship with Tocsin by name, others as files in its folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tocsin.core import InputError
from tocsin.warning import Topic, read_topic, shipped


def load_topics(names: Iterable[str], folder: Path) -> list[Topic]:
    """Each named topic: `folder/topics/NAME.yaml` if it is there, else the one that ships; raises `InputError`."""
    return [_load(name, folder) for name in names]


def _load(name: str, folder: Path) -> Topic:
    if "/" in name or name.startswith("."):
        raise InputError(f"topic {name!r}: give a name, and put the file into {folder / 'topics'}")
    own = folder / "topics" / f"{name}.yaml"
    return read_topic(own.read_bytes(), str(own)) if own.is_file() else shipped(name)
