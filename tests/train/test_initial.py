"""Embeddings counted from text: tokens that stand in the same places begin alike."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.train.network.batches import Part  # noqa: E402
from models.train.network.initial import embeddings  # noqa: E402


def _part(tokens: list[int]) -> Part:
    empty = np.zeros(0)
    return Part(np.array(tokens, np.uint16), empty, empty, empty)  # type: ignore[arg-type]


def test_tokens_with_the_same_neighbours_begin_alike() -> None:
    """1 and 2 stand between the same tokens, 3 between others."""
    generator = np.random.default_rng(0)
    sequences = ([10, 1, 11, 20], [10, 2, 11, 20], [12, 3, 13, 20])
    text = [token for _ in range(400) for token in sequences[generator.integers(3)]]
    found = embeddings([_part(text)], vocabulary=32, width=8, deviation=0.1, seed=0)
    direction = torch.nn.functional.normalize(found, dim=1)
    assert direction[1] @ direction[2] > 0.8
    assert direction[1] @ direction[3] < 0.5


def test_all_begin_with_the_same_length() -> None:
    """Frequent, rare and never seen tokens are equally loud at the start."""
    found = embeddings([_part([1, 2, 3, 4] * 50)], vocabulary=16, width=4, deviation=0.1, seed=0)
    assert found.shape == (16, 4)
    assert found[1:5].norm(dim=1).tolist() == pytest.approx([0.2] * 4, rel=0.05)
    assert found.isfinite().all()


def test_parts_add_up(tmp_path: Path) -> None:
    """Two halves count as the whole, but for the pairs across the cut."""
    half = [1, 2, 3, 4, 5, 6] * 100
    whole = embeddings([_part(half + half)], vocabulary=8, width=4, deviation=0.1, seed=0)
    halves = embeddings([_part(half), _part(half)], vocabulary=8, width=4, deviation=0.1, seed=0)
    torch.testing.assert_close(whole @ whole.T, halves @ halves.T, atol=2e-3, rtol=0.1)
