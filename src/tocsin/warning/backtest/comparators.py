"""What a series' warnings are compared with: the simple and the textbook ways to see that a count stands out.

Each gives one score a day out of the counts up to that day, higher for what stands out more, and NaN where it has
nothing to say. A threshold makes alarms of scores; `textbook` is the one that the source names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.special import betainc, gammaln, ndtri

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.core.observations import Array

_LEAST = 28
_WINDOW = 56
_LOW: Final = 0.5


class Comparator(NamedTuple):
    """`score` takes counts by calendar day (NaN: missing) and gives a score for each. `says`: what it is, and its source."""

    name: str
    score: Callable[[Array], Array]
    textbook: float
    says: str


def raw_threshold(counts: Array) -> Array:
    """The count of the day in standard deviations above the mean of all days before."""
    return _each(counts, None, 0, lambda now, before: (now - before.mean()) / max(_LOW, before.std(ddof=1)))


def persistence(counts: Array) -> Array:
    """What the raw threshold said yesterday: tomorrow is like today."""
    return np.concatenate([[np.nan], raw_threshold(counts)[:-1]])


def ears_c1(counts: Array) -> Array:
    """EARS C1: the week before, no gap (Hutwagner et al., Journal of Urban Health 80, 2003, i89-i96)."""
    return _each(counts, 7, 0, _standard, least=4)


def ears_c2(counts: Array) -> Array:
    """EARS C2: a week, two days before."""
    return _each(counts, 7, 2, _standard, least=4)


def ears_c3(counts: Array) -> Array:
    """EARS C3: what C2 has above one, over three days."""
    above = np.maximum(0.0, np.nan_to_num(ears_c2(counts)) - 1.0)
    whole = np.convolve(above, np.ones(3))[: len(above)]
    return np.where(np.isnan(ears_c2(counts)), np.nan, whole)


def nb_tail(counts: Array) -> Array:
    """Minus log10 of a negative binomial's tail probability at the count; its mean and variance those of the 56 days before."""

    def score(now: float, before: Array) -> float:
        mean, size = _moments(before)
        tail = 1.0 if now <= 0 else float(betainc(now, size, mean / (mean + size)))
        return -float(np.log10(max(tail, 1e-300)))

    return _each(counts, _WINDOW, 0, score)


def nb_cusum(counts: Array) -> Array:
    """A CUSUM of log likelihood ratios, of a mean twice that of the 56 days before (Hawkins and Olwell, Cumulative Sum Charts, 1998, 5)."""

    def step(now: float, before: Array) -> float:
        mean, size = _moments(before)
        return float(_log_nb(now, 2.0 * mean, size) - _log_nb(now, mean, size))

    steps = _each(counts, _WINDOW, 1, step)
    found, level = np.full(len(counts), np.nan), 0.0
    for day, one in enumerate(steps.tolist()):
        if not np.isnan(one):
            level = max(0.0, level + one)
            found[day] = level
    return found


def page_hinkley(counts: Array) -> Array:
    """Page and Hinkley's test for a rise of a mean (Page, Biometrika 41, 1954), on counts in units of the deviation before them."""
    units = raw_threshold(counts)
    found, level = np.full(len(counts), np.nan), 0.0
    for day, one in enumerate(units.tolist()):
        if not np.isnan(one):
            level = max(0.0, 0.999 * level + one - 0.5)
            found[day] = level
    return found


def farrington(counts: Array) -> Array:
    """Farrington's exceedance: the count's excess over what earlier years say, in units of its 99 % bound.

    Weeks of the same season, three to each side, of up to five years before; a Poisson trend fitted with
    overdispersion, outliers weighted down, the bound by the 2/3 power (Farrington et al., JRSS A 159, 1996, 547-563).
    """
    found = np.full(len(counts), np.nan)
    for day in range(len(counts)):
        at = [day - 365 * year + shift for year in range(1, 6) for shift in range(-21, 22)]
        some = np.array([one for one in at if 0 <= one < day - 21 and not np.isnan(counts[one])])
        if len(some) < _LEAST or np.isnan(counts[day]):
            continue
        found[day] = _exceedance(float(counts[day]), counts[some], (some - day) / 365.0)
    return found


