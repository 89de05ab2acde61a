"""The status notification: one object that says how we are, sent when it changed and never twice the same."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from lsp_server.completion.model import ModelState
from lsp_server.completion.query import Explanation
from lsp_server.server.editor import Editor
from lsp_server.server.extensions import STATUS, State, Status, wire
from lsp_server.server.folders import Folders


class StatusBoard:
    """Collects the facts and derives the one state a person sees. Event loop only.

    Changes within one turn of the loop become one notification: an answer from the cache must not make the editor's
    status bar flicker.
    """

    def __init__(self, editor: Editor, folders: Folders, version: str) -> None:
        self._editor = editor
        self._folders = folders
        self._version = version
        self._model = ModelState("absent")
        self._enabled = True
        self._running = 0
        self._pause: str | None = None
        self._silence: str | None = None
        self._detail = ""
        self._started = False
        self._scheduled = False
        self._sent: Status | None = None

    def now(self) -> Status:
        state, message = self._state()
        busy = self._running > 0 or state in ("starting", "loading") or bool(self._folders.unfinished)
        return Status(state, busy, message, self._silence, self._model.name, self._version)

    def started(self) -> None:
        self._started = True
        self.refresh()

    def switch(self, enabled: bool) -> None:
        self._enabled = enabled
        self.refresh()

    def pause(self, sentence: str | None) -> None:
        self._pause = sentence
        self.refresh()

    def model(self, state: ModelState) -> None:
        self._model = state
        self.refresh()

    def answered(self, explanation: Explanation) -> None:
        self._silence = explanation.silence
        self._detail = explanation.detail
        self.refresh()

    @contextmanager
    def working(self) -> Iterator[None]:
        """A request runs."""
        self._running += 1
        self.refresh()
        try:
            yield
        finally:
            self._running -= 1
            self.refresh()

    def refresh(self) -> None:
        """Something that the status depends on may have changed."""
        if self._started and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._scheduled = False
        status = self.now()
        if status != self._sent:
            self._sent = status
            self._editor.notify(STATUS, wire(status))

    def _state(self) -> tuple[State, str]:
        unfinished = self._folders.unfinished
        if not self._started:
            return "starting", "Starting."
        if not self._enabled:
            return "off", "Inline completion is switched off in the settings."
        if self._pause is not None:
            return "paused", self._pause
        if self._model.state == "error":
            return "error", self._model.sentence
        if self._model.state == "loading":
            return "loading", self._model.sentence or "Loading the model."
        if unfinished:
            done = sum(folder.coverage.files_done for folder in unfinished if folder.coverage)
            total = sum(folder.coverage.files_total for folder in unfinished if folder.coverage)
            return "indexing", f"Indexing: {done} of {total} files."
        return "ready", self._detail if self._silence else "Ready."
