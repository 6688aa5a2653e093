"""Tear-lines: a record of a lower label that is built from a report by naming what it shall hold.

Nothing is ever cut out of a report: what is not named is not there. So a paragraph that somebody adds to the report later,
or a field that a later version knows, cannot slip through.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.core import InputError, Report

if TYPE_CHECKING:
    from collections.abc import Iterable

FIELDS = frozenset({"title", "source", "grade", "graded_by"})
"""What may be taken over as it stands; the text goes by paragraph."""
_BREAK = re.compile(r"\n[ \t]*\n\s*")


def paragraphs(report: Report) -> tuple[str, ...]:
    """The paragraphs of a report's text, which an empty line divides; they are counted from 1 where people name them."""
    return tuple(part.strip() for part in _BREAK.split(report.text) if part.strip())


def tear(report: Report, *, fields: Iterable[str], numbers: Iterable[int], title: str = "", source: str = "") -> Report:
    """A report of the named `fields` and paragraphs alone, in the report's order; `title` and `source` stand for their own.

    Raises `InputError` for a field or paragraph that is not there, if no paragraph is named, or if title or source would be empty.
    """
    wanted, chosen = frozenset(fields), sorted(set(numbers))
    if unknown := wanted - FIELDS:
        raise InputError(f"no field {min(unknown)[:40]!r} to take over: use {', '.join(sorted(FIELDS))}")
    held = paragraphs(report)
    if not chosen:
        raise InputError("a tear-line names the paragraphs that it holds")
    if chosen[0] < 1 or chosen[-1] > len(held):
        raise InputError(f"the report has paragraphs 1 to {len(held)}")
    made = Report(
        title=title or (report.title if "title" in wanted else ""),
        text="\n\n".join(held[number - 1] for number in chosen),
        source=source or (report.source if "source" in wanted else ""),
        grade=report.grade if "grade" in wanted else "",
        graded_by=report.graded_by if "graded_by" in wanted else "",
    )
    if not made.title or not made.source:
        raise InputError("a tear-line needs a title and a source: take over the report's, or give its own")
    return made
