"""Attention heads that begin as an induction circuit: what followed these tokens before, follows them again.

Completion in a repository is for a good part copying with small changes, and copying needs two layers that find each
other by chance: one that tells every position which tokens came before it, and one that looks for positions whose past
resembles the present and reads what stands there (Olsson et al., "In-context Learning and Induction Heads", 2022). A
short training spends much of its time waiting for that. Here both are written down as a beginning, in the first three
layers; training is free to change them, and nothing of it is left in the architecture.

The residual stream is divided for it: dimension 0 holds a constant, the next ones hold the token, and two equal parts
at the end, empty in the embeddings, hold the token before and the one before that.
"""

import math

import torch
from torch import Tensor

from models.train.network.model import Block, Config, Transformer

CONSTANT = 0.5
"""Of an embedding's length: what the heads of the first layer, which care for places alone, have to go by."""

SHARPNESS = 6.0
"""Nats by which a position is preferred for one token that its past has in common with the present."""

GAIN = 3.0
"""Length of what is copied, in lengths of an embedding."""

_NEIGHBOUR_NATS = 6.0
_FAST_PAIRS = 8
"""Rotary pairs, the fastest first, by which the first layer finds its neighbours."""


def content_width(config: Config) -> int:
    """Dimensions of the residual stream that hold the token itself."""
    return config.width - 1 - 2 * _past_width(config)


def spread(content: Tensor, config: Config) -> Tensor:
    """Embeddings (vocabulary, width) of contents (vocabulary, `content_width`): constant, content, empty past."""
    rows = content.new_zeros(len(content), config.width)
    rows[:, 0] = CONSTANT * content.norm(dim=1).mean()
    rows[:, 1 : 1 + content.shape[1]] = content
    return rows


@torch.no_grad()
def begin_copying(model: Transformer, seed: int) -> None:
    """Writes the circuit into the heads of the first three layers. The embeddings have to be `spread`."""
    config, generator = model.config, torch.Generator().manual_seed(seed)
    content = content_width(config)
    length = float(model.embed.weight[:, 1 : 1 + content].norm(dim=1).mean())
    basis = _orthogonal(content, generator)
    sketch = basis[: _past_width(config)]
    _look_back(model.blocks[0], config, sketch, length)
    for number, block in enumerate(model.blocks[1:3]):
        read = torch.roll(basis, -number * config.kv_heads * block.head_width, 0)
        _look_for_the_like(block, sketch, read, length, generator)


def _past_width(config: Config) -> int:
    """Half a head: the other half's rotary pairs turn too fast to compare what stands far apart."""
    return config.width // config.heads // 2


def _orthogonal(size: int, generator: torch.Generator) -> Tensor:
    return torch.linalg.qr(torch.randn(size, size, generator=generator))[0]


def _look_back(block: Block, config: Config, sketch: Tensor, length: float) -> None:
    """The first two heads attend to the token before and to the one before that, and note a sketch of it.

    Their queries and keys are made of the constant; the query is turned back by one place, or two.
    """
    head, (past, content) = block.head_width, sketch.shape
    normed = math.sqrt(config.width / (1 + CONSTANT**2))  # length of a token's part behind the norm
    angles = config.rope_base ** -(torch.arange(0, head, 2)[:_FAST_PAIRS] / head)
    amplitude = math.sqrt(_NEIGHBOUR_NATS * math.sqrt(head) / float((1 - angles.cos()).sum())) / (CONSTANT * normed)
    fast = 2 * len(angles)
    for number, distance in enumerate((1, 2)):
        query, (key, value), out = _head(block, number)
        query[0:fast:2, 0] = amplitude * (distance * angles).cos()
        query[1:fast:2, 0] = -amplitude * (distance * angles).sin()
        key[0:fast:2, 0] = amplitude
        value[:past, 1 : 1 + content] = sketch
        place = config.width - (2 - number) * past
        out[place : place + past, :past] = torch.eye(past) * length / (normed * math.sqrt(past / content))


def _look_for_the_like(block: Block, sketch: Tensor, read: Tensor, length: float, generator: torch.Generator) -> None:
    """Every head attends to places whose past resembles the present, and adds a part of the token that stands there.

    The first head of each group compares one token, the others two. Every group reads another part of the token.
    """
    head, (past, content), width = block.head_width, sketch.shape, block.query.weight.shape[1]
    normed = math.sqrt(width / (3 + CONSTANT**2))  # beside the token there are two of the past now
    sketched = normed * math.sqrt(past / content)
    copied = normed * math.sqrt(head / content)
    before, earlier = slice(width - 2 * past, width - past), slice(width - past, width)
    shares = block.heads // block.kv_heads
    slow = slice(head - past, head)
    for group in range(block.kv_heads):
        # Turned differently, both past tokens fit into the same dimensions.
        of_before, of_earlier = _orthogonal(past, generator), _orthogonal(past, generator)
        chosen = read[group * head : (group + 1) * head]
        for share in range(shares):
            query, (key, value), out = _head(block, group * shares + share)
            key[slow, before], key[slow, earlier] = of_before, of_earlier
            value[: len(chosen), 1 : 1 + content] = chosen
            strength = SHARPNESS * math.sqrt(head) / normed
            query[slow, 1 : 1 + content] = of_before @ sketch * strength / sketched
            if share:
                query[slow, before] = of_earlier * strength / normed
            out[1 : 1 + content, : len(chosen)] = chosen.T * GAIN * length * math.sqrt(head / content) / copied / shares


def _head(block: Block, number: int) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
    """Query rows, key and value rows, and output columns of one head, emptied; those of a group are shared."""
    head = block.head_width
    own = slice(number * head, (number + 1) * head)
    group = number // (block.heads // block.kv_heads)
    shared = slice(group * head, (group + 1) * head)
    query, out = block.query.weight[own], block.output.weight[:, own]
    key, value = block.key.weight[shared], block.value.weight[shared]
    for each in (query, key, value, out):
        each.zero_()
    return query, (key, value), out
