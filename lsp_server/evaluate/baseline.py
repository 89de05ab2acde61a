"""What the same trace costs with prompts laid out as llama-server's `/infill` lays them out.

The baseline everybody can repeat: the editor's part is llama.vim's (256 lines before, 64 after, what stands before the
caret on its line as `prompt`), the prompt is `format_prompt_infill`'s of llama.cpp (what was typed goes before the
suffix, so the suffix is evaluated again with every key; at most 3/4 and 1/4 of a batch of 1,024 tokens), and the model
and engine are ours. `LlamaServer` plays the trace into a real llama-server instead, where the user has one. Neither is
ever used for completion.
"""

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import attrs

from lsp_server.engine.protocol import Done, Engine, GenerateRequest, ModelFacts, Segment
from lsp_server.errors import ServerError
from lsp_server.evaluate import recorded
from lsp_server.evaluate.keystrokes import EditingTrace
from lsp_server.evaluate.spread import Spread

BATCH = 1024
"""llama-server's batch in its presets for completion; the window is cut to it."""

CONTEXT = 2048
"""Tokens of one sequence: a batch of prompt, the head and the answer."""

ANSWER = 32
"""Tokens asked for; an answer also ends with its line, as ours does in line mode."""

_LINES_BEFORE, _LINES_AFTER = 256, 64
"""llama.vim's `n_prefix` and `n_suffix`."""


@attrs.frozen
class InfillInput:
    """What llama.vim sends: whole lines before the caret's line, that line up to the caret, and what follows."""

    prefix: str
    prompt: str
    suffix: str

    @classmethod
    def at(cls, text: str, caret: int) -> "InfillInput":
        line = text.rfind("\n", 0, caret) + 1
        above = text[:line].split("\n")[:-1][-_LINES_BEFORE:]
        rest, *below = text[caret:].split("\n")
        prefix = "".join(f"{one}\n" for one in above)
        suffix = "".join(f"{one}\n" for one in [rest, *below[:_LINES_AFTER]])
        return cls(prefix, text[line:caret], suffix)


class Vocabulary(Protocol):
    """The model's own tokens; `engine.llama.Vocabulary` is one."""

    def tokens(self, segments: Sequence[Segment]) -> list[int]: ...

    def bytes_of(self, token: int) -> bytes: ...


