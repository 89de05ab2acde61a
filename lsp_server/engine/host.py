"""The engine process: clients come in through the private socket, their requests go to the scheduler's one thread.

Owns the connections and the model's life: loaded when first needed, unloaded when idle, gone with the last client.
Evaluates nothing itself and imports llama.cpp only when a model is asked for, so that the socket is there at once.
"""

import asyncio
import hmac
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

import attrs
import filelock
import psutil

from lsp_server import paths
from lsp_server.engine import protocol
from lsp_server.engine.protocol import ModelFacts, ModelSpec, Piece
from lsp_server.engine.scheduler import Job, Loader, ModelState, Outcome, ReadyModel, Scheduler
from lsp_server.engine.transport import Connection, Listener, lock_path, write_key
from lsp_server.errors import EngineUnavailable, ModelUnavailable, ServerError

logger = logging.getLogger("codehearth.engine")

_MOST_UNSENT = 16 * 2**20
"""Bytes: a client that takes nothing any more is dropped rather than kept in memory."""


@attrs.frozen(kw_only=True)
class HostOptions:
    """Times of the engine's life; tests shorten them."""

    idle_exit_seconds: float = 60.0
    """Without any client."""
    idle_unload_minutes: float = 10.0
    """Without any request."""
    hello_seconds: float = 2.0
    """A connection that has not shown its key by then is closed."""
    drain_seconds: float = 10.0
    """What is still running then is cancelled."""
    lock_seconds: float = 12.0
    """An engine that drains or has just died may need this long to let go of the lock."""


async def serve(options: HostOptions, load: Loader | None = None) -> int:
    """Runs the engine until it is idle, drained or told to stop. 0, also when another engine is already there."""
    lock = filelock.FileLock(lock_path(), mode=0o600, thread_local=False)
    if not await _acquired(lock, options.lock_seconds):
        logger.info("Another engine is running")
        return 0
    try:
        await _Host(options, load or _load).run()
    finally:
        lock.release()
    return 0


class _Host:
    def __init__(self, options: HostOptions, load: Loader) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._clients: set[_Client] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._draining = False
        self._began = time.monotonic()
        self._state: protocol.State = protocol.State("unloaded")
        self._exit_timer: asyncio.TimerHandle | None = None
        self._unload_timer: asyncio.TimerHandle | None = None
        self._outbox: deque[tuple[_Client | None, protocol.EngineFrame]] = deque()
        self._outbox_called = False
        self._key = write_key()
        self._listener: Listener
        self._scheduler = Scheduler(load, self._model_changed)

    async def run(self) -> None:
        self._listener = await Listener.open(self._accept)
        if sys.platform != "win32":
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self._stop.set)
        self._arm_exit()
        logger.info("Engine %d listens", os.getpid())
        try:
            await self._stop.wait()
        finally:
            self._listener.close()
            await asyncio.to_thread(self._scheduler.stop)
            self._flush()
            for client in list(self._clients):
                client.connection.send(protocol.State("off", "The engine has ended."))
                await client.connection.flushed()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            logger.info("Engine %d ends", os.getpid())

    # Connections.

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = Connection(reader, writer)
        try:
            if await self._authenticated(connection):
                await self._attend(_Client(connection))
        except protocol.BrokenFrame as problem:
            logger.warning("A client sent %s", problem)
        finally:
            connection.close()
            self._tasks.discard(task)

    async def _authenticated(self, connection: Connection) -> bool:
        if not connection.same_user():
            logger.warning("Another user's process was turned away")
            return False
        try:
            async with asyncio.timeout(self._options.hello_seconds):
                hello = await connection.receive()
        except TimeoutError:
            logger.warning("A client stayed silent and was dropped")
            return False
        if not isinstance(hello, protocol.Hello) or not hmac.compare_digest(hello.key.encode(), self._key.encode()):
            logger.warning("A client without the key was turned away")
            return False
        connection.send(protocol.Welcome(protocol.VERSION, os.getpid()))
        connection.send(self._state)
        return True

    async def _attend(self, client: "_Client") -> None:
        self._clients.add(client)
        self._arm_exit()
        try:
            while (frame := await client.connection.receive()) is not None:
                self._handle(client, frame)
        finally:
            self._clients.discard(client)
            for job in list(client.jobs.values()):
                self._scheduler.end(job, "cancelled")
            self._arm_exit()

    def _handle(self, client: "_Client", frame: protocol.Frame) -> None:
        match frame:
            case protocol.Generate(id=number, request=request):
                if client.spec is None or self._draining:
                    client.connection.send(_refusal(number, draining=self._draining))
                    return
                self._submit(client, number, Job(client.spec, request, lambda out: self._emit(client, number, out)))
            case protocol.Cancel(id=number):
                if (job := client.jobs.get(number)) is not None:
                    self._scheduler.end(job, "cancelled")
            case protocol.Load(spec=spec):
                if self._draining:
                    client.connection.send(_refusal(None, draining=True))
                    return
                client.spec = spec
                self._submit(client, None, Job(spec, None, lambda out: self._emit(client, None, out)))
            case protocol.Status():
                client.connection.send(protocol.Report(self._status()))
            case protocol.Drain():
                self._drain()
            case _:
                raise protocol.BrokenFrame(f"{type(frame).__name__}, which only engines send.")

    def _submit(self, client: "_Client", number: int | None, job: Job) -> None:
        if number is not None:
            client.jobs[number] = job
            if job.request is not None and job.request.deadline_ms is not None:
                seconds = job.request.deadline_ms / 1000
                client.deadlines[number] = self._loop.call_later(seconds, self._scheduler.end, job, "deadline")
        self._arm_unload()
        self._scheduler.submit(job)

    # From the model thread.

    def _emit(self, client: "_Client", number: int | None, outcome: Outcome) -> None:
        self._post(client, _frame(number, outcome))

    def _model_changed(self, state: ModelState, sentence: str, progress: float | None, spec: ModelSpec | None) -> None:
        self._post(None, protocol.State(state, sentence, progress, spec.path if spec is not None else None))

    def _post(self, client: "_Client | None", frame: protocol.EngineFrame) -> None:
        """Hands a frame to the loop. The loop is woken once for all frames that gather until it looks."""
        self._outbox.append((client, frame))
        if not self._outbox_called:
            self._outbox_called = True
            self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        self._outbox_called = False
        while self._outbox:
            client, frame = self._outbox.popleft()
            if isinstance(frame, protocol.State):
                self._state = frame
                if frame.state in ("ready", "failed"):
                    self._arm_unload()
            for receiver in list(self._clients) if client is None else [client]:
                receiver.connection.send(frame)
                if receiver.connection.unsent_bytes > _MOST_UNSENT:
                    logger.warning("A client that takes nothing was dropped")
                    receiver.connection.close()
            if client is not None and isinstance(frame, protocol.DoneOf | protocol.Failed) and frame.id is not None:
                client.forget(frame.id)
                self._arm_unload()
        if self._draining and self._scheduler.waiting == 0:
            self._stop.set()

    # Times.

    def _arm_exit(self) -> None:
        if self._exit_timer is not None:
            self._exit_timer.cancel()
            self._exit_timer = None
        if not self._clients:
            self._exit_timer = self._loop.call_later(self._options.idle_exit_seconds, self._stop.set)

    def _arm_unload(self) -> None:
        if self._unload_timer is not None:
            self._unload_timer.cancel()
        self._unload_timer = self._loop.call_later(self._options.idle_unload_minutes * 60, self._scheduler.unload)

    def _drain(self) -> None:
        if self._draining:
            return
        logger.info("Engine %d drains", os.getpid())
        self._draining = True
        self._listener.close()
        self._post(None, protocol.State("draining", "The engine makes room for a newer one."))
        self._loop.call_later(self._options.drain_seconds, self._stop.set)

    def _status(self) -> protocol.EngineStatus:
        facts = self._scheduler.facts
        return protocol.EngineStatus(
            pid=os.getpid(),
            version=protocol.VERSION,
            state=self._state.state,
            model=facts.name if facts else None,
            path=facts.spec.path if facts else None,
            threads=facts.threads if facts else None,
            memory_bytes=psutil.Process().memory_info().rss,
            clients=len(self._clients),
            served=self._scheduler.served,
            waiting=self._scheduler.waiting,
            uptime_s=time.monotonic() - self._began,
        )


