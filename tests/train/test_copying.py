"""Heads that begin as an induction circuit copy before any training."""

import pytest

torch = pytest.importorskip("torch")

from models.train.network.copying import begin_copying, content_width, spread  # noqa: E402
from models.train.network.model import Config, Transformer  # noqa: E402


@pytest.fixture
def begun():
    torch.manual_seed(0)
    config = Config(1024, 128, 4, 4, 2, 128, 512, rope_base=1e6)
    model = Transformer(config)
    content = torch.nn.functional.normalize(torch.randn(config.vocabulary, content_width(config)))
    model.embed.weight.data.copy_(spread(content, config))
    begin_copying(model, seed=0)
    return model


def test_what_followed_two_tokens_before_is_expected_again(begun):
    said = torch.randint(0, 1024, (1, 200))
    twice = torch.cat([said, said], 1)

    with torch.no_grad():
        logits = begun.logits(begun(twice))[0]

    expected = twice[0, 1:]
    right = logits[:-1].gather(1, expected[:, None])[:, 0] - logits[:-1].mean(1)
    assert right[205:].mean() > right[:199].mean() + 3


def test_a_present_that_was_never_seen_expects_nothing_in_particular(begun):
    with torch.no_grad():
        probabilities = begun.logits(begun(torch.randperm(1024)[None, :300])).softmax(-1)[0]

    assert probabilities[10:].gather(1, torch.arange(290)[:, None]).mean() < 0.01
