"""How long a prompt may be on this machine, and whether a model fits into its memory. Pure arithmetic; asks nobody."""

from typing import Literal

import attrs

from lsp_server.modelstore.facts import GgufFacts

REFILL_SECONDS = 0.4
"""A prompt that shares nothing with the last one is evaluated in about this time; appended ones take a few tokens."""

LEAST_TOKENS = 256
"""Below this neither the file's header nor what follows the cursor fits, and answers are guesses. A machine too slow
for it waits longer when everything changes (5 s at 50 tokens/s) and no longer than others while a person types on."""

CacheKind = Literal["f16", "q8_0"]
_BYTES_PER_VALUE: dict[CacheKind, float] = {"f16": 2.0, "q8_0": 34 / 32}

COMPUTE_BYTES = 300_000_000
"""Room for the compute buffers of a 7B model at micro-batches of 512 tokens; smaller models need less."""

_COMPUTE_BYTES_PER_VOCABULARY = 512 * 4
"""The logits of one micro-batch in 32 bits: the largest buffer of a small model with a large vocabulary."""


def context_budget(trained_context: int, prefill_rate: float, room: int) -> int:
    """Tokens of prompt and answer worth using.

    prefill_rate: tokens/s as measured on this machine. room: tokens one sequence of the engine holds.
    trained_context 0 means unknown. Never more than room, nor than the model was trained on.
    """
    most = min(room, trained_context) if trained_context > 0 else room
    return max(0, min(most, max(LEAST_TOKENS, int(prefill_rate * REFILL_SECONDS))))


def prompt_budget(context_tokens: int, worth: int | None) -> int:
    """Tokens of prompt worth reading: all that the context holds, or no more than a model says itself (`worth`).

    What it says never lengthens a prompt, and never shortens it below `LEAST_TOKENS`.
    """
    return context_tokens if worth is None else min(context_tokens, max(LEAST_TOKENS, worth))


def kv_bytes_per_token(facts: GgufFacts, kind: CacheKind = "f16") -> int | None:
    """Bytes of KV cache for one token over all layers; None where the metadata does not say."""
    values = facts.cached_values_per_token
    return None if values is None else round(values * _BYTES_PER_VALUE[kind])


@attrs.frozen
class MemoryFit:
    """Whether a model fits, in bytes. context_tokens: all sequences together, as far as memory and training allow."""

    fits: bool
    weights: int
    compute: int
    kv_per_token: int
    cache: CacheKind
    context_tokens: int
    needed: int
    """With `context_tokens` of cache; what must be free for the least useful cache where it does not fit."""
    free: int


def memory_fit(facts: GgufFacts, free: int, *, context_tokens: int = 8192, sequences: int = 2) -> MemoryFit:
    """How a model fits into `free` bytes of RAM or GPU memory, with `sequences` caches of `context_tokens` each.

    The cache is 16 bits wide if that fits, else 8, else as long as fits in 8; it fits when `LEAST_TOKENS` do.
    """
    per_sequence = min(context_tokens, facts.trained_context) if facts.trained_context else context_tokens
    wanted = per_sequence * sequences
    weights = facts.file_bytes
    compute = min(COMPUTE_BYTES, weights) + facts.vocabulary_size * _COMPUTE_BYTES_PER_VOCABULARY
    left = free - weights - compute
    wide, narrow = kv_bytes_per_token(facts, "f16") or 0, kv_bytes_per_token(facts, "q8_0") or 0
    if left >= wanted * wide:
        cache: CacheKind = "f16"
        per_token, tokens = wide, wanted
    else:
        cache = "q8_0"
        per_token, tokens = narrow, max(0, min(wanted, left // narrow if narrow else 0))
    least = min(LEAST_TOKENS, wanted)
    fits = tokens >= least and left >= 0
    if not fits:
        tokens = 0
    needed = weights + compute + per_token * (tokens if fits else least)
    return MemoryFit(fits, weights, compute, per_token, cache, tokens, needed, free)
