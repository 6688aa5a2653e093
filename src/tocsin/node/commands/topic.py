"""`tocsin topic`: check a file, print the schema that files are written by."""

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


def schema(*, json: bool = False) -> None:  # noqa: ARG001 (a schema is JSON whether or not it is asked for)
    """Print the JSON Schema of topic files; what only the whole file can show is `tocsin topic check`'s to say."""
    from tocsin.warning import topic_schema

    give(topic_schema(), json=True)