@attrs.define(eq=False)
class _Client:
    """An authenticated connection and its unfinished requests, by the client's own numbers."""

    connection: Connection
    spec: ModelSpec | None = None
    jobs: dict[int, Job] = attrs.field(factory=dict)
    deadlines: dict[int, asyncio.TimerHandle] = attrs.field(factory=dict)

    def forget(self, number: int) -> None:
        self.jobs.pop(number, None)
        timer = self.deadlines.pop(number, None)
        if timer is not None:
            timer.cancel()


def _load(spec: ModelSpec, progress: Callable[[float], bool]) -> ReadyModel:
    from lsp_server.engine.loaded import LoadedModel

    try:
        cache_folder = paths.cache_folder()
    except ServerError as problem:
        logger.warning("Measured speeds cannot be kept: %s", problem)
        cache_folder = None
    return LoadedModel(spec, progress=progress, cache_folder=cache_folder)


def _frame(number: int | None, outcome: Outcome) -> protocol.EngineFrame:
    if isinstance(outcome, ModelFacts):
        return protocol.Loaded(outcome)
    if isinstance(outcome, ServerError):
        return protocol.Failed(number, _kind(outcome), outcome.sentence, outcome.next_step)
    assert number is not None
    return protocol.PieceOf(number, outcome) if isinstance(outcome, Piece) else protocol.DoneOf(number, outcome)


def _kind(problem: ServerError) -> Literal["model", "engine", "request"]:
    if isinstance(problem, ModelUnavailable):
        return "model"
    return "engine" if isinstance(problem, EngineUnavailable) else "request"


def _refusal(number: int | None, *, draining: bool) -> protocol.Failed:
    if draining:
        return protocol.Failed(
            number, "engine", "The engine is making room for a newer version.", "Restart the editor."
        )
    return protocol.Failed(number, "engine", "No model was named.", "This is a bug of codehearth; please report it.")


async def _acquired(lock: filelock.BaseFileLock, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while True:
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.05)
        else:
            return True
