"""A tiny model of our own: its arrays, its vocabulary, and its forward pass in numpy, to hold llama.cpp against."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from models.train.export.gguf_writing import Array, Dimensions, Provenance, Vocabulary, write
from models.train.tokenizer.special import SPECIALS

TINY = Dimensions(
    vocabulary=288,
    width=64,
    layers=2,
    heads=4,
    kv_heads=2,
    feed_forward=96,
    context=512,
    rope_base=10_000.0,
    norm_epsilon=1e-5,
)


def letters() -> list[str]:
    """The letter that byte-level BPE writes each byte with, as GPT-2 has it."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def tokenizer(path: Path, merges: Sequence[str] = ("r e", "t u", "Ġ Ġ")) -> Path:
    """A `tokenizer.json` of the specials, the bytes and a few merges."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tokens = [*SPECIALS, *sorted(letters()), *(merge.replace(" ", "") for merge in merges)]
    model = {
        "type": "BPE",
        "vocab": {token: number for number, token in enumerate(tokens)},
        "merges": [merge.split() for merge in merges],
    }
    added = [
        {"id": number, "content": text, "special": True, "normalized": False}
        | dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
        for number, text in enumerate(SPECIALS)
    ]
    whole = {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": _pre_tokenizer(),
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": model,
    }
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def arrays(dimensions: Dimensions = TINY, seed: int = 0) -> dict[str, Array]:
    """Weights with answers that are far from uniform."""
    generator = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for name, shape in dimensions.shapes().items():
        if len(shape) == 1:
            found[name] = (1 + 0.1 * generator.standard_normal(shape)).astype(np.float32)
        else:
            found[name] = (generator.standard_normal(shape) * 1.5 / np.sqrt(shape[1])).astype(np.float32)
    found["embed.weight"] *= 2
    return found


def written(path: Path, vocabulary: Vocabulary, dimensions: Dimensions | None = None, **stated: int) -> Path:
    """A model file with this vocabulary. stated: of `Provenance`."""
    dimensions = dimensions or attrs.evolve(TINY, vocabulary=len(vocabulary.tokens))
    provenance = Provenance(manifest="0" * 64, recipe="tiny", **{"tokens": 1000, "steps": 10, **stated})
    write(path, arrays(dimensions), dimensions, vocabulary, provenance, "F32")
    return path


def log_probabilities(weights: dict[str, Array], dimensions: Dimensions, tokens: Sequence[int]) -> Array:
    """(length, vocabulary), natural logarithms. The architecture as `network/model.py` has it, written once more."""

    def norm(x: Array, name: str) -> Array:
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + dimensions.norm_epsilon) * weights[name]

    length, size = len(tokens), dimensions.width // dimensions.heads
    turn = np.arange(length)[:, None] / dimensions.rope_base ** (np.arange(0, size, 2) / size)
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]

    def rotated(x: Array) -> Array:
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1).reshape(x.shape)

    x = weights["embed.weight"][list(tokens)].astype(np.float64)
    for layer in range(dimensions.layers):
        part = {name: weights[f"blocks.{layer}.{name}.weight"].T for name in ("query", "key", "value", "output")}
        y = norm(x, f"blocks.{layer}.attention_norm.weight")
        query = rotated((y @ part["query"]).reshape(length, dimensions.heads, size))
        key = rotated((y @ part["key"]).reshape(length, dimensions.kv_heads, size))
        value = (y @ part["value"]).reshape(length, dimensions.kv_heads, size)
        share = dimensions.heads // dimensions.kv_heads
        scores = np.einsum("qhd,khd->hqk", query, key.repeat(share, 1)) / np.sqrt(size)
        scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        seen = np.einsum("hqk,khd->qhd", scores / scores.sum(-1, keepdims=True), value.repeat(share, 1))
        x = x + seen.reshape(length, -1) @ part["output"]
        y = norm(x, f"blocks.{layer}.ffn_norm.weight")
        gate, up, down = (weights[f"blocks.{layer}.{name}.weight"].T for name in ("gate", "up", "down"))
        gated = y @ gate
        x = x + (gated / (1 + np.exp(-gated)) * (y @ up)) @ down
    logits = norm(x, "norm.weight") @ weights["embed.weight"].T
    shifted = logits - logits.max(-1, keepdims=True)
    found: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return found


def likeliest(probabilities: Array, count: int = 20) -> Iterator[tuple[tuple[int, float], ...]]:
    """As `export/check.py` has them in `Expected.answers`."""
    for row in probabilities:
        order = np.argsort(-row)[:count]
        yield tuple((int(token), float(row[token])) for token in order)


def _pre_tokenizer() -> dict[str, Any]:
    """The one of llama.cpp's `qwen2`."""
    split = (
        r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    return {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        ],
    }
