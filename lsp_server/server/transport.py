"""The protocol's bytes: one thread reads messages, one thread writes them; the event loop never waits for a pipe.

pygls would read in its shared thread pool (three hops a message, deaf while the pool is busy) and write on the event
loop (stuck while the editor does not read). Never looks into a message.
"""

import asyncio
import os
import queue
import sys
import threading
from typing import BinaryIO

MAXIMUM_BODY = 256 * 1024 * 1024
"""Bytes; a longer message means that the stream is broken, since no editor sends such a document."""


class Transport:
    """Reads from and writes to two binary streams, until either ends."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        def post(body: bytes | None) -> None:
            try:
                loop.call_soon_threadsafe(self._incoming.put_nowait, body)
            except RuntimeError:  # The loop is closed: we are about to exit.
                pass

        def read() -> None:
            try:
                while (body := read_message(self._reader)) is not None:
                    post(body)
            except (OSError, ValueError):  # ValueError: the stream was closed under us.
                pass
            post(None)

        def write() -> None:
            try:
                while (framed := self._outgoing.get()) is not None:
                    self._writer.write(framed)
                    self._writer.flush()
            except (OSError, ValueError):
                post(None)

        self._writing = threading.Thread(target=write, name="codehearth-write", daemon=True)
        self._writing.start()
        threading.Thread(target=read, name="codehearth-read", daemon=True).start()

    async def receive(self) -> bytes | None:
        """The next message's body; None where the editor has closed either stream, or it cannot be understood."""
        return await self._incoming.get()

    def write(self, framed: bytes) -> None:
        """Queues one message, header included. Never blocks; any thread."""
        self._outgoing.put(framed)

    def close(self, seconds: float = 1.0) -> None:
        """Waits until everything queued is written, at most so long: an editor that no longer reads cannot hold us."""
        self._outgoing.put(None)
        self._writing.join(seconds)


def read_message(stream: BinaryIO) -> bytes | None:
    """The body of the next message; `None` at the end of the stream or where it cannot be understood any more."""
    length: int | None = None
    while line := stream.readline(4096):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            if not value.strip().isdigit() or int(value) > MAXIMUM_BODY:
                return None
            length = int(value)
        elif not line.strip() and length is not None:
            body = stream.read(length)
            return body if len(body) == length else None
    return None


def take_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Our own handles on stdin and stdout; whoever prints afterwards prints to stderr, whoever reads reads nothing.

    A child process inherits neither, so that it cannot hold the editor's pipes open or speak into the protocol.
    """
    if os.name == "nt":  # Text mode would turn every line feed into two bytes.
        import msvcrt

        for descriptor in (0, 1):
            msvcrt.setmode(descriptor, os.O_BINARY)  # type: ignore[attr-defined, unused-ignore]
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    return reader, writer
