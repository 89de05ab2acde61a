"""Embeddings to begin with: what stands beside what, counted over all packed text and reduced to the network's width.

A short training spends much of its time learning which tokens are alike, the rare ones above all. Counting neighbours
says most of that in a minute: positive pointwise mutual information with the tokens one and two places before and
after, factorised (Levy and Goldberg, 2014).
"""

import warnings
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from models.train.network.batches import Part

DISTANCES = (1, 2)
"""How far apart two tokens may stand to count as neighbours; every distance and direction counts on its own."""

ENOUGH_TOKENS = 24_000_000

_SMOOTHING = 0.75
"""Exponent that makes rare neighbours count for less than their surprise."""

_OVERSAMPLED = 32
_ITERATIONS = 3


def embeddings(parts: Iterable[Part], vocabulary: int, width: int, deviation: float, seed: int) -> torch.Tensor:
    """float32 (vocabulary, width), each token's row of length `deviation * sqrt(width)`; never seen tokens random."""
    torch.manual_seed(seed)
    counts = _merged(parts, vocabulary)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch calls its sparse matrices a beta
        counted = _information(counts, vocabulary)
        table, columns = counted.to_sparse_csr(), counted.t().to_sparse_csr()
    basis = torch.randn(table.shape[1], width + _OVERSAMPLED)
    for _ in range(_ITERATIONS):
        basis, _ = torch.linalg.qr(columns @ (table @ basis))
    left, values, _ = torch.linalg.svd(table @ basis, full_matrices=False)
    found = left[:, :width] * values[:width].sqrt()
    found -= found.mean(0)
    length = found.norm(dim=1, keepdim=True)
    found = torch.where(length > 1e-6, found / length.clamp(min=1e-6), torch.randn(vocabulary, width) / width**0.5)
    # Mixed up, so that no dimension of the network begins with more to say than another.
    turned, _ = torch.linalg.qr(torch.randn(width, width))
    return found @ turned * deviation * width**0.5


def _counts(tokens: NDArray[np.uint16], vocabulary: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keys `(token * columns + column)` and how often: a column is a neighbour at one distance and side."""
    columns = 2 * len(DISTANCES) * vocabulary
    wide = tokens.astype(np.int64)
    keys = []
    for number, distance in enumerate(DISTANCES):
        first, second = wide[:-distance], wide[distance:]
        keys.append(first * columns + 2 * number * vocabulary + second)
        keys.append(second * columns + (2 * number + 1) * vocabulary + first)
    return np.unique(np.concatenate(keys), return_counts=True)


def _merged(parts: Iterable[Part], vocabulary: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The counts of as many parts as are worth counting."""
    keys, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    read = 0
    for part in parts:
        more, of_more = _counts(part.tokens, vocabulary)
        both, where = np.unique(np.concatenate([keys, more]), return_inverse=True)
        counts = np.bincount(where, np.concatenate([counts, of_more])).astype(np.int64)
        keys = both
        read += len(part.tokens)
        if read >= ENOUGH_TOKENS:
            break
    return keys, counts


def _information(counted: tuple[NDArray[np.int64], NDArray[np.int64]], vocabulary: int) -> torch.Tensor:
    """Sparse (vocabulary, columns): how much likelier a pair is than chance, in nats, where that is positive."""
    keys, counts = counted
    columns = 2 * len(DISTANCES) * vocabulary
    rows, places = keys // columns, keys % columns
    of_rows = np.bincount(rows, counts, vocabulary)
    of_places = np.bincount(places, counts, columns) ** _SMOOTHING
    share = of_places / np.repeat(np.bincount(np.arange(columns) // vocabulary, of_places), vocabulary)
    values = np.log(counts * 2 * len(DISTANCES) / (of_rows[rows] * share[places]))
    kept = values > 0
    indices = torch.from_numpy(np.stack([rows[kept], places[kept]]))
    table = torch.sparse_coo_tensor(indices, torch.from_numpy(values[kept]).float(), (vocabulary, columns))
    return table.coalesce()
