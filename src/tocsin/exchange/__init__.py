"""Release → envelope → partner → record: keys, sealing, the relay, and the exchange that runs over them.

The relay is never trusted: what travels is sealed for its audience, signed by its sender and chained for its
recipient, and everything is checked before anything is used.
"""

from . import receipts, statement
from .book import Book
from .bundle import MAX_BYTES as BUNDLE_MAX_BYTES
from .bundle import BadBundle
from .card import Card
from .errors import BadCard, BadProof, BadWire, NotThatCard, OpenRelay, Refused, RelayFull, RelayUnreachable, Spoofed
from .keys import NodeKeys
from .model import LedgerRow, Link, OldCard, Partner, Parts, Settings, Sink, Standing, Step
from .probe import probe
from .recovery import RecoveryKey
from .relay import Relay
from .seal import verify_proof
from .service import Exchange
from .store import forget_reader, said_ids
from .succession import chain_from_text, chain_to_text
from .tables import readings
from .transport import NatsTransport, NoTransport, Transport
from .wants import check as check_subscription
from .wants import check_area, fits

__all__ = [
    "BUNDLE_MAX_BYTES",
    "BadBundle",
    "BadCard",
    "BadProof",
    "BadWire",
    "Book",
    "Card",
    "Exchange",
    "LedgerRow",
    "Link",
    "NatsTransport",
    "NoTransport",
    "NodeKeys",
    "NotThatCard",
    "OldCard",
    "OpenRelay",
    "Partner",
    "Parts",
    "RecoveryKey",
    "Refused",
    "Relay",
    "RelayFull",
    "RelayUnreachable",
    "Settings",
    "Sink",
    "Spoofed",
    "Standing",
    "Step",
    "Transport",
    "chain_from_text",
    "chain_to_text",
    "check_area",
    "check_subscription",
    "fits",
    "forget_reader",
    "probe",
    "readings",
    "receipts",
    "said_ids",
    "statement",
    "verify_proof",
]
