"""A scripted `protocol.Engine` for tests of whatever asks an engine. No process, no model, no clock.

It ships in the package, like `httpx.MockTransport`: plug-ins and evaluation code test against it too.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator

import attrs

from lsp_server.engine.protocol import Done, EndReason, GenerateRequest, ModelFacts, ModelSpec, Piece
from lsp_server.errors import ServerError

Script = Callable[[str], str | ServerError] | Iterable[str | ServerError]
"""What is answered: a function of the prompt's text, or answers in order (the last one again when they run out)."""

FACTS = ModelFacts(
    spec=ModelSpec("fake.gguf"),
    name="fake",
    architecture="llama",
    parameters=1000,
    file_bytes=1000,
    trained_context=2048,
    context_tokens=2048,
    vocabulary_size=256,
    metadata={"general.architecture": "llama", "codehearth.fim.order": "spm"},
    fim_tokens={
        "pre": "<|fim_prefix|>",
        "suf": "<|fim_suffix|>",
        "mid": "<|fim_middle|>",
        "rep": "<|repo_name|>",
        "sep": "<|file_sep|>",
        "pad": "<|fim_pad|>",
    },
    special_tokens=(
        "<|endoftext|>",
        "<|fim_prefix|>",
        "<|fim_suffix|>",
        "<|fim_middle|>",
        "<|fim_pad|>",
        "<|repo_name|>",
        "<|file_sep|>",
    ),
    characters_per_token=4.0,
    threads=1,
    gpu_layers=0,
    prefill_rate=10_000.0,
    decode_rate=1_000.0,
)
"""A small model with Qwen's token names; `attrs.evolve` makes others."""


@attrs.define(eq=False)
class FakeRequest:
    """One request as the engine saw it."""

    request: GenerateRequest
    started: asyncio.Event = attrs.field(factory=asyncio.Event)
    """Set when it is being answered."""
    finished: asyncio.Event = attrs.field(factory=asyncio.Event)
    """Set when it ended, whatever the reason."""
    done: Done | None = None
    cancelled: bool = False
    """The generator was closed before the end."""

    @property
    def prompt(self) -> str:
        """The texts of all segments, special tokens included."""
        return "".join(segment.text for segment in self.request.segments)


class FakeEngine:
    """Answers one piece of `piece_size` characters after the other, honouring stop texts and max_tokens. A request's
    forced answer comes before the script's.

    One character counts as one token with log-probability `logprob`. While `gate` is clear nothing comes out; `step`
    lets exactly one piece pass. `requests` records what was asked, oldest first.
    """

    def __init__(
        self,
        script: Script = "",
        *,
        facts: ModelFacts = FACTS,
        piece_size: int = 4,
        logprob: float = -0.1,
    ) -> None:
        self._answer = script if callable(script) else None
        self._answers: Iterator[str | ServerError] = iter(())
        if not callable(script):
            self._answers = iter([script] if isinstance(script, str) else script)
        self._last: str | ServerError = ""
        self.facts: ModelFacts | ServerError = facts
        self.piece_size = piece_size
        self.logprob = logprob
        self.gate = asyncio.Event()
        self.gate.set()
        self._steps = asyncio.Semaphore(0)
        self.requests: list[FakeRequest] = []
        self._arrived = asyncio.Condition()

    @property
    def prompts(self) -> list[str]:
        return [request.prompt for request in self.requests]

    def hold(self) -> None:
        """From now on nothing is answered until `release` or `step`."""
        self.gate.clear()

    def release(self) -> None:
        self.gate.set()

    def step(self) -> None:
        """Lets one piece (or the Done) pass a closed gate."""
        self._steps.release()

    async def request(self, number: int) -> FakeRequest:
        """The request with this number, counting from 0, once it has arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) > number)
        return self.requests[number]

    async def model(self) -> ModelFacts:
        if isinstance(self.facts, ServerError):
            raise self.facts
        return self.facts

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Piece | Done, None]:
        own = FakeRequest(request)
        async with self._arrived:
            self.requests.append(own)
            self._arrived.notify_all()
        own.started.set()
        try:
            answer = self._next_answer(own.prompt) if request.forced_answer is None else request.forced_answer
            text, reason = _cut("" if isinstance(answer, ServerError) else answer, request)
            for at in range(0, len(text), self.piece_size):
                await self._pass()
                part = text[at : at + self.piece_size]
                told = (0, len(own.prompt)) if at == 0 else (None, None)
                yield Piece(part, len(part), len(part) * self.logprob, *told)
            await self._pass()
            if isinstance(answer, ServerError):
                raise answer
            own.done = Done(reason, 0, len(own.prompt), len(text), 0.0, 0.0, 0.0)
            yield own.done
        finally:
            own.cancelled = own.done is None
            own.finished.set()

    def _next_answer(self, prompt: str) -> str | ServerError:
        if self._answer is not None:
            return self._answer(prompt)
        self._last = next(self._answers, self._last)
        return self._last

    async def _pass(self) -> None:
        """Waits for the gate to open or for one step."""
        if self.gate.is_set():
            return
        waits = [asyncio.ensure_future(self.gate.wait()), asyncio.ensure_future(self._steps.acquire())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _cut(text: str, request: GenerateRequest) -> tuple[str, EndReason]:
    ends: list[tuple[int, EndReason]] = [(len(text), "end")]
    ends += [(at, "stop") for at in (text.find(stop) for stop in request.stop) if at >= 0]
    if request.max_tokens < len(text):
        ends.append((request.max_tokens, "length"))
    length, reason = min(ends, key=lambda end: end[0])
    return text[:length], reason
