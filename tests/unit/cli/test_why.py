"""`codehearth why`: the newest explanation of all running servers, in words and as JSON."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lsp_server import paths
from lsp_server.cli import main, why
from lsp_server.evaluate.product import Why

WHY: dict[str, Any] = {
    "mode": "line",
    "snippets": [
        {"path": "shop/cart.py", "source": "outline", "reason": "defines Cart", "lines": [2, 3], "score": 1.5}
    ],
    "fromCache": False,
    "reanchored": "jump",
    "reused": 1200,
    "evaluated": 34,
    "generated": 5,
    "milliseconds": {"prefill": 12.5, "decode": 4.25, "total": 20.0},
    "logprob": -0.25,
    "silence": None,
    "detail": "",
}


@pytest.fixture(autouse=True)
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where servers keep their explanations."""
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path / "home"))
    folder = paths.runtime_folder() / "servers"
    folder.mkdir()
    return folder


def keep(servers: Path, *entries: tuple[Path, float, dict[str, Any]], pid: int | None = None) -> Path:
    """A server's file; each entry is a document, how many seconds ago it was answered, and what differs from WHY."""
    own = os.getpid() if pid is None else pid
    explanations = [
        {"uri": paths.uri_of_path(path), "at": time.time() - ago, "why": {**WHY, **more}} for path, ago, more in entries
    ]
    file = servers / f"{own}.json"
    file.write_text(json.dumps({"pid": own, "version": "1.0", "explanations": explanations}), encoding="utf-8")
    return file


def test_the_newest_of_all_is_shown(servers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file it is the last answer of any server that runs."""
    keep(servers, (tmp_path / "old.py", 60, {}), (tmp_path / "new.py", 3, {"silence": "unsure", "detail": "A guess."}))
    keep(servers, (tmp_path / "other.py", 30, {}), pid=os.getppid())
    assert main.main(["why"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{tmp_path / 'new.py'}, 3 seconds ago"
    assert said[1] == "Nothing was shown: A guess."


def test_one_file_is_asked_for(
    servers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path names the file as the editor does."""
    keep(servers, (tmp_path / "old.py", 600, {}), (tmp_path / "new.py", 3, {}))
    monkeypatch.chdir(tmp_path)
    assert main.main(["why", "old.py"]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'old.py'}, 10 minutes ago\n")


def test_json_is_one_object(servers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(servers, (tmp_path / "a b.py", 3, {}))
    assert main.main(["why", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["file"] == str(tmp_path / "a b.py")
    assert answer["server"] == {"pid": os.getpid(), "version": "1.0"}
    assert answer["why"] == WHY


@pytest.mark.parametrize(
    ("more", "first"),
    [
        ({}, "A suggestion of one line was shown."),
        ({"fromCache": True}, "Shown from the cache: it continues an earlier suggestion."),
        ({"silence": "comment"}, "Nothing was shown: comment"),
    ],
)
def test_it_begins_with_what_was_shown(more: dict[str, Any], first: str) -> None:
    assert why.lines(Why.read({**WHY, **more}))[0] == first


def test_tokens_times_and_snippets_are_listed() -> None:
    """Everything that the explanation knows, the slowest hop first."""
    assert why.lines(Why.read(WHY))[1:] == [
        "Prompt: 1,200 tokens reused, 34 evaluated. Answer: 5 tokens.",
        "Mean log-probability per token: -0.25.",
        "The prompt was begun anew: jump.",
        "Milliseconds: total 20.0, prefill 12.5, decode 4.2.",
        "Code from the repository in the prompt:",
        "  shop/cart.py:3-4  defines Cart",
    ]


def test_it_says_where_a_suggestion_stands_already() -> None:
    """A place of the repository that says the same is a reason to believe it."""
    assert why.lines(Why.read({**WHY, "alsoAt": "shop/cart.py:7"}))[1] == "It also stands in shop/cart.py:7."
    assert why.lines(Why.read({**WHY, "likeAt": "a.py:7"}))[1] == "It stands in a.py:7 with other names."


def test_nothing_to_explain_is_a_sentence(servers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the next step, for all files and for one."""
    assert main.main(["why"]) == 1
    assert "No running server has answered yet." in capsys.readouterr().err
    keep(servers, (tmp_path / "a.py", 3, {}))
    assert main.main(["why", str(tmp_path / "b.py")]) == 1
    assert "Open it in your editor" in capsys.readouterr().err


def test_what_killed_servers_left_is_removed(servers: Path, tmp_path: Path) -> None:
    """A process that has ended explains nothing."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    file = keep(servers, (tmp_path / "a.py", 3, {}), pid=ended.pid)
    assert main.main(["why"]) == 1
    assert not file.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x", "explanations": []}', '{"pid": 1}'])
def test_a_broken_file_is_passed_over(servers: Path, tmp_path: Path, text: str) -> None:
    """Whatever lies there, the others are read."""
    (servers / "1.json").write_text(text, encoding="utf-8")
    keep(servers, (tmp_path / "a.py", 3, {}))
    assert main.main(["why"]) == 0


def test_a_server_of_another_version_is_named(
    servers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older server's explanation may lack what we print."""
    file = keep(servers, (tmp_path / "a.py", 3, {}))
    raw = json.loads(file.read_text(encoding="utf-8"))
    raw["explanations"][0]["why"] = {"mode": "line"}
    file.write_text(json.dumps(raw), encoding="utf-8")
    assert main.main(["why"]) == 1
    assert "another version (1.0)" in capsys.readouterr().err
