"""Release → envelope → partner → record: keys, sealing, the relay, and the exchange that runs over them.

The relay is never trusted: what travels is sealed for its audience, signed by its sender and chained for its
recipient, and everything is checked before anything is used.
"""

from .book import Book
from .card import Card
from .errors import BadCard, BadProof, BadWire, OpenRelay, Refused, RelayFull, RelayUnreachable
from .keys import NodeKeys
from .model import LedgerRow, Link, Partner, Parts, Settings, Sink
from .relay import Relay
from .seal import verify_proof
from .service import Exchange
from .transport import NatsTransport, Transport, probe

__all__ = [
    "BadCard",
    "BadProof",
    "BadWire",
    "Book",
    "Card",
    "Exchange",
    "LedgerRow",
    "Link",
    "NatsTransport",
    "NodeKeys",
    "OpenRelay",
    "Partner",
    "Parts",
    "Refused",
    "Relay",
    "RelayFull",
    "RelayUnreachable",
    "Settings",
    "Sink",
    "Transport",
    "probe",
    "verify_proof",
]
