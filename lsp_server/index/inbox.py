"""What the index thread has been asked to do, coalesced: of two requests about one thing the newer one counts.

A document that is being typed in is handed out only when the typing pauses. Extracting 3,000 lines holds the
interpreter for some 30 ms, and doing that for every key made the event loop late (10 ms at the 95th percentile); nobody
asks the index about the document that is being typed in.
"""

import threading
import time
from collections.abc import Iterable

import attrs

from lsp_server.settings import IndexSettings

QUIET_SECONDS = 0.3
"""A pause between keys: longer than people leave within a word, shorter than it takes to switch to another file."""

LONGEST_SECONDS = 5.0
"""Who types without a pause is indexed all the same, now and then."""


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


@attrs.frozen
class _Typed:
    text: str
    since: float
    """When this text, or an older one that nobody took, was put first."""
    ripe: float


class Inbox:
    """Any thread puts, the index thread takes. It is busy from its start until the index thread says `rest`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._typed: dict[str, _Typed] = {}
        self._closed_texts: set[str] = set()
        self._paths: set[str] = set()
        self._sweep = False
        self._settings: IndexSettings | None = None
        self._damaged: int | None = None
        self._busy = True
        self.closed = False

    def put_text(self, path: str, text: str | None) -> None:
        with self._changed:
            before = self._typed.pop(path, None)
            self._closed_texts.discard(path)
            if text is None:
                self._closed_texts.add(path)
            else:
                now = time.monotonic()
                since = before.since if before is not None else now
                self._typed[path] = _Typed(text, since, min(now + QUIET_SECONDS, since + LONGEST_SECONDS))
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
            self._wait_for_work(seconds)
            ripe = {path: typed.text for path, typed in self._typed.items() if typed.ripe <= time.monotonic()}
            texts: dict[str, str | None] = {**ripe, **dict.fromkeys(self._closed_texts)}
            work = Work(texts, frozenset(self._paths), self._sweep, self._settings, self._damaged)
            self._busy = self._busy or bool(texts) or self._urgent
            self._typed = {path: typed for path, typed in self._typed.items() if path not in ripe}
            self._closed_texts, self._paths, self._sweep, self._settings, self._damaged = (
                set(),
                set(),
                False,
                None,
                None,
            )
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

    def _wait_for_work(self, seconds: float | None) -> None:
        """Until there is something to hand out, the inbox is closed, or the time is up."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self.closed and not self._urgent:
            now = time.monotonic()
            until = [typed.ripe for typed in self._typed.values()] + ([end] if end is not None else [])
            if until and min(until) <= now:
                return
            self._changed.wait(min(until) - now if until else None)

    @property
    def _urgent(self) -> bool:
        """Whether there is work that need not ripen."""
        asked = self._closed_texts or self._paths or self._sweep
        return bool(asked) or self._settings is not None or self._damaged is not None

    @property
    def _empty(self) -> bool:
        return not self._typed and not self._urgent

    def _wake(self) -> None:
        self._changed.notify_all()
