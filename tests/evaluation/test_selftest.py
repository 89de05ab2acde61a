"""The harness finds out when it is wrong itself."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rapidfuzz")

from models.evaluation import asking, metrics, selftest
from models.evaluation.holes import Hole, Opened
from models.train.examples import rendering
from models.train.stage import TrainingError

HOLE = Opened(Hole("p", "m.py", "", 4, 12, "line", "equals"), "x = ", "some(12)", "\n")
MODEL: Any = SimpleNamespace(card=rendering.card(1024, 3.5))
CASE: Any = SimpleNamespace(opened=HOLE)


def losses(monkeypatch: pytest.MonkeyPatch, stated: float, other: float, exchanged: float) -> None:
    """Nats of the truth (eight bytes) in each format."""

    def loss_of(model: object, case: object, fim: Any) -> float:
        if fim == MODEL.card.fim:
            return stated
        return other if fim.order != MODEL.card.fim.order else exchanged

    monkeypatch.setattr(asking, "loss_of", loss_of)


def test_known_answers_pass() -> None:
    selftest.check_scores([HOLE])


def test_a_judge_that_is_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "exact", lambda text, truth: True)
    with pytest.raises(TrainingError, match="an empty answer"):
        selftest.check_scores([HOLE])


def test_the_stated_order_is_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    losses(monkeypatch, 4.0, 8.0, 16.0)
    found = selftest.formats(MODEL, [CASE])
    assert (found.stated, found.nats_per_byte, found.other_order, found.exchanged) == ("spm", 0.5, 1.0, 2.0)
    assert found.wrong_order_detected


def test_a_wrong_stated_order_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    losses(monkeypatch, 8.0, 4.0, 16.0)
    with pytest.raises(TrainingError, match="states the order `spm`"):
        selftest.formats(MODEL, [CASE])


def test_a_model_that_learnt_both_orders_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    losses(monkeypatch, 4.0, 3.98, 16.0)
    assert not selftest.formats(MODEL, [CASE]).wrong_order_detected


def test_a_model_that_does_not_heed_its_prompt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    losses(monkeypatch, 4.0, 8.0, 4.0)
    with pytest.raises(TrainingError, match="no worse in another prompt"):
        selftest.formats(MODEL, [CASE])
