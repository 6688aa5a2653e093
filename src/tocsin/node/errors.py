"""Errors of the node.

NodeError
    BadConfig       node.toml says something that cannot be used
    NotANode        the folder holds no node
    AlreadyANode    the folder holds one already
    Conflict        the state things are in does not allow it
TooOften            a receiver asks more often than it may
NotAllowed          a reader lacks the role
NotFound            there is nothing by that name for this reader
    UnknownCursor   a receiver goes on from what it was never told, as far as this node knows
"""

from __future__ import annotations

from pathlib import Path

from tocsin.core import Denied, InputError


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


class NotAllowed(Denied):
    """Raised if a reader lacks the role for an act."""

    def __init__(self, role: str) -> None:
        super().__init__(f"this needs the role {role}")


class TooOften(Denied):
    """Raised if somebody asks more often than they may. `wait_s`: seconds until the next request is answered."""

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(f"too many requests: ask again in {wait_s} s")


class NotFound(Denied):
    """Raised if there is no such thing for this reader: the same words whether it is hidden or was never there."""

    def __init__(self) -> None:
        super().__init__("there is nothing here by that name")


class UnknownCursor(NotFound):
    """Raised if a receiver goes on from what it was never told, as far as this node knows: the same words for all such cursors."""

    def __init__(self) -> None:
        Denied.__init__(self, "this cursor was not given to you, or the node was restored from a backup since: begin again without one")


class Conflict(NodeError):
    """Raised if what is asked does not fit the state things are in."""
