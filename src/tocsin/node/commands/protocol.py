"""`tocsin protocol vectors`."""

from __future__ import annotations

from pathlib import Path

from .output import give


def vectors(folder: Path = Path("docs/vectors"), *, json: bool = False) -> None:
    """Write the protocol's test vectors into a folder; what was drawn at random once and stands there is kept."""
    from tocsin.exchange.commands import write_vectors

    found = [str(path) for path in write_vectors(folder)]
    give({"written": found}, json=json, text=f"{', '.join(found)} is written")
