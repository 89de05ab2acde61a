"""`codehearth index`: what it says of a folder."""

import json
from pathlib import Path

import pytest

from lsp_server.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "cart.py").write_text("class Cart:\n    def total(self):\n        return 0\n", encoding="utf-8")
    (folder / "notes.txt").write_text("not code\n", encoding="utf-8")
    return folder


def test_json_counts_what_was_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The documented object: one file of code with its lines and definitions, nothing read again when warm."""
    assert main.main(["index", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["folder"], found["files"], found["lines"], found["symbols"]) == ("shop", 1, 3, 2)
    assert found["read_again"] == 0
    assert found["warm_seconds"] > 0
    assert found["cold_seconds"] > 0
    assert found["database_mb"] > 0


def test_people_read_sentences(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["index", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "1 files, 3 lines, 2 symbols in shop" in out
    assert "warm" in out


def test_nothing_is_left_behind(folder: Path) -> None:
    """The user's own index is not touched by measuring."""
    assert main.main(["index", str(folder)]) == 0
    assert list((folder.parent / "home").rglob("*.sqlite")) == []


def test_a_folder_that_is_none_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["index", str(folder / "missing")]) == 1
    assert "There is no folder" in capsys.readouterr().err
