"""The door of the engine: who may come in. The host runs in this process and never loads a model."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lsp_server.engine import protocol, transport
from lsp_server.engine.client import drain_running_engine, running_engine_status
from lsp_server.engine.host import HostOptions, serve
from lsp_server.engine.protocol import ModelSpec
from lsp_server.engine.scheduler import ReadyModel
from lsp_server.engine.transport import Connection
from lsp_server.errors import ModelUnavailable
from tests.unit.engine.conftest import ask

PATIENCE_S = 10.0


def no_model(spec: ModelSpec, progress: Callable[[float], bool]) -> ReadyModel:
    raise ModelUnavailable("There is no model here.", "Test something else.")


@pytest.fixture
async def host(home: Path) -> AsyncIterator["asyncio.Task[int]"]:
    """Listens when the test begins and has ended when the test is over."""
    task = asyncio.create_task(serve(HostOptions(hello_seconds=0.2, idle_exit_seconds=30), no_model))
    async with asyncio.timeout(PATIENCE_S):
        while (connection := await Connection.open()) is None:  # noqa: ASYNC110  # a socket sets no event
            await asyncio.sleep(0.01)
    connection.close()
    yield task
    await drain_running_engine()
    assert await asyncio.wait_for(task, PATIENCE_S) == 0


async def entered() -> Connection:
    """A connection that has shown its key."""
    connection, key = await Connection.open(), transport.read_key()
    assert connection is not None
    assert key is not None
    connection.send(protocol.Hello(protocol.VERSION, key, "test", os.getpid()))
    assert isinstance(await connection.receive(), protocol.Welcome)
    assert isinstance(await connection.receive(), protocol.State)
    return connection


async def test_a_silent_client_blocks_nobody_and_is_dropped(host: "asyncio.Task[int]") -> None:
    """Others are served meanwhile; its time is up soon."""
    reader, writer = await asyncio.open_unix_connection(transport.socket_path())
    assert await running_engine_status() is not None
    assert await asyncio.wait_for(reader.read(1), PATIENCE_S) == b""
    writer.close()


@pytest.mark.parametrize(
    "first",
    [
        protocol.encode(protocol.Hello(protocol.VERSION, "0" * 64, "thief", 1)),
        protocol.encode(protocol.Status()),
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x02{}",
    ],
)
async def test_who_does_not_show_the_key_is_turned_away(host: "asyncio.Task[int]", first: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(transport.socket_path())
    writer.write(first)
    assert await asyncio.wait_for(reader.read(1), PATIENCE_S) == b""
    writer.close()


async def test_another_user_is_turned_away(host: "asyncio.Task[int]", monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one who knows the key: the system names the user at the other end."""
    with monkeypatch.context() as patched:
        patched.setattr(transport, "_peer_uid", lambda _peer: os.getuid() + 1)
        assert await running_engine_status() is None
    assert await running_engine_status() is not None


async def test_the_peer_is_known_to_the_system() -> None:
    """Where this fails, the key alone decides."""
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert transport._peer_uid(one) == os.getuid()


async def test_the_files_are_the_users_own(host: "asyncio.Task[int]") -> None:
    for path in (transport.socket_path(), transport.key_path(), transport.lock_path()):
        assert path.stat().st_mode & 0o777 == 0o600, path


async def test_a_client_that_breaks_the_protocol_later_is_dropped(host: "asyncio.Task[int]") -> None:
    connection = await entered()
    connection.send(protocol.Welcome(1, 1))
    assert await asyncio.wait_for(connection.receive(), PATIENCE_S) is None
    connection.close()


async def test_a_request_before_any_model_is_refused(host: "asyncio.Task[int]") -> None:
    connection = await entered()
    connection.send(protocol.Generate(5, ask("x")))
    answer = await connection.receive()
    assert isinstance(answer, protocol.Failed)
    assert (answer.id, answer.kind) == (5, "engine")
    connection.close()


async def test_a_model_that_fails_is_told_to_every_client(host: "asyncio.Task[int]") -> None:
    """The asking one gets the failure, the others the state."""
    asking, other = await entered(), await entered()
    asking.send(protocol.Load(ModelSpec("none.gguf")))
    while not isinstance(frame := await asking.receive(), protocol.Failed):
        assert frame is not None
    assert (frame.id, frame.kind, frame.sentence) == (None, "model", "There is no model here.")
    while not (isinstance(state := await other.receive(), protocol.State) and state.state == "failed"):
        assert state is not None
    asking.close()
    other.close()


async def test_a_second_host_finds_the_lock_taken(host: "asyncio.Task[int]") -> None:
    before = await running_engine_status()
    assert await serve(HostOptions(lock_seconds=0.05), no_model) == 0
    assert await running_engine_status() is not None
    assert before is not None
    assert not host.done()


async def test_a_host_without_clients_ends(home: Path) -> None:
    assert await asyncio.wait_for(serve(HostOptions(idle_exit_seconds=0.05), no_model), PATIENCE_S) == 0
    assert not transport.socket_path().exists()
