"""Worker processes that extract files, so that the first indexing uses every core and does not hold the server's GIL.

Each process has a thread of ours that talks to it. Results come back in the order in which batches were put in, so
that the same workspace gives the same index. A file that kills or hangs its worker is given up, the rest is not.
"""

import contextlib
import logging
import os
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any, BinaryIO

import lsp_server
from lsp_server.index.extract import Extracted, extract_file, extractor_version, from_wire
from lsp_server.index.worker import read_frame, write_frame

logger = logging.getLogger(__name__)

Batch = tuple[tuple[str, str | None], ...]
"""(path, digest that is indexed for it) of each file."""

Results = list[tuple[str, Extracted | None]]

_BOOTSTRAP = "import sys; sys.path.append(sys.argv[1]); from lsp_server.index.worker import main; main()"
"""Appended, so that whatever lies beside our package hides no module of the standard library."""

_START_SECONDS = 30.0
_BATCH_SECONDS = 60.0
"""Far more than a batch takes: reached only by a file on which a parser does not end, or a dead network drive."""


class Pool:
    """`count` worker processes over the files of one workspace folder. Used by one thread; `close` by any."""

    def __init__(self, count: int, folder: Path, most_bytes: int, working_folder: Path) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._working_folder = working_folder
        self._changed = threading.Condition()
        self._waiting: deque[tuple[int, Batch]] = deque()
        self._done: dict[int, Results] = {}
        self._put = 0
        self._taken = 0
        self._closed = False
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._threads = [
            threading.Thread(target=self._feed, name=f"index-worker-{n}", daemon=True) for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def outstanding(self) -> int:
        """Batches that were put in and not yet taken out."""
        return self._put - self._taken

    def put(self, batch: Batch) -> None:
        with self._changed:
            self._waiting.append((self._put, batch))
            self._put += 1
            self._changed.notify_all()

    def take(self, seconds: float) -> Results | None:
        """The results of the oldest batch not yet taken; `None` when it is not done in this time or the pool is closed.
        A file that could not be read, or that its worker did not survive, has `None`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._taken in self._done, seconds)
            results = self._done.pop(self._taken, None)
            if results is not None:
                self._taken += 1
            return results

    def close(self) -> None:
        """Ends the processes at once and waits for them; none is left behind."""
        with self._changed:
            self._closed = True
            for process in self._processes:
                process.kill()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _feed(self) -> None:
        worker = _Worker(self)
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or self._waiting)
                    if self._closed:
                        return
                    number, batch = self._waiting.popleft()
                try:
                    results = worker.extract(batch)
                except Exception:
                    # A bug of ours; without an answer the index would wait for ever.
                    logger.exception("A batch of %d files was not indexed", len(batch))
                    results = [(path, None) for path, _ in batch]
                with self._changed:
                    self._done[number] = results
                    self._changed.notify_all()
        finally:
            worker.end()

    def start_process(self) -> "subprocess.Popen[bytes] | None":
        """A new worker, registered so that `close` ends it; `None` when the pool is closed. `OSError` if impossible."""
        quiet = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        with self._changed:
            if self._closed:
                return None
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOTSTRAP, str(Path(lsp_server.__path__[0]).parent)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._working_folder,
                creationflags=quiet,
                # A terminal's Ctrl-C is for the server, which then ends its workers.
                start_new_session=os.name == "posix",
            )
            self._processes.add(process)
            return process

    def forget(self, process: "subprocess.Popen[bytes]") -> None:
        with self._changed:
            self._processes.discard(process)

    def extract_here(self, files: Batch) -> Results:
        return [(path, extract_file(self._folder, path, known, self._most_bytes)) for path, known in files]

    def request(self, files: Batch) -> dict[str, Any]:
        return {"folder": str(self._folder), "most_bytes": self._most_bytes, "files": files}

    @property
    def closed(self) -> bool:
        return self._closed


class _Worker:
    """One process and its pipes, started when first needed and started again after it died."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._process: subprocess.Popen[bytes] | None = None
        self._impossible = False

    def extract(self, batch: Batch) -> Results:
        results = self._ask(batch)
        if results is None and len(batch) > 1:
            # One of these files ended the worker: ask for each alone, and only that one is lost.
            return [result for file in batch for result in (self._ask((file,)) or [(file[0], None)])]
        return results if results is not None else [(path, None) for path, _ in batch]

    def end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()
        self._pool.forget(process)

    def _ask(self, files: Batch) -> Results | None:
        if self._pool.closed:
            return None
        if self._process is None and not self._impossible:
            self._start()
        if self._process is None:
            # No process can be started here (a sandbox, a process limit): slower, but indexed all the same.
            return self._pool.extract_here(files)
        answers = self._exchange(self._pool.request(files), len(files), _BATCH_SECONDS)
        if answers is None:
            if not self._pool.closed:
                logger.warning("A worker of the index ended while it read %d files", len(files))
            self.end()
            return None
        return [(path, from_wire(raw)) for (path, _), raw in zip(files, answers, strict=True)]

    def _start(self) -> None:
        try:
            self._process = self._pool.start_process()
        except OSError as error:
            logger.warning("No worker process for the index: %s", error)
            self._impossible = True
            return
        if self._process is not None and self._exchange(None, 1, _START_SECONDS) != [extractor_version()]:
            self.end()
            self._impossible = True
            if not self._pool.closed:
                logger.warning("A worker process for the index did not start")

    def _exchange(self, request: Any, count: int, seconds: float) -> list[Any] | None:
        """The `count` frames that answer a request, or that come by themselves where there is none to send; `None` when
        the process is gone or silent for this long."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        deadline = threading.Timer(seconds, process.kill)
        deadline.daemon = True
        deadline.start()
        try:
            if request is not None:
                write_frame(_binary(process.stdin), request)
            return [read_frame(_binary(process.stdout)) for _ in range(count)]
        except (OSError, EOFError, ValueError):
            return None
        finally:
            deadline.cancel()


def _binary(pipe: Any) -> BinaryIO:
    stream: BinaryIO = pipe
    return stream
