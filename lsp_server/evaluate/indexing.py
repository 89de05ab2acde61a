"""What indexing a folder costs: cold, from nothing, and warm, from the index that the first run left.

Runs the product's own indexer in this process, as the server does, on a cache folder of the caller's; an editor's
index of the same folder is neither used nor touched.
"""

import importlib.metadata
import importlib.util
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import psutil

from lsp_server.errors import IndexUnavailable, ServerError
from lsp_server.index.indexer import Indexer
from lsp_server.index.reader import Totals
from lsp_server.index.values import Coverage
from lsp_server.settings import IndexSettings

_LONGEST_SECONDS = 3600.0


@attrs.frozen
class IndexFigures:
    """memory_mb: the most that this process and its workers held at once beyond what they held before; database_mb: on
    the disk. Both in 10^6 bytes. read_again: files that the warm start read anew; 0 where nothing changed."""

    folder: str
    files: int
    lines: int
    symbols: int
    cold_seconds: float
    warm_seconds: float
    read_again: int
    memory_mb: float
    database_mb: float


def measure_index(
    folder: Path,
    cache: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    settings: IndexSettings | None = None,
) -> IndexFigures:
    """Indexes `folder` twice. Blocks; `on_progress(done, total)` counts files and comes from another thread.

    cache: an empty folder, deleted at the end. Raises IndexUnavailable, or ServerError where there is no such folder.
    """
    if not folder.is_dir():
        raise ServerError(f"There is no folder {folder}.", "Name a folder to index.")
    settings = settings or IndexSettings()
    peak = _Peak()
    try:
        cold, totals, _ = _run(folder, cache, settings, on_progress, peak)
        size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
        warm, _, read_again = _run(folder, cache, settings, lambda done, total: None, peak)
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    return IndexFigures(
        folder=folder.name,
        files=totals.files,
        lines=totals.lines,
        symbols=totals.symbols,
        cold_seconds=round(cold, 3),
        warm_seconds=round(warm, 3),
        read_again=read_again,
        memory_mb=round(peak.megabytes, 1),
        database_mb=round(size / 1e6, 1),
    )


def installed_package(module: str) -> Path:
    """The folder of an installed package, found without importing it. Raises ServerError where it is not installed."""
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        found = None
    if found is None or not found.submodule_search_locations:
        raise ServerError(f"There is no package {module!r} in this environment.", "Name one that is installed.")
    return Path(next(iter(found.submodule_search_locations)))


def _run(
    folder: Path, cache: Path, settings: IndexSettings, on_progress: Callable[[int, int], None], peak: "_Peak"
) -> tuple[float, Totals, int]:
    problems: list[ServerError] = []

    def moved(coverage: Coverage) -> None:
        peak.look()
        on_progress(coverage.files_done, coverage.files_total)

    indexer = Indexer(folder, settings, cache, on_progress=moved, on_problem=problems.append)
    began = time.perf_counter()
    indexer.start()
    try:
        idle = indexer.wait_idle(_LONGEST_SECONDS)
        took = time.perf_counter() - began
        peak.look()
        if problems:
            raise problems[0]
        if not idle:
            raise IndexUnavailable("Indexing did not end within an hour.", "Exclude what is not code.")
        return took, indexer.reader().totals(), indexer.extracted
    finally:
        indexer.close()


class _Peak:
    """The most memory seen, of this process and its children together, above what it was at first."""

    def __init__(self) -> None:
        self._own = psutil.Process()
        self._before = self._own.memory_info().rss
        self._most = self._before

    def look(self) -> None:
        total = 0
        for process in (self._own, *self._own.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self._most = max(self._most, total)

    @property
    def megabytes(self) -> float:
        return (self._most - self._before) / 1e6
