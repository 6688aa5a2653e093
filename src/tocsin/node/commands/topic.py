"""`tocsin topic check`."""

from __future__ import annotations

from pathlib import Path

from tocsin.core import InputError

from .output import give


def check(file: Path, *, json: bool = False) -> None:
    """Check a topic file; the first thing that does not fit is named with its place."""
    from tocsin.warning import read_topic

    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    topic = read_topic(data, str(file))
    found = {"id": topic.id, "title": topic.title, "hypotheses": len(topic.hypotheses), "indicators": len(topic.indicators)}
    give(found, json=json, text=f"{topic.title}: {found['hypotheses']} hypotheses, {found['indicators']} indicators; it fits")
