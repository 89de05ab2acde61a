"""The whole contract between a server and the engine process: frozen frames, encoded as length-prefixed JSON.

A frame on the wire is 4 bytes of big-endian length and that many bytes of UTF-8 JSON; one longer than
`MAXIMUM_FRAME` closes the connection. Never pickle.
"""

import json
import struct
from collections.abc import AsyncIterator, Mapping
from enum import IntEnum
from typing import Literal, Protocol, Union

import attrs
import cattrs
from cattrs.strategies import configure_tagged_union

VERSION = 1
"""Grows with every incompatible change; a newer client asks an older engine to drain."""

MAXIMUM_FRAME = 8 * 1024 * 1024


class Priority(IntEnum):
    """Lower runs first and pre-empts what is higher, between micro-batches."""

    INLINE = 0
    DOCUMENTATION = 1
    REFACTOR = 2
    PREWARM = 3


@attrs.frozen
class Segment:
    """A part of a prompt: ordinary text, or exactly one special token given by its text.

    Text never turns into special tokens, whatever it contains: source code that holds `<|fim_middle|>` is harmless.
    """

    text: str
    special: bool = False


@attrs.frozen
class ModelSpec:
    """What to load. `None` lets the engine fit and measure."""

    path: str
    context_tokens: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None


@attrs.frozen
class ModelFacts:
    """What was loaded, as llama.cpp sees it, and how fast this machine runs it."""

    spec: ModelSpec
    name: str
    architecture: str
    parameters: int
    file_bytes: int
    trained_context: int
    context_tokens: int
    """Longest prompt plus answer, in tokens, that one sequence holds."""
    vocabulary_size: int
    metadata: Mapping[str, str]
    """The GGUF's scalar metadata, keys and values as text; long values (> 400 characters, e.g. templates) cut."""
    fim_tokens: Mapping[str, str]
    """Role (`pre`, `suf`, `mid`, `rep`, `sep`, `pad`) to token text, as llama.cpp found them."""
    special_tokens: tuple[str, ...]
    """Texts of all control and user-defined tokens."""
    characters_per_token: float
    """Measured on a piece of code at load."""
    threads: int
    gpu_layers: int
    prefill_rate: float
    """Tokens per second, measured at load with these threads."""
    decode_rate: float


@attrs.frozen
class GenerateRequest:
    """One continuation of a prompt.

    lane: what shares a KV sequence, e.g. a workspace and a role; an opaque name.
    stop: generation ends before the first of these texts (they are not part of the answer).
    deadline_ms: counted from acceptance by the engine, waiting included; None means no deadline.
    max_tokens 0 only evaluates the prompt (pre-warming).
    """

    lane: str
    segments: tuple[Segment, ...]
    max_tokens: int
    stop: tuple[str, ...] = ()
    stop_tokens: tuple[str, ...] = ()
    """Special tokens that end the answer, besides the model's own end-of-generation tokens."""
    priority: Priority = Priority.INLINE
    deadline_ms: int | None = None


@attrs.frozen
class Piece:
    """A few characters of the answer; pieces never split a character. logprob: natural log, summed over its tokens."""

    text: str
    tokens: int
    logprob: float


EndReason = Literal["stop", "end", "length", "cancelled", "deadline", "superseded"]
"""stop: a stop text; end: the model's own end token; length: max_tokens or the context is full."""


@attrs.frozen
class Done:
    """Why and how an answer ended. reused + evaluated = prompt tokens."""

    reason: EndReason
    reused: int
    evaluated: int
    generated: int
    queue_ms: float
    prefill_ms: float
    decode_ms: float


class Engine(Protocol):
    """What completion needs of the engine. `engine.client` implements it with a process, `engine.fake` with a script."""

    async def model(self) -> ModelFacts:
        """The loaded model; starts the engine and loads as needed. Raises ModelUnavailable or EngineUnavailable."""
        ...

    def generate(self, request: GenerateRequest) -> AsyncIterator[Union[Piece, Done]]:
        """Streams pieces and ends with exactly one Done. Closing the generator (`aclose`) cancels at the engine.

        Raises EngineUnavailable when the engine dies on the way; ModelUnavailable when the model cannot be used;
        ServerError when the prompt does not fit the context.
        """
        ...
