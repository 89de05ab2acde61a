"""The whole route with the embedded model: editor, server, engine process, llama.cpp, and back."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lsp_server import paths
from lsp_server.engine.client import running_engine_status
from lsp_server.modelstore import store
from lsp_server.settings import USER_FILE
from tests.e2e.wire import ROOT, Wire, eventually

TEXT = """class Cart:
    def __init__(self, items):
        self.items = items

    def count(self):
        return len(self.items)

    def first(self):
        return self.
"""
HOLE = (8, 20)

Start = Callable[..., Wire]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One engine for all tests of this file; it is told to leave at the end."""
    home = tmp_path_factory.mktemp("h")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEHEARTH_HOME", str(home))
        yield home
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CODEHEARTH_HOME": str(home)}
    subprocess.run(
        [sys.executable, "-P", "-m", "lsp_server", "engine", "--stop"], env=environment, check=True, timeout=60
    )


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    started: list[Wire] = []

    def begin(**more: object) -> Wire:
        started.append(Wire(home=home, **more))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for wire in started:
        wire.__exit__()


def engine_pid() -> int | None:
    status = asyncio.run(running_engine_status())
    return status.pid if status is not None else None


def ask(wire: Wire, uri: str) -> dict[str, object]:
    """Asks at the hole; the explanation of the answer."""
    wire.inline(uri, *HOLE)
    why: dict[str, object] = wire.request("codehearth/why", {"textDocument": {"uri": uri}})
    return why


def test_the_model_answers(start: Start, tmp_path: Path) -> None:
    """It is loaded when the first document opens, and its figures come back with the answer."""
    (tmp_path / "cart.py").write_text(TEXT)
    wire = start(folder=tmp_path)
    wire.initialize(tmp_path)
    uri = wire.open((tmp_path / "cart.py").as_uri(), TEXT)
    status = wire.wait_for(
        lambda: [
            message["params"]
            for message in wire.messages
            if message.get("method") == "codehearth/status" and message["params"]["model"]
        ],
        "the model",
        60,
    )
    assert status[-1]["model"]
    why = ask(wire, uri)
    assert isinstance(why["generated"], int)
    assert why["generated"] > 0
    assert wire.shutdown() == 0


def test_two_windows_share_one_engine(start: Start) -> None:
    """And the second answers as the first does."""
    first, second = start(), start()
    answers, pids = [], []
    for wire in (first, second):
        wire.initialize()
        uri = wire.open("file:///elsewhere/cart.py", TEXT)
        answers.append(wire.inline(uri, *HOLE))
        pids.append(engine_pid())
    assert answers[0] == answers[1]
    assert pids[0] == pids[1] is not None


def test_a_model_chosen_while_the_editor_is_open_completes(start: Start, tmp_path: Path) -> None:
    """`codehearth models use` writes a file; the next suggestions come from that model, without a restart."""
    wire = start()
    wire.initialize()
    uri = wire.open("file:///elsewhere/cart.py", TEXT)
    ask(wire, uri)
    chosen = shutil.copy(store.embedded(), tmp_path / "chosen.gguf")
    settings_file = paths.config_folder() / USER_FILE
    settings_file.write_text(json.dumps({"model": str(chosen)}), encoding="utf-8")

    def engines_model() -> bool:
        ask(wire, uri)
        status = asyncio.run(running_engine_status())
        return status is not None and status.path == str(chosen)

    try:
        assert eventually(engines_model, "the chosen model", 60)
    finally:
        settings_file.unlink()
    assert wire.notifications("window/showMessage") == []


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_an_engine_killed_in_mid_request_costs_one_suggestion(start: Start) -> None:
    """The request is answered, the editor hears of no error, and the next one finds a new engine."""
    wire = start()
    wire.initialize()
    uri = wire.open("file:///elsewhere/cart.py", TEXT)
    ask(wire, uri)
    before = engine_pid()
    assert before is not None
    # Another place, so that the answer is not in the cache.
    asked = wire.ask("textDocument/inlineCompletion", wire.inline_params(uri, 5, 8))
    os.kill(before, signal.SIGKILL)
    assert "error" not in wire.reply(asked)
    wire.change(uri, 2, {"text": TEXT.replace("first", "second")})
    assert eventually(lambda: ask(wire, uri)["generated"], "the new engine", 60)
    assert engine_pid() not in (None, before)
    assert wire.notifications("window/showMessage") == []
