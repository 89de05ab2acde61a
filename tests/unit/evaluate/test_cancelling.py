"""Measuring how soon the engine is free after a cancellation, against an engine whose delay is known."""

import asyncio
from collections.abc import AsyncIterator

import attrs

from lsp_server.engine import fake
from lsp_server.engine.protocol import Done, GenerateRequest, ModelFacts, Piece
from lsp_server.evaluate.cancelling import measure_cancelling

FACTS = attrs.evolve(fake.FACTS, characters_per_token=1.0, prefill_rate=100_000.0, decode_rate=10_000.0)


@attrs.define
class SluggishEngine:
    """Does one request at a time, and goes on for `lag` seconds after a cancellation."""

    lag: float
    busy: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    cancelled: int = 0

    async def model(self) -> ModelFacts:
        return FACTS

    async def generate(self, request: GenerateRequest) -> AsyncIterator[Piece | Done]:
        await self.busy.acquire()
        release_now = True
        try:
            if request.max_tokens > 0:
                if request.max_tokens > 1:
                    yield Piece("x", 1, 0.0)
                await asyncio.sleep(60)
            yield Done("length", 0, 1, 0, 0.0, 0.0, 0.0)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            release_now = False
            asyncio.get_running_loop().call_later(self.lag, self.busy.release)
            raise
        finally:
            if release_now:
                self.busy.release()


async def test_the_engines_delay_is_what_is_measured() -> None:
    """Both phases, as many samples as asked for, each with the delay of the engine."""
    engine = SluggishEngine(0.02)
    figures = await measure_cancelling(engine, samples=3)
    assert engine.cancelled == 6
    for phase in (figures.prefill, figures.decode):
        assert phase.count == 3
        assert phase.p50 is not None
        assert 15 < phase.p50 < 500
