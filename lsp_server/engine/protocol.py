"""The whole contract between a server and the engine process: frozen frames, encoded as length-prefixed JSON.

A frame on the wire is 4 bytes of big-endian length and that many bytes of UTF-8 JSON; one longer than
`MAXIMUM_FRAME` closes the connection. Never pickle.
"""

import json
import struct
from collections.abc import AsyncIterator, Mapping
from enum import IntEnum
from typing import Literal, Protocol

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
class Continuation:
    """Text that follows at other places of the repository which are like the cursor's.

    probability: that it is what comes next here; of all continuations of a request together below 1.
    """

    text: str
    probability: float


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
    heal: bool = False
    """The prompt's last text and the answer are one text to the model, whose tokens do not end where the prompt does.
    The answer may then begin inside a token; it is told from the prompt's end on all the same. A prompt that ends with
    a special token has nothing to heal."""
    continuations: tuple[Continuation, ...] = ()
    """What the repository says comes next, mixed into the model's probabilities token by token. They follow the
    prompt's end, and the newline that ends an answer of one line is part of their text."""
    forced_answer: str | None = None
    """What the answer is to say, whatever the model would: every token of it is evaluated, streamed and stopped as one
    that the model chose, so that a model of random weights costs what a trained one costs. For measurements only."""


@attrs.frozen
class Piece:
    """A few characters of the answer; pieces never split a character. logprob: natural log, summed over its tokens."""

    text: str
    tokens: int
    logprob: float
    reused: int | None = None
    evaluated: int | None = None
    """Prompt tokens, as in Done, told with the first piece: who stops early never sees the Done."""


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
    """What completion needs of the engine; `engine.client` is one with a process, `engine.fake` one with a script."""

    async def model(self) -> ModelFacts:
        """The loaded model; starts the engine and loads as needed. Raises ModelUnavailable or EngineUnavailable."""
        ...

    def generate(self, request: GenerateRequest) -> AsyncIterator[Piece | Done]:
        """Streams pieces and ends with exactly one Done. Closing the generator (`aclose`) cancels at the engine.

        Raises EngineUnavailable when the engine dies on the way; ModelUnavailable when the model cannot be used;
        ServerError when the prompt does not fit the context.
        """
        ...


@attrs.frozen
class EngineStatus:
    """What `codehearth doctor` shows of a running engine."""

    pid: int
    version: int
    state: str
    model: str | None
    """Name of the loaded model."""
    path: str | None
    threads: int | None
    memory_bytes: int
    """Resident memory of the engine process."""
    clients: int
    served: int
    """Answers since the engine started, cancelled ones included."""
    waiting: int
    """Requests waiting or running now."""
    uptime_s: float


# Frames from a client. Hello, Welcome and Drain must stay readable by every other version.


@attrs.frozen
class Hello:
    """First frame of every connection. key: the content of the engine's key file."""

    version: int
    key: str
    client: str
    pid: int


@attrs.frozen
class Load:
    """Names the model that this connection's requests are meant for and loads it; answered by Loaded or Failed."""

    spec: ModelSpec


@attrs.frozen
class Generate:
    """Answered by any number of PieceOf and then exactly one DoneOf or Failed. The client chooses `id`."""

    id: int
    request: GenerateRequest


@attrs.frozen
class Cancel:
    """Ends a request of this connection; its DoneOf still follows. An unknown id is ignored."""

    id: int


@attrs.frozen
class Status:
    """Answered by Report."""


@attrs.frozen
class Drain:
    """Asks the engine to finish what it has accepted, accept nothing more and exit."""


# Frames from the engine.


@attrs.frozen
class Welcome:
    """Answer to a Hello. `version` may differ from the client's, which then decides what to do."""

    version: int
    pid: int


@attrs.frozen
class State:
    """Broadcast at every change. progress: 0 to 1 while loading. `off` announces an orderly exit.

    path: the model that this is about, which may be another client's; None where it is about the engine itself.
    """

    state: Literal["loading", "ready", "unloaded", "failed", "draining", "off"]
    sentence: str = ""
    progress: float | None = None
    path: str | None = None


@attrs.frozen
class Loaded:
    facts: ModelFacts


@attrs.frozen
class PieceOf:
    id: int
    piece: Piece


@attrs.frozen
class DoneOf:
    id: int
    done: Done


@attrs.frozen
class Failed:
    """id: the request, or None for a Load. kind: which of our errors the client raises."""

    id: int | None
    kind: Literal["model", "engine", "request"]
    sentence: str
    next_step: str = ""


@attrs.frozen
class Report:
    status: EngineStatus


ClientFrame = Hello | Load | Generate | Cancel | Status | Drain
EngineFrame = Welcome | State | Loaded | PieceOf | DoneOf | Failed | Report
Frame = ClientFrame | EngineFrame


class BrokenFrame(ValueError):
    """Bytes that are no frame of this version; the connection they came from is closed."""


_LENGTH = struct.Struct(">I")
_converter = cattrs.Converter()
configure_tagged_union(Frame, _converter, tag_name="frame")


def encode(frame: Frame) -> bytes:
    """The frame with its length in front. ASCII-only JSON, so that even lone surrogates survive the journey."""
    body = json.dumps(_converter.unstructure(frame, Frame), separators=(",", ":")).encode("ascii")
    if len(body) > MAXIMUM_FRAME:
        raise BrokenFrame(f"A frame of {len(body)} bytes is longer than {MAXIMUM_FRAME}.")
    return _LENGTH.pack(len(body)) + body


def decode(body: bytes) -> Frame:
    """The frame in `body`, which comes without its length."""
    try:
        frame: Frame = _converter.structure(json.loads(body), Frame)  # type: ignore[arg-type]  # a Union is no type
    except (cattrs.BaseValidationError, ValueError, KeyError, TypeError, RecursionError) as error:
        # The validation errors quote the values; those may be source text and stay out of logs.
        raise BrokenFrame(f"Not a frame: {type(error).__name__}.") from None
    return frame


LENGTH_BYTES = _LENGTH.size


def length_of(header: bytes) -> int:
    """The length of the body that follows these `LENGTH_BYTES` bytes."""
    length: int = _LENGTH.unpack(header)[0]
    if length > MAXIMUM_FRAME:
        raise BrokenFrame(f"A frame of {length} bytes is longer than {MAXIMUM_FRAME}.")
    return length
