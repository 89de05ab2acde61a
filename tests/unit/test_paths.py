"""Folders are private to the user, and URIs survive the way there and back."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from lsp_server import paths
from lsp_server.errors import ServerError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX idea")
def test_folders_are_private(home: Path) -> None:
    """Nobody else may read the cache or reach the socket."""
    for folder in (paths.cache_folder(), paths.config_folder(), paths.log_folder(), paths.runtime_folder()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_a_sentence(home: Path) -> None:
    """A file where a folder should be is the user's problem, with a next step."""
    home.parent.mkdir(exist_ok=True)
    home.write_text("in the way", encoding="utf-8")
    with pytest.raises(ServerError) as caught:
        paths.cache_folder()
    assert "CODEHEARTH_HOME" in caught.value.next_step


def test_a_long_home_gets_a_short_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Socket paths are limited to about 100 characters."""
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / ("x" * 120)))
    assert len(str(paths.runtime_folder())) <= 80


@pytest.mark.parametrize("name", ["a b.py", "naïve.py", "100%.py", "#.py", "日本.py", os.fsdecode(b"latin-\xe9.py")])
def test_uris_come_back(tmp_path: Path, name: str) -> None:
    """A path with spaces, percent signs and other scripts is the same after its URI."""
    path = tmp_path / name
    assert paths.path_of_uri(paths.uri_of_path(path)) == path


def test_other_schemes_are_no_files() -> None:
    """An untitled buffer has no path."""
    assert paths.path_of_uri("untitled:Untitled-1") is None


def test_without_a_runtime_folder_the_substitute_lies_directly_in_the_temporary_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There the sticky bit protects it; and platformdirs' warning, which pytest makes an error, stays quiet."""
    monkeypatch.delenv(paths.HOME_VARIABLE)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    folder = paths.runtime_folder()
    assert len(str(folder)) <= 80
    if folder.is_relative_to(tempfile.gettempdir()):
        assert folder.parent == Path(tempfile.gettempdir())
