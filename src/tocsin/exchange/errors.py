"""Errors of the exchange.

InputError
    BadCard             a partner card that does not parse or is not signed by its own keys
    Spoofed             a card that claims a partner's name with keys that nothing ties to it
    BadWire             bytes that are not one well-formed structure of the protocol
Denied
    Refused             something arrived and a check said no; `reason` names the check
    BadProof            a record's proof does not hold
    NotThatCard         the words that were read back are of another card
    OpenRelay           the relay lets in what it must not
NotReachable
    RelayUnreachable    the relay does not answer, or does not store what is sent
        Barred          nothing may go to that partner now
        NoStream        the relay has no place for that recipient
    RelayFull           the relay holds as much for that recipient as it may
"""

from __future__ import annotations

from tocsin.core import Denied, InputError, NotReachable


class BadCard(InputError):
    """Raised if a partner card cannot be read, or is not signed by the keys that it names."""


class Spoofed(InputError):
    """Raised for a card under a name that is pinned to other keys, or was put out, if no chain of signatures leads to it."""


class BadWire(InputError):
    """Raised for bytes that are not one canonical structure of the protocol."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not well-formed")


class Refused(Denied):
    """Raised when a check says no to something that arrived; `reason` is the check's name and never quotes what came."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"refused: {reason}")
        self.reason = reason


class BadProof(Denied):
    """Raised if a record's bytes, its proof and its sender's card do not belong together."""


class NotThatCard(Denied):
    """Raised if well-formed fingerprint words are not those of the card that is pinned here."""

    def __init__(self, partner: str) -> None:
        super().__init__(
            f"these are not the words of the card that is pinned for {partner}: one side holds another's card, so tell nobody anything"
        )


class OpenRelay(Denied):
    """Raised at start if the relay allows what it must refuse; the node does not run with it."""


class RelayUnreachable(NotReachable):
    """Raised if the relay cannot be reached, or did not confirm that it stored a message."""


class RelayFull(NotReachable):
    """Raised if the relay refuses a message because its place for that recipient is full."""


class Barred(RelayUnreachable):
    """Raised before anything is sent to a partner that is put out, or that has yet to hear of this node's new keys."""


class NoStream(RelayUnreachable):
    """Raised if the relay has no stream from this node to that recipient."""