def infill_prompt(given: InfillInput, facts: ModelFacts, vocabulary: Vocabulary) -> tuple[Segment, ...]:
    """The prompt of llama.cpp's `format_prompt_infill`, without extra chunks, in prefix-suffix-middle order.

    Repository and file are called `myproject` and `filename` there, whatever they are.
    """
    missing = [role for role in ("pre", "suf", "mid") if role not in facts.fim_tokens]
    if missing:
        raise ServerError(f"{facts.name} has no token for {', '.join(missing)}.", "The baseline needs all three.")
    tokens_of_prompt = len(vocabulary.tokens([Segment(given.prompt)]))
    prefix = _cut(vocabulary, given.prefix, BATCH // 4 * 3, keep_end=True)
    suffix = _cut(vocabulary, given.suffix, max(0, BATCH // 4 - 2 - tokens_of_prompt), keep_end=False)
    head: list[Segment] = []
    if "rep" in facts.fim_tokens:
        head += [Segment(facts.fim_tokens["rep"], special=True), Segment("myproject\n")]
    if "sep" in facts.fim_tokens:
        head += [Segment(facts.fim_tokens["sep"], special=True), Segment("filename\n")]
    hole = [
        Segment(facts.fim_tokens["pre"], special=True),
        Segment(prefix + given.prompt),
        Segment(facts.fim_tokens["suf"], special=True),
        Segment(suffix),
        Segment(facts.fim_tokens["mid"], special=True),
    ]
    return tuple(part for part in [*head, *hole] if part.text)


@attrs.frozen
class Cost:
    """What one request cost: tokens of the prompt that were evaluated and reused; milliseconds."""

    evaluated: int
    reused: int
    prefill_ms: float
    total_ms: float


@attrs.frozen
class BaselineFigures:
    """The baseline over all its requests. evaluated: tokens per key; prefill and total in milliseconds."""

    name: str
    requests: int
    evaluated: Spread
    reused_share: float
    prefill: Spread
    total: Spread

    @classmethod
    def of(cls, name: str, costs: Sequence[Cost]) -> "BaselineFigures":
        evaluated = sum(cost.evaluated for cost in costs)
        reused = sum(cost.reused for cost in costs)
        return cls(
            name=name,
            requests=len(costs),
            evaluated=Spread.of(cost.evaluated for cost in costs),
            reused_share=round(reused / max(1, evaluated + reused), 4),
            prefill=Spread.of(cost.prefill_ms for cost in costs),
            total=Spread.of(cost.total_ms for cost in costs),
        )


async def replay_infill(
    engine: Engine,
    vocabulary: Vocabulary,
    trace: EditingTrace,
    *,
    keys: int | None = None,
    forced: bool = False,
    on_key: Callable[[int], None] | None = None,
) -> BaselineFigures:
    """Plays the trace's asking keys into our own engine with `/infill`'s prompts. The first request is not counted.

    forced: the answers are what the trace records, as for our own prompts.
    """
    facts = await engine.model()
    costs: list[Cost] = []
    answers: Iterable[str | None] = recorded.answers(trace, keys) if forced else repeat(None)
    for count, (given, answer) in enumerate(zip(_inputs(trace, keys), answers, strict=False)):
        prompt = infill_prompt(given, facts, vocabulary)
        began = time.perf_counter()
        request = GenerateRequest("baseline", prompt, ANSWER, stop=("\n",), forced_answer=answer)
        async for part in engine.generate(request):
            if isinstance(part, Done):
                took = (time.perf_counter() - began) * 1000
                costs.append(Cost(part.evaluated, part.reused, part.prefill_ms, took))
        if on_key is not None:
            on_key(count + 1)
    return BaselineFigures.of("/infill layout", costs[1:])


class LlamaServer:
    """A llama-server of the user's on 127.0.0.1, started for this measurement and ended after it."""

    def __init__(self, binary: Path, model: Path, threads: int) -> None:
        self._binary = binary
        self._model = model
        self._threads = threads
        self._process: asyncio.subprocess.Process | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]

    async def __aenter__(self) -> Self:
        options = ["-c", CONTEXT, "-b", BATCH, "-ub", BATCH, "--cache-reuse", 256, "-t", self._threads, "-np", 1]
        # It holds a slot to the length a model was trained on, which for ours is less than one of its batches.
        options += ["--override-kv", f"llama.context_length=int:{CONTEXT}"]
        try:
            self._process = await asyncio.create_subprocess_exec(
                self._binary,
                *("--host", "127.0.0.1", "--port", str(self._port), "-m", str(self._model)),
                *map(str, options),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise ServerError(
                f"{self._binary} cannot be started ({error.strerror}).", "Name a llama-server."
            ) from error
        try:
            await self._wait_for_health()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop()

    async def replay(
        self, trace: EditingTrace, *, keys: int | None = None, on_key: Callable[[int], None] | None = None
    ) -> BaselineFigures:
        """Plays the trace's asking keys as llama.vim would. The first request is not counted."""
        costs: list[Cost] = []
        for count, given in enumerate(_inputs(trace, keys)):
            body = {
                "input_prefix": given.prefix,
                "prompt": given.prompt,
                "input_suffix": given.suffix,
                "input_extra": [],
                "n_predict": ANSWER,
                "stop": ["\n"],
                "temperature": 0,
                "cache_prompt": True,
                "id_slot": 0,
            }
            began = time.perf_counter()
            timings = (await asyncio.to_thread(self._ask, "POST", "/infill", body))["timings"]
            took = (time.perf_counter() - began) * 1000
            costs.append(Cost(timings["prompt_n"], timings.get("cache_n", 0), timings["prompt_ms"], took))
            if on_key is not None:
                on_key(count + 1)
        return BaselineFigures.of("llama-server", costs[1:])

    async def _wait_for_health(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            if self._process.returncode is not None:
                raise ServerError(f"{self._binary.name} ended with exit code {self._process.returncode}.")
            try:
                await asyncio.to_thread(self._ask, "GET", "/health", None)
            except (OSError, http.client.HTTPException, ServerError):
                await asyncio.sleep(0.1)
            else:
                return
        raise ServerError(f"{self._binary.name} did not load the model within five minutes.")

    async def _stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _ask(self, method: str, path: str, body: object) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            content = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ServerError(f"llama-server answered {path} with status {answer.status}.")
        return json.loads(raw)


def _inputs(trace: EditingTrace, keys: int | None) -> Iterator[InfillInput]:
    text = trace.text
    for key in trace.keys[:keys]:
        text = key.applied(text)
        if key.asks:
            yield InfillInput.at(text, key.caret)


def _cut(vocabulary: Vocabulary, text: str, most: int, *, keep_end: bool) -> str:
    """At most `most` tokens of the text, from its end or its start; a character that is cut apart is dropped."""
    tokens = vocabulary.tokens([Segment(text)])
    if len(tokens) <= most:
        return text
    kept = tokens[len(tokens) - most :] if keep_end else tokens[:most]
    return b"".join(map(vocabulary.bytes_of, kept)).decode("utf-8", "ignore")
