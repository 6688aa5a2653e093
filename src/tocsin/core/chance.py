"""Randomness that is handed in: the node's, or a seeded stream that a test can run again."""

from __future__ import annotations

import hashlib
from typing import Protocol


class Entropy(Protocol):
    """A source of random bytes."""

    def take(self, size: int) -> bytes:
        """`size` fresh random bytes."""
        ...

    def child(self, name: str) -> Entropy:
        """An independent stream of that name, which drawing from this one does not move."""
        ...


class SeededEntropy:
    """A stream of SHA-256 blocks fixed by its seed: for tests and demonstrations, never for keys that matter."""

    def __init__(self, seed: bytes | str | int) -> None:
        self._key = hashlib.sha256(repr(seed).encode()).digest()
        self._block = 0
        self._left = b""

    def take(self, size: int) -> bytes:
        """The next `size` bytes of the stream."""
        while len(self._left) < size:
            self._left += hashlib.sha256(self._key + self._block.to_bytes(8, "big")).digest()
            self._block += 1
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def child(self, name: str) -> SeededEntropy:
        """An independent stream of that name; the same name gives the same stream from its start."""
        return SeededEntropy(hashlib.sha256(self._key + name.encode()).digest())


def stream(entropy: Entropy, realm: str, view: str) -> Entropy:
    """The stream that belongs to one realm and view: what happens in another cannot move it."""
    return entropy.child(f"{realm}\x00{view}")
