"""An editor with one document and a service with a scripted engine, for tests of whole completions."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lsp_server.cancel import CancelToken
from lsp_server.completion.forced import ForcedTexts
from lsp_server.completion.model import ModelState
from lsp_server.completion.query import Answer, Query
from lsp_server.completion.service import CompletionService
from lsp_server.documents.document import Document, Edit
from lsp_server.documents.trees import Trees
from lsp_server.engine.fake import FakeEngine
from lsp_server.index.values import IndexReader
from lsp_server.settings import CompletionSettings, Settings
from lsp_server.text import LineIndex, Span

SECONDS = 5.0
"""Nothing here waits for a clock; this only ends a test that hangs."""

FOLDER = Path("/project")
PATH = FOLDER / "a.py"


class Editor:
    """One open document with a cursor, and the service that is asked about it."""

    def __init__(self, marked: str, service: CompletionService, *, folder: Path | None = FOLDER) -> None:
        self.service = service
        self.folder = folder
        self.settings = Settings(completion=CompletionSettings(debounce_ms=0))
        self.text, self.cursor = marked.replace("<CURSOR>", ""), marked.index("<CURSOR>")
        self.version = 1
        self.token: CancelToken | None = None

    def document(self) -> Document:
        return Document("file:///project/a.py", PATH, "python", self.version, self.text, LineIndex.of(self.text))

    def query(self, automatic: bool = True) -> Query:
        return Query(self.document(), self.cursor, self.settings, self.folder, automatic)

    def change(self, span: Span, inserted: str) -> None:
        """As didChange brings it."""
        old = self.document()
        self.text = self.text[: span.start] + inserted + self.text[span.end :]
        self.version += 1
        self.cursor = span.start + len(inserted)
        self.service.edited(old, self.document(), [Edit(span, inserted)])

    def type(self, text: str) -> None:
        for character in text:
            self.change(Span(self.cursor, self.cursor), character)

    def accept(self, text: str) -> None:
        self.change(Span(self.cursor, self.cursor), text)

    def ask(self, *, automatic: bool = True) -> "asyncio.Task[Answer]":
        """As the server asks: the newest request supersedes the older."""
        if self.token is not None:
            self.token.cancel("superseded")
        self.token = CancelToken()
        return asyncio.create_task(self.service.complete(self.query(automatic), self.token))

    async def answer(self, *, automatic: bool = True) -> Answer:
        async with asyncio.timeout(SECONDS):
            return await self.ask(automatic=automatic)


def service_for(
    engine: FakeEngine,
    trees: Trees,
    *,
    reader: IndexReader | None = None,
    on_state: Callable[[ModelState], None] | None = None,
    forced_texts: ForcedTexts | None = None,
) -> CompletionService:
    return CompletionService(
        engine=engine,
        trees=trees,
        reader_of=lambda folder: reader,
        on_state=on_state,
        forced_texts=forced_texts,
    )


@pytest.fixture
def trees() -> Iterator[Trees]:
    own = Trees()
    yield own
    own.close()


@pytest.fixture
async def close() -> AsyncIterator[list[Editor]]:
    """Editors whose service ends with the test."""
    editors: list[Editor] = []
    yield editors
    for editor in editors:
        await editor.service.close()


@pytest.fixture
def opened(close: list[Editor], trees: Trees) -> Callable[..., Editor]:
    def open_(marked: str, engine: FakeEngine, *, folder: Path | None = FOLDER, **options: Any) -> Editor:
        editor = Editor(marked, service_for(engine, trees, **options), folder=folder)
        close.append(editor)
        return editor

    return open_


Open = Callable[..., Editor]
