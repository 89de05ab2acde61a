"""Hears of changes on disk where the editor does not tell. The only module that imports watchdog.

Linux gives out watches by the folder, and few: only folders that count are watched, never `node_modules`. Where the
system can watch a tree at the price of one folder (macOS, Windows), the tree is watched. Where neither works, nothing
is heard, and the index compares everything now and then.

It reads no files, knows no store, and calls back on a thread of its own.
"""

import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from watchdog.events import EVENT_TYPE_CLOSED_NO_WRITE, EVENT_TYPE_OPENED, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from lsp_server.index.crawl import Crawler
from lsp_server.index.ignore import IGNORE_FILES
from lsp_server.index.resolve import PROJECT_FILES
from lsp_server.settings import IndexSettings

logger = logging.getLogger(__name__)

_QUIET_SECONDS = 0.05
_LONGEST_SECONDS = 0.5
"""Changes are told when none has come for the first time, at the latest after the second: a branch switch is one
message or a few, not thousands."""

_POLL_SECONDS = 10.0
_POLL_FACTOR = 50.0
"""Without watches everything is compared every ten seconds, or less often where looking takes longer than 0.2 s."""

Event = tuple[str, bool]
"""(path relative to the workspace folder, whether it is or was a folder); `OVERFLOW` when events were lost."""

OVERFLOW: Event = ("", True)


class Watcher:
    """Watches one workspace folder. `on_paths` gets what changed, `on_sweep` is called when that is not known."""

    def __init__(
        self,
        folder: Path,
        settings: IndexSettings,
        on_paths: Callable[[list[Path]], None],
        on_sweep: Callable[[], None],
    ) -> None:
        self._folder = folder.resolve()
        self._settings = settings
        self._on_paths = on_paths
        self._on_sweep = on_sweep
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._crawler = Crawler(self._folder, settings)
        self._watches: _Watches | None = None
        self._poll_seconds = _POLL_SECONDS
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="index-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def settings_changed(self, settings: IndexSettings) -> None:
        """Other folders may count from now on."""
        self._settings = settings
        self._events.put(OVERFLOW)

    def close(self) -> None:
        self._events.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def wait_ready(self, timeout: float) -> bool:
        """Blocks until changes are heard of; whether that was so within `timeout` seconds."""
        return self._ready.wait(timeout)

    @property
    def polling(self) -> bool:
        """Whether the system gives no watches, so that everything is compared now and then."""
        return self._watches is None

    def _run(self) -> None:
        try:
            self._watch_all()
            # What changed between the first crawl and the last watch was heard by nobody.
            self._on_sweep()
            self._ready.set()
            while self._serve_once():
                pass
        finally:
            self._stop_watching()

    def _serve_once(self) -> bool:
        """Waits for changes and tells them; `False` when the watcher was closed."""
        try:
            event = self._events.get(timeout=self._poll_seconds if self.polling else None)
        except queue.Empty:
            self._on_sweep()
            return True
        changed: dict[str, bool] = {}
        latest = time.monotonic() + _LONGEST_SECONDS
        while event is not None:
            changed[event[0]] = event[1] or changed.get(event[0], False)
            try:
                event = self._events.get(timeout=max(0.0, min(_QUIET_SECONDS, latest - time.monotonic())))
            except queue.Empty:
                self._tell(changed)
                return True
        return False

    def _tell(self, changed: dict[str, bool]) -> None:
        names = {path.rpartition("/")[2] for path in changed}
        if OVERFLOW[0] in changed or not names.isdisjoint(IGNORE_FILES):
            # Other folders count now, or some were missed.
            self._crawler = Crawler(self._folder, self._settings)
            self._watch_all()
            self._on_sweep()
            return
        for path in sorted(path for path, folder in changed.items() if folder):
            self._watch_folder(path)
        counting = [path for path, folder in changed.items() if self._counts(path, folder=folder)]
        if counting:
            self._on_paths([self._folder / path for path in sorted(counting)])

    def _counts(self, path: str, *, folder: bool) -> bool:
        if folder:
            return not self._crawler.ignores_folder(path)
        return path.rpartition("/")[2] in PROJECT_FILES or self._crawler.counts(path)

    def _watch_all(self) -> None:
        self._stop_watching()
        began = time.monotonic()
        try:
            self._watches = _watches(self._folder, self._events.put)
            if self._watches.by_folder:
                for folder in self._crawler.folders():
                    self._watches.add(folder)
        except (OSError, RuntimeError, ImportError) as error:
            self._poll(error)
        self._poll_seconds = max(_POLL_SECONDS, _POLL_FACTOR * (time.monotonic() - began))

    def _watch_folder(self, path: str) -> None:
        """Watches a folder that may be new, with what is in it; forgets one that is gone."""
        if self._watches is None or not self._watches.by_folder:
            return
        self._watches.drop(path)
        place = self._folder / path
        if place.is_symlink() or not place.is_dir():
            return
        try:
            for folder in self._crawler.folders(path):
                self._watches.add(folder)
        except OSError as error:
            self._poll(error)

    def _poll(self, error: Exception) -> None:
        logger.info("Changes of %s are looked for every few seconds: it cannot be watched (%s)", self._folder, error)
        self._stop_watching()

    def _stop_watching(self) -> None:
        watches, self._watches = self._watches, None
        if watches is not None:
            watches.close()


