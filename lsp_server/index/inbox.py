"""What the index thread has been asked to do, coalesced: of two requests about one thing the newer one counts."""

import threading
from collections.abc import Iterable

import attrs

from lsp_server.settings import IndexSettings


@attrs.frozen
class Work:
    """Everything asked since the last time. Paths are relative to the workspace folder, with `/`."""

    texts: dict[str, str | None]
    """Open documents by path: their newest text, `None` where they were closed."""
    paths: frozenset[str]
    """Files or folders that changed on disk, or are gone."""
    sweep: bool
    settings: IndexSettings | None
    damaged: int | None
    """Inode of the database in which a reader found damage."""


class Inbox:
    """Any thread puts, the index thread takes. It is busy from its start until the index thread says `rest`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._texts: dict[str, str | None] = {}
        self._paths: set[str] = set()
        self._sweep = False
        self._settings: IndexSettings | None = None
        self._damaged: int | None = None
        self._busy = True
        self.closed = False

    def put_text(self, path: str, text: str | None) -> None:
        with self._changed:
            self._texts[path] = text
            self._wake()

    def put_paths(self, paths: Iterable[str]) -> None:
        with self._changed:
            self._paths.update(paths)
            self._wake()

    def put_sweep(self) -> None:
        with self._changed:
            self._sweep = True
            self._wake()

    def put_settings(self, settings: IndexSettings) -> None:
        with self._changed:
            self._settings = settings
            self._wake()

    def put_damage(self, inode: int) -> None:
        with self._changed:
            self._damaged = inode
            self._wake()

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._wake()

    def take(self, seconds: float | None) -> Work:
        """What there is to do, after waiting up to this long for something; empty when there was nothing."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or not self._empty, seconds)
            work = Work(self._texts, frozenset(self._paths), self._sweep, self._settings, self._damaged)
            self._busy = self._busy or not self._empty
            self._texts, self._paths, self._sweep, self._settings, self._damaged = {}, set(), False, None, None
            return work

    def rest(self) -> None:
        """The index thread has done everything it took."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()

    def wait_idle(self, seconds: float) -> bool:
        """Whether everything asked so far was done within this time."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or (self._empty and not self._busy), seconds)
            return self._empty and not self._busy

    @property
    def _empty(self) -> bool:
        waiting = self._texts or self._paths or self._sweep or self._settings is not None or self._damaged is not None
        return not waiting

    def _wake(self) -> None:
        self._changed.notify_all()
