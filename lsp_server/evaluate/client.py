"""An editor reduced to its wire: starts `codehearth serve` and speaks JSON-RPC with it over stdin and stdout.

Deliberately written without pygls or lsprotocol, so that what is measured and tested is what any editor would see.
It never imports the server, and it holds no opinion on answers: it sends, receives and keeps what arrives.
"""

import asyncio
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs

from lsp_server import __version__, paths
from lsp_server.errors import ServerError
from lsp_server.text import Encoding, LineIndex, Span

Json = Any
"""A decoded JSON value."""

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


@attrs.define
class OpenFile:
    """A document as the editor has it. `version` grows with every change sent."""

    uri: str
    language: str
    text: str
    lines: LineIndex
    version: int = 1


@attrs.frozen
class InlineReply:
    """The answer to one inline completion request.

    milliseconds: from just before the preceding change (or the request, where nothing changed) was written until
    the reply was parsed. items: empty where nothing is offered. superseded: the answer was null.
    """

    items: tuple[Mapping[str, Json], ...]
    superseded: bool
    milliseconds: float

    @property
    def text(self) -> str | None:
        """What the first item would insert, or None where nothing is shown."""
        return str(self.items[0]["insertText"]) if self.items else None


class EditorClient:
    """One running server and the editor's side of its protocol. Use as `async with EditorClient(...) as editor`.

    folders: workspace folders, announced in `initialize`. home: a private CODEHEARTH_HOME for the server and the
    engine it starts; None uses the environment's. configuration: what `workspace/configuration` answers for the
    section `codehearth`. options: `initializationOptions`. command: replaces the server's command line in tests.
    encodings: position encodings offered, best first.
    """

    def __init__(
        self,
        folders: Sequence[Path] = (),
        *,
        home: Path | None = None,
        configuration: Mapping[str, Json] | None = None,
        options: Mapping[str, Json] | None = None,
        arguments: Sequence[str] = (),
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        encodings: Sequence[Encoding] = ("utf-16",),
        inline_completion: bool = True,
    ) -> None:
        self.folders = tuple(folder.resolve() for folder in folders)
        self.configuration = dict(configuration or {})
        self.options = dict(options or {})
        self.files: dict[str, OpenFile] = {}
        self.notifications: list[tuple[str, Json]] = []
        """Every notification of the server but logs, oldest first: (method, params)."""
        self.server_requests: list[tuple[str, Json]] = []
        self.capabilities: Mapping[str, Json] = {}
        self.encoding: Encoding = "utf-16"
        self.on_notification: Callable[[str, Json], None] | None = None
        """Called for each notification as it arrives, e.g. to draw progress; must return at once."""
        self._command = list(command or [sys.executable, "-P", "-m", "lsp_server", "serve", "--stdio", *arguments])
        self._environment = {**os.environ, **(environment or {})}
        if home is not None:
            self._environment[paths.HOME_VARIABLE] = str(home)
        self._encodings = list(encodings)
        self._inline_completion = inline_completion
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._waiting: dict[int | str, tuple[str, asyncio.Future[tuple[Json, float]]]] = {}
        self._arrived = asyncio.Event()
        self._death: ServerDied | None = None
        self._leaving = False
        self._next_id = 0
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)

    async def __aenter__(self) -> Self:
        await self.start()
        try:
            await self.initialize()
        except BaseException:
            await self.kill()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None and self.alive:
                await self.shutdown()
        finally:
            await self.kill()

    # --- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts the process; nothing is sent yet. Its working folder is the first workspace folder, as in editors."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            cwd=self.folders[0] if self.folders else None,
            limit=_LONGEST_BODY,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read_messages(self._process.stdout)),
            asyncio.create_task(self._read_stderr(self._process.stderr)),
        ]

    async def initialize(self) -> Mapping[str, Json]:
        """The handshake. Returns the server's `InitializeResult`."""
        result = await self.request("initialize", self._initialize_params())
        self.capabilities = result["capabilities"]
        self.encoding = self.capabilities.get("positionEncoding") or "utf-16"
        self.notify("initialized", {})
        return dict(result)

    async def shutdown(self, timeout: float = 10.0) -> int:
        """`shutdown` and `exit`. Returns the exit code; a server that does not go within `timeout` s is killed."""
        self._leaving = True
        await asyncio.wait_for(self.request("shutdown", None), timeout)
        self.notify("exit", None)
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), timeout)

    async def kill(self) -> None:
        """Ends the process if it still runs, and the readers. Safe to call twice."""
        self._leaving = True
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

    # --- messages -----------------------------------------------------------------------------------------------

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

    # --- documents ----------------------------------------------------------------------------------------------

    def open(self, path: Path, text: str | None = None, *, language: str = "python") -> OpenFile:
        """`didOpen`; `text` is what the editor shows, the file's own content by default."""
        if text is None:
            # Without newline translation: the editor shows the bytes' own line ends.
            text = path.read_bytes().decode("utf-8", "replace")
        file = OpenFile(paths.uri_of_path(path.resolve()), language, text, LineIndex.of(text))
        self.files[file.uri] = file
        document = {"uri": file.uri, "languageId": language, "version": file.version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return file

    def change(self, file: OpenFile, span: Span, inserted: str) -> None:
        """`didChange` with one incremental change."""
        change = {"range": self._range(file, span), "text": inserted}
        file.text = file.text[: span.start] + inserted + file.text[span.end :]
        file.lines = file.lines.edited(file.text, span, len(inserted))
        file.version += 1
        document = {"uri": file.uri, "version": file.version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    def save(self, file: OpenFile) -> None:
        self.notify("textDocument/didSave", {"textDocument": {"uri": file.uri}})

    def close(self, file: OpenFile) -> None:
        self.files.pop(file.uri, None)
        self.notify("textDocument/didClose", {"textDocument": {"uri": file.uri}})

    def ask(
        self, file: OpenFile, offset: int, *, automatic: bool = True
    ) -> tuple[int, asyncio.Future[tuple[Json, float]]]:
        """Sends an inline completion request; `inline` also waits for it."""
        return self.send_request("textDocument/inlineCompletion", self._inline_params(file, offset, automatic))

    async def inline(
        self, file: OpenFile, offset: int, *, automatic: bool = True, since: float | None = None, timeout: float = 120.0
    ) -> InlineReply:
        """One inline completion. `since`: the `perf_counter` from which its milliseconds count."""
        began = time.perf_counter() if since is None else since
        _, answer = self.ask(file, offset, automatic=automatic)
        return reply_of(*await asyncio.wait_for(answer, timeout), began)

    def position(self, file: OpenFile, offset: int) -> dict[str, int]:
        line, column = file.lines.position(file.text, offset, self.encoding)
        return {"line": line, "character": column}

    # --- the wire -----------------------------------------------------------------------------------------------

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
        if method == "workspace/configuration":
            reply["result"] = [self._section(item.get("section", "")) for item in params["items"]]
        elif method == "workspace/workspaceFolders":
            reply["result"] = self._folders()
        elif method in _ACKNOWLEDGED:
            reply["result"] = None
        elif method == "workspace/applyEdit":
            reply["result"] = {"applied": False}
        else:
            reply["error"] = {"code": -32601, "message": "this client does not know the method"}
        self._send(reply)

    def _section(self, name: str) -> Json:
        value: Json = {"codehearth": self.configuration}
        for part in name.split(".") if name else ():
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    async def _died(self, what: str, *, broken: bool = False) -> None:
        """Tells everybody who waits. A `broken` server still runs but can no longer be understood."""
        assert self._process is not None
        if broken:
            self._process.kill()
        code = await self._process.wait()
        if len(self._readers) > 1:
            await asyncio.wait(self._readers[1:], timeout=1)
        ended = "" if broken else f" (exit code {code})"
        last = self._stderr[-1] if self._stderr and not self._leaving else ""
        self._death = ServerDied(
            f"The language server {what}{ended}." + (f' Its last line was "{last}".' if last else ""),
            "Run `codehearth doctor` to see what is wrong.",
        )
        for _, answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._death)
                answer.exception()  # marks it as seen: nobody need be waiting for it any more
        self._waiting.clear()
        self._arrived.set()

    # --- params -------------------------------------------------------------------------------------------------

    def _inline_params(self, file: OpenFile, offset: int, automatic: bool) -> dict[str, Json]:
        return {
            "textDocument": {"uri": file.uri},
            "position": self.position(file, offset),
            # InlineCompletionTriggerKind: 1 invoked, 2 automatic.
            "context": {"triggerKind": 2 if automatic else 1},
        }

    def _range(self, file: OpenFile, span: Span) -> dict[str, Json]:
        return {"start": self.position(file, span.start), "end": self.position(file, span.end)}

    def _folders(self) -> list[dict[str, str]]:
        return [{"uri": paths.uri_of_path(folder), "name": folder.name} for folder in self.folders]

    def _initialize_params(self) -> dict[str, Json]:
        """What VS Code sends, without what no server of ours reads."""
        text_document: dict[str, Json] = {
            "synchronization": {"dynamicRegistration": True, "didSave": True},
            "completion": {"completionItem": {"snippetSupport": True}, "contextSupport": True},
        }
        if self._inline_completion:
            text_document["inlineCompletion"] = {"dynamicRegistration": True}
        return {
            "processId": os.getpid(),
            "clientInfo": {"name": "codehearth-evaluate", "version": __version__},
            "rootUri": paths.uri_of_path(self.folders[0]) if self.folders else None,
            "workspaceFolders": self._folders() or None,
            "initializationOptions": self.options,
            "capabilities": {
                "general": {"positionEncodings": self._encodings},
                "window": {"workDoneProgress": True, "showMessage": {}},
                "workspace": {
                    "configuration": True,
                    "workspaceFolders": True,
                    "didChangeConfiguration": {"dynamicRegistration": True},
                    "didChangeWatchedFiles": {"dynamicRegistration": True, "relativePatternSupport": True},
                },
                "textDocument": text_document,
            },
        }


def reply_of(result: Json, arrived: float, began: float) -> InlineReply:
    """The result of an inline completion request, which may be null, a list or an `InlineCompletionList`."""
    items = result if isinstance(result, list) else (result or {}).get("items", [])
    return InlineReply(tuple(items), result is None, (arrived - began) * 1000)


_ACKNOWLEDGED = frozenset(
    {
        "window/workDoneProgress/create",
        "client/registerCapability",
        "client/unregisterCapability",
        "window/showMessageRequest",
        "window/showDocument",
        "workspace/inlayHint/refresh",
        "workspace/inlineCompletion/refresh",
    }
)
