"""The node's memory: the single writer, SQL storage with group commits, encryption at rest, leaves that become the Merkle log.

A record goes in as the bytes that were signed and comes out as the same bytes. Nobody is answered before
what was asked for is on disk; what is on disk is readable only with the operator's secret.
"""

from .errors import Closed, Damaged, Erased, FolderBusy, NotKept, Overloaded, VaultExists, WrongSecret
from .model import Entry, Kept, Leaf
from .service import Journal
from .tables import metadata
from .vault import Cost, Vault, read_key_file

__all__ = [
    "Closed",
    "Cost",
    "Damaged",
    "Entry",
    "Erased",
    "FolderBusy",
    "Journal",
    "Kept",
    "Leaf",
    "NotKept",
    "Overloaded",
    "Vault",
    "VaultExists",
    "WrongSecret",
    "metadata",
    "read_key_file",
]
