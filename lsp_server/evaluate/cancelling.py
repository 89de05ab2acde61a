"""How long the engine goes on with what nobody wants any more, measured from a client's side of the socket.

A long request is cancelled at a random moment, and at once a tiny one is sent in another lane: what the tiny one takes
beyond its own evaluation is the time until the engine was free, both ways over the socket included.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable

import attrs

from lsp_server.engine.protocol import Done, Engine, GenerateRequest, Piece, Segment
from lsp_server.evaluate.spread import Spread

_PROBE = GenerateRequest("probe", (Segment("x = 1\n"),), 0)
_WORDS = ("alpha", "beta", "gamma", "delta", "value", "index", "result", "items", "buffer", "reader", "state", "queue")


@attrs.frozen
class CancelFigures:
    """Milliseconds from cancelling to a free engine, while a prompt is read and while an answer is written.

    prompt_tokens: length of the prompts that were cancelled. parameters: of the model.
    """

    model: str
    parameters: int
    threads: int
    prompt_tokens: int
    prefill: Spread
    decode: Spread


async def measure_cancelling(
    engine: Engine, *, samples: int, seed: int = 1, on_sample: Callable[[int], None] = lambda done: None
) -> CancelFigures:
    """Cancels `samples` requests in each phase. Moments are drawn by `seed` within the time the phase should take."""
    facts = await engine.model()
    chance = random.Random(seed)
    room = min(facts.context_tokens, facts.trained_context or facts.context_tokens, 2048) * 3 // 4
    # At most two seconds of reading each, however slow the model.
    tokens = max(64, min(room, int(facts.prefill_rate * 2)))
    await _free_after(engine)
    prefill: list[float] = []
    decode: list[float] = []
    for attempt in itertools.count():
        if len(prefill) >= samples or attempt >= 3 * samples:
            break
        moment = chance.uniform(0.1, 0.9) * tokens / facts.prefill_rate
        request = GenerateRequest("long", (Segment(_text(chance, tokens * facts.characters_per_token)),), 1)
        if await _cancelled_after(engine, request, moment, first_piece=False):
            prefill.append(await _free_after(engine))
            on_sample(len(prefill))
    for attempt in itertools.count():
        if len(decode) >= samples or attempt >= 3 * samples:
            break
        moment = chance.uniform(0.0, 10 / facts.decode_rate)
        request = GenerateRequest("long", (Segment(_text(chance, 200)),), 200)
        if await _cancelled_after(engine, request, moment, first_piece=True):
            decode.append(await _free_after(engine))
            on_sample(len(prefill) + len(decode))
    return CancelFigures(facts.name, facts.parameters, facts.threads, tokens, Spread.of(prefill), Spread.of(decode))


async def _cancelled_after(engine: Engine, request: GenerateRequest, seconds: float, *, first_piece: bool) -> bool:
    """Runs a request for so long, counted from its first piece if asked, and cancels. False: it had ended before."""
    answer = engine.generate(request)
    began = asyncio.Event()
    ended = asyncio.Event()

    async def consume() -> None:
        try:
            if not first_piece:
                began.set()
            async for part in answer:
                began.set()
                if isinstance(part, Done):
                    ended.set()
        finally:
            await answer.aclose()  # type: ignore[attr-defined]  # an async generator, as the contract says

    running = asyncio.create_task(consume())
    try:
        await began.wait()
        await asyncio.sleep(seconds)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return not ended.is_set()


async def _free_after(engine: Engine) -> float:
    """Milliseconds that a tiny request takes beyond its own evaluation."""
    began = time.perf_counter()
    own = 0.0
    async for part in engine.generate(_PROBE):
        if not isinstance(part, Piece):
            own = part.prefill_ms + part.decode_ms
    return max(0.0, (time.perf_counter() - began) * 1000 - own)


def _text(chance: random.Random, characters: float) -> str:
    """Code-like words in an order that has not been read before, so that nothing of it is reused."""
    words = [chance.choice(_WORDS) for _ in range(int(characters / 6))]
    return " = ".join(words)[: int(characters)]
