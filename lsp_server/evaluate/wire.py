"""A server process and JSON-RPC with it over stdin and stdout, as the protocol's base prescribes.

Knows frames, requests and death; what the methods mean is for `client.py`. Written without pygls or lsprotocol, so that
what is measured and tested is what any editor would see.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lsp_server.errors import ServerError

Json = Any
"""A decoded JSON value."""

METHOD_NOT_FOUND = -32601

_STDERR_LINES = 40
_LONGEST_BODY = 64 * 1024 * 1024


class ServerDied(ServerError):
    """The server's process ended, or its output was not the protocol, while something was still asked of it."""


class RequestFailed(Exception):
    """The server answered a request with an error; `code` is the JSON-RPC one, `arrived` a `perf_counter`."""

    def __init__(self, method: str, code: int, message: str, arrived: float) -> None:
        super().__init__(f"{method} was answered with error {code}: {message}")
        self.method = method
        self.code = code
        self.arrived = arrived


class ServerProcess:
    """One server and what it sends. Subclasses answer its requests in `respond`."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], folder: Path | None) -> None:
        self.notifications: list[tuple[str, Json]] = []
        """Every notification of the server but logs, oldest first: (method, params)."""
        self.server_requests: list[tuple[str, Json]] = []
        self.on_notification: Callable[[str, Json], None] | None = None
        """Called for each notification as it arrives, e.g. to draw progress; must return at once."""
        self._command = tuple(command)
        self._environment = dict(environment)
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._waiting: dict[int | str, tuple[str, asyncio.Future[tuple[Json, float]]]] = {}
        self._arrived = asyncio.Event()
        self._death: ServerDied | None = None
        self._next_id = 0
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)

    def respond(self, method: str, params: Json) -> Json:
        """The result of a request of the server; raises LookupError for a method that is not known here."""
        raise LookupError(method)

    async def start(self) -> None:
        """Starts the process; nothing is sent yet."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            cwd=self._folder,
            limit=_LONGEST_BODY,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read_messages(self._process.stdout)),
            asyncio.create_task(self._read_stderr(self._process.stderr)),
        ]

    async def ended(self, timeout: float) -> int:
        """The exit code of a server that was told to go; TimeoutError after `timeout` seconds."""
        assert self._process is not None, "start() first"
        return await asyncio.wait_for(self._process.wait(), timeout)

    async def kill(self) -> None:
        """Ends the process if it still runs, and the readers. Safe to call twice."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None and self._death is None

    @property
    def process_id(self) -> int:
        assert self._process is not None, "start() first"
        return self._process.pid

    @property
    def stderr(self) -> str:
        """The last lines that the server wrote to stderr."""
        return "\n".join(self._stderr)

    async def request(self, method: str, params: Json, timeout: float | None = 120.0) -> Json:
        """Sends and waits for the result. Raises RequestFailed, ServerDied or TimeoutError (`timeout` in seconds)."""
        _, answer = self.send_request(method, params)
        return (await asyncio.wait_for(answer, timeout))[0]

    def send_request(self, method: str, params: Json) -> tuple[int, asyncio.Future[tuple[Json, float]]]:
        """Sends at once. Returns the id, for `cancel`, and a future of (result, `perf_counter` of its arrival)."""
        self._next_id += 1
        answer: asyncio.Future[tuple[Json, float]] = asyncio.get_running_loop().create_future()
        self._waiting[self._next_id] = (method, answer)
        try:
            self._send({"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params})
        except ServerDied:
            del self._waiting[self._next_id]
            raise
        return self._next_id, answer

    def notify(self, method: str, params: Json) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def cancel(self, request: int) -> None:
        """`$/cancelRequest`; the request's future then fails with code -32800 unless its answer was faster."""
        self.notify("$/cancelRequest", {"id": request})

    async def wait_for(self, seen: Callable[[], bool], timeout: float, what: str) -> None:
        """Waits until `seen()`, asked anew whenever a message arrives; `timeout` in seconds, `what` for its error."""
        deadline = time.monotonic() + timeout
        while not seen():
            if self._death is not None:
                raise self._death
            self._arrived.clear()
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{what} did not happen within {timeout:.0f} s")
            try:
                await asyncio.wait_for(self._arrived.wait(), left)
            except TimeoutError:
                continue

    def received(self, method: str) -> list[Json]:
        """Params of all notifications of this method so far, oldest first."""
        return [params for name, params in self.notifications if name == method]

    def _send(self, message: Mapping[str, Json]) -> None:
        if self._death is not None:
            raise self._death
        assert self._process is not None, "start() first"
        assert self._process.stdin is not None
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def _read_messages(self, stdout: asyncio.StreamReader) -> None:
        try:
            while True:
                length = 0
                while (line := await stdout.readuntil(b"\r\n")) != b"\r\n":
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                message = json.loads(await stdout.readexactly(length))
                self._receive(message, time.perf_counter())
        except (asyncio.IncompleteReadError, ConnectionError):
            await self._died("ended")
        except (ValueError, asyncio.LimitOverrunError):
            await self._died("wrote something to stdout that is not the protocol", broken=True)

    async def _read_stderr(self, stderr: asyncio.StreamReader) -> None:
        async for line in stderr:
            self._stderr.append(line.decode("utf-8", "replace").rstrip())

    def _receive(self, message: Mapping[str, Json], now: float) -> None:
        method = message.get("method")
        if method is None:
            asked, answer = self._waiting.pop(message["id"], ("", None))
            if answer is not None and not answer.done():
                error = message.get("error")
                if error is None:
                    answer.set_result((message.get("result"), now))
                else:
                    answer.set_exception(RequestFailed(asked, error["code"], error["message"], now))
        elif "id" in message:
            self.server_requests.append((method, message.get("params")))
            self._answer(message["id"], method, message.get("params"))
        else:
            if method not in ("window/logMessage", "$/logTrace"):
                self.notifications.append((method, message.get("params")))
            if self.on_notification is not None:
                self.on_notification(method, message.get("params"))
        self._arrived.set()

    def _answer(self, request: Json, method: str, params: Json) -> None:
        reply: dict[str, Json] = {"jsonrpc": "2.0", "id": request}
        try:
            reply["result"] = self.respond(method, params)
        except LookupError:
            reply["error"] = {"code": METHOD_NOT_FOUND, "message": "this client does not know the method"}
        self._send(reply)

    async def _died(self, what: str, *, broken: bool = False) -> None:
        """Tells everybody who waits. A `broken` server still runs but can no longer be understood."""
        assert self._process is not None
        if broken:
            self._process.kill()
        code = await self._process.wait()
        if len(self._readers) > 1:
            await asyncio.wait(self._readers[1:], timeout=1)
        ended = "" if broken else f" (exit code {code})"
        last = " ".join(list(self._stderr)[-2:])  # Our own problems take two lines: the sentence and the next step.
        self._death = ServerDied(
            f"The language server {what}{ended}." + (f' Its last words were "{last}"' if last else ""),
            "Run `codehearth doctor` to see what is wrong.",
        )
        for _, answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._death)
                answer.exception()  # marks it as seen: nobody need be waiting for it any more
        self._waiting.clear()
        self._arrived.set()
