"""Changes on disk are heard of where the editor does not tell."""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lsp_server.index import watch
from lsp_server.index.watch import Watcher
from lsp_server.settings import IndexSettings
from tests.unit.index.conftest import PATIENCE, MakeIndex, Workspace, until


class Heard:
    """What a watcher has said so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.paths: list[str] = []
        self.sweeps = 0

    def on_paths(self, paths: list[Path]) -> None:
        self.paths.extend(path.relative_to(self._folder).as_posix() for path in paths)

    def on_sweep(self) -> None:
        self.sweeps += 1


MakeWatcher = Callable[[], tuple[Watcher, Heard]]


@pytest.fixture
def watcher(workspace: Workspace) -> Iterator[MakeWatcher]:
    opened: list[Watcher] = []

    def make() -> tuple[Watcher, Heard]:
        heard = Heard(workspace.folder)
        made = Watcher(workspace.folder, IndexSettings(), heard.on_paths, heard.on_sweep)
        opened.append(made)
        made.start()
        assert made.wait_ready(PATIENCE)
        return made, heard

    yield make
    for made in opened:
        made.close()


@pytest.fixture(params=["by system", "tree"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way of watching that this system has; other systems use the second."""
    if request.param == "tree":
        monkeypatch.setattr(watch, "_watches", watch._TreeWatch)


@pytest.mark.usefixtures("way")
def test_made_changed_renamed_and_deleted_files_are_heard_of(workspace: Workspace, watcher: MakeWatcher) -> None:
    workspace.write("old.py")
    made, heard = watcher()
    assert not made.polling
    workspace.write("new.py")
    until(lambda: "new.py" in heard.paths)
    workspace.write("new.py", "a = 1\n")
    until(lambda: heard.paths.count("new.py") > 1)
    (workspace.folder / "old.py").rename(workspace.folder / "renamed.py")
    until(lambda: {"old.py", "renamed.py"} <= set(heard.paths))
    (workspace.folder / "renamed.py").unlink()
    until(lambda: heard.paths.count("renamed.py") > 1)


@pytest.mark.usefixtures("way")
def test_new_folders_are_watched(workspace: Workspace, watcher: MakeWatcher) -> None:
    """Also one that is moved in with everything in it, and one that is renamed."""
    outside = workspace.folder.parent / "outside"
    (outside / "deep").mkdir(parents=True)
    _, heard = watcher()
    outside.rename(workspace.folder / "inside")
    until(lambda: "inside" in heard.paths)
    workspace.write("inside/deep/a.py")
    until(lambda: "inside/deep/a.py" in heard.paths)
    (workspace.folder / "inside").rename(workspace.folder / "moved")
    until(lambda: "moved" in heard.paths)
    workspace.write("moved/deep/b.py")
    until(lambda: "moved/deep/b.py" in heard.paths)


@pytest.mark.usefixtures("way")
def test_what_does_not_count_is_not_told(workspace: Workspace, watcher: MakeWatcher) -> None:
    workspace.write("node_modules/lib/a.js")
    _, heard = watcher()
    workspace.write("node_modules/lib/a.js", "x = 1")
    workspace.write("node_modules/new/b.js")
    workspace.write("notes.txt")
    workspace.write("last.py")
    until(lambda: "last.py" in heard.paths)
    assert set(heard.paths) == {"last.py"}


@pytest.mark.skipif(sys.platform != "linux", reason="inotify")
def test_ignored_folders_cost_no_watch(workspace: Workspace, watcher: MakeWatcher) -> None:
    for number in range(50):
        workspace.write(f"node_modules/m{number}/index.js")
    workspace.write("src/a.py")
    made, _ = watcher()
    watches = made._watches
    assert isinstance(watches, watch._FolderWatches)
    assert sorted(watches._folders.values()) == ["", "src"]


def test_a_changed_ignore_file_changes_what_is_watched(workspace: Workspace, watcher: MakeWatcher) -> None:
    workspace.write(".gitignore", "src/\n")
    workspace.write("src/a.py")
    _, heard = watcher()
    before = heard.sweeps
    workspace.write(".gitignore", "")
    until(lambda: heard.sweeps > before)
    workspace.write("src/a.py", "a = 1\n")
    until(lambda: "src/a.py" in heard.paths)


@pytest.mark.skipif(sys.platform != "linux", reason="inotify")
def test_without_watches_everything_is_compared_now_and_then(
    workspace: Workspace, watcher: MakeWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's watches may run out, at the start or later."""
    monkeypatch.setattr(watch, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(watch, "_POLL_FACTOR", 0.0)

    def none_left(self: object, folder: str) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(watch._FolderWatches, "add", none_left)
    made, heard = watcher()
    assert made.polling
    until(lambda: heard.sweeps > 3)


def test_lost_events_are_made_up_for(workspace: Workspace, watcher: MakeWatcher) -> None:
    made, heard = watcher()
    before = heard.sweeps
    made._events.put(watch.OVERFLOW)
    until(lambda: heard.sweeps > before)
    workspace.write("a.py")
    until(lambda: "a.py" in heard.paths)


def test_closing_leaves_no_thread(workspace: Workspace, watcher: MakeWatcher) -> None:
    before = set(threading.enumerate())
    made, _ = watcher()
    made.close()
    until(lambda: set(threading.enumerate()) <= before)


def test_an_index_that_watches_follows_the_disk(workspace: Workspace, index: MakeIndex) -> None:
    made = index()
    made.indexer.watch()
    workspace.write("deep/a.py", "def f(): ...\n")
    until(lambda: len(made.reader.definitions("f")) == 1)
    made.indexer.settings_changed(IndexSettings(workers=0, exclude=("deep/",)))
    until(lambda: made.reader.definitions("f") == [])
