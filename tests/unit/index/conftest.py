"""A workspace on disk and indexers over it that are closed at the end."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from lsp_server.errors import ServerError
from lsp_server.index.indexer import Indexer
from lsp_server.index.reader import Reader
from lsp_server.index.values import Coverage
from lsp_server.settings import IndexSettings

PATIENCE = 20.0
"""Seconds until a state that must come counts as missing."""


@attrs.define
class Workspace:
    """A folder and the cache for its index; both are the test's own."""

    folder: Path
    cache: Path

    def write(self, path: str, content: str | bytes = "") -> Path:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    @property
    def database(self) -> Path:
        (found,) = (self.cache / "index").glob("*.sqlite")
        return found


@attrs.define
class Index:
    """An indexer with what it said."""

    indexer: Indexer
    reader: Reader
    problems: list[ServerError]
    coverages: list[Coverage]

    def settle(self) -> None:
        assert self.indexer.wait_idle(PATIENCE)


def until(state: Callable[[], bool]) -> None:
    """Returns when the state is there; fails when it does not come."""
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not state():
        assert time.monotonic() < deadline, "The state did not come."
        pause.wait(0.005)


MakeIndex = Callable[..., Index]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path / "home"))
    folder, cache = tmp_path / "project", tmp_path / "cache"
    folder.mkdir()
    cache.mkdir()
    return Workspace(folder, cache)


@pytest.fixture
def index(workspace: Workspace) -> Iterator[MakeIndex]:
    """Starts an indexer; by default it parses on its own thread and has finished the first indexing."""
    opened: list[Indexer] = []

    def make(settings: IndexSettings | None = None, *, settled: bool = True, cache: Path | None = None) -> Index:
        problems: list[ServerError] = []
        coverages: list[Coverage] = []
        indexer = Indexer(
            workspace.folder,
            settings or IndexSettings(workers=0),
            cache or workspace.cache,
            on_progress=coverages.append,
            on_problem=problems.append,
        )
        opened.append(indexer)
        made = Index(indexer, indexer.reader(), problems, coverages)
        indexer.start()
        if settled:
            made.settle()
        return made

    yield make
    for indexer in opened:
        indexer.close()
