"""`codehearth bench`: its options, and what it prints, without measuring."""

import json
from pathlib import Path

import pytest

from lsp_server.cli import bench, main
from lsp_server.evaluate import figures, report
from lsp_server.evaluate.figures import Figures, Options, Tell


class Measured:
    """Stands for the figures, which `test_report.py` looks after."""

    def as_json(self) -> dict[str, object]:
        return {"quick": True}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """The options that the command asked to measure; nothing is measured."""
    seen: list[Options] = []

    async def measure(options: Options, home: Path, tell: Tell) -> Measured:
        assert home.name.startswith("codehearth-bench-")
        tell("typing", 1, 2)
        seen.append(options)
        return Measured()

    monkeypatch.setattr(figures, "measure", measure)
    monkeypatch.setattr(report, "markdown", lambda measured: "| table |")
    monkeypatch.setattr(report, "rows", lambda measured: [report.Row("speed", "≤ 1", "2", False)])
    monkeypatch.setattr(report, "sentences", lambda measured: ["On this machine."])
    return seen


def test_options_reach_the_measurement(asked: list[Options], tmp_path: Path) -> None:
    arguments = [
        "--quick",
        "--threads",
        "2",
        "--model",
        "m",
        "--shape",
        "--llama-server",
        "l",
        "--folder",
        str(tmp_path),
    ]
    assert main.main(["bench", *arguments, "--json"]) == 0
    assert asked == [Options(True, 2, "m", True, Path("l"), tmp_path)]


def test_json_prints_one_object(asked: list[Options], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["bench", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"quick": True}


def test_markdown_prints_the_table(asked: list[Options], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["bench", "--markdown"]) == 0
    assert capsys.readouterr().out == "| table |\n"


def test_the_table_for_people_names_what_was_missed(asked: list[Options], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["bench"]) == 0
    out = capsys.readouterr().out
    assert "2  missed" in out
    assert "On this machine." in out


def test_update_writes_between_the_marks(asked: list[Options], tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"top\n{report.START}\n{report.END}\nbottom\n", encoding="utf-8")
    assert main.main(["bench", "--update", str(readme)]) == 0
    assert readme.read_text(encoding="utf-8") == f"top\n{report.START}\n| table |\n{report.END}\nbottom\n"


def test_update_refuses_a_file_without_marks_before_measuring(asked: list[Options], tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing here\n", encoding="utf-8")
    assert main.main(["bench", "--update", str(readme)]) == 1
    assert asked == []


def test_the_temporary_home_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when measuring fails."""
    homes: list[Path] = []

    async def measure(options: Options, home: Path, tell: Tell) -> Figures:
        homes.append(home)
        raise KeyboardInterrupt

    monkeypatch.setattr(figures, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        bench._measured(Options())
    assert not homes[0].exists()
