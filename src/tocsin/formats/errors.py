"""Errors of the formats, one class for each condition; each text is one line that says what and where.

InputError
    BadFile             a file that is not what its format says, with its name and the place
        BrokenGzip      compressed bytes that end early or are damaged; `recovered` is what came out before
    UnknownFormat       nobody here reads such a file
    BadBatch            bytes from a partner that are no batch of observations
    BadCap              an alert that CAP 1.2, or our stricter use of it, does not allow
    TooLarge
        FileTooLarge    a file or what it unpacks to is past its cap; `recovered` is what fits
"""

from __future__ import annotations

import re

from ..core.errors import InputError, TooLarge

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a1-\uffef]+")


class BadFile(InputError):
    """Raised, or handed back beside what could be read, for a file that breaks its format. `where` is a byte or row."""

    def __init__(self, name: str, what: str, where: str = "") -> None:
        self.name, self.what, self.where = plain(name), what, where
        super().__init__(f"{self.name}: {what}" + (f", {where}" if where else ""))


class BrokenGzip(BadFile):
    """Raised by `gunzip` if compressed bytes end early or are damaged; `recovered` holds what came out before that."""

    def __init__(self, name: str, what: str, where: str, recovered: bytes) -> None:
        super().__init__(name, what, where)
        self.recovered = recovered


class FileTooLarge(TooLarge):
    """Raised if bytes, rows or depth of a file are past a cap; `recovered` holds the bytes that fit, if any were read."""

    def __init__(self, what: str, size: int, cap: int, recovered: bytes = b"") -> None:
        super().__init__(what, size, cap)
        self.recovered = recovered


class UnknownFormat(InputError):
    """Raised if a file is in none of the formats that are read, or a format's name is not known."""


class BadBatch(InputError):
    """Raised by `unpack` for bytes that are no batch, and by `pack` for a batch that no partner would take."""


class BadCap(InputError):
    """Raised for an alert that CAP 1.2, or our stricter use of it, does not allow; names the element."""


def plain(name: str) -> str:
    """A file's name fit for one line: no control characters, at most 120 long."""
    return _UNPRINTABLE.sub("?", name)[:120]
