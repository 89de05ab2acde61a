"""What the index thread does as the writer: compares the disk with the store, and puts edits in. Never decides where
the database lives.

Files that have not changed are not read; files that were only touched are read but not parsed. Many files are parsed
by worker processes, few of them here. Edits of open documents do not wait for a first indexing: they are put in
between its batches.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path, PurePosixPath

import attrs

from lsp_server.index import database
from lsp_server.index.crawl import Crawler, Found
from lsp_server.index.extract import Extracted, extract, extract_file
from lsp_server.index.ignore import IGNORE_FILES
from lsp_server.index.inbox import Inbox, Work
from lsp_server.index.pool import Batch, Pool, Results
from lsp_server.index.resolve import PROJECT_FILES, Root, roots_in
from lsp_server.index.store import UNSAVED, Store
from lsp_server.index.values import Coverage
from lsp_server.settings import IndexSettings
from lsp_server.syntax.languages import language_of

_MOST_WORKERS = 4
_FILES_WORTH_WORKERS = 64
"""Fewer files are parsed here before a worker process has even started (0.2 s)."""

_BATCH_FILES = 32
_BATCH_BYTES = 128 * 1024
"""A batch takes a worker some 50 ms: long enough to forget the pipes, short enough for edits in between."""

_REPORT_SECONDS = 0.1
_LOOK_SECONDS = 0.02
"""How long edits may wait while workers are busy."""

_REST_FACTOR = 2.0
"""A document is indexed at most a third of the time: one that takes 300 ms rests for 600 ms, however fast one types."""


class Updater:
    """The store's only writer, for one store. Used on the index thread, but for `interrupt` and `extracted`.

    Methods return early when the inbox is closed. Failures of the database are raised as `database.DatabaseError`.
    """

    def __init__(
        self,
        folder: Path,
        settings: IndexSettings,
        store: Store,
        working_folder: Path,
        texts: dict[str, str],
        inbox: Inbox,
        report: Callable[[Coverage], None],
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._store = store
        self._working_folder = working_folder
        self._texts = texts
        self._inbox = inbox
        self._report = report
        self._crawler = Crawler(folder, settings)
        self._coverage = Coverage(0, 0, False)
        self._told: Coverage | None = None
        self._told_at = 0.0
        self._unwritten = set(texts)
        self._rests: dict[str, float] = {}
        """Until when, by `time.monotonic`, a document that was just indexed rests."""
        self._sweep_wanted = False
        self._outdated = False
        """The settings have changed: what a running sweep is doing may be wrong."""
        self._sweeping = False
        self.extracted = 0
        """Files whose facts were made."""

    def interrupt(self) -> None:
        """Ends what the database is doing; for any thread."""
        with contextlib.suppress(database.DatabaseError):
            self._store.interrupt()

    def sweep(self) -> None:
        """Makes the index what the workspace is: every file that is new, changed or gone."""
        self._sweeping = self._sweep_wanted = True
        try:
            while self._sweep_wanted and not self._inbox.closed:
                self._sweep_wanted = self._outdated = False
                self._sweep_once()
        finally:
            self._sweeping = False

    def do(self, work: Work) -> None:
        """Everything asked; edits of a document that rests are left for `seconds_to_next`."""
        if work.settings is not None and work.settings != self._settings:
            self._settings = work.settings
            self._sweep_wanted = self._outdated = True
        for path, text in work.texts.items():
            self._take_text(path, text)
        names = {PurePosixPath(path).name for path in work.paths}
        # Which files count, or where imports lead, has changed for more than these files.
        everything = "" in work.paths or not names.isdisjoint({*IGNORE_FILES, *PROJECT_FILES})
        self._sweep_wanted = self._sweep_wanted or work.sweep or everything
        if work.paths and self._settings.enabled and not self._sweep_wanted:
            self._compare(sorted(work.paths))
        self._write_texts()
        if self._sweep_wanted and not self._sweeping:
            self.sweep()

    def seconds_to_next(self) -> float | None:
        """Until a resting document may be indexed again; `None` when nothing waits."""
        if not self._unwritten or not self._settings.enabled:
            return None
        return max(0.0, min(self._rests.get(path, 0.0) for path in self._unwritten) - time.monotonic())

    def _sweep_once(self) -> None:
        if not self._settings.enabled:
            self._say(Coverage(0, 0, True), now=True)
            return
        first = not self._coverage.finished
        if first:
            self._say(Coverage(0, 0, False), now=True)
        self._crawler = Crawler(self._folder, self._settings)
        self._write_texts()
        known = self._store.known()
        stale: list[Found] = []
        roots: dict[str, list[Root]] = {}
        total = 0
        for found in self._crawler.files():
            if self._inbox.closed:
                return
            if found.project:
                roots[found.path] = roots_in(self._folder, found.path)
                continue
            total += 1
            if known.pop(found.path, None) != (found.mtime_ns, found.size) and found.path not in self._texts:
                stale.append(found)
        self._store.remove(path for path in known if path not in self._texts)
        self._store.set_roots(roots)
        # Comparing again and finding little is nothing to tell a person about.
        busy = first or len(stale) >= _FILES_WORTH_WORKERS
        self._say(Coverage(total - len(stale), total, not busy))
        self._index(stale, sweeping=True)
        if not self._inbox.closed and not self._outdated:
            self._store.tidy()
            self._say(Coverage(total, total, True), now=True)

    def _compare(self, paths: Iterable[str]) -> None:
        """Makes the index right for these files, and for everything in these folders."""
        stale: list[Found] = []
        gone: list[str] = []
        for path in paths:
            known = self._store.known(path)
            place = self._folder / path
            folder = place.is_dir() and not place.is_symlink()
            for found in self._crawler.files(path) if folder else [self._crawler.file(path)]:
                if found is None:
                    continue
                if found.project:
                    self._sweep_wanted = True
                elif known.pop(found.path, None) != (found.mtime_ns, found.size) and found.path not in self._texts:
                    stale.append(found)
            gone.extend(other for other in known if other not in self._texts)
        self._store.remove(gone)
        self._index(stale)

    def _index(self, stale: list[Found], *, sweeping: bool = False) -> None:
        with contextlib.closing(self._results(stale)) as batches:
            for results in batches:
                # A document may have been opened since its file was put on the list.
                counting = [(path, extracted) for path, extracted in results if path not in self._texts]
                facts = [(path, extracted) for path, extracted in counting if extracted is not None]
                self._store.write(facts)
                self._store.remove(path for path, extracted in counting if extracted is None)
                self.extracted += sum(extracted.facts is not None for _, extracted in facts)
                if sweeping:
                    self._say(attrs.evolve(self._coverage, files_done=self._coverage.files_done + len(results)))
                    self.do(self._inbox.take(0))
                if self._inbox.closed or (sweeping and self._outdated):
                    return

    def _results(self, stale: list[Found]) -> Generator[Results, None, None]:
        """What extraction found, batch by batch in order; an empty batch now and then, so that edits get their turn."""
        workers = self._settings.workers
        workers = min(os.cpu_count() or 1, _MOST_WORKERS) if workers is None else workers
        most_bytes = self._settings.max_file_kb * 1024
        waiting = self._batches(stale)
        if workers == 0 or len(stale) < _FILES_WORTH_WORKERS:
            for batch in waiting:
                for path, known in batch:
                    yield [(path, extract_file(self._folder, path, known, most_bytes))]
            return
        pool = Pool(workers, self._folder, most_bytes, self._working_folder)
        try:
            while True:
                for batch in itertools.islice(waiting, 2 * workers - pool.outstanding):
                    pool.put(batch)
                if not pool.outstanding:
                    return
                yield pool.take(_LOOK_SECONDS) or []
        finally:
            pool.close()

    def _batches(self, stale: list[Found]) -> Iterator[Batch]:
        batch: list[tuple[str, str | None]] = []
        size = 0
        for found in stale:
            batch.append((found.path, self._store.digest(found.path)))
            size += found.size
            if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
                yield tuple(batch)
                batch, size = [], 0
        if batch:
            yield tuple(batch)

    def _take_text(self, path: str, text: str | None) -> None:
        if text is not None:
            self._texts[path] = text
            self._unwritten.add(path)
        elif path in self._texts:
            del self._texts[path]
            self._unwritten.discard(path)
            self._rests.pop(path, None)
            if self._settings.enabled:
                self._compare([path])

    def _write_texts(self) -> None:
        """Puts the documents in whose time has come."""
        if not self._settings.enabled:
            return
        for path in sorted(self._unwritten):
            began = time.monotonic()
            if self._rests.get(path, 0.0) > began or self._inbox.closed:
                continue
            self._unwritten.discard(path)
            self._write_text(path, self._texts[path])
            ended = time.monotonic()
            self._rests[path] = ended + _REST_FACTOR * (ended - began)

    def _write_text(self, path: str, text: str) -> None:
        language = language_of(Path(path), None)
        if language is None or not self._crawler.counts(path) or not self._crawler.fits(text):
            self._store.remove([path])
            return
        # An editor may send half a surrogate pair.
        content = text.encode("utf-8", "replace")
        self._store.write([(path, Extracted(extract(language, content), UNSAVED, UNSAVED))])
        self.extracted += 1

    def _say(self, coverage: Coverage, *, now: bool = False) -> None:
        """Tells about the coverage where it has changed: some ten times a second, or `now`."""
        self._coverage = coverage
        time_now = time.monotonic()
        if coverage != self._told and (now or time_now - self._told_at >= _REPORT_SECONDS):
            self._told, self._told_at = coverage, time_now
            self._store.set_coverage(coverage)
            self._report(coverage)
