"""The network, its loss and its optimiser."""

import math

import pytest

torch = pytest.importorskip("torch")

from models.train.network.model import Config, Transformer, loss  # noqa: E402
from models.train.network.optimiser import optimisers, orthogonal  # noqa: E402

CONFIG = Config(vocabulary=64, width=32, layers=2, heads=4, kv_heads=2, feed_forward=48, context=64)


def _network():  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    network = Transformer(CONFIG)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def test_the_loss_is_the_plain_cross_entropy() -> None:
    """Computed a few rows at a time, with its gradients made on the way, it equals the textbook's."""
    network = _network()
    tokens, targets = torch.randint(0, 64, (2, 2, 48)).unbind()
    weights = torch.rand(2, 48)
    weights[0, 30:] = 0
    ours = loss(network, network.embed.weight, tokens, targets, weights, rows=7)
    ours.backward()
    gradients = [parameter.grad.clone() for parameter in network.parameters()]
    network.zero_grad()
    logits = network.logits(network(tokens)).flatten(0, 1)
    plain = torch.nn.functional.cross_entropy(logits, targets.flatten(), reduction="none")
    plain = (plain * weights.flatten()).sum() / weights.sum()
    plain.backward()
    assert ours.detach().item() == pytest.approx(plain.detach().item(), rel=1e-5)
    for ours_gradient, parameter in zip(gradients, network.parameters(), strict=True):
        torch.testing.assert_close(ours_gradient, parameter.grad, rtol=1e-3, atol=1e-6)


def test_no_position_sees_the_future() -> None:
    """What follows a token does not change what is predicted after it."""
    network = _network()
    tokens = torch.randint(0, 64, (1, 20))
    changed = tokens.clone()
    changed[0, 12:] = (changed[0, 12:] + 1) % 64
    with torch.no_grad():
        torch.testing.assert_close(network(tokens)[0, :12], network(changed)[0, :12])


def test_a_new_network_knows_nothing() -> None:
    """Its first loss is that of guessing: no token is preferred by accident."""
    torch.manual_seed(0)
    network = Transformer(CONFIG)
    tokens = torch.randint(0, 64, (4, 32))
    found = loss(network, network.embed.weight, tokens, tokens.roll(-1), torch.ones(4, 32), rows=16)
    assert found.detach().item() == pytest.approx(math.log(64), rel=0.02)


@pytest.mark.parametrize("shape", [(3, 16, 48), (2, 48, 16), (1, 32, 32)])
def test_muon_steps_are_orthogonal(shape: tuple[int, int, int]) -> None:
    """Every singular value of a step is close to 1, for wide, tall and square matrices."""
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)).float())
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_a_few_steps_learn_a_pattern() -> None:
    """The network and both optimisers together bring the loss of a simple sequence far down."""
    torch.manual_seed(0)
    network = Transformer(CONFIG)
    both = optimisers(network, 0.02, 0.01)
    tokens = (torch.arange(33)[None, :] * 5 + torch.arange(8)[:, None]) % 64
    for _ in range(60):
        found = loss(network, network.embed.weight, tokens[:, :-1], tokens[:, 1:], torch.ones(8, 32), rows=64)
        found.backward()
        for each in both:
            each.step()
        network.zero_grad(set_to_none=True)
    assert found.detach().item() < 1.0
