"""The workspace folders and the index of each. Owns their threads' lifetime; event loop only."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import attrs

from lsp_server.documents.document import Document
from lsp_server.errors import ServerError
from lsp_server.index.values import Coverage, IndexReader
from lsp_server.server.parts import Indexer, MakeIndexer
from lsp_server.server.repository import repository_name
from lsp_server.settings import IndexSettings

logger = logging.getLogger("codehearth.server.folders")

CLOSE_SECONDS = 1.5
"""How long closing indexes may take before we leave without them: editors kill a server 2 s after shutdown."""


@attrs.define
class Folder:
    """One workspace folder. `indexer` is None before the start, where indexing is off, or where there is no folder."""

    path: Path
    repository: str
    indexer: Indexer | None = None
    reader: IndexReader | None = None
    coverage: Coverage | None = None
    closing: "asyncio.Future[None] | None" = None
    """The previous index on its way out: two writers must not meet on one file."""


class Folders:
    """Starts, feeds and closes one index per folder. `on_change(folder)` and `on_problem` come on the event loop."""

    def __init__(
        self,
        make: MakeIndexer,
        documents: Iterable[Document],
        on_change: Callable[[Folder], None],
        on_problem: Callable[[ServerError], None],
    ) -> None:
        """`documents` are the open ones, at any time: an index that starts later than the typing is told of them."""
        self._make = make
        self._documents = documents
        self._on_change = on_change
        self._on_problem = on_problem
        self._folders: dict[Path, Folder] = {}
        self._settings: IndexSettings | None = None
        self._watching = False
        self._closing: set[asyncio.Future[None]] = set()

    def __iter__(self) -> Iterator[Folder]:
        return iter(list(self._folders.values()))

    def add(self, path: Path) -> None:
        """A folder that does not exist (any more) stays known, without an index."""
        if path not in self._folders:
            self._folders[path] = Folder(path, repository_name(path))
            if self._settings is not None:
                self._start(self._folders[path])

    def remove(self, path: Path) -> None:
        if (folder := self._folders.pop(path, None)) is not None:
            self._stop(folder)

    def follow(self, settings: IndexSettings) -> None:
        """Starts the indexes, or tells those that run what to index from now on."""
        if settings == self._settings:
            return
        self._settings = settings
        for folder in self:
            if folder.indexer is not None:
                folder.indexer.settings_changed(settings)
            else:
                self._start(folder)

    def watch(self) -> None:
        """The editor does not tell of changes on the disk: the indexes watch for themselves, now and from now on."""
        self._watching = True
        for folder in self:
            if folder.indexer is not None:
                folder.indexer.watch()

    def renew(self) -> None:
        """Compares every folder with the disk; also starts the indexes that a person has cancelled."""
        for folder in self:
            if folder.indexer is not None:
                folder.indexer.sweep()
            else:
                self._start(folder)

    def stop(self, path: Path) -> None:
        """The person cancelled indexing: there is no index until `renew`."""
        if (folder := self._folders.get(path)) is not None:
            self._stop(folder)
            self._on_change(folder)

    def folder_of(self, path: Path | None) -> Folder | None:
        """The innermost workspace folder that holds the file; None outside all of them."""
        if path is None:
            return None
        holding = [folder for folder in self if path.is_relative_to(folder.path)]
        return max(holding, key=lambda folder: len(folder.path.parts), default=None)

    def reader_of(self, path: Path) -> IndexReader | None:
        folder = self._folders.get(path)
        return folder.reader if folder is not None else None

    def changed(self, path: Path | None, text: str | None) -> None:
        """An open document has this text now, or was closed (None)."""
        folder = self.folder_of(path)
        if path is not None and folder is not None and folder.indexer is not None:
            folder.indexer.changed(path, text)

    def files_changed(self, paths: Iterable[Path]) -> None:
        by_folder: dict[Path, list[Path]] = {}
        for path in paths:
            if (folder := self.folder_of(path)) is not None:
                by_folder.setdefault(folder.path, []).append(path)
        for home, changed in by_folder.items():
            if (indexer := self._folders[home].indexer) is not None:
                indexer.files_changed(changed)

    @property
    def unfinished(self) -> list[Folder]:
        """Folders that are being indexed, or are about to be."""
        if self._settings is None or not self._settings.enabled:
            return []
        return [folder for folder in self if folder.indexer and not (folder.coverage and folder.coverage.finished)]

    async def close(self) -> None:
        """Waits for all indexes to close, at most `CLOSE_SECONDS`."""
        for folder in self:
            self._stop(folder)
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_SECONDS)

    def _start(self, folder: Folder) -> None:
        if self._settings is None or not self._settings.enabled or not folder.path.is_dir():
            return
        if folder.closing is not None:
            folder.closing.add_done_callback(lambda _: self._start_again(folder))
            return
        loop = asyncio.get_running_loop()

        def post(function: Callable[..., None], *arguments: object) -> None:
            try:
                loop.call_soon_threadsafe(function, *arguments)
            except RuntimeError:  # The loop is closed: we are about to exit.
                pass

        def progressed(coverage: Coverage) -> None:
            if folder.indexer is indexer:  # A late word of an index that was stopped is not news.
                folder.coverage = coverage
                self._on_change(folder)

        def failed(error: ServerError) -> None:
            if folder.indexer is indexer and folder.coverage is None:
                folder.coverage = Coverage(0, 0, finished=True)  # It may have given up, and nobody should wait for it.
                self._on_change(folder)
            self._on_problem(error)

        indexer = self._make(
            folder.path,
            self._settings,
            lambda coverage: post(progressed, coverage),
            lambda error: post(failed, error),
        )
        folder.indexer = indexer
        folder.reader = indexer.reader()
        indexer.start()
        if self._watching:
            indexer.watch()
        for document in self._documents:
            if document.path is not None and self.folder_of(document.path) is folder:
                indexer.changed(document.path, document.text)

    def _start_again(self, folder: Folder) -> None:
        if self._folders.get(folder.path) is folder and folder.indexer is None and folder.closing is None:
            self._start(folder)

    def _stop(self, folder: Folder) -> None:
        indexer, folder.indexer, folder.reader, folder.coverage = folder.indexer, None, None, None
        if indexer is not None:
            folder.closing = asyncio.get_running_loop().run_in_executor(None, indexer.close)
            self._closing.add(folder.closing)
            folder.closing.add_done_callback(lambda closing: self._closed(folder, closing))

    def _closed(self, folder: Folder, closing: "asyncio.Future[None]") -> None:
        self._closing.discard(closing)
        folder.closing = None
        if not closing.cancelled() and (error := closing.exception()) is not None:
            logger.error("An index could not be closed.", exc_info=error)
