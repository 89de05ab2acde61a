"""The index thread of one workspace folder: the writer of its database, from the first crawl to the last keystroke.

Others talk to it through its inbox and get answers from readers. It never touches documents, the event loop or the
protocol; its two callbacks are called on the index thread and must return quickly.

Of several servers on one workspace one writes, by lock. The others read the same database and take over when the
writer leaves; until then the unsaved text of their own documents is kept, not indexed.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from lsp_server.errors import IndexUnavailable, ServerError
from lsp_server.index import database, home
from lsp_server.index.extract import extractor_version
from lsp_server.index.home import Home
from lsp_server.index.inbox import Inbox
from lsp_server.index.reader import Reader
from lsp_server.index.store import Store
from lsp_server.index.update import Updater
from lsp_server.index.values import Coverage
from lsp_server.index.watch import Watcher
from lsp_server.settings import IndexSettings

logger = logging.getLogger(__name__)

_FOLLOW_SECONDS = 0.5
"""How often a server that only reads asks whether the writer is gone and how far it has come."""

_MOST_FAILURES = 3
"""A database that fails more often than this lies on a bad disk: the index then leaves it."""

_CLOSE_SECONDS = 10.0


class Indexer:
    """Keeps the index of one workspace folder fresh. All methods may be called from any thread and return at once,
    but for `close` and `wait_idle`.

    `on_progress` hears about the coverage some ten times a second while it changes; `on_problem` hears one
    `IndexUnavailable` when the index cannot be kept in the cache folder.
    """

    def __init__(
        self,
        folder: Path,
        settings: IndexSettings,
        cache: Path,
        *,
        on_progress: Callable[[Coverage], None],
        on_problem: Callable[[ServerError], None],
    ) -> None:
        self._given_folder = folder
        self._folder = folder.resolve()
        self._settings = settings
        self._path = home.database_path(cache, self._folder)
        self._on_progress = on_progress
        self._on_problem = on_problem
        self._inbox = Inbox()
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)
        self._readers: list[Reader] = []
        self._coverage = Coverage(0, 0, False)
        self._texts: dict[str, str] = {}
        """Open documents, owned by the index thread. They outlive a database that is thrown away."""
        self._failures = 0
        self._extracted = 0
        self._location: Path | None = None
        self._updater: Updater | None = None
        self._watcher: Watcher | None = None

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends indexing at once, in the middle of a crawl too; no process or connection is left behind."""
        self._inbox.close()
        if self._watcher is not None:
            self._watcher.close()
        updater = self._updater
        if updater is not None:
            updater.interrupt()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_SECONDS)
        for reader in self._readers:
            reader.close()

    def changed(self, path: Path, text: str | None) -> None:
        """An open document has this text now; `None`: it was closed, and what is on disk counts again."""
        relative = self._relative(path)
        if relative:
            self._inbox.put_text(relative, text)

    def files_changed(self, paths: Iterable[Path]) -> None:
        """These files or folders were made, changed, renamed (both names) or deleted on disk."""
        inside = [relative for relative in map(self._relative, paths) if relative is not None]
        if inside:
            self._inbox.put_paths(inside)

    def sweep(self) -> None:
        """Anything may have changed on disk: compare everything."""
        self._inbox.put_sweep()

    def settings_changed(self, settings: IndexSettings) -> None:
        self._inbox.put_settings(settings)
        if self._watcher is not None:
            self._watcher.settings_changed(settings)

    def watch(self) -> None:
        """Hears of changes on disk itself from now on: for editors that do not tell of them."""
        if self._watcher is None and not self._inbox.closed:
            self._watcher = Watcher(self._folder, self._settings, self.files_changed, self.sweep)
            self._watcher.start()

    def reader(self) -> Reader:
        """A new reader; it may be used from any thread and ends with the indexer."""
        reader = Reader(lambda: self._location, self._inbox.put_damage)
        self._readers.append(reader)
        return reader

    def progress(self) -> Coverage:
        return self._coverage

    @property
    def extracted(self) -> int:
        """Files whose facts this server has made since its start: a warm start makes none."""
        return self._extracted + (self._updater.extracted if self._updater is not None else 0)

    def wait_idle(self, timeout: float) -> bool:
        """Blocks until everything asked so far is in the index; whether that happened within `timeout` seconds."""
        return self._inbox.wait_idle(timeout)

    def _relative(self, path: Path) -> str | None:
        """The path as the index names it; `None` outside the workspace. Editors may name the folder by a link."""
        for folder, place in ((self._folder, path), (self._given_folder, path), (self._folder, _resolved(path))):
            if place.is_relative_to(folder):
                inside = place.relative_to(folder).as_posix()
                return "" if inside == "." else inside
        return None

    def _run(self) -> None:
        try:
            self._live()
        except Exception:
            # A bug of ours: completions go on without an index.
            logger.exception("The index thread ended")
            self._give_up("The index stopped because of a fault in codehearth.")
        finally:
            self._location = None
            self._inbox.rest()

    def _live(self) -> None:
        if not database.full_text_search_works():
            self._give_up("This Python's SQLite has no full-text search (FTS5), so there is no index.")
            return
        place: _Place | None = self._in_cache
        while place is not None and not self._inbox.closed:
            try:
                own = place()
            except OSError as error:
                place = self._leave(place, error)
                continue
            if own is None:
                self._follow()
                continue
            try:
                self._write(own)
            except (database.DatabaseError, OSError) as error:
                place = self._after(error, own, place)
            finally:
                self._location = None
                own.release()

    def _in_cache(self) -> Home | None:
        return home.at(self._path)

    def _after(self, error: database.DatabaseError | OSError, own: Home, place: "_Place") -> "_Place | None":
        """Where to go on after the database failed; `None` when there is nowhere."""
        if self._inbox.closed:
            return None
        trouble = "unusable" if isinstance(error, OSError) else database.trouble(error)
        logger.warning("The index of %s is %s (%s) and is opened anew", self._folder, trouble, error)
        self._failures += 1
        if trouble == "unusable" or self._failures > _MOST_FAILURES:
            return self._leave(place, error)
        try:
            if trouble == "damaged":
                database.remove(own.path)
        except OSError as stuck:
            return self._leave(place, stuck)
        return place

    def _leave(self, place: "_Place", error: Exception) -> "_Place | None":
        reason = getattr(error, "strerror", None) or error
        if place == home.temporary:
            self._give_up(f"The index can be kept nowhere ({reason}).")
            return None
        self._failures = 0
        self._on_problem(
            IndexUnavailable(
                f"The index cannot be kept in {self._path.parent} ({reason}): it lives in a temporary folder and will "
                "be built anew at the next start.",
                "Make that folder writable, free space on its disk, or set CODEHEARTH_HOME.",
            )
        )
        return home.temporary

    def _give_up(self, sentence: str) -> None:
        if not self._inbox.closed:
            self._on_problem(IndexUnavailable(sentence, "Completions go on without context from other files."))

    def _follow(self) -> None:
        """One look at what the writing server has done, and a moment of waiting for it to leave."""
        self._location = self._path if self._settings.enabled else None
        reader = Reader(lambda: self._location, lambda inode: None)
        try:
            coverage = reader.coverage
        finally:
            reader.close()
        if coverage != self._coverage:
            self._report(coverage)
        if coverage.finished:
            self._inbox.rest()
        work = self._inbox.take(_FOLLOW_SECONDS)
        self._settings = work.settings or self._settings
        for path, text in work.texts.items():
            if text is not None:
                self._texts[path] = text
            else:
                self._texts.pop(path, None)

    def _write(self, own: Home) -> None:
        """Everything while this server is the writer; returns when the indexer closes."""
        store = Store.open(own.path, self._folder, extractor_version())
        try:
            inode = _inode(own.path)
            updater = Updater(
                self._folder, self._settings, store, own.path.parent, self._texts, self._inbox, self._report
            )
            self._updater = updater
            self._location = own.path if self._settings.enabled else None
            updater.sweep()
            while not self._inbox.closed:
                seconds = updater.seconds_to_next()
                if seconds is None:
                    self._inbox.rest()
                work = self._inbox.take(seconds)
                if work.damaged == inode or _inode(own.path) != inode:
                    raise database.damage("a reader found damage, or somebody has deleted the file")
                if work.settings is not None:
                    self._settings = work.settings
                    self._location = own.path if self._settings.enabled else None
                updater.do(work)
        finally:
            if self._updater is not None:
                self._extracted += self._updater.extracted
            self._updater = None
            store.close()

    def _report(self, coverage: Coverage) -> None:
        self._coverage = coverage
        if not self._inbox.closed:
            self._on_progress(coverage)


_Place = Callable[[], Home | None]


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path
