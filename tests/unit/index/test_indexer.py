"""The index stays what the workspace is, whatever happens to the workspace."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lsp_server.index.values import Coverage
from lsp_server.settings import IndexSettings
from tests.unit.index.conftest import Index, MakeIndex, Workspace, until


def names(made: Index, path: str) -> list[str]:
    return [symbol.name for symbol in made.reader.symbols(path)]


def test_a_first_indexing_tells_how_far_it_is(workspace: Workspace, index: MakeIndex) -> None:
    for number in range(5):
        workspace.write(f"m{number}.py", "a = 1\n")
    made = index()
    assert made.coverages[0] == Coverage(0, 0, False)
    assert made.coverages[-1] == made.indexer.progress() == made.reader.coverage == Coverage(5, 5, True)
    assert made.problems == []


def test_comparing_again_is_not_told_as_indexing(workspace: Workspace, index: MakeIndex) -> None:
    """Or a status line would flicker every few seconds where the disk is polled."""
    workspace.write("a.py", "a = 1\n")
    made = index()
    told = len(made.coverages)
    workspace.write("b.py", "b = 1\n")
    made.indexer.sweep()
    made.settle()
    assert made.reader.paths() == ["a.py", "b.py"]
    assert made.coverages[told:] == [Coverage(2, 2, True)]
    made.indexer.sweep()
    made.settle()
    assert len(made.coverages) == told + 1


def test_opening_a_workspace_again_parses_nothing(workspace: Workspace, index: MakeIndex) -> None:
    """Binary and generated files are remembered too."""
    workspace.write("a.py", "def f(): ...\n")
    workspace.write("b.py", b"\0")
    first = index()
    assert first.indexer.extracted == 2
    first.indexer.close()
    again = index()
    assert again.indexer.extracted == 0
    assert names(again, "a.py") == ["f"]
    assert again.reader.coverage.finished


def test_a_file_that_was_only_touched_is_not_parsed_again(workspace: Workspace, index: MakeIndex) -> None:
    place = workspace.write("a.py", "def f(): ...\n")
    made = index()
    generation = made.reader.generation
    shutil.copystat(__file__, place)
    made.indexer.files_changed([place])
    made.settle()
    assert made.indexer.extracted == 1
    assert made.reader.generation == generation


def test_what_changed_while_nobody_looked_is_found_at_the_next_start(workspace: Workspace, index: MakeIndex) -> None:
    workspace.write("a.py", "def old(): ...\n")
    workspace.write("b.py", "def same(): ...\n")
    workspace.write("c.py", "def gone(): ...\n")
    index().indexer.close()
    workspace.write("a.py", "def renewed(): ...\n")
    (workspace.folder / "c.py").unlink()
    made = index()
    assert (names(made, "a.py"), names(made, "b.py"), names(made, "c.py")) == (["renewed"], ["same"], [])
    assert made.indexer.extracted == 1


def test_the_text_of_an_open_document_counts_until_it_is_closed(workspace: Workspace, index: MakeIndex) -> None:
    place = workspace.write("a.py", "def saved(): ...\n")
    made = index()
    made.indexer.changed(place, "def typed(): ...\n")
    made.settle()
    assert names(made, "a.py") == ["typed"]
    made.indexer.files_changed([place])
    made.indexer.sweep()
    made.settle()
    assert names(made, "a.py") == ["typed"]
    made.indexer.changed(place, None)
    made.settle()
    assert names(made, "a.py") == ["saved"]


def test_of_many_texts_the_newest_is_indexed(workspace: Workspace, index: MakeIndex) -> None:
    place = workspace.write("a.py")
    made = index()
    for number in range(200):
        made.indexer.changed(place, f"def f{number}(): ...\n")
    made.settle()
    assert names(made, "a.py") == ["f199"]
    assert made.indexer.extracted < 200


def test_unsaved_text_does_not_outlive_the_server(workspace: Workspace, index: MakeIndex) -> None:
    """A server that ends with open documents leaves an index that the next one mends."""
    place = workspace.write("a.py", "def saved(): ...\n")
    first = index()
    first.indexer.changed(place, "def typed(): ...\n")
    first.settle()
    first.indexer.close()
    assert names(index(), "a.py") == ["saved"]


def test_a_new_document_is_indexed_before_it_is_saved(workspace: Workspace, index: MakeIndex) -> None:
    made = index()
    place = workspace.folder / "new.py"
    made.indexer.changed(place, "def fresh(): ...\n")
    made.settle()
    assert names(made, "new.py") == ["fresh"]
    made.indexer.changed(place, None)
    made.settle()
    assert names(made, "new.py") == []


@pytest.mark.parametrize("path", ["node_modules/a.py", "notes.txt", ".env.py", "../outside.py"])
def test_a_document_that_does_not_count_is_not_indexed(workspace: Workspace, index: MakeIndex, path: str) -> None:
    made = index()
    made.indexer.changed(workspace.folder / path, "def private(): ...\n")
    made.settle()
    assert made.reader.definitions("private") == []


def test_a_document_that_grew_too_large_leaves_the_index(workspace: Workspace, index: MakeIndex) -> None:
    place = workspace.write("a.py", "def f(): ...\n")
    made = index(IndexSettings(workers=0, max_file_kb=1))
    made.indexer.changed(place, "x = 1\n" * 400)
    made.settle()
    assert made.reader.paths() == []


def test_half_a_surrogate_pair_is_no_reason_to_stop(workspace: Workspace, index: MakeIndex) -> None:
    made = index()
    made.indexer.changed(workspace.folder / "a.py", 'x = "\ud83d"\n')
    made.settle()
    assert names(made, "a.py") == ["x"]


def test_an_edit_keeps_the_pieces_it_does_not_touch(workspace: Workspace, index: MakeIndex) -> None:
    """They move, and stay searchable with the text that is there now."""
    body = "def {0}():\n    first{0} = 1\n    return second{0}\n\n\n"
    text = body.format("alpha") + body.format("beta")
    place = workspace.write("a.py", text)
    made = index()
    made.indexer.changed(place, "# a new first line\n\n\n" + text.replace("secondalpha", "changedalpha"))
    made.settle()
    (beta,) = made.reader.similar(["secondbeta"], exclude=None, limit=1)
    assert (beta.chunk.line, beta.chunk.text) == (8, body.format("beta").rstrip() + "\n")
    assert made.reader.similar(["secondalpha"], exclude=None, limit=1) == []
    assert made.reader.similar(["changedalpha"], exclude=None, limit=1)[0].chunk.name == "alpha"


def test_renaming_and_deleting_files_and_folders(workspace: Workspace, index: MakeIndex) -> None:
    workspace.write("old/a.py", "def f(): ...\n")
    workspace.write("old/b.py", "def g(): ...\n")
    workspace.write("older.py", "def h(): ...\n")
    made = index()
    (workspace.folder / "old").rename(workspace.folder / "new")
    made.indexer.files_changed([workspace.folder / "old", workspace.folder / "new"])
    made.settle()
    assert made.reader.paths() == ["new/a.py", "new/b.py", "older.py"]
    (workspace.folder / "new/a.py").unlink()
    made.indexer.files_changed([workspace.folder / "new/a.py"])
    made.settle()
    assert made.reader.paths() == ["new/b.py", "older.py"]
    assert made.reader.similar(["f"], exclude=None, limit=5) == []


def test_a_changed_ignore_file_changes_what_counts(workspace: Workspace, index: MakeIndex) -> None:
    workspace.write("a.py")
    workspace.write("b.py")
    made = index()
    made.indexer.files_changed([workspace.write(".gitignore", "b.py\n")])
    made.settle()
    assert made.reader.paths() == ["a.py"]


def test_a_changed_project_file_changes_where_imports_lead(workspace: Workspace, index: MakeIndex) -> None:
    workspace.write("util/util.go", "package util\n\nfunc Run() {}\n")
    workspace.write("main.go", 'package main\n\nimport "example.org/app/util"\n')
    made = index()
    (imported,) = made.reader.imports("main.go")
    assert made.reader.resolve("main.go", imported) is None
    made.indexer.files_changed([workspace.write("go.mod", "module example.org/app\n")])
    made.settle()
    assert made.reader.resolve("main.go", imported) == "util/util.go"


def test_changed_settings_are_obeyed_at_once(workspace: Workspace, index: MakeIndex) -> None:
    workspace.write("a/x.py")
    workspace.write("b/y.py")
    made = index()
    made.indexer.settings_changed(IndexSettings(workers=0, exclude=("a/",)))
    made.settle()
    assert made.reader.paths() == ["b/y.py"]
    made.indexer.settings_changed(IndexSettings(workers=0, enabled=False))
    made.settle()
    assert made.reader.paths() == []
    made.indexer.settings_changed(IndexSettings(workers=0))
    made.settle()
    assert made.reader.paths() == ["a/x.py", "b/y.py"]


def test_an_index_that_is_switched_off_keeps_nothing_busy(workspace: Workspace, index: MakeIndex) -> None:
    place = workspace.write("a.py", "def f(): ...\n")
    made = index(IndexSettings(enabled=False))
    made.indexer.changed(place, "def g(): ...\n")
    made.settle()
    assert made.indexer.extracted == 0
    assert made.reader.coverage == Coverage(0, 0, False)


def test_a_deleted_workspace_is_an_empty_one(workspace: Workspace, index: MakeIndex) -> None:
    place = workspace.write("a.py", "def f(): ...\n")
    made = index()
    shutil.rmtree(workspace.folder)
    made.indexer.files_changed([place])
    made.indexer.sweep()
    made.settle()
    assert made.reader.paths() == []
    assert made.problems == []


def test_a_workspace_that_is_deleted_during_its_first_indexing(workspace: Workspace, index: MakeIndex) -> None:
    """What was listed and is gone when it is read is left out, by workers too."""
    for number in range(300):
        workspace.write(f"m{number}.py", "a = 1\n" * 200)
    made = index(IndexSettings(workers=1), settled=False)
    until(lambda: made.indexer.progress().files_total > 0)
    assert not made.indexer.progress().finished
    shutil.rmtree(workspace.folder)
    made.indexer.sweep()
    made.settle()
    assert made.reader.paths() == []
    assert made.problems == []


def test_an_editor_may_name_the_folder_by_a_link(workspace: Workspace, index: MakeIndex, tmp_path: Path) -> None:
    workspace.write("a.py")
    made = index()
    link = tmp_path / "link"
    link.symlink_to(workspace.folder)
    made.indexer.changed(link / "a.py", "def typed(): ...\n")
    made.settle()
    assert names(made, "a.py") == ["typed"]


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xff\xfe", b"\r\r\r", b"\xef\xbb\xbf", b"def f(:\n  ((", b"\x0c\n\xe2\x80\xa8"]
)
def test_odd_files_do_no_harm(workspace: Workspace, index: MakeIndex, content: bytes) -> None:
    workspace.write("odd.py", content)
    workspace.write("fine.py", "def f(): ...\n")
    made = index()
    assert made.reader.coverage == Coverage(2, 2, True)
    assert names(made, "fine.py") == ["f"]


def test_a_fault_of_ours_ends_the_index_and_says_so(
    workspace: Workspace, index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Completions go on without it, and nobody waits for it."""

    def fail(*arguments: object) -> Callable[[], None]:
        raise AssertionError

    monkeypatch.setattr("lsp_server.index.update.Updater.sweep", fail)
    made = index()
    assert [str(problem) for problem in made.problems] == [
        "The index stopped because of a fault in codehearth. Completions go on without context from other files."
    ]
    assert made.reader.paths() == []
