"""Fetched once, known by its hash, then offline."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from models.evaluation import packages
from models.evaluation.packages import Package
from models.train.stage import TrainingError


def wheel(cache: Path, text: str = "x = 1\n") -> Package:
    cache.mkdir(exist_ok=True)
    file = cache / "shelf-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("shelf/__init__.py", text)
    return Package("shelf", "1.0", file.name, packages.sha256_of(file))


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("pip was asked")

    monkeypatch.setattr(subprocess, "run", refuse)


@pytest.mark.usefixtures("no_pip")
def test_what_was_fetched_needs_no_network(tmp_path: Path) -> None:
    package = wheel(tmp_path)
    folder = packages.fetched([package], tmp_path)["shelf"]
    assert (folder / "shelf" / "__init__.py").read_text() == "x = 1\n"
    assert folder.name == "shelf"  # the repository's name in prompts
    (tmp_path / package.file).unlink()
    assert packages.fetched([package], tmp_path) == {"shelf": folder}


@pytest.mark.usefixtures("no_pip")
def test_another_file_under_the_same_name_is_refused(tmp_path: Path) -> None:
    package = wheel(tmp_path)
    wheel(tmp_path, "x = 2\n")
    with pytest.raises(TrainingError, match="its hash differs"):
        packages.fetched([package], tmp_path)


def test_a_package_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "No matching distribution")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: failed)
    with pytest.raises(TrainingError, match="pip cannot fetch shelf==9"):
        packages.fetched([Package("shelf", "9", "shelf-9.whl", "0" * 64)], tmp_path)
