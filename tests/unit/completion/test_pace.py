"""How long an automatic request waits before it asks."""

import pytest

from lsp_server.completion.pace import Pace
from lsp_server.engine.protocol import Done
from lsp_server.modelstore.card import ModelCard
from tests.unit.completion.test_burst import card


def pace(prefill_rate: float, decode_rate: float) -> Pace:
    own = Pace()
    own.heed(model(prefill_rate, decode_rate))
    return own


def model(prefill_rate: float, decode_rate: float) -> ModelCard:
    fim = card("spm").fim
    return ModelCard("m", "m.gguf", fim, None, 2048, 3.0, prefill_rate, decode_rate, "own")


def done(evaluated: int, prefill_ms: float) -> Done:
    return Done("end", 0, evaluated, 0, 0.0, prefill_ms, 0.0)


def test_a_cheap_answer_is_not_delayed() -> None:
    """Below 40 ms waiting would cost more than it saves."""
    own = pace(1000, 1000)
    assert own.debounce_s(None, own.cost_ms(8, 12)) == 0.0


@pytest.mark.parametrize(("tokens", "seconds"), [(100, 0.025), (400, 0.1), (5000, 0.15)])
def test_a_dear_answer_waits_with_its_cost(tokens: int, seconds: float) -> None:
    """The wait grows with what a needless answer would cost, and never feels slow."""
    own = pace(1000, 1000)
    assert own.debounce_s(None, own.cost_ms(tokens, 0)) == pytest.approx(seconds)


def test_the_setting_decides() -> None:
    """A person's own value holds whatever the cost."""
    assert pace(1000, 1000).debounce_s(300, 1.0) == 0.3


def test_a_busy_machine_is_noticed() -> None:
    """Answers that take longer than the calibration said raise the prediction; faster ones lower it again."""
    own = pace(1000, 1000)
    for _ in range(20):
        own.learn(done(100, 1000.0))
    assert own.cost_ms(100, 0) == pytest.approx(1000, rel=0.05)
    for _ in range(20):
        own.learn(done(100, 50.0))
    assert own.cost_ms(100, 0) < 60


def test_a_few_tokens_teach_nothing() -> None:
    """One call's overhead is not a rate."""
    own = pace(1000, 1000)
    own.learn(done(1, 500.0))
    assert own.cost_ms(100, 0) == pytest.approx(100)


def test_another_model_starts_over() -> None:
    """What one model took says nothing about the next."""
    own = pace(1000, 1000)
    own.learn(done(100, 10_000.0))
    other = model(2000, 1000)
    own.heed(ModelCard("o", "other.gguf", other.fim, None, 2048, 3.0, 2000, 1000, "own"))
    assert own.cost_ms(100, 0) == pytest.approx(50)
