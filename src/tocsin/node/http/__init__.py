"""The node's HTTP: the console, its API under `/api/v1`, and the live stream."""

from .app import make_app

__all__ = ["make_app"]
