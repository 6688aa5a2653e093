"""Errors of the core, one class for each condition; every room's own errors descend from these.

TocsinError                 exit 2 unless a class says otherwise
    InputError              what was given cannot be used, and why
        TooLarge            a byte, row or depth cap was passed
        BadRecord           signed bytes that the strict reader refuses
        BadLabel            a label that is missing, malformed or unknown
        BadRealm            a realm's name that does not parse
        LabelMismatch       labels of two policies
    Denied                  the answer is no (exit 1)
    NotReachable            a needed service does not answer (exit 3)
"""


class TocsinError(Exception):
    """Base of all errors that Tocsin raises on purpose; its text fits one line and holds no labelled content."""

    exit_code = 2


class InputError(TocsinError):
    """Raised if what was given cannot be used; the text says what, where, and what to do."""


class TooLarge(InputError):
    """Raised when a cap on bytes, rows or depth is passed."""

    def __init__(self, what: str, size: int, cap: int) -> None:
        super().__init__(f"{what} is {size:,}, more than the {cap:,} that are taken")


class BadRecord(InputError):
    """Raised by the strict reader for bytes that are not one well-formed record."""


class BadLabel(InputError):
    """Raised if a label is missing, malformed, or leaves out its own originator."""


class BadRealm(InputError):
    """Raised if a realm is not `live`, `exercise:<id>` or `replay:<id>`."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text[:60]!r} is no realm: use live, exercise:<id> or replay:<id>")


class LabelMismatch(InputError):
    """Raised by `join` if labels do not follow one policy."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"labels follow {found!r} where {expected!r} is needed: map them to one policy first")


class Denied(TocsinError):
    """Raised when the answer is no: not allowed, not verified, not found for this reader."""

    exit_code = 1


class NotReachable(TocsinError):
    """Raised when a service that is needed (relay, node, database) does not answer."""

    exit_code = 3
