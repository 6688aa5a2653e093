"""Daily series made by code: quiet days, patrols, and what a test puts in."""

from __future__ import annotations

import numpy as np

from tocsin.warning.backtest.daily import LABEL
from tocsin.warning.series import Series

START = int(np.datetime64("2023-01-01", "D").astype(np.int64))


def counts(days: int, seed: int = 1) -> np.ndarray:
    """Quiet days of a few aircraft, and a patrol of about twenty every week or so."""
    rng = np.random.default_rng(seed)
    patrols = (rng.random(days) < 0.13) * np.rint(rng.lognormal(3.0, 0.3, days))
    return (rng.negative_binomial(1.5, 0.25, days) + patrols).astype(np.float64)


def series(values: np.ndarray, missing: tuple[int, ...] = ()) -> Series:
    keep = np.array([day not in missing for day in range(len(values))])
    day = START + np.arange(len(values), dtype=np.int64)
    return Series("aircraft", day[keep], values[keep], LABEL, "made")


def csv(values: np.ndarray) -> bytes:
    rows = [f"{np.datetime64(START + day, 'D')},{value:.0f}" for day, value in enumerate(values)]
    return ("date,n\n" + "\n".join(rows) + "\n").encode()
