"""`codehearth why` beside a running server: another process tells what the editor's last answer was built from."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lsp_server import paths
from tests.e2e.conftest import Script
from tests.e2e.wire import ROOT, Wire, eventually

Start = Callable[..., Wire]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That of the servers which `start` starts."""
    home = tmp_path / "home"
    monkeypatch.setenv("CODEHEARTH_HOME", str(home))
    return home


def why(*arguments: str) -> tuple[int, Any]:
    """Exit code and JSON of the command; None where there is nothing to explain."""
    asked = subprocess.run(
        [sys.executable, "-P", "-m", "lsp_server", "why", "--json", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    return asked.returncode, json.loads(asked.stdout) if asked.stdout else None


def kept() -> list[Path]:
    return list((paths.runtime_folder() / "servers").glob("*.json"))


def test_the_last_answer_of_a_running_server_is_explained(
    start: Start, workspace: Path, home: Path, script: Script
) -> None:
    """The newest of all and that of one file, with its reason for silence; nothing stays at the end."""
    wire = start(folder=workspace)
    wire.initialize(workspace)
    wire.wait_for_status("ready", busy=False)
    first, second = workspace / "cart.py", workspace / "till.py"
    wire.open(first.as_uri(), "secret_name = \n")
    wire.open(second.as_uri(), "other = \n")
    wire.inline(first.as_uri(), 0, 14)
    script.says("")
    wire.inline(second.as_uri(), 0, 8)

    eventually(lambda: why(str(second))[0] == 0, "the explanation")
    code, newest = why()
    assert code == 0
    assert newest["file"] == str(second)
    assert newest["server"]["pid"] == wire.process.pid
    assert newest["why"]["silence"] == "empty"
    _, earlier = why(str(first))
    assert earlier["why"]["silence"] is None
    assert earlier["why"]["mode"] == "line"
    assert "secret_name" not in kept()[0].read_text(encoding="utf-8")

    assert wire.shutdown() == 0
    assert kept() == []
    assert why() == (1, None)


def test_a_killed_server_explains_nothing(start: Start, workspace: Path, home: Path) -> None:
    """What it left behind is removed by whoever asks next."""
    wire = start(folder=workspace)
    wire.initialize(workspace)
    wire.open((workspace / "cart.py").as_uri(), "total = \n")
    wire.inline((workspace / "cart.py").as_uri(), 0, 8)
    eventually(lambda: kept(), "the explanation")
    wire.kill_hard()
    wire.exit_code()
    assert why() == (1, None)
    assert kept() == []
