"""Recordings in files, of whatever format is recognised, as one batch in order of time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tocsin.core import InputError
from tocsin.core.observations import build, concat
from tocsin.formats import BadFile, Caps, parse, recognise

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tocsin.core import Label, Observations, Realm
    from tocsin.core.times import Micros

_HEAD = 8192


class Loaded(NamedTuple):
    """What files hold: observations by time, rows left out by reason, and what was wrong with which file."""

    observations: Observations
    skipped: dict[str, int]
    errors: tuple[InputError, ...]


def load(
    paths: Iterable[Path], *, feed: str, realm: Realm, label: Label, undated: Micros | None = None, caps: Caps | None = None
) -> Loaded:
    """Read recordings, each also gzipped; whatever can be read is there, and an error for each file that breaks.

    `undated`: the time of snapshots that do not say their own. Nothing is raised for what files hold, or for a
    file that cannot be opened; rows of equal time stay in the order of the files.
    """
    batches = [build(feed, realm, label, 0)]
    skipped: Counter[str] = Counter()
    errors: list[InputError] = []
    limits = caps or Caps()
    for path in paths:
        try:
            with path.open("rb") as file:
                data = file.read(limits.bytes + 1)
            format = recognise(path.name, data[:_HEAD])  # noqa: A001 (the contract's word)
        except OSError as error:
            errors.append(BadFile(path.name, f"cannot be read: {error.strerror or type(error).__name__}"))
            continue
        except InputError as error:
            errors.append(error)
            continue
        parsed = parse(data, format, feed=feed, realm=realm, label=label, name=path.name, undated=undated, caps=limits)
        batches.append(parsed.observations)
        skipped.update(parsed.skipped)
        if parsed.error is not None:
            errors.append(parsed.error)
    whole = concat(batches)
    return Loaded(whole.select(np.argsort(whole["time"], kind="stable")), dict(skipped), tuple(errors))
