"""The scripted engine that other rooms test against."""

import asyncio

import attrs
import pytest

from lsp_server.engine.fake import FakeEngine
from lsp_server.engine.protocol import Done, Engine, GenerateRequest, Piece, Segment
from lsp_server.errors import EngineUnavailable


def ask(text: str = "x", max_tokens: int = 100, stop: tuple[str, ...] = ()) -> GenerateRequest:
    return GenerateRequest("a", (Segment("<|p|>", special=True), Segment(text)), max_tokens, stop)


async def said(engine: Engine, request: GenerateRequest) -> tuple[str, Done]:
    text = ""
    async for event in engine.generate(request):
        if isinstance(event, Done):
            return text, event
        text += event.text
    raise AssertionError


async def test_it_answers_in_order_and_then_the_last_again() -> None:
    engine = FakeEngine(["one", "two"])
    assert [(await said(engine, ask()))[0] for _ in range(3)] == ["one", "two", "two"]


async def test_it_answers_by_the_prompt() -> None:
    engine = FakeEngine(lambda prompt: prompt.upper())
    assert (await said(engine, ask("abc")))[0] == "<|P|>ABC"
    assert engine.prompts == ["<|p|>abc"]


async def test_it_honours_stops_and_lengths() -> None:
    text, done = await said(FakeEngine("one\ntwo"), ask(stop=("\n",)))
    assert (text, done.reason) == ("one", "stop")
    text, done = await said(FakeEngine("one\ntwo"), ask(max_tokens=2))
    assert (text, done.reason) == ("on", "length")


async def test_a_forced_answer_is_said_in_place_of_the_script() -> None:
    engine = FakeEngine("one")
    forced = attrs.evolve(ask(stop=("\n",)), forced_answer="two\nthree")
    assert (await said(engine, forced))[0] == "two"
    assert (await said(engine, ask()))[0] == "one"


async def test_a_gate_holds_and_a_step_lets_one_piece_pass() -> None:
    engine = FakeEngine("12345678")
    engine.hold()
    generator = engine.generate(ask())
    first = asyncio.ensure_future(anext(generator))
    await (await engine.request(0)).started.wait()
    assert not first.done()
    engine.step()
    piece = await first
    assert isinstance(piece, Piece)
    assert piece.text == "1234"
    await generator.aclose()
    assert engine.requests[0].cancelled


async def test_it_fails_as_told() -> None:
    with pytest.raises(EngineUnavailable):
        await said(FakeEngine([EngineUnavailable("Gone.")]), ask())
