"""`codehearth act`: what it is asked, what it prints, what it writes."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.cli import act, main
from lsp_server.engine.client import drain_running_engine
from lsp_server.errors import ServerError

TEXT = "def price(items):\r\n    return round(get_sum(items) * 2, 1)\r\n"
PLACE = "2:18-2:32"
"""Where `get_sum(items)` stands in `TEXT`."""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file in a workspace of the test's own, with a home whose engine ends with the test."""
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    file = folder / "cart.py"
    file.write_bytes(TEXT.encode())
    yield file
    asyncio.run(drain_running_engine())


@pytest.mark.parametrize(
    "place", ["a.py", "a.py:3", "a.py:1:2-3", "a.py:0:1", "a.py:2:1-1:9", ":1:1-1:2", "a.py:1:5-1:2"]
)
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(ServerError, match="FILE:RANGE"):
        act.parsed(place)


def test_a_place_is_a_selection_or_a_cursor() -> None:
    """A path may hold colons and hyphens."""
    assert act.parsed("/a:b-c/d.py:12:5-14:20") == (Path("/a:b-c/d.py"), (12, 5), (14, 20))
    assert act.parsed("/a/d.py:12:5") == (Path("/a/d.py"), (12, 5), (12, 5))


def test_a_kind_may_be_named_by_its_last_word() -> None:
    assert act.kind_of("variable") == act.kind_of("refactor.extract.variable") == "refactor.extract.variable"
    with pytest.raises(ServerError, match="no action of the kind"):
        act.kind_of("refactor")


def test_it_prints_a_diff_and_writes_only_when_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same change three times: shown, as JSON, and carried out; line ends and mode stay."""
    file.chmod(0o640)
    words = ["act", f"{file}:{PLACE}", "--kind", "variable"]
    assert main.main(words) == 0
    shown = capsys.readouterr().out
    assert "-    return round(get_sum(items) * 2, 1)" in shown
    assert "= get_sum(items)" in shown
    assert file.read_bytes() == TEXT.encode()
    assert main.main([*words, "--json", "--apply"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["kind"] == "refactor.extract.variable"
    assert answer["applied"] is True
    name = answer["summary"].removeprefix("Extract ")
    assert file.read_bytes().decode() == (
        f"def price(items):\r\n    {name} = get_sum(items)\r\n    return round({name} * 2, 1)\r\n"
    )
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir() if path.suffix not in (".py", ".toml")] == []


def test_a_refusal_is_a_sentence(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and the file is as it was."""
    assert main.main(["act", f"{file}:2:19-2:32", "--kind", "variable", "--apply"]) == 1
    assert "cuts a word" in capsys.readouterr().err
    assert main.main(["act", f"{file}:{PLACE}", "--kind", "variable", "--all"]) == 1
    assert "only one place" in capsys.readouterr().err
    assert file.read_bytes() == TEXT.encode()


def test_a_file_that_has_changed_meanwhile_is_not_written(file: Path) -> None:
    with pytest.raises(ServerError, match="changed meanwhile"):
        act.write(file, "x = 1\n", expected=b"other")
    assert file.read_bytes() == TEXT.encode()


def test_a_link_stays_a_link(file: Path) -> None:
    """Its target is what changes."""
    link = file.with_name("link.py")
    link.symlink_to(file)
    act.write(link, "x = 1\n", expected=TEXT.encode())
    assert link.is_symlink()
    assert file.read_bytes() == b"x = 1\n"


def test_a_file_that_cannot_be_written_is_a_sentence(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is left beside it."""

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("shutil.copymode", full)
    with pytest.raises(ServerError, match="cannot be written"):
        act.write(file, "x = 1\n", expected=TEXT.encode())
    assert sorted(path.name for path in file.parent.iterdir()) == ["cart.py", "pyproject.toml"]
