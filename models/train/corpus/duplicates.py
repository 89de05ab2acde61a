"""Finds files that are (nearly) the same as an earlier one, by MinHash; never looks at the text itself.

A signature holds, for each of 128 classes of a file's shingles (5 lexical tokens), the smallest hash: the share of
equal places of two signatures estimates the share of shingles that the files have in common (Jaccard similarity).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from models.train.corpus.lexical import Hashes, run_hashes

SHINGLE = 5
PLACES = 128
BANDS = 16
"""With 8 places each: 0.71 is the similarity where half of the pairs are looked at, 0.8 where 95 % are."""
ALIKE = 0.75
"""Files that share so much of their shingles are the same file twice."""


def signature(tokens: Hashes) -> Hashes:
    """128 numbers of 64 bits; all zero for a text without a shingle."""
    shingles = np.sort(run_hashes(tokens, SHINGLE))
    if not len(shingles):
        return np.zeros(PLACES, np.uint64)
    classes = np.arange(PLACES, dtype=np.uint64) << np.uint64(57)
    firsts = np.searchsorted(shingles, classes)
    values = shingles[np.minimum(firsts, len(shingles) - 1)]
    filled = np.flatnonzero((firsts < len(shingles)) & (values >> np.uint64(57) == classes >> np.uint64(57)))
    # An empty class borrows from the next one that is not (densification), or short files would all look alike.
    lenders = filled[np.searchsorted(filled, np.arange(PLACES)) % len(filled)]
    return values[lenders] & np.uint64((1 << 57) - 1)


def repeated(signatures: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """For each row of signatures, in the order of preference: whether an earlier kept row is alike."""
    dropped = np.zeros(len(signatures), bool)
    pairs = np.unique(np.concatenate([np.empty((0, 2), np.int64), *_candidates(signatures)]), axis=0)
    equal = np.zeros(len(pairs), np.int64)
    for start in range(0, len(pairs), 100_000):
        part = pairs[start : start + 100_000]
        equal[start : start + len(part)] = (signatures[part[:, 0]] == signatures[part[:, 1]]).sum(axis=1)
    alike = pairs[equal >= ALIKE * PLACES]
    for earlier, later in alike[np.lexsort((alike[:, 0], alike[:, 1]))]:
        if not dropped[earlier]:
            dropped[later] = True
    return dropped


def _candidates(signatures: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """Pairs (earlier, later) that agree in a whole band: each with the first of its group and with the one before."""
    rows = PLACES // BANDS
    for band in range(BANDS):
        part = signatures[:, band * rows : (band + 1) * rows]
        values = run_hashes_of_rows(part)
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        firsts = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
        later = np.flatnonzero(~begins)
        yield np.stack([firsts[later], order[later]], axis=1)
        yield np.stack([order[later - 1], order[later]], axis=1)


def run_hashes_of_rows(rows: NDArray[np.uint64]) -> Hashes:
    """One hash for each row."""
    weights = run_hashes(np.arange(1, rows.shape[1] + 1, dtype=np.uint64), 1)
    values: Hashes = (rows * (weights | np.uint64(1))).sum(axis=1, dtype=np.uint64)
    return values
