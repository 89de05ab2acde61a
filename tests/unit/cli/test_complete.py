"""`codehearth complete`: where it asks, and what it prints."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.cli import complete, ghost, main
from lsp_server.engine.client import drain_running_engine
from lsp_server.errors import ServerError
from lsp_server.evaluate.product import Used, Why


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of the test's own, whose engine ends with the test."""
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    asyncio.run(drain_running_engine())


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    (folder / "cart.py").write_text("class Cart:\n    def total(self, prices):\n        return \n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("place", ["main.py", "main.py:3", "main.py:x:3", "main.py:0:1", ":1:1", "main.py:1:-1"])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(ServerError, match="FILE:LINE:COLUMN"):
        complete.parsed(place)


def test_a_path_may_hold_colons() -> None:
    assert complete.parsed("/a:b/c.py:12:5") == (Path("/a:b/c.py"), 12, 5)


def test_the_workspace_is_the_nearest_project(workspace: Path) -> None:
    (workspace / "src").mkdir()
    assert complete.workspace_of(workspace / "src" / "deep.py") == workspace


@pytest.mark.parametrize(
    ("line", "column", "offset"), [(1, 1, 0), (1, 3, 2), (1, 99, 2), (2, 1, 4), (3, 1, 6)], ids=lambda value: str(value)
)
def test_lines_and_columns_count_from_one(line: int, column: int, offset: int) -> None:
    """Past the end of a line is its end; both line ends of the protocol count as one."""
    assert complete.offset_of("ab\r\nc\n", line, column) == offset


def test_a_line_after_the_last_is_refused() -> None:
    with pytest.raises(ServerError, match="has 3 lines"):
        complete.offset_of("ab\r\nc\n", 4, 1)


@pytest.mark.parametrize(
    ("name", "content"), [("missing.py", None), ("latin.py", b"\xe9t\xe9")], ids=["missing", "not UTF-8"]
)
def test_a_file_that_cannot_be_read_is_a_sentence(
    workspace: Path, name: str, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (workspace / name).write_bytes(content)
    assert main.main(["complete", f"{workspace / name}:1:1"]) == 1
    assert name in capsys.readouterr().err


def test_json_is_one_object_from_the_real_server(
    home: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The documented fields, from the embedded model through the real route."""
    assert main.main(["complete", f"{workspace / 'cart.py'}:3:16", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["line"], answer["column"]) == (3, 16)
    assert answer["model"]
    assert answer["why"]["evaluated"] > 0
    assert answer["texts"] or answer["why"]["silence"]


def test_the_terminal_shows_code_and_cost(home: Path, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The lines around the cursor, marks where text is inserted, and what it cost."""
    assert main.main(["complete", f"{workspace / 'cart.py'}:3:16"]) == 0
    out = capsys.readouterr().out
    assert "3 │         return ├" in out
    assert "evaluated" in out


def test_the_excerpt_numbers_lines_and_marks_the_insertion() -> None:
    text = "".join(f"line {number}\n" for number in range(1, 13))
    shown = ghost.excerpt(text, text.index("line 10") + 4, "s\nof code", before=1, after=1, terminal=False).plain
    assert shown == " 9 │ line 9\n10 │ line├s\n11 │ of code┤ 10\n12 │ line 11"


def test_nothing_to_insert_still_marks_the_cursor() -> None:
    shown = ghost.excerpt("a\nb\n", 1, None, before=3, after=0, terminal=True)
    assert shown.plain == "1 │ a├┤"


def test_the_cost_tells_how_an_answer_came_about() -> None:
    used = Used("a.py", "outline", "defines Cart", (0, 4))
    why = Why("line", (used,), False, None, 90, 4, 7, {"prefill": 2.0}, -0.1, None, "")
    assert ghost.cost_line(why, 12.3) == "12 ms; prompt: 90 tokens reused, 4 evaluated; answer: 7 tokens"
    assert ghost.context_lines(why) == ["a.py:1-5  defines Cart"]
