"""Percentiles of what was measured. Plain arithmetic."""

import math
from collections.abc import Iterable

import attrs


@attrs.frozen
class Spread:
    """count: how many values. p50, p95, maximum: in the values' own unit, by nearest rank; None without values."""

    count: int
    p50: float | None
    p95: float | None
    maximum: float | None

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        ordered = sorted(values)
        return cls(len(ordered), _rank(ordered, 0.5), _rank(ordered, 0.95), _rank(ordered, 1.0))


def _rank(ordered: list[float], share: float) -> float | None:
    """The smallest value that at least this share of all values does not exceed: always a value that occurred."""
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3) if ordered else None
