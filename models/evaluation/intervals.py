"""Intervals of 95 %: for a share, for a mean, for a difference of two arms on the same items. Pure arithmetic.

Items of one package resemble each other, so differences and means are resampled package by package. With 14 packages
such an interval is wide, as it should be.
"""

import math
from collections.abc import Hashable, Sequence

import attrs
import numpy as np

Z = 1.959964
RESAMPLES = 4000
SEED = 20261120

_Table = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@attrs.frozen
class Estimate:
    value: float
    low: float
    high: float
    items: int


@attrs.frozen
class Difference:
    """first - second. `only_first` and `only_second` count items that only one of them has right; `mcnemar` is the
    exact two-sided probability of so uneven a split by chance; both None for values that are not right or wrong."""

    value: float
    low: float
    high: float
    items: int
    only_first: int | None
    only_second: int | None
    mcnemar: float | None


def wilson(right: int, items: int) -> Estimate:
    """A share in percent."""
    if not items:
        return Estimate(math.nan, math.nan, math.nan, 0)
    share = right / items
    middle = share + Z * Z / (2 * items)
    margin = Z * math.sqrt(share * (1 - share) / items + Z * Z / (4 * items * items))
    scale = 100 / (1 + Z * Z / items)
    return Estimate(100 * share, max(0.0, (middle - margin) * scale), min(100.0, (middle + margin) * scale), items)


def ratio(parts: Sequence[float], wholes: Sequence[float], clusters: Sequence[Hashable]) -> Estimate:
    """sum(parts) / sum(wholes), e.g. nats per byte, or a mean where every whole is 1; resampled by cluster."""
    if not parts:
        return Estimate(math.nan, math.nan, math.nan, 0)
    sums = _by_cluster(clusters, np.asarray(parts, float), np.asarray(wholes, float))
    drawn = _resampled(sums)
    low, high = np.percentile(drawn[:, 0] / np.maximum(drawn[:, 1], 1e-12), [2.5, 97.5])
    return Estimate(sum(parts) / sum(wholes), float(low), float(high), len(parts))


def difference(first: Sequence[float], second: Sequence[float], clusters: Sequence[Hashable]) -> Difference:
    """Of the means of two arms, item by item."""
    gaps = np.asarray(first, float) - np.asarray(second, float)
    estimate = ratio(list(gaps), [1.0] * len(gaps), clusters)
    counts: tuple[int, int, float] | tuple[None, None, None] = (None, None, None)
    if {*first, *second} <= {0.0, 100.0}:
        counts = (int((gaps > 0).sum()), int((gaps < 0).sum()), mcnemar(int((gaps > 0).sum()), int((gaps < 0).sum())))
    return Difference(estimate.value, estimate.low, estimate.high, estimate.items, *counts)


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact test: a fair coin for each item on which the arms differ."""
    tosses = only_first + only_second
    if not tosses:
        return 1.0
    rarer = sum(math.comb(tosses, heads) for heads in range(min(only_first, only_second) + 1))
    return min(1.0, float(2 * rarer / 2**tosses))


def _by_cluster(clusters: Sequence[Hashable], *columns: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> _Table:
    names = sorted(set(clusters), key=str)
    rows = np.zeros((len(names), len(columns)))
    places = {name: place for place, name in enumerate(names)}
    for item, cluster in enumerate(clusters):
        for column, values in enumerate(columns):
            rows[places[cluster], column] += values[item]
    return rows


def _resampled(rows: _Table) -> _Table:
    chance = np.random.default_rng(SEED)
    drawn = chance.integers(0, len(rows), (RESAMPLES, len(rows)))
    return np.asarray(rows[drawn].sum(axis=1))
