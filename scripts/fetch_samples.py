"""Bring the recordings that tests and demo play into the cache; instant when they are there."""

from __future__ import annotations

import sys
from pathlib import Path

from tocsin.core import TocsinError
from tocsin.sources.samples import sample

CACHE = Path(__file__).parent.parent / ".cache" / "samples"

if __name__ == "__main__":
    try:
        for name in ("collections/switzerland.json.gz",):
            sample(name, CACHE)
    except TocsinError as error:
        sys.exit(str(error))
