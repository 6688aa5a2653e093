"""Errors of the warning room, one class for each condition.

InputError
    BadTopic                a topic file that does not say what a topic must say
    BadSeries               a file of daily counts or events that cannot be read as one
    BadStep                 a step of a warning's life that its state does not allow
Denied
    NotAgreed               a rule that does not cover what it was asked to release
    StaysHere               something that must not leave the node
"""

from tocsin.core import Denied, InputError


class BadTopic(InputError):
    """Raised if a topic file cannot be used; names the file, the line and the key."""

    def __init__(self, name: str, line: int, key: str, problem: str) -> None:
        where = f"{name}:{line}: {key}" if key else f"{name}:{line}"
        super().__init__(f"{where}: {problem}")


class BadSeries(InputError):
    """Raised if a file of counts or events cannot be used; names the file and the line."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        super().__init__(f"{file}:{line}: {problem}")


class BadStep(InputError):
    """Raised if a warning is asked to take a step that its state does not allow, such as issuing a draft nobody approved."""


class NotAgreed(Denied):
    """Raised if a rule agreed beforehand does not cover this warning, this audience or this time."""


class StaysHere(Denied):
    """Raised if something that belongs to a replay, or has nobody to go to, is about to leave the node."""