class _Watches(Protocol):
    by_folder: bool
    """Whether each folder has to be added."""

    def add(self, folder: str) -> None:
        """`OSError` when the system has no watches left. A folder that is gone is no error."""
        ...

    def drop(self, folder: str) -> None:
        """Forgets a folder and all folders in it, where they are known."""
        ...

    def close(self) -> None: ...


def _watches(folder: Path, put: Callable[[Event], None]) -> _Watches:
    return _FolderWatches(folder, put) if sys.platform == "linux" else _TreeWatch(folder, put)


class _TreeWatch:
    """One watch over the whole tree, by watchdog's observer for this system."""

    by_folder = False

    def __init__(self, folder: Path, put: Callable[[Event], None]) -> None:
        self._observer = Observer()
        self._observer.schedule(_Handler(folder, put), str(folder), recursive=True)
        self._observer.start()

    def add(self, folder: str) -> None:
        """The tree is watched already."""

    def drop(self, folder: str) -> None:
        """A tree is never watched in part."""

    def close(self) -> None:
        self._observer.stop()
        self._observer.join()


class _Handler(FileSystemEventHandler):
    def __init__(self, folder: Path, put: Callable[[Event], None]) -> None:
        self._folder = folder
        self._put = put

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in (EVENT_TYPE_OPENED, EVENT_TYPE_CLOSED_NO_WRITE):
            return
        if event.is_directory and event.event_type == "modified":
            # A file in it has changed, of which there is an event of its own.
            return
        for raw in (event.src_path, event.dest_path):
            path = Path(os.fsdecode(raw)) if raw else self._folder
            if path != self._folder and path.is_relative_to(self._folder):
                self._put((path.relative_to(self._folder).as_posix(), event.is_directory))


class _FolderWatches:
    """One inotify watch per folder on one inotify instance. watchdog's observers would take an instance and two
    threads per folder, or watch ignored folders too, so its inotify wrapper is used directly.

    `add` and `drop` are called by the watching thread, events arrive on the wrapper's own.
    """

    by_folder = True

    def __init__(self, folder: Path, put: Callable[[Event], None]) -> None:
        from watchdog.observers.inotify_c import InotifyConstants as Flag
        from watchdog.observers.inotify_c import InotifyFD

        self._folder = folder
        self._put = put
        self._lock = threading.Lock()
        self._folders: dict[int, str] = {}
        self._mask: Any = (
            Flag.IN_CLOSE_WRITE | Flag.IN_CREATE | Flag.IN_DELETE | Flag.IN_MOVE | Flag.IN_ONLYDIR | Flag.IN_DONT_FOLLOW
        )
        self._inotify: Any = InotifyFD()
        self._inotify.start()

    def add(self, folder: str) -> None:
        # Locked, so that the first event does not arrive before the folder has its name.
        with self._lock:
            try:
                descriptor = self._inotify.add_callback(os.fsencode(self._folder / folder), self._mask, self, id(self))
            except (FileNotFoundError, NotADirectoryError):
                return
            self._folders[int(descriptor)] = folder

    def drop(self, folder: str) -> None:
        with self._lock:
            inside = f"{folder}/"
            gone = [key for key, known in self._folders.items() if known == folder or known.startswith(inside)]
            for descriptor in gone:
                del self._folders[descriptor]
        self._inotify.remove_callbacks([(descriptor, id(self)) for descriptor in gone])

    def close(self) -> None:
        self._inotify.stop()
        self._inotify.join()

    def on_event(self, event: Any) -> None:
        """Called by the wrapper."""
        with self._lock:
            folder = self._folders.get(int(event.wd))
        if folder is None or not event.name:
            return
        name = os.fsdecode(event.name)
        self._put((f"{folder}/{name}" if folder else name, bool(event.is_directory)))

    def on_watch_deleted(self, descriptor: int) -> None:
        """Called by the wrapper when a watched folder is gone."""
        with self._lock:
            self._folders.pop(int(descriptor), None)

    def on_queue_overflow(self) -> None:
        """Called by the wrapper."""
        self._put(OVERFLOW)
