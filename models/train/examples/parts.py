"""Packed parts: files of shuffled examples that appear whole or not at all. Draws nothing and knows no packages."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.train.examples.drawing import Example
from models.train.examples.masks import KINDS
from models.train.stage import replacing


def write_part(path: Path, examples: Sequence[Example], chance: random.Random) -> None:
    """Writes the examples in random order: `tokens` one after another, `starts` (one more than there are examples),
    `middles` and `kinds`; see `Example`. Raises TrainingError when the disk is full."""
    order = chance.sample(range(len(examples)), len(examples))
    chosen = [examples[place] for place in order]
    starts = np.zeros(len(chosen) + 1, dtype=np.int64)
    np.cumsum([len(example.tokens) for example in chosen], out=starts[1:])
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            tokens=np.concatenate([example.tokens for example in chosen]).astype(np.uint16),
            starts=starts,
            middles=np.array([example.middle for example in chosen], dtype=np.int32),
            kinds=np.array([KINDS.index(example.kind) for example in chosen], dtype=np.uint8),
        )


def counted(paths: Sequence[Path]) -> dict[str, dict[str, int]]:
    """Examples, tokens, and tokens of answers by kind, of finished parts."""
    examples: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for path in paths:
        with np.load(path) as part:
            lengths: NDArray[np.int64] = np.diff(part["starts"])
            remaining = lengths - part["middles"]
            for place, kind in enumerate(KINDS):
                chosen = part["kinds"] == place
                examples[kind] += int(chosen.sum())
                tokens[kind] += int(lengths[chosen].sum())
                answers[kind] += int(remaining[chosen].sum())
    return {
        kind: {"examples": examples[kind], "tokens": tokens[kind], "answer_tokens": answers[kind]} for kind in KINDS
    }
