"""An editor without a screen: starts `codehearth serve`, opens and changes documents, asks for completions.

It never imports the server, and it holds no opinion on answers: it sends, receives and keeps what arrives.
"""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from lsp_server import __version__, paths
from lsp_server.evaluate.wire import Json, ServerProcess
from lsp_server.text import Encoding, LineIndex, Span


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


class EditorClient(ServerProcess):
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
        self.capabilities: Mapping[str, Json] = {}
        self.encoding: Encoding = "utf-16"
        self._encodings = list(encodings)
        self._inline_completion = inline_completion
        own_home = {} if home is None else {paths.HOME_VARIABLE: str(home)}
        super().__init__(
            command or [sys.executable, "-P", "-m", "lsp_server", "serve", "--stdio", *arguments],
            environment={**os.environ, **(environment or {}), **own_home},
            # Editors start servers inside the workspace.
            folder=self.folders[0] if self.folders else None,
        )

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

    async def initialize(self) -> Mapping[str, Json]:
        """The handshake. Returns the server's `InitializeResult`."""
        result = await self.request("initialize", self._initialize_params())
        self.capabilities = result["capabilities"]
        self.encoding = self.capabilities.get("positionEncoding") or "utf-16"
        self.notify("initialized", {})
        return dict(result)

    async def shutdown(self, timeout: float = 10.0) -> int:
        """`shutdown` and `exit`. Returns the exit code, or raises TimeoutError after `timeout` seconds."""
        await self.request("shutdown", None, timeout)
        self.notify("exit", None)
        return await self.ended(timeout)

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

    def respond(self, method: str, params: Json) -> Json:
        """What VS Code would answer, as far as it matters here."""
        if method == "workspace/configuration":
            return [self._section(item.get("section", "")) for item in params["items"]]
        if method == "workspace/workspaceFolders":
            return self._folders()
        if method == "workspace/applyEdit":
            return {"applied": False}
        if method in _ACKNOWLEDGED:
            return None
        raise LookupError(method)

    def _section(self, name: str) -> Json:
        value: Json = {"codehearth": self.configuration}
        for part in name.split(".") if name else ():
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

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
            "codeAction": {
                "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["refactor"]}},
                "disabledSupport": True,
                "dataSupport": True,
                "resolveSupport": {"properties": ["edit"]},
            },
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
                    "workspaceEdit": {"documentChanges": True, "changeAnnotationSupport": {}},
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
