"""The conditional logit finds the weights that choices were made by."""

import numpy as np
import pytest

from models.evaluation.conditional_logit import Choice, Logit, fit

TRUE = Logit(np.array([1.0, -0.4, 0.0]), -1.0)


def drawn(count: int) -> list[Choice]:
    """Choices as TRUE makes them, among one to five alternatives."""
    chance = np.random.default_rng(0)
    found = []
    for _ in range(count):
        features = chance.normal(size=(chance.integers(1, 6), 3)) * np.array([1.0, 5.0, 1.0])
        number = int(chance.choice(len(features) + 1, p=TRUE.probabilities(features)))
        found.append(Choice(features, number if number < len(features) else None))
    return found


def test_it_finds_the_weights() -> None:
    found = fit(drawn(4000))
    assert found.weights == pytest.approx(TRUE.weights, abs=0.1)
    assert found.none == pytest.approx(TRUE.none, abs=0.15)


def test_what_can_be_told_apart_for_certain_has_an_end() -> None:
    """Where no mistake is left the weights would grow without limit, were it not for the penalty."""
    sure = [Choice(np.array([[1.0], [0.0]]), 0), Choice(np.array([[0.0]]), None)]
    found = fit(sure * 10)
    assert np.isfinite(found.weights).all()
    assert found.probabilities(np.array([[1.0], [0.0]]))[0] > 0.9


def test_probabilities_are_one_together() -> None:
    assert TRUE.probabilities(np.zeros((3, 3))).sum() == pytest.approx(1.0)