COMPARATORS: Final = (
    Comparator("raw threshold", raw_threshold, 3.0, "the count, three standard deviations above all before"),
    Comparator("persistence", persistence, 3.0, "what the raw threshold said the day before"),
    Comparator("EARS C1", ears_c1, 3.0, "three standard deviations above the week before"),
    Comparator("EARS C2", ears_c2, 3.0, "as C1, with a gap of two days"),
    Comparator("EARS C3", ears_c3, 2.0, "C2's excess over three days"),
    Comparator("Farrington", farrington, 1.0, "99 % bound out of the same season of earlier years"),
    Comparator("negative-binomial CUSUM", nb_cusum, 5.0, "for a doubled mean, h = 5"),
    Comparator("negative-binomial tail", nb_tail, 3.0, "probability of 1 in 1,000 by 56 days"),
    Comparator("Page-Hinkley", page_hinkley, 10.0, "allowance 0.5, threshold 10 deviations"),
)


def _each(counts: Array, window: int | None, gap: int, score: Callable[[float, Array], float], *, least: int = _LEAST) -> Array:
    found = np.full(len(counts), np.nan)
    for day in range(len(counts)):
        before = counts[max(0, day - gap - window) if window is not None else 0 : max(0, day - gap)]
        before = before[~np.isnan(before)]
        if len(before) >= least and not np.isnan(counts[day]):
            found[day] = score(float(counts[day]), before)
    return found


def _standard(now: float, before: Array) -> float:
    return float((now - before.mean()) / max(_LOW, before.std(ddof=1)))


def _moments(before: Array) -> tuple[float, float]:
    mean = max(float(before.mean()), _LOW)
    variance = max(float(before.var(ddof=1)), 1.05 * mean)
    return mean, mean * mean / (variance - mean)


def _log_nb(count: float, mean: float, size: float) -> float:
    whole = gammaln(count + size) - gammaln(size) - gammaln(count + 1.0)
    return float(whole + size * np.log(size / (size + mean)) + count * np.log(mean / (size + mean)))


def _exceedance(now: float, before: Array, years: Array) -> float:
    weights = np.ones(len(before))
    design = np.column_stack([np.ones(len(before)), years])
    fitted, spread, covariance = _poisson(before, design, weights)
    # Weeks that stood out themselves count less, by their Anscombe residuals.
    residual = 1.5 * (before ** (2 / 3) - fitted ** (2 / 3)) / fitted ** (1 / 6) / np.sqrt(spread)
    weights = np.where(residual > 1.0, residual**-2.0, 1.0)
    weights *= len(weights) / weights.sum()
    fitted, spread, covariance = _poisson(before, design, weights)
    beta = np.log(np.maximum(fitted, 1e-9))
    expected = float(np.exp(np.polyfit(years, beta, 1)[1])) if np.ptp(years) > 1.2 else float(np.average(before, weights=weights))
    expected = max(expected, _LOW)
    error = np.sqrt(spread * expected + expected**2 * float(covariance[0, 0])) * (2 / 3) * expected ** (-1 / 3)
    bound = max(expected ** (2 / 3) + ndtri(0.99) * error, 0.0) ** 1.5
    return float((now - expected) / max(bound - expected, _LOW))


def _poisson(counts: Array, design: Array, weights: Array) -> tuple[Array, float, Array]:
    """A weighted Poisson regression by reweighted least squares: fitted means, overdispersion (one at least), covariance."""
    fitted = np.maximum(counts, 0.5)
    covariance = np.eye(design.shape[1])
    for _ in range(8):
        working = np.log(fitted) + (counts - fitted) / fitted
        scaled = design * (weights * fitted)[:, None]
        covariance = np.linalg.pinv(scaled.T @ design)
        fitted = np.exp(np.clip(design @ (covariance @ (scaled.T @ working)), -5.0, 12.0))
    spread = float((weights * (counts - fitted) ** 2 / fitted).sum() / max(1, len(counts) - design.shape[1]))
    return fitted, max(1.0, spread), covariance * max(1.0, spread)
