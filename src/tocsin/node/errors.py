"""Errors of the node.

NodeError
    BadConfig       node.toml says something that cannot be used
    NotANode        the folder holds no node
    AlreadyANode    the folder holds one already
"""

from __future__ import annotations

from pathlib import Path

from tocsin.core import InputError


class NodeError(InputError):
    """Base of the node's own errors."""


class BadConfig(NodeError):
    """Raised if node.toml cannot be used; the text names the key."""


class NotANode(NodeError):
    """Raised if a folder holds no node."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} holds no node: make one with `tocsin init {folder}`")


class AlreadyANode(NodeError):
    """Raised by `init` if the folder holds something."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} is not empty: choose a new folder for the node")
