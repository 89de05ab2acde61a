"""The conditional logit (McFadden, 1974): which of several alternatives is right, by a weighted sum of features.

"None of them" is one more alternative, whose score is a constant.
"""

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PENALTY = 2e-5
"""Of the squared weights, per choice, where every feature has a deviation of 1: it ends the search, and little else."""

_STEPS = 100
_ENOUGH = 1e-9
"""Steps at most, and what a step has to gain for another."""


@attrs.frozen
class Choice:
    """features: (alternatives, features). right: the number of the right alternative; None where none is."""

    features: Array
    right: int | None


@attrs.frozen
class Logit:
    """weights: (features,), of the features as they are. none: the score of "none of them"."""

    weights: Array
    none: float

    def probabilities(self, features: Array) -> Array:
        """Of each alternative, and last of "none of them"."""
        scores = np.append(features @ self.weights, self.none)
        shares = np.exp(scores - scores.max())
        found: Array = shares / shares.sum()
        return found


def fit(choices: Sequence[Choice]) -> Logit:
    """The weights that make the right alternatives likeliest, by Newton's method: the likelihood is concave."""
    stacked = np.concatenate([choice.features for choice in choices])
    mean, deviation = stacked.mean(0), stacked.std(0) + 1e-9
    count, width = len(choices), stacked.shape[1]
    most = max(len(choice.features) for choice in choices)
    # The last alternative is none of them; its one feature is the last.
    tensor = np.zeros((count, most + 1, width + 1))
    there = np.zeros((count, most + 1), bool)
    right = np.full(count, most)
    tensor[:, most, width] = 1.0
    there[:, most] = True
    for row, choice in enumerate(choices):
        known = len(choice.features)
        tensor[row, :known, :width] = (choice.features - mean) / deviation
        there[row, :known] = True
        if choice.right is not None:
            right[row] = choice.right
    chosen = tensor[np.arange(count), right]
    weights = np.zeros(width + 1)
    penalty = 2 * PENALTY * np.eye(width + 1)
    penalty[width, width] = 0.0

    def likelihood(weights: Array) -> tuple[float, Array]:
        """Mean, penalised; and the shares of the alternatives."""
        scores = np.where(there, tensor @ weights, -np.inf)
        highest = scores.max(1, keepdims=True)
        shares = np.exp(scores - highest)
        total = shares.sum(1, keepdims=True)
        reached = np.einsum("nf,f->n", chosen, weights) - (highest + np.log(total))[:, 0]
        return float(reached.mean() - weights @ penalty @ weights / 2), shares / total

    value, shares = likelihood(weights)
    for _ in range(_STEPS):
        expected = np.einsum("nk,nkf->nf", shares, tensor)
        gradient = (chosen - expected).mean(0) - penalty @ weights
        spread = np.einsum("nk,nkf,nkg->fg", shares, tensor, tensor, optimize=True) - expected.T @ expected
        step = np.linalg.lstsq(spread / count + penalty, gradient, rcond=None)[0]
        # Far from the top a whole step may go beyond it.
        while (reached := likelihood(weights + step))[0] < value:
            step /= 2
            if np.abs(step).max() < _ENOUGH:
                break
        weights = weights + step
        gained, (value, shares) = reached[0] - value, reached
        if gained < _ENOUGH:
            break
    raw = weights[:width] / deviation
    return Logit(raw, float(weights[width] + raw @ mean))
