"""The engine as seen from a server: found or started, spoken to, and replaced when it dies. Event loop only.

Holds no model. Implements `protocol.Engine`. Whatever happens to the engine process, a request ends with a Done or a
ServerError, and the next one finds a new engine unless engines keep crashing.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence

import filelock

from lsp_server.engine import protocol
from lsp_server.engine.protocol import Done, EngineStatus, GenerateRequest, ModelFacts, ModelSpec, Piece
from lsp_server.engine.session import EngineState, Session, shake_hands
from lsp_server.engine.start import EngineProcess, log_path
from lsp_server.engine.transport import Connection, start_lock_path
from lsp_server.errors import EngineUnavailable, ServerError

__all__ = ["EngineClient", "EngineState", "drain_running_engine", "running_engine_status"]

logger = logging.getLogger("codehearth.engine")

START_SECONDS = 30.0
"""From starting the process to its socket: imports from a cold disk take a while."""

_DRAIN_SECONDS = 15.0
_CRASHES = 3
_CRASH_WINDOW_S = 60.0
_REST_S = 300.0
"""How long no engine is started after too many crashes; a new EngineClient tries at once."""
_BACK_OFF_S = (0.0, 0.25, 1.0)
"""Pause before an engine is started again, by the number of crashes within the window."""


class EngineClient:
    """One per server. `on_state` is called on the event loop at every change of the engine's state."""

    def __init__(
        self,
        command: Sequence[str],
        spec: ModelSpec,
        *,
        on_state: Callable[[EngineState], None] = lambda _state: None,
        name: str = "codehearth",
    ) -> None:
        """command: how to start an engine, e.g. `[sys.executable, "-P", "-m", "lsp_server", "engine"]`."""
        self._command = tuple(command)
        self._spec = spec
        self._name = name
        self._on_state = on_state
        self._state = EngineState("off")
        self._session: Session | None = None
        self._connecting = asyncio.Lock()
        self._process: EngineProcess | None = None
        self._crashes: deque[float] = deque(maxlen=_CRASHES)
        self._rests_until = 0.0
        self._closed = False

    @property
    def state(self) -> EngineState:
        return self._state

    async def model(self) -> ModelFacts:
        """The loaded model; starts the engine and loads as needed. Raises ModelUnavailable or EngineUnavailable."""
        session = await self._connected()
        return await session.facts()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Piece | Done, None]:
        """See `protocol.Engine.generate`. Closing the generator tells the engine at once."""
        session = await self._connected()
        number, answers = session.ask(request)
        try:
            while True:
                answer = await answers.get()
                if isinstance(answer, ServerError):
                    raise answer
                yield answer
                if isinstance(answer, Done):
                    return
        finally:
            session.forget(number)

    def use(self, spec: ModelSpec) -> None:
        """Another model from now on; it is loaded when it is next needed."""
        if spec != self._spec:
            self._spec = spec
            self._crashes.clear()
            self._rests_until = 0.0
            if self._session is not None:
                self._session.use(spec)

    async def status(self) -> EngineStatus | None:
        """Of the running engine, or None when there is none. Starts nothing."""
        if self._session is not None and self._session.alive:
            return await self._session.status()
        return await running_engine_status()

    async def close(self) -> None:
        """Leaves the engine; requests of this client that are under way are cancelled there."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        self._tell(EngineState("off"))

    async def _connected(self) -> "Session":
        async with self._connecting:
            if self._closed:
                raise EngineUnavailable("The server is shutting down.")
            if self._session is not None and self._session.alive:
                return self._session
            await self._be_patient()
            try:
                connection = await self._reach()
            except ServerError as problem:
                self._tell(EngineState("failed", str(problem)))
                raise
            self._session = Session(connection, self._spec, self._tell, self._lost)
            return self._session

    async def _be_patient(self) -> None:
        """Waits between restarts after crashes, or refuses to go on with them."""
        now = time.monotonic()
        recent = sum(now - at < _CRASH_WINDOW_S for at in self._crashes)
        if recent >= _CRASHES:
            self._rests_until = now + _REST_S
            self._crashes.clear()
        if now < self._rests_until:
            problem = EngineUnavailable(
                "The engine has crashed three times within a minute and is left alone for five minutes.",
                f"The reason is in {log_path()}; `codehearth doctor` tells more. Another model may help.",
            )
            self._tell(EngineState("failed", str(problem)))
            raise problem
        await asyncio.sleep(_BACK_OFF_S[min(recent, len(_BACK_OFF_S) - 1)])

    async def _reach(self) -> Connection:
        """A connection to an engine of this version: the running one, or a new one that this client starts."""
        end = time.monotonic() + START_SECONDS
        start_lock = filelock.FileLock(start_lock_path(), mode=0o600, thread_local=False)
        try:
            while time.monotonic() < end:
                opened = await shake_hands(self._name)
                if opened is not None:
                    connection, welcome = opened
                    if welcome.version == protocol.VERSION:
                        return connection
                    if welcome.version > protocol.VERSION:
                        connection.close()
                        raise EngineUnavailable(
                            "A newer codehearth is running its engine.", "Restart this editor to use the newer one."
                        )
                    logger.info("An older engine is asked to leave")
                    await _drained(connection)
                elif start_lock.is_locked or _taken(start_lock):
                    self._start_once()
                await asyncio.sleep(0.02)
        finally:
            start_lock.release()
            self._process = None
        raise EngineUnavailable(
            f"The engine did not start within {START_SECONDS:.0f} seconds.", f"The reason may be in {log_path()}."
        )

    def _start_once(self) -> None:
        """Called while this client holds the start lock and no engine answers."""
        if self._process is None:
            self._tell(EngineState("starting", "The engine is being started."))
            self._process = EngineProcess(self._command)
        elif self._process.exit_code == 0:
            self._process = None  # it found another engine, which is gone by now
        elif self._process.exit_code is not None:
            self._crashes.append(time.monotonic())
            raise EngineUnavailable(
                f"The engine ended while it was starting (exit code {self._process.exit_code}).",
                f"The reason is in {log_path()}; `codehearth doctor` tells more.",
            )

    def _lost(self, session: "Session") -> None:
        if session is self._session:
            self._session = None
        if self._closed:
            return None
        if session.orderly:
            return self._tell(EngineState("off", "The engine has ended."))
        self._crashes.append(time.monotonic())
        logger.warning("The engine has died; its log is %s", log_path())
        return self._tell(EngineState("off", "The engine has died and is started again when it is needed."))

    def _tell(self, state: EngineState) -> None:
        if state != self._state:
            self._state = state
            self._on_state(state)


async def running_engine_status() -> EngineStatus | None:
    """Of this user's engine, or None when none of this version runs. Starts nothing."""
    opened = await shake_hands("codehearth")
    if opened is None:
        return None
    connection, welcome = opened
    if welcome.version != protocol.VERSION:
        connection.close()
        return None
    session = Session(connection, None, lambda _state: None, lambda _session: None)
    try:
        return await session.status()
    finally:
        await session.close()


async def drain_running_engine() -> bool:
    """Asks this user's engine to finish and exit, and waits for that. False: there was none."""
    opened = await shake_hands("codehearth")
    if opened is None:
        return False
    await _drained(opened[0])
    return True


async def _drained(connection: Connection) -> None:
    """Asks the engine to leave and waits until it has let go."""
    connection.send(protocol.Drain())
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await connection.receive() is not None:
                pass
    except (TimeoutError, protocol.BrokenFrame):
        pass
    finally:
        connection.close()


def _taken(lock: filelock.BaseFileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return False
    return True
