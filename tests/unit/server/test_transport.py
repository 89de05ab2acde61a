"""Messages in and out of bytes."""

import asyncio
import io
import os

import pytest

from lsp_server.server.transport import Transport, read_message


@pytest.mark.parametrize(
    ("stream", "body"),
    [
        (b"Content-Length: 2\r\n\r\n{}", b"{}"),
        (b"content-length: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{}", b"{}"),
        (b"Content-Type: x\r\nContent-Length:2\r\n\r\n{}", b"{}"),
        (b"\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
        (b"", None),
        (b"Content-Length: 9\r\n\r\n{}", None),
        (b"Content-Length: soon\r\n\r\n{}", None),
        (b"Content-Length: 999999999999\r\n\r\n{}", None),
    ],
)
def test_read_message(stream: bytes, body: bytes | None) -> None:
    """Headers come in any order and case; a stream that ends early or lies ends the conversation."""
    assert read_message(io.BytesIO(stream)) == body


async def test_messages_arrive_in_order_and_the_end_comes_last() -> None:
    """The reading thread hands everything to the event loop in order."""
    stream = b"".join(b"Content-Length: 1\r\n\r\n%d" % number for number in range(3))
    transport = Transport(io.BytesIO(stream), io.BytesIO())
    transport.start(asyncio.get_running_loop())
    received = [await asyncio.wait_for(transport.receive(), 10) for _ in range(4)]
    transport.close()
    assert received == [b"0", b"1", b"2", None]


async def test_an_editor_that_does_not_read_never_blocks_the_loop() -> None:
    """Writing to a full pipe happens on the writing thread, and closing does not wait for it for ever."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as editor, os.fdopen(writing, "wb") as ours:
        transport = Transport(io.BytesIO(), ours)
        transport.start(asyncio.get_running_loop())
        transport.write(b"x" * 1_000_000)
        transport.write(b"last")
        await asyncio.to_thread(transport.close, 0.05)
        received = await asyncio.to_thread(editor.read, 1_000_004)
        await asyncio.to_thread(transport.close)
    assert received.endswith(b"last")


async def test_a_closed_editor_ends_the_conversation_on_writing_too() -> None:
    """A broken pipe is the same news as the end of the input."""
    reading, writing = os.pipe()
    never, held = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as ours, os.fdopen(never, "rb") as silence, os.fdopen(held, "wb"):
        transport = Transport(silence, ours)
        transport.start(asyncio.get_running_loop())
        os.close(reading)
        transport.write(b"anybody?")
        assert await asyncio.wait_for(transport.receive(), 10) is None
