"""Damaged, unwritable, shared and hostile places: the index answers all the same, or says why not."""

import os
import sqlite3
import stat
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from lsp_server.errors import IndexUnavailable
from lsp_server.index import database, home
from lsp_server.index.indexer import Indexer
from lsp_server.index.pool import Pool
from lsp_server.index.store import Store
from lsp_server.settings import IndexSettings
from tests.unit.index.conftest import MakeIndex, Workspace, until


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if "index.worker" in " ".join(child.cmdline())]


def write_modules(workspace: Workspace, count: int) -> None:
    for number in range(count):
        workspace.write(f"m{number:03}.py", f"def f{number}():\n    return {number}\n" * 20)


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_replaced(workspace: Workspace, index: MakeIndex, content: bytes) -> None:
    workspace.write("a.py", "def f(): ...\n")
    index().indexer.close()
    workspace.database.write_bytes(content)
    made = index()
    assert len(made.reader.definitions("f")) == 1
    assert made.problems == []


@pytest.mark.parametrize("where", ["head", "middle", "tail"])
def test_a_database_that_is_damaged_inside_is_rebuilt(workspace: Workspace, index: MakeIndex, where: str) -> None:
    """Whoever comes upon the damage first, a question or a write: afterwards everything is there again."""
    write_modules(workspace, 40)
    index().indexer.close()
    raw = bytearray(workspace.database.read_bytes())
    start = {"head": 4096, "middle": len(raw) // 2 // 4096 * 4096, "tail": len(raw) - 8 * 4096}[where]
    raw[start : start + 8 * 4096] = b"\xa5" * (8 * 4096)
    workspace.database.write_bytes(raw)
    made = index()
    for number in range(40):
        place = workspace.write(f"m{number:03}.py", f"def renewed{number}():\n    return {number}\n")
        made.indexer.files_changed([place])
        made.reader.similar([f"renewed{number}"], exclude=None, limit=3)
        made.reader.text(f"m{number:03}.py", 0, 5)
    until(lambda: made.indexer.wait_idle(5) and len(made.reader.paths()) == 40)
    until(
        lambda: [found.chunk.path for found in made.reader.similar(["renewed7"], exclude=None, limit=1)] == ["m007.py"]
    )
    assert [symbol.path for symbol in made.reader.definitions("renewed39")] == ["m039.py"]


def test_a_database_that_is_damaged_while_it_is_in_use(workspace: Workspace, index: MakeIndex) -> None:
    """A reader that meets the damage tells the writer, and answers with nothing until the index is rebuilt."""
    workspace.write("a.py", "def f():\n    return special_word\n")
    made = index()
    with sqlite3.connect(workspace.database) as connection:
        connection.execute("UPDATE blocks SET text = x'00'")
    connection.close()
    assert made.reader.text("a.py", 0, 1) is None
    until(lambda: made.reader.text("a.py", 0, 0) == "def f():\n")
    assert made.indexer.wait_idle(5)
    assert made.problems == []


def test_a_database_that_is_deleted_while_it_is_in_use(workspace: Workspace, index: MakeIndex) -> None:
    """Whoever empties the cache folder gets a new index."""
    workspace.write("a.py", "def f(): ...\n")
    made = index()
    database.remove(workspace.database)
    until(lambda: len(made.reader.definitions("f")) == 1)
    assert made.indexer.wait_idle(5)
    assert made.problems == []


def test_an_index_of_an_older_extractor_is_made_anew(
    workspace: Workspace, index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write("a.py", "def f(): ...\n")
    index().indexer.close()
    monkeypatch.setattr("lsp_server.index.indexer.extractor_version", lambda: "another")
    assert index().indexer.extracted == 1


def test_a_cache_that_cannot_be_written_costs_only_the_next_start(workspace: Workspace, index: MakeIndex) -> None:
    """One sentence; the index then lives in a private temporary folder and leaves nothing behind."""
    workspace.write("a.py", "def f(): ...\n")
    blocked = workspace.cache / "a_file"
    blocked.write_text("")
    before = set(Path(tempfile.gettempdir()).glob("codehearth-index-*"))
    made = index(cache=blocked / "cache")
    assert len(made.reader.definitions("f")) == 1
    (problem,) = made.problems
    assert isinstance(problem, IndexUnavailable)
    assert "temporary folder" in problem.sentence
    assert problem.next_step
    (own,) = set(Path(tempfile.gettempdir()).glob("codehearth-index-*")) - before
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    made.indexer.close()
    assert not own.exists()


def test_a_cache_that_becomes_full_is_left(
    workspace: Workspace, index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was in it is indexed again elsewhere, unsaved text included."""
    place = workspace.write("a.py", "def f(): ...\n")
    made = index()
    made.indexer.changed(place, "def typed(): ...\n")
    made.settle()
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    failures = iter([error])
    known = Store.known

    def fail_once(store: Store, under: str = "") -> dict[str, tuple[int, int]]:
        for failure in failures:
            raise failure
        return known(store, under)

    monkeypatch.setattr(Store, "known", fail_once)
    made.indexer.sweep()
    until(lambda: len(made.problems) == 1)
    until(lambda: len(made.reader.definitions("typed")) == 1)
    made.settle()
    assert len(made.problems) == 1


def test_a_cache_that_becomes_read_only_is_left(
    workspace: Workspace, index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write("a.py", "def f(): ...\n")
    made = index()
    open_to_write = database.open_to_write

    def refuse(path: Path) -> database.Connection:
        if path.is_relative_to(workspace.cache):
            raise PermissionError(13, "Permission denied")
        return open_to_write(path)

    monkeypatch.setattr(database, "open_to_write", refuse)
    database.remove(workspace.database)
    until(lambda: len(made.reader.definitions("f")) == 1)
    (problem,) = made.problems
    assert "Permission denied" in problem.sentence


def test_without_any_place_there_is_no_index_and_one_sentence(
    workspace: Workspace, index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = workspace.cache / "a_file"
    blocked.write_text("")

    def refuse(prefix: str) -> str:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    made = index(cache=blocked)
    assert made.problems[-1].sentence == "The index can be kept nowhere (Read-only file system)."
    assert made.reader.similar(["a_word"], exclude=None, limit=1) == []


def test_without_full_text_search_there_is_no_index_and_one_sentence(
    workspace: Workspace, index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "full_text_search_works", lambda: False)
    (problem,) = index().problems
    assert "FTS5" in problem.sentence


def test_what_a_killed_server_left_in_the_temporary_folder_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not what a running one has there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / "codehearth-index-left"
    left.mkdir()
    (left / "index.sqlite").write_bytes(b"x")
    running = home.temporary()
    for folder in (left, running.path.parent):
        os.utime(folder, (time.time() - 3600,) * 2)
    own = home.temporary()
    assert not left.exists()
    assert running.path.parent.exists()
    own.release()
    running.release()
    assert list(tmp_path.iterdir()) == []


def test_the_cache_is_private_to_the_user(workspace: Workspace, index: MakeIndex) -> None:
    index()
    assert stat.S_IMODE(workspace.database.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in workspace.database.parent.iterdir()} == {0o600}


def test_no_wal_on_a_network_drive(workspace: Workspace, index: MakeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "on_network", lambda path: True)
    workspace.write("a.py", "def f(): ...\n")
    made = index()
    assert len(made.reader.definitions("f")) == 1
    assert not workspace.database.with_name(f"{workspace.database.name}-wal").exists()


def test_of_two_servers_one_writes_and_the_other_takes_over(workspace: Workspace, index: MakeIndex) -> None:
    """The second one reads from the start, keeps what was typed in it, and writes once the first has left."""
    place = workspace.write("a.py", "def f(): ...\n")
    workspace.write("b.py", "def g(): ...\n")
    first = index()
    second = index()
    assert second.indexer.extracted == 0
    assert second.reader.coverage.finished
    assert len(second.reader.definitions("g")) == 1
    second.indexer.changed(place, "def typed_in_the_second(): ...\n")
    first.indexer.files_changed([workspace.write("c.py", "def h(): ...\n")])
    first.settle()
    assert len(second.reader.definitions("h")) == 1
    first.indexer.close()
    until(lambda: len(second.reader.definitions("typed_in_the_second")) == 1)
    second.indexer.files_changed([workspace.write("d.py", "def k(): ...\n")])
    second.settle()
    assert len(second.reader.definitions("k")) == 1
    assert first.problems == second.problems == []


def test_nothing_in_the_workspace_is_ever_imported(
    workspace: Workspace, index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor starts us inside a folder that may have files named like modules that workers need."""
    for name in ("struct", "json", "zlib", "attrs", "sitecustomize", "usercustomize", "tree_sitter", "lsp_server"):
        workspace.write(
            f"{name}.py", f"open({str(workspace.folder / 'ran')!r}, 'a').write('{name}')\nraise SystemExit\n"
        )
    write_modules(workspace, 100)
    monkeypatch.chdir(workspace.folder)
    made = index(IndexSettings(workers=2))
    assert not (workspace.folder / "ran").exists()
    assert made.reader.coverage.files_done == 108
    assert len(made.reader.definitions("f99")) == 20


def test_workers_and_the_index_thread_find_the_same(workspace: Workspace, index: MakeIndex, tmp_path: Path) -> None:
    """Down to the order of the answers."""
    write_modules(workspace, 150)
    alone = index(IndexSettings(workers=0), cache=tmp_path / "one")
    together = index(IndexSettings(workers=2), cache=tmp_path / "two")
    assert together.indexer.extracted == alone.indexer.extracted == 150
    assert together.reader.totals() == alone.reader.totals()
    question = ["f17", "f80", "f3"]
    assert together.reader.similar(question, exclude=None, limit=9) == alone.reader.similar(
        question, exclude=None, limit=9
    )


def test_closing_in_the_middle_of_a_crawl_is_prompt_and_leaves_no_process(
    workspace: Workspace, index: MakeIndex
) -> None:
    write_modules(workspace, 400)
    made = index(IndexSettings(workers=2), settled=False)
    until(lambda: len(workers()) == 2)
    children = workers()
    began = time.monotonic()
    made.indexer.close()
    assert time.monotonic() - began < 2
    assert [child for child in children if child.is_running()] == []
    assert not made.indexer.progress().finished
    assert index().reader.coverage.files_done == 400


def test_edits_do_not_wait_for_the_first_indexing(workspace: Workspace, index: MakeIndex) -> None:
    write_modules(workspace, 400)
    made = index(IndexSettings(workers=1), settled=False)
    until(lambda: len(workers()) == 1)
    (worker,) = workers()
    worker.suspend()
    made.indexer.changed(workspace.folder / "m000.py", "def typed(): ...\n")
    until(lambda: len(made.reader.definitions("typed")) == 1)
    assert not made.indexer.progress().finished
    worker.resume()
    made.settle()
    assert len(made.reader.definitions("typed")) == 1


def test_a_file_that_kills_its_worker_is_the_only_one_lost(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of its batch is read by the next worker."""
    bootstrap = (
        "import os, sys; sys.path.append(sys.argv[1]); from lsp_server.index import worker\n"
        "whole = worker.extract_file\n"
        "worker.extract_file = lambda *asked: os._exit(1) if asked[1] == 'b.py' else whole(*asked)\n"
        "worker.main()"
    )
    monkeypatch.setattr("lsp_server.index.pool._BOOTSTRAP", bootstrap)
    for name in "abc":
        workspace.write(f"{name}.py", "a = 1\n")
    pool = Pool(1, workspace.folder, 1000, workspace.cache)
    pool.put((("a.py", None), ("b.py", None), ("c.py", None)))
    results = pool.take(20)
    pool.close()
    assert results is not None
    assert [path for path, extracted in results if extracted is None] == ["b.py"]


ANOTHER_VERSION = "import sys; sys.stdout.buffer.write(bytes([0, 0, 0, 3]) + b'\"x\"'); sys.stdout.flush()"


@pytest.mark.parametrize("bootstrap", ["raise SystemExit", "import sys; sys.stdin.read()", ANOTHER_VERSION])
def test_where_no_worker_starts_the_files_are_read_here(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, bootstrap: str
) -> None:
    """One that ends at once, one that stays silent, one of another version of ours."""
    monkeypatch.setattr("lsp_server.index.pool._BOOTSTRAP", bootstrap)
    monkeypatch.setattr("lsp_server.index.pool._START_SECONDS", 0.3)
    workspace.write("a.py", "a = 1\n")
    pool = Pool(1, workspace.folder, 1000, workspace.cache)
    pool.put((("a.py", None),))
    results = pool.take(20)
    pool.close()
    assert results is not None
    assert [extracted is not None for _, extracted in results] == [True]


def test_results_come_in_the_order_in_which_they_were_asked_for(workspace: Workspace) -> None:
    write_modules(workspace, 60)
    paths = sorted(place.name for place in workspace.folder.iterdir())
    pool = Pool(2, workspace.folder, 100_000, workspace.cache)
    for path in paths:
        pool.put(((path, None),))
    found = [pool.take(20) for _ in paths]
    assert pool.outstanding == 0
    pool.close()
    assert [result[0][0] for result in found if result] == paths


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_workers_end_when_the_server_is_killed(workspace: Workspace) -> None:
    """They notice that nobody asks any more."""
    pool = Pool(1, workspace.folder, 1000, workspace.cache)
    pool.put((("gone.py", None),))
    assert pool.take(20) == [("gone.py", None)]
    (worker,) = workers()
    (thread_worker,) = pool._processes
    assert thread_worker.stdin is not None
    thread_worker.stdin.close()
    assert worker.wait(20) == 0
    pool.close()


def test_an_indexer_that_never_started_can_be_closed(workspace: Workspace) -> None:
    indexer = Indexer(
        workspace.folder, IndexSettings(), workspace.cache, on_progress=lambda c: None, on_problem=lambda p: None
    )
    indexer.changed(workspace.folder / "a.py", "a = 1\n")
    indexer.close()
    assert not indexer.wait_idle(0)
