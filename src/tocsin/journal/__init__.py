"""The node's memory: the single writer, SQL storage with group commits, encryption at rest, and a log that strangers can check.

A record goes in as the bytes that were signed and comes out as the same bytes. Nobody is answered before
what was asked for is on disk; what is on disk is readable only with the operator's secret.
"""

from .audit import Audit, audit
from .errors import Altered, Closed, Damaged, Erased, FolderBusy, NotInLog, NotKept, Overloaded, VaultExists, WrongSecret
from .guard import Guard
from .log import Inclusion, Log, Signed, Standing
from .model import Entry, Kept, Leaf
from .service import Journal
from .tables import metadata
from .vault import Cost, Vault, read_key_file
from .witness import Answer, Conflict, Submission, Witness

__all__ = [
    "Altered",
    "Answer",
    "Audit",
    "Closed",
    "Conflict",
    "Cost",
    "Damaged",
    "Entry",
    "Erased",
    "FolderBusy",
    "Guard",
    "Inclusion",
    "Journal",
    "Kept",
    "Leaf",
    "Log",
    "NotInLog",
    "NotKept",
    "Overloaded",
    "Signed",
    "Standing",
    "Submission",
    "Vault",
    "VaultExists",
    "Witness",
    "WrongSecret",
    "audit",
    "metadata",
    "read_key_file",
]
