"""The mutable state of one server: documents, folders, settings, pause, and which request is the newest.

The event loop owns it and calls are made there only. A request takes its `Query` from here before its first `await`
and never looks here again. Knows no method names of the protocol; see `handlers.py` for those.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from lsprotocol import types

from lsp_server.actions.values import Selection
from lsp_server.cancel import CancelToken
from lsp_server.completion.model import ModelState
from lsp_server.completion.query import Answer, Explanation, Query, Silence
from lsp_server.documents.document import Document
from lsp_server.documents.store import Documents
from lsp_server.errors import ModelUnavailable, ServerError, SettingsProblem
from lsp_server.server import convert
from lsp_server.server.editor import Editor, Features
from lsp_server.server.folders import Folder, Folders
from lsp_server.server.lag import LagProbe
from lsp_server.server.parts import Core, Parts
from lsp_server.server.progress import Bars
from lsp_server.server.shelf import Shelf
from lsp_server.server.status import StatusBoard
from lsp_server.settings import Settings, read
from lsp_server.text import Encoding, Span

logger = logging.getLogger("codehearth.server.session")


class Session:
    def __init__(self, parts: Parts, editor: Editor) -> None:
        self.parts = parts
        self.editor = editor
        self.documents = Documents()
        self.folders = Folders(parts.make_indexer, self.documents, self._index_moved, self.problem)
        self.bars = Bars(editor)
        self.status = StatusBoard(editor, self.folders, parts.version)
        self.probe = LagProbe()
        self.features = Features()
        self.encoding: Encoding = "utf-16"
        self.settings = parts.user.settings
        self._core: Core | None = None
        self._preparing: asyncio.Task[Core] | None = None
        self._options: Mapping[str, Any] | None = None
        self._workspace: Mapping[str, Any] | None = None
        self._languages_off: set[str] = set()
        self._resume: asyncio.TimerHandle | None = None
        self._tokens: dict[str, CancelToken] = {}
        self._explanations: dict[str, Explanation] = {}
        self._shelf = Shelf(parts.version)
        self._told: set[str] = set()
        self._loading = False
        self.fallback_registered = False
        """Whether the editor knows that we answer `textDocument/completion`."""

    # Life

    def initialize(self, features: Features, encoding: Encoding, options: Any, folders: list[Path]) -> None:
        """What the editor said first. Nothing is started yet: the answer must not wait for it."""
        self.features = features
        self.encoding = encoding
        self.bars.enabled = features.progress
        self._options = section(options)
        for folder in folders:
            self.folders.add(folder)
        self._settle()

    async def start(self, workspace: Any) -> None:
        """The editor is ready, and `workspace` is what it answered for our section, if it was asked."""
        self._workspace = section(workspace)
        self._settle(self.parts.user.problems)
        await self.core()
        self.folders.follow(self.settings.index)
        self.status.started()

    def configure(self, workspace: Any) -> None:
        """The editor's settings have changed."""
        self._workspace = section(workspace)
        self._resettle()

    async def close(self) -> None:
        """Gives up all work and closes what has threads, processes or sockets. Bounded in time."""
        for token in self._tokens.values():
            token.cancel("shutdown")
        self._tokens.clear()
        if self._resume is not None:
            self._resume.cancel()
        if self._preparing is not None:
            self._preparing.cancel()
        self._shelf.close()
        closing = [self.folders.close()]
        if self._core is not None:
            closing.append(self._core.close())
        for outcome in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(outcome, Exception):
                logger.error("A part could not be closed.", exc_info=outcome)

    async def core(self) -> Core:
        """What answers; made when it is first needed. It learns of the documents that were opened before.

        Its imports take more than 100 ms, so they happen on a thread: meanwhile messages are read as ever.
        """
        if self._core is not None:
            return self._core
        if self._preparing is None:
            self._preparing = asyncio.create_task(self._make_core())
        return await asyncio.shield(self._preparing)

    # Documents

    def opened(self, uri: str, path: Path | None, language: str, version: int, text: str) -> None:
        document = self.documents.open(uri, path, language, version, text)
        if self._core is not None:
            self._core.opened(document)
        self.folders.changed(path, text)
        if not self._loading and self.settings.completion.enabled:
            self._loading = True
            self.editor.run(self._load(), "load the model")

    def changed(self, uri: str, version: int, changes: list[types.TextDocumentContentChangeEvent]) -> None:
        """Applies the changes one after the other; each is relative to the text that the one before it left."""
        before = document = self.documents.get(uri)
        if before is None or document is None:
            logger.warning("A document was changed that is not open.")
            return
        edits = []
        for change in changes:
            edit = convert.to_edit(document, change, self.encoding)
            edits.append(edit)
            document = self.documents.edit(uri, version, [edit])
        if self._core is not None:
            self._core.edited(before, document, edits)
        self.folders.changed(document.path, document.text)

    def closed(self, uri: str) -> None:
        document = self.documents.get(uri)
        if document is None:
            return
        self.documents.close(uri)
        if self._core is not None:
            self._core.closed(uri)
        self._explanations.pop(uri, None)
        if (token := self._tokens.pop(uri, None)) is not None:
            token.cancel("superseded")
        self.folders.changed(document.path, None)

    # Requests

    def query(self, document: Document, offset: int, *, automatic: bool, popup: str | None) -> Query:
        """The world as it is now, for one request."""
        if self.parts.user.changed():
            logger.info("The user's settings file has changed.")
            self._resettle(self.parts.user.problems)
        folder = self.folders.folder_of(document.path)
        return Query(
            document=document,
            offset=offset,
            settings=self._effective(),
            folder=folder.path if folder is not None else None,
            automatic=automatic,
            popup=popup,
            repository=folder.repository if folder is not None else "",
        )

    def selection(self, document: Document, span: Span) -> Selection:
        """Like `query`, for code actions."""
        folder = self.folders.folder_of(document.path)
        return Selection(
            document=document,
            span=span,
            settings=self.settings,
            folder=folder.path if folder is not None else None,
            repository=folder.repository if folder is not None else "",
        )

    async def answer(self, query: Query) -> Answer:
        """The newest request of a document wins: beginning this one supersedes the older."""
        uri = query.document.uri
        if self.paused:
            return self._record(uri, silent("paused", "Suggestions are paused."))
        if not query.settings.completion.enabled:
            return self._record(uri, silent("disabled", "Suggestions are switched off in the settings."))
        with self._newest(uri) as token, self.status.working():
            try:
                return self._record(uri, await (await self.core()).complete(query, token))
            except ServerError as error:
                self._model_moved(ModelState("error", str(error)))
                silence: Silence = "no_model" if isinstance(error, ModelUnavailable) else "engine"
                return self._record(uri, silent(silence, str(error)))

    def explanation(self, uri: str) -> Explanation | None:
        """Of the last answer for this document that was not superseded."""
        return self._explanations.get(uri)

    # What the person switches

    @property
    def paused(self) -> bool:
        return self._resume is not None

    def pause(self, minutes: float | None) -> None:
        """No suggestions for so long; `None` until `resume`."""
        self.resume()
        seconds = 10 * 365 * 86_400 if minutes is None else minutes * 60
        self._resume = asyncio.get_running_loop().call_later(seconds, self.resume)
        until = None if minutes is None else time.strftime("%H:%M", time.localtime(time.time() + seconds))
        self.status.pause(f"Paused until {until}." if until else "Paused.")
        for token in self._tokens.values():
            token.cancel("superseded")

    def resume(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None
            self.status.pause(None)

    def toggle_language(self, language: str) -> bool:
        """Switches a language off, or on again, for this server's lifetime. True when it is on now."""
        self._languages_off ^= {language}
        return language not in self._languages_off

    def reindex(self) -> None:
        self.folders.renew()

    def problem(self, error: ServerError) -> None:
        """Tells the person about something that they can mend: in a message once, in the status until it is mended."""
        logger.warning("%s", error)
        if str(error) not in self._told:
            self._told.add(str(error))
            self.editor.show("warning", str(error))

    # Inside

    def _resettle(self, earlier: list[SettingsProblem] | None = None) -> None:
        before = self.settings
        self._settle(earlier)
        if self.settings != before and self._core is not None:
            self._core.follow(self.settings)
        self.folders.follow(self.settings.index)

    def _settle(self, earlier: list[SettingsProblem] | None = None) -> None:
        """Lays the layers over each other: the user's file, the editor's options, the workspace's answers."""
        settings, problems = read(self._options, self.parts.user.settings)
        self.settings, more = read(self._workspace, settings, from_workspace=True)
        self.status.switch(self.settings.completion.enabled)
        self.editor.follow_log_level(self.settings.log.level)
        new = [str(problem) for problem in (*(earlier or ()), *problems, *more) if str(problem) not in self._told]
        for sentence in new:
            logger.warning("%s", sentence)
        if new:
            self._told.update(new)
            self.editor.show("warning", "codehearth: " + " ".join(new))

    def _effective(self) -> Settings:
        if not self._languages_off:
            return self.settings
        off = tuple(sorted({*self.settings.completion.disabled_languages, *self._languages_off}))
        return attrs.evolve(self.settings, completion=attrs.evolve(self.settings.completion, disabled_languages=off))

    @contextmanager
    def _newest(self, uri: str) -> Iterator[CancelToken]:
        if (older := self._tokens.get(uri)) is not None:
            older.cancel("superseded")
        token = self._tokens[uri] = CancelToken()
        try:
            yield token
        finally:
            if self._tokens.get(uri) is token:
                del self._tokens[uri]

    def _record(self, uri: str, answer: Answer) -> Answer:
        if not answer.superseded:
            self._explanations[uri] = answer.explanation
            self._shelf.put(uri, answer.explanation)
            self.status.answered(answer.explanation)
        return answer

    async def _make_core(self) -> Core:
        await asyncio.to_thread(self.parts.prepare)
        core = self.parts.make_core(self.settings, self.folders.reader_of, self._model_moved)
        for document in self.documents:
            core.opened(document)
        self._core = core
        return core

    async def _load(self) -> None:
        try:
            self._model_moved(await (await self.core()).load())
        except ServerError as error:
            self._model_moved(ModelState("error", str(error)))

    def _model_moved(self, state: ModelState) -> None:
        if state.state == "loading":
            self.bars.show("model", "codehearth: loading the model", state.sentence)
        else:
            self.bars.end("model", state.sentence)
        if state.state == "error":
            self.problem(ServerError(state.sentence))
        self.status.model(state)

    def _index_moved(self, folder: Folder) -> None:
        coverage = folder.coverage
        name = f"index {folder.path}"
        if coverage is None or coverage.finished:
            self.bars.end(name)
        else:
            self.bars.show(
                name,
                f"codehearth: indexing {folder.path.name}",
                f"{coverage.files_done} of {coverage.files_total} files",
                100 * coverage.files_done // coverage.files_total if coverage.files_total else None,
                on_cancel=lambda: self.folders.stop(folder.path),
            )
        self.status.refresh()


def section(raw: Any) -> Mapping[str, Any] | None:
    """Our part of what an editor sends: flat, below `settings`, below `codehearth`, or both; anything odd as it is.

    `settings.read` names what is odd, so that the person is told.
    """
    for key in ("settings", "codehearth"):
        if isinstance(raw, Mapping) and isinstance(raw.get(key), Mapping):
            raw = raw[key]
    return raw  # type: ignore[no-any-return]


def silent(silence: Silence, detail: str) -> Answer:
    """Nothing, and why, where the completion service was not asked."""
    explanation = Explanation(
        mode="none",
        snippets=(),
        from_cache=False,
        reanchored=None,
        reused=0,
        evaluated=0,
        generated=0,
        milliseconds={},
        logprob=None,
        silence=silence,
        detail=detail,
    )
    return Answer(items=(), superseded=False, explanation=explanation)
