"""What the commands print, and where."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lsp_server.cli import output
from lsp_server.errors import ServerError

ROOT = Path(__file__).parents[3]


def test_a_problem_goes_to_stderr_with_its_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    """`fail` tells the sentence and the next step on stderr, nothing on stdout, and answers exit code 1."""
    assert output.fail(ServerError("The model is missing.", "Import it.")) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == ["codehearth: The model is missing.", "Import it."]


def test_json_is_one_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """`emit_json` prints something that parses back into what was given, accents included."""
    output.emit_json({"name": "café", "files": 3})
    assert json.loads(capsys.readouterr().out) == {"name": "café", "files": 3}


def test_json_survives_every_locale_and_file_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with an emoji on a terminal that knows ASCII only, and one that is no UTF-8 at all."""
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    answer = {"name": "café 😀 \udcff"}
    output.emit_json(answer)
    assert json.loads(written.getvalue()) == answer


def test_a_terminal_without_the_characters_gets_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the C locale, e.g. in a container: the answer is told, not a traceback."""
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    output.prepare()
    output.console().print("1 │ café")
    assert written.getvalue() == b"1 \\u2502 caf\\xe9\n"


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_leaves_early_hears_no_complaint(tmp_path: Path, form: list[str]) -> None:
    """`codehearth models list | true`."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "lsp_server", "models", "list", *form],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "CODEHEARTH_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    os.close(writing)
    assert done.returncode == 1
    assert b"BrokenPipe" not in done.stderr


def test_names_with_brackets_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder called `[red]` is no markup."""
    output.console().print("a [red]folder[/red]")
    assert capsys.readouterr().out == "a [red]folder[/red]\n"


def test_progress_without_a_terminal_is_a_first_and_a_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Short work leaves two lines in a log, however many steps it has, and none of them on stdout."""
    with output.progress("indexing", 100) as work:
        for _ in range(100):
            work.advance()
    printed = capsys.readouterr()
    assert printed.out == ""
    first, last = printed.err.splitlines()
    assert first == "indexing …"
    assert last.startswith("indexing: done in")


def test_progress_without_a_terminal_speaks_again_after_a_while(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long work says how much of how much is done, in sizes where the unit is bytes."""
    monkeypatch.setattr(output, "SECONDS_BETWEEN_LINES", 0.0)
    with output.progress("copying", unit="bytes") as work:
        work.update(2_500_000, total=4_000_000_000)
    assert "copying: 2.5 MB of 4.0 GB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (8_970_000, "9.0 MB"), (4_700_000_000, "4.7 GB")]
)
def test_sizes_are_decimal(count: int, shown: str) -> None:
    """Sizes are shown with decimal units, as file managers do."""
    assert output.size(count) == shown
