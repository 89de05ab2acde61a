"""Muon for matrices, Adam for everything else: learns more per token than Adam alone at small budgets.

Muon (Jordan et al., 2024) replaces a matrix's momentum by the nearest orthogonal matrix, found with a few steps of the
Newton-Schulz iteration; matrices of one shape go through it together.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

_COEFFICIENTS = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
"""Of each step's odd polynomial (You et al.): five steps bring every singular value close to 1."""

MOMENTUM = 0.95


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest orthogonal matrices, roughly. (count, rows, columns) in and out, in bfloat16."""
    x = matrices.bfloat16()
    turned = x.shape[-2] > x.shape[-1]
    if turned:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-7)
    for a, b, c in _COEFFICIENTS:
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    found: Tensor = x.mT if turned else x
    return found


class Muon(torch.optim.Optimizer):
    """For parameters of two dimensions. `lr` is the length of a step in units of an orthogonal matrix's entries."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(list(parameters), {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                shapes[parameter.shape].append(parameter)
            for (rows, columns), parameters in shapes.items():
                directions = [self._direction(parameter) for parameter in parameters]
                scale = group["lr"] * max(1.0, rows / columns) ** 0.5
                for parameter, update in zip(parameters, orthogonal(torch.stack(directions)), strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update.to(parameter.dtype), alpha=-scale)

    def _direction(self, parameter: nn.Parameter) -> Tensor:
        """Nesterov momentum."""
        assert parameter.grad is not None
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum: Tensor = state["momentum"]
        momentum.lerp_(parameter.grad, 1 - MOMENTUM)
        return parameter.grad.lerp(momentum, MOMENTUM)


def optimisers(
    model: nn.Module, matrix_rate: float, other_rate: float, weight_decay: float = 0.0
) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, Adam for embedding and norms. The decay is decoupled, and spares the norms."""
    matrices: list[nn.Parameter] = []
    embeddings: list[nn.Parameter] = []
    norms: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (norms if parameter.dim() < 2 else embeddings if name.startswith("embed.") else matrices).append(parameter)
    groups = [{"params": embeddings, "weight_decay": weight_decay}, {"params": norms, "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=other_rate, betas=(0.9, 0.95), fused=True)
    return [Muon(matrices, matrix_rate, weight_decay), adam]
