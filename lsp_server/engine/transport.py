"""The private local socket: where it is, who may use it, and frames over it. No TCP anywhere.

POSIX: a Unix socket in the user's runtime folder (mode 0700). Windows: a named pipe of the same name for this user,
written after asyncio's documentation and untested there.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from lsp_server import paths
from lsp_server.engine.protocol import LENGTH_BYTES, Frame, decode, encode, length_of

Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def socket_path() -> Path:
    return paths.runtime_folder() / "engine.sock"


def key_path() -> Path:
    return paths.runtime_folder() / "engine.key"


def lock_path() -> Path:
    """Held by the one engine of this user, as long as it may hold a model."""
    return paths.runtime_folder() / "engine.lock"


def start_lock_path() -> Path:
    """Held by the one client that is starting an engine."""
    return paths.runtime_folder() / "start.lock"


def write_key() -> str:
    """A fresh key, readable by this user only, in place of an old one."""
    key = secrets.token_hex(32)
    fresh = key_path().with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key)
    fresh.replace(key_path())
    return key


def read_key() -> str | None:
    try:
        return key_path().read_text(encoding="ascii")
    except (OSError, ValueError):
        return None


class Listener:
    """The engine's end. Closing it removes the socket; connections that exist go on."""

    def __init__(self, server: "asyncio.AbstractServer | list[object]") -> None:
        self._server = server
        self._closed = False

    @classmethod
    async def open(cls, accept: Accept) -> "Listener":
        """Only the holder of the engine's lock may call this: it takes the place of a socket left behind."""
        if sys.platform == "win32":
            return cls(await _serve_pipe(accept))
        path = socket_path()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        server = await asyncio.start_unix_server(accept, path)
        path.chmod(0o600)
        return cls(server)

    def close(self) -> None:
        """Twice is once: by then the socket's name may belong to the next engine."""
        if self._closed:
            return
        self._closed = True
        if isinstance(self._server, asyncio.AbstractServer):
            self._server.close()
            with contextlib.suppress(FileNotFoundError):
                socket_path().unlink()
        else:
            for pipe in self._server:
                pipe.close()  # type: ignore[attr-defined]  # asyncio's PipeServer, which typeshed does not know


class Connection:
    """Frames over one stream. `send` never waits; `receive` returns None at the end of the stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls) -> "Connection | None":
        """None when no engine listens."""
        try:
            if sys.platform == "win32":
                return cls(*await _connect_pipe())
            return cls(*await asyncio.open_unix_connection(socket_path()))
        except OSError:
            return None

    @property
    def unsent_bytes(self) -> int:
        """What the other side has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    def send(self, frame: Frame) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode(frame))

    async def receive(self) -> Frame | None:
        """The next frame. Raises BrokenFrame for anything else."""
        try:
            header = await self._reader.readexactly(LENGTH_BYTES)
            return decode(await self._reader.readexactly(length_of(header)))
        except (asyncio.IncompleteReadError, ConnectionError, OSError):
            return None

    def same_user(self) -> bool:
        """Whether the system says that another user is at the other end; where it cannot tell, the key decides."""
        peer = self._writer.get_extra_info("socket")
        uid = _peer_uid(peer) if peer is not None else None
        return uid is None or uid == os.getuid()

    def close(self) -> None:
        self._writer.close()

    async def flushed(self) -> None:
        """Closes after what was sent has left."""
        self._writer.close()
        try:
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            pass


def _peer_uid(peer: socket.socket, system: str = sys.platform) -> int | None:
    if system == "linux":
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[1])
    if system == "darwin":
        # struct xucred: version, uid, number of groups, groups; LOCAL_PEERCRED is option 1 of level 0.
        credentials = peer.getsockopt(0, 1, 76)
        return int(struct.unpack_from("=II", credentials)[1])
    return None


def _pipe_name() -> str:
    folder = hashlib.sha256(str(paths.runtime_folder()).encode()).hexdigest()[:24]
    return rf"\\.\pipe\codehearth-{folder}"


async def _serve_pipe(accept: Accept) -> list[object]:
    loop = asyncio.get_running_loop()

    def protocol() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=loop), accept, loop=loop)

    return list(await loop.start_serving_pipe(protocol, _pipe_name()))  # type: ignore[attr-defined]  # Windows only


async def _connect_pipe() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_pipe_connection(lambda: protocol, _pipe_name())  # type: ignore[attr-defined]
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
