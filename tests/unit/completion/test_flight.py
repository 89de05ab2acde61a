"""Sharing one generation: who may board it, and when it ends."""

import asyncio
import time

import attrs
import pytest

from lsp_server.completion.flight import Flight
from lsp_server.completion.query import Query
from lsp_server.completion.scope import ScopeStop
from lsp_server.engine.fake import FakeEngine
from lsp_server.engine.protocol import GenerateRequest, Segment
from tests.house import query

REQUEST = GenerateRequest("lane", (Segment("prompt"),), 100)


def stop(asked: Query) -> ScopeStop:
    return ScopeStop(asked, None, "line", 16)


async def landed(text: str, asked: Query) -> Flight:
    flight = Flight(asked, None, "line", time.monotonic)
    flight.board()
    flight.begin(FakeEngine(text), REQUEST, stop(asked))
    await flight.landed()
    return flight


@pytest.mark.parametrize(
    ("before", "after", "typed"),
    [
        ("x = <CURSOR>\ny\n", "x = su<CURSOR>\ny\n", "su"),
        ("x = <CURSOR>\ny\n", "x = sum(<CURSOR>)\ny\n", "sum("),
        ("x = f(<CURSOR>)\ny\n", "x = f(sum(items))<CURSOR>\ny\n", None),
        ("x = <CURSOR>\ny\n", "x = len<CURSOR>\ny\n", None),
        ("x = <CURSOR>\ny\n", "z = su<CURSOR>\ny\n", None),
        ("x = <CURSOR>\ny\n", "x = su<CURSOR>\nz\n", None),
        ("x = <CURSOR>\ny\n", "x =<CURSOR>\ny\n", None),
        ("x = <CURSOR>\ny\n", "x = sum(items)<CURSOR>\ny\n", None),
    ],
)
async def test_only_who_types_along_may_board(before: str, after: str, typed: str | None) -> None:
    """Typing the answer's beginning, closers of the editor included; nothing else, and not past its end."""
    flight = await landed("sum(items)", query(before))
    assert flight.typed_along(query(after)) == typed


async def test_other_settings_ask_anew() -> None:
    """Another mode or eagerness may answer otherwise."""
    asked = query("x = <CURSOR>\n")
    flight = await landed("sum(items)", asked)
    changed = attrs.evolve(asked, settings=attrs.evolve(asked.settings, eagerness="calm"))
    assert flight.typed_along(changed) is None


async def test_the_last_one_out_stops_the_engine() -> None:
    """As long as somebody is aboard the generation goes on."""
    engine = FakeEngine("sum(items)")
    engine.hold()
    flight = Flight(query("x = <CURSOR>\n"), None, "line", time.monotonic)
    flight.board()
    flight.begin(engine, REQUEST, stop(flight.query))
    flight.board()
    request = await engine.request(0)
    assert not flight.leave()
    assert flight.flying
    assert flight.leave()
    async with asyncio.timeout(5):
        await request.finished.wait()
    assert request.cancelled


async def test_an_answer_that_is_complete_stops_the_engine() -> None:
    """The scope's end is seen while the text streams; the account is then the flight's own."""
    engine = FakeEngine("first\nsecond", piece_size=2)
    flight = Flight(query("x = <CURSOR>\n"), None, "line", time.monotonic)
    flight.board()
    flight.begin(engine, REQUEST, stop(flight.query))
    await flight.landed()
    assert flight.text == "first"
    assert flight.reason == "stop"
    assert engine.requests[0].cancelled
