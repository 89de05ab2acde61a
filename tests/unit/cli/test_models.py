"""`codehearth models`, run as a person or a script runs it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from lsp_server.cli import output
from lsp_server.cli.main import main
from lsp_server.modelstore import find
from tests.unit.modelstore.ggufs import write


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No program on this machine but LM Studio, with a coder, a chat model and a broken download."""
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path / "codehearth"))
    lm = tmp_path / "lm"
    write(lm / "qwen2.5-coder.gguf", architecture="qwen2", name="Qwen2.5 Coder 1.5B")
    write(lm / "chat.gguf", name="Chat", special=("<|end|>",))
    broken = write(lm / "broken.gguf")
    broken.write_bytes(broken.read_bytes()[:-100])
    monkeypatch.setattr(find.Places, "of_this_machine", lambda: find.Places(own=find.own_folder(), lm_studio=(lm,)))
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_the_list_says_of_each_model_whether_and_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    """The embedded model comes first and is the chosen one; what cannot complete says why."""
    answer = listed(capsys)
    models = {model["name"]: model for model in answer["models"]}
    assert answer["chosen"] is None
    assert next(iter(models)) == "embedded"
    assert models["embedded"]["chosen"]
    assert models["embedded"]["order"] == "spm"
    coder = models["qwen2.5-coder"]
    assert (coder["usable"], coder["order"], coder["source"]) == (True, "psm", "lm-studio")
    assert coder["family"] == "Qwen2.5-Coder, Qwen3-Coder"
    assert not models["chat"]["usable"]
    assert "cannot fill in the middle" in models["chat"]["why_not"]
    assert models["chat"]["next_step"]
    assert "cut short" in models["broken"]["why_not"]


def test_without_a_terminal_each_model_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines are for grep: one per model, the chosen one marked."""
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert [line for line in lines if line.startswith("*")] == [lines[0]]
    assert "Q8_0" in lines[0]


def test_on_a_terminal_there_is_a_table_with_the_reasons_below(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chosen model is marked, and reasons are whole sentences rather than a narrow column."""
    monkeypatch.setattr(output, "console", lambda stderr=False: Console(force_terminal=True, width=120, markup=False))
    assert main(["models", "list"]) == 0
    out = Text.from_ansi(capsys.readouterr().out).plain
    assert re.search(r"→ +embedded", out)
    assert "\nchat: Chat cannot fill in the middle: its vocabulary has no tokens for a prefix and a suffix.\n" in out


def test_using_a_model_marks_it_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """`use` and `list` agree, and `--embedded` goes back."""
    assert main(["models", "use", "qwen2.5-coder"]) == 0
    assert "Qwen2.5 Coder 1.5B completes from now on" in capsys.readouterr().out
    assert [model["name"] for model in listed(capsys)["models"] if model["chosen"]] == ["qwen2.5-coder"]
    assert main(["models", "use", "--embedded"]) == 0
    assert [model["name"] for model in listed(capsys)["models"] if model["chosen"]] == ["embedded"]


def test_a_refused_model_is_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, the sentence and the next step on stderr, nothing on stdout."""
    assert main(["models", "use", "chat"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "codehearth: Chat cannot fill in the middle" in printed.err


def test_an_imported_model_is_listed_and_can_be_used(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The import answers with the model as the list shows it."""
    original = write(home / "downloads" / "star.gguf", architecture="qwen2", name="Qwen2.5-Coder")
    assert main(["models", "import", str(original), "--json"]) == 0
    imported = json.loads(capsys.readouterr().out)
    assert (imported["name"], imported["source"], imported["usable"]) == ("star", "codehearth", True)
    assert main(["models", "use", "star"]) == 0
    assert imported["name"] in [model["name"] for model in listed(capsys)["models"] if model["chosen"]]


def test_a_chosen_model_that_is_gone_does_not_hide_the_list(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The problem is told and the other models are still shown."""
    assert main(["models", "use", str(home / "lm" / "qwen2.5-coder.gguf")]) == 0
    (home / "lm" / "qwen2.5-coder.gguf").unlink()
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    printed = capsys.readouterr()
    assert "There is no model file" in printed.err
    assert not any(model["chosen"] for model in json.loads(printed.out)["models"])


def test_use_needs_a_name_or_the_embedded_model(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither and both make no sense: exit code 2."""
    for words in (["models", "use"], ["models", "use", "x", "--embedded"]):
        with pytest.raises(SystemExit) as raised:
            main(words)
        assert raised.value.code == 2
