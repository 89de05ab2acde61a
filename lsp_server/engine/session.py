"""One connection to a running engine, until it breaks: frames to answers, for `client.py`. Event loop only.

Starts and restarts nothing. When the engine is gone, nobody is left waiting.
"""

import asyncio
import contextlib
import itertools
import logging
import os
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import attrs

from lsp_server.engine import protocol
from lsp_server.engine.protocol import Done, EngineStatus, GenerateRequest, ModelFacts, ModelSpec, Piece
from lsp_server.engine.transport import Connection, read_key
from lsp_server.errors import EngineUnavailable, ModelUnavailable, ServerError

logger = logging.getLogger("codehearth.engine")

_HELLO_SECONDS = 5.0


@attrs.frozen
class EngineState:
    """For the status notification. progress: 0 to 1 while loading. unloaded: rests, and loads again when needed."""

    state: Literal["off", "starting", "loading", "ready", "unloaded", "failed"]
    sentence: str = ""
    progress: float | None = None


class Session:
    """`alive` until the connection breaks or the engine announces its end; `orderly` when that was no crash."""

    def __init__(
        self,
        connection: Connection,
        spec: ModelSpec | None,
        on_state: Callable[[EngineState], None],
        on_lost: Callable[["Session"], None],
    ) -> None:
        self._connection = connection
        self._on_state = on_state
        self._on_lost = on_lost
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Queue[Piece | Done | ServerError]] = {}
        self._loads: deque[asyncio.Future[ModelFacts]] = deque()
        self._reports: deque[asyncio.Future[EngineStatus]] = deque()
        self._facts: ModelFacts | None = None
        self._spec = spec
        self.alive = True
        self.orderly = False
        if spec is not None:
            self.use(spec)
        self._reading = asyncio.get_running_loop().create_task(self._read())

    def use(self, spec: ModelSpec) -> None:
        """Tells the engine which model is meant from now on."""
        self._spec, self._facts = spec, None
        self._load()

    async def facts(self) -> ModelFacts:
        if self._facts is not None:
            return self._facts
        loading = self._loads[-1] if self._loads else self._load()
        return await asyncio.shield(loading)

    def ask(self, request: GenerateRequest) -> "tuple[int, asyncio.Queue[Piece | Done | ServerError]]":
        number = next(self._numbers)
        answers: asyncio.Queue[Piece | Done | ServerError] = asyncio.Queue()
        self._connection.send(protocol.Generate(number, request))
        self._answers[number] = answers
        return number, answers

    def forget(self, number: int) -> None:
        """Cancels the request if it has not ended."""
        if self._answers.pop(number, None) is not None:
            self._connection.send(protocol.Cancel(number))

    async def status(self) -> EngineStatus:
        report: asyncio.Future[EngineStatus] = asyncio.get_running_loop().create_future()
        self._reports.append(report)
        self._connection.send(protocol.Status())
        return await report

    async def close(self) -> None:
        self.orderly = True
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading
        await self._connection.flushed()

    def _load(self) -> "asyncio.Future[ModelFacts]":
        assert self._spec is not None
        loading: asyncio.Future[ModelFacts] = asyncio.get_running_loop().create_future()
        # Nobody may be waiting for it; the request that needs the model is told on its own.
        loading.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._loads.append(loading)
        self._connection.send(protocol.Load(self._spec))
        return loading

    async def _read(self) -> None:
        try:
            while (frame := await self._connection.receive()) is not None:
                self._take(frame)
        except protocol.BrokenFrame as problem:
            logger.warning("The engine sent %s", problem)
        finally:
            self._end()

    def _take(self, frame: protocol.Frame) -> None:
        match frame:
            case protocol.PieceOf(id=number, piece=piece):
                if (answers := self._answers.get(number)) is not None:
                    answers.put_nowait(piece)
            case protocol.DoneOf(id=number, done=done):
                if (answers := self._answers.pop(number, None)) is not None:
                    answers.put_nowait(done)
            case protocol.Failed(id=None):
                self._resolve_load(_problem(frame))
            case protocol.Failed(id=int(number)):
                if (answers := self._answers.pop(number, None)) is not None:
                    answers.put_nowait(_problem(frame))
            case protocol.Loaded(facts=facts):
                if facts.spec == self._spec:
                    self._facts = facts
                self._resolve_load(facts)
            case protocol.Report(status=status):
                report = self._reports.popleft() if self._reports else None
                if report is not None and not report.done():
                    report.set_result(status)
            case protocol.State(state="draining" | "off"):
                self.orderly = True
                self.alive = False  # what is under way is still answered; what is new goes to the next engine
            case protocol.State(path=str(path)) if self._spec is not None and path != self._spec.path:
                # Another window's model took the place of ours, whatever became of it.
                self._on_state(EngineState("unloaded"))
            case protocol.State(state=("loading" | "ready" | "unloaded" | "failed") as state):
                self._on_state(EngineState(state, frame.sentence, frame.progress))
            case _:
                raise protocol.BrokenFrame(f"{type(frame).__name__}, which engines do not send.")

    def _resolve_load(self, outcome: ModelFacts | ServerError) -> None:
        loading = self._loads.popleft() if self._loads else None
        if loading is None or loading.done():
            return
        if isinstance(outcome, ServerError):
            loading.set_exception(outcome)
        else:
            loading.set_result(outcome)

    def _end(self) -> None:
        """Nobody is left waiting for an engine that is gone."""
        self.alive = False
        self._connection.close()
        sentence = "The engine has ended." if self.orderly else "The engine died while it was answering."
        for answers in self._answers.values():
            answers.put_nowait(EngineUnavailable(sentence, "It is started again by the next request."))
        self._answers.clear()
        futures: list[asyncio.Future[Any]] = [*self._loads, *self._reports]
        for future in futures:
            if not future.done():
                future.set_exception(EngineUnavailable(sentence, "It is started again by the next request."))
        self._on_lost(self)


async def shake_hands(name: str) -> tuple[Connection, protocol.Welcome] | None:
    """None when no engine answers; one that is just starting or ending counts as none."""
    key = read_key()
    connection = await Connection.open() if key is not None else None
    if connection is None or key is None:
        return None
    try:
        async with asyncio.timeout(_HELLO_SECONDS):
            connection.send(protocol.Hello(protocol.VERSION, key, name, os.getpid()))
            answer = await connection.receive()
    except (TimeoutError, protocol.BrokenFrame):
        answer = None
    except BaseException:
        connection.close()
        raise
    if isinstance(answer, protocol.Welcome):
        return connection, answer
    connection.close()
    return None


def _problem(frame: protocol.Failed) -> ServerError:
    kinds = {"model": ModelUnavailable, "engine": EngineUnavailable, "request": ServerError}
    return kinds[frame.kind](frame.sentence, frame.next_step)
