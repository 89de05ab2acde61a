"""The network: a Llama-architecture decoder with tied embeddings, laid out as llama.cpp's `llama` reads it.

Rotary positions turn neighbouring pairs of dimensions, so that the exported matrices need no permutation. Nothing here
knows of data, optimisers or files.
"""

import math
from typing import Any, cast

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional


@attrs.frozen
class Config:
    """Dimensions. `width` is a multiple of `heads`, `heads` of `kv_heads`; `context` is the longest example."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    context: int
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5


class Norm(nn.Module):
    """Root-mean-square normalisation with a learnt scale."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.epsilon)


class Block(nn.Module):
    """Grouped-query attention and a gated feed-forward network, each behind a norm and beside the residual stream."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, self.head_width = config.width, config.width // config.heads
        self.heads, self.kv_heads = config.heads, config.kv_heads
        cached = self.kv_heads * self.head_width
        self.attention_norm = Norm(width, config.norm_epsilon)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, cached, bias=False)
        self.value = nn.Linear(width, cached, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.ffn_norm = Norm(width, config.norm_epsilon)
        self.gate = nn.Linear(width, config.feed_forward, bias=False)
        self.up = nn.Linear(width, config.feed_forward, bias=False)
        self.down = nn.Linear(config.feed_forward, width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """x: (batch, length, width); cosine, sine: (length, head width / 2)."""
        x = x + self.output(self._attend(self.attention_norm(x), cosine, sine))
        y = self.ffn_norm(x)
        return cast(Tensor, x + self.down(functional.silu(self.gate(y)) * self.up(y)))

    def _attend(self, y: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        batch, length, _ = y.shape
        query = _rotated(self.query(y).view(batch, length, self.heads, self.head_width), cosine, sine)
        key = _rotated(self.key(y).view(batch, length, self.kv_heads, self.head_width), cosine, sine)
        value = self.value(y).view(batch, length, self.kv_heads, self.head_width)
        shares = self.heads // self.kv_heads
        if shares > 1:
            key, value = (each.repeat_interleave(shares, dim=2) for each in (key, value))
        seen = functional.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), is_causal=True
        )
        return seen.transpose(1, 2).reshape(batch, length, self.heads * self.head_width)


def _rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turns the pairs (0, 1), (2, 3)… of each head by an angle that grows with the position."""
    even, odd = x[..., 0::2], x[..., 1::2]
    cosine, sine = cosine[:, None, :], sine[:, None, :]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1).flatten(-2)


class Transformer(nn.Module):
    """Token ids (batch, length) in, hidden states (batch, length, width) out; `logits` projects them."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = Norm(config.width, config.norm_epsilon)
        half = torch.arange(0, config.width // config.heads, 2).float() / (config.width // config.heads)
        angles = torch.arange(config.context).float()[:, None] / config.rope_base**half
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        """Small random matrices; what writes into the residual stream begins at zero, so that depth costs nothing."""
        nn.init.normal_(self.embed.weight, std=0.02)
        for name, parameter in self.blocks.named_parameters():
            if name.endswith(("output.weight", "down.weight")):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.5 / math.sqrt(parameter.shape[1]))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        length = tokens.shape[1]
        cosine, sine = self.cosine[:length].to(x.dtype), self.sine[:length].to(x.dtype)
        for block in self.blocks:
            x = block(x, cosine, sine)
        return cast(Tensor, self.norm(x))

    def logits(self, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self.embed.weight.to(hidden.dtype)).float()


class _LinearCrossEntropy(torch.autograd.Function):
    """Cross entropy of `hidden @ embedding.T`, a few rows at a time, so that the logits never leave the cache.

    The gradients are made on the way, while a chunk's probabilities are at hand.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, embedding: Tensor, targets: Tensor, weights: Tensor, rows: int) -> Tensor:
        small = embedding.to(hidden.dtype)
        losses = torch.empty(len(hidden), device=hidden.device)
        hidden_gradient = torch.empty_like(hidden)
        embedding_gradient = torch.zeros(embedding.shape, dtype=torch.float32, device=embedding.device)
        for first in range(0, len(hidden), rows):
            part = slice(first, first + rows)
            logits = (hidden[part] @ small.T).float()
            logits -= logits.amax(-1, keepdim=True)
            target = targets[part, None]
            reached = logits.gather(-1, target)
            gradient = logits.exp_()
            total = gradient.sum(-1, keepdim=True)
            losses[part] = (total.log() - reached).squeeze(-1)
            gradient *= weights[part, None] / total
            gradient.scatter_add_(-1, target, -weights[part, None])
            gradient = gradient.to(hidden.dtype)
            hidden_gradient[part] = gradient @ small
            embedding_gradient += gradient.T @ hidden[part]
        ctx.save_for_backward(hidden_gradient, embedding_gradient)
        return (losses * weights).sum()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        hidden_gradient, embedding_gradient = ctx.saved_tensors
        return hidden_gradient * gradient, embedding_gradient * gradient, None, None, None


def loss(model: nn.Module, embedding: Tensor, tokens: Tensor, targets: Tensor, weights: Tensor, rows: int) -> Tensor:
    """Mean cross entropy in nats, weighted; positions of weight 0 (padding) cost only the network's own pass.

    tokens, targets, weights: (batch, length). rows: how many positions' logits are held at once.
    """
    counted = weights.flatten().nonzero().squeeze(-1)
    hidden = model(tokens).flatten(0, 1)[counted]
    share = weights.flatten()[counted]
    total: Tensor = _LinearCrossEntropy.apply(hidden, embedding, targets.flatten()[counted], share, rows)
    return total / share.sum()
