"""What a parser gives back, and the caps that bound it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..core import InputError, Observations


class Caps(NamedTuple):
    """How much of one file is taken: bytes after unpacking, rows, levels of nesting."""

    bytes: int = 128 * 1024 * 1024
    rows: int = 1_000_000
    depth: int = 32


@dataclass(slots=True)
class Parsed:
    """What a file holds.

    `rows` is how many rows (aircraft, messages, lines) were seen. `skipped` counts, by reason, those that give
    no observation; `nulled` counts values that were out of range and became null in rows that were kept.
    `error` says what is wrong with the file and where first; everything that could be read is there nevertheless.
    """

    observations: Observations
    skipped: dict[str, int]
    error: InputError | None
    nulled: dict[str, int] = field(default_factory=dict)
    rows: int = 0


@dataclass(slots=True)
class Tally:
    """What a parser notes as it goes: the counts of `Parsed`, and the first fault."""

    name: str
    caps: Caps
    skipped: Counter[str] = field(default_factory=Counter)
    nulled: Counter[str] = field(default_factory=Counter)
    error: InputError | None = None
    rows: int = 0

    def fault(self, error: InputError) -> None:
        """Note `error`, unless there was one before: the first is the one to look at."""
        self.error = self.error or error
