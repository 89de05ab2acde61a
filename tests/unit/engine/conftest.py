"""A private home for every engine, the embedded model, and clients whose engines end with the test."""

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from lsp_server.engine.client import EngineClient, running_engine_status
from lsp_server.engine.protocol import Done, GenerateRequest, ModelSpec, Piece, Segment
from lsp_server.modelstore import store

ROOT = Path(__file__).parents[3]
MODEL = store.embedded()

MakeClient = Callable[..., EngineClient]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Short, because the path of a socket may have at most about 100 characters."""
    with tempfile.TemporaryDirectory(prefix="ch-", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("CODEHEARTH_HOME", folder)
        monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the engine is also found where nothing is installed
        yield Path(folder)


@pytest.fixture
async def make_client(home: Path) -> AsyncIterator[MakeClient]:
    """Makes clients of the real engine; what still runs at the end of the test is ended."""
    clients: list[EngineClient] = []

    def make(*options: str, spec: ModelSpec | None = None, **more: object) -> EngineClient:
        words = options or ("--idle-exit-seconds", "5")
        command = [sys.executable, "-P", "-m", "lsp_server", "engine", *words]
        clients.append(EngineClient(command, spec or ModelSpec(str(MODEL)), **more))  # type: ignore[arg-type]
        return clients[-1]

    yield make
    status = await running_engine_status()
    for client in clients:
        await client.close()
    if status is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(status.pid, signal.SIGKILL)


def hole(prefix: str, suffix: str = "\n\ndef g():\n    pass\n") -> tuple[Segment, ...]:
    """A prompt in the embedded model's own order: suffix first."""
    return (
        Segment("<|fim_prefix|>", special=True),
        Segment("<|fim_suffix|>", special=True),
        Segment(suffix),
        Segment("<|fim_middle|>", special=True),
        Segment(prefix),
    )


def ask(prefix: str, lane: str = "w/inline", max_tokens: int = 24, **more: object) -> GenerateRequest:
    return GenerateRequest(lane=lane, segments=hole(prefix), max_tokens=max_tokens, **more)  # type: ignore[arg-type]


def endless(prefix: str, lane: str = "w/inline", *, max_tokens: int, **more: object) -> GenerateRequest:
    """A request whose answer goes on to its last token, whatever the model would say."""
    return ask(prefix, lane, max_tokens, forced_answer="word " * max_tokens, **more)


async def answer(client: EngineClient, request: GenerateRequest) -> tuple[str, Done]:
    """The whole answer of one request."""
    text = ""
    async for event in client.generate(request):
        if isinstance(event, Done):
            return text, event
        assert isinstance(event, Piece)
        text += event.text
    raise AssertionError("no Done")
