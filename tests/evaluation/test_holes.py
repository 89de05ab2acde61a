"""Where the holes are, and that the committed list is the one that is meant."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from models.evaluation import holes, packages
from models.train.stage import TrainingError

CODE = '''\
"""A module."""

import os
from typing import Any


class Shelf:
    """Holds items."""

    def __init__(self, name: str, capacity: int = 100) -> None:
        self.name = name
        self.capacity = capacity  # of items
        self.entries = os.path.join("entries", name)

    def describe(self, entry: Any) -> str:
        """Says what an entry is."""
        text = render(entry, width=self.capacity)
        if not text:
            raise ValueError("nothing to say about it")
        return f"{self.name}: {text}"


def render(entry: Any, width: int) -> str:
    grüße = str(entry).strip().ljust(width)
    return grüße.replace("\\n", " ")
'''


def spans() -> list[tuple[str, str, str]]:
    """(kind, the text left of the cursor on its line, truth) of every hole of CODE."""
    found = []
    for start, end, kind, _ in holes.spans(CODE.encode()):
        found.append((kind, CODE[CODE.rfind("\n", 0, start) + 1 : start], CODE[start:end]))
    return found


def test_lines_are_asked_between_tokens() -> None:
    lines = {(before, truth) for kind, before, truth in spans() if kind == "line"}
    assert ("        self.", 'entries = os.path.join("entries", name)') in lines
    assert ("        return ", 'f"{self.name}: {text}"') in lines
    assert ("    grüße = str(", "entry).strip().ljust(width)") in lines


def test_no_line_is_an_import_a_comment_or_a_docstring() -> None:
    for kind, before, truth in spans():
        if kind == "line":
            assert not any(word in before + truth for word in ("import", "#", '"""'))
            assert len(truth) >= holes.LEAST_REST


def test_arguments_are_all_that_a_call_is_given() -> None:
    found = {truth for kind, _, truth in spans() if kind == "arguments"}
    assert {"entry, width=self.capacity", '"entries", name', '"\\n", " "', '"nothing to say about it"'} <= found


def test_blocks_begin_after_the_docstring_and_end_with_the_last_statement() -> None:
    found = {truth for kind, _, truth in spans() if kind == "block"}
    assert 'raise ValueError("nothing to say about it")' in found
    assert 'grüße = str(entry).strip().ljust(width)\n    return grüße.replace("\\n", " ")' in found
    assert any(truth.startswith("text = render(") and truth.endswith('{text}"') for truth in found)


def test_files_that_do_not_parse_have_no_holes() -> None:
    assert list(holes.spans(b"def (:\n" * 30)) == []


def package(folder: Path, copies: int = 6) -> dict[str, Path]:
    repository = folder / "shelves"
    repository.mkdir(parents=True)
    for number in range(copies):
        (repository / f"shelf_{number}.py").write_text(CODE, encoding="utf-8")
    return {"shelves": repository}


def test_equal_seeds_draw_equal_holes(tmp_path: Path) -> None:
    repositories = package(tmp_path)
    counts: dict[holes.Kind, int] = {"line": 10, "arguments": 3, "block": 3}
    first, again, other = (holes.draw(repositories, seed, counts) for seed in (1, 1, 2))
    assert first == again != other
    assert Counter(hole.kind for hole in first) == counts
    assert len({hole.key for hole in first}) == len(first)


def test_the_truth_fits_its_hole(tmp_path: Path) -> None:
    repositories = package(tmp_path)
    for hole in holes.draw(repositories, 3, {"line": 10, "arguments": 3, "block": 3}):
        found = holes.opened(hole, repositories[hole.package])
        assert found.before + found.truth + found.after == CODE
        assert found.text == found.before + found.after


def test_another_version_of_a_file_is_refused(tmp_path: Path) -> None:
    repositories = package(tmp_path)
    hole = holes.draw(repositories, 3, {"line": 1, "arguments": 0, "block": 0})[0]
    (repositories["shelves"] / hole.path).write_text(CODE + "\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="not the file that the holes were drawn in"):
        holes.opened(hole, repositories["shelves"])


def test_the_committed_list_is_of_the_committed_packages() -> None:
    found = holes.listed()
    assert Counter(hole.kind for hole in found) == holes.COUNTS
    assert {hole.package for hole in found} == {package.name for package in packages.listed()}
    assert len({hole.key for hole in found}) == len(found)


def test_the_committed_list_has_no_source_text() -> None:
    for line in holes.LISTED.read_text(encoding="utf-8").splitlines():
        assert set(json.loads(line)) == {"package", "path", "sha256", "start", "end", "kind", "position"}


def test_measured_packages_are_held_out_of_training() -> None:
    heldout = Path(holes.__file__).parents[1] / "train" / "heldout.txt"
    kept_out = set(heldout.read_text(encoding="utf-8").split("\n"))
    assert {f"pypi {package.name}" for package in packages.listed()} <= kept_out


def test_hashes_are_of_whole_files() -> None:
    for package in packages.listed():
        assert len(package.sha256) == len(hashlib.sha256().hexdigest())
