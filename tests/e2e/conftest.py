"""What the end-to-end tests share: a server that answers from a script, in a home of its own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.e2e.wire import Wire


@attrs.frozen
class Script:
    """The file that the scripted engine reads anew for every request."""

    file: Path

    def says(self, text: str = "", **more: Any) -> None:
        """From now on: `delayMs`, `modelError` and `engineError` as in `cli/core.py`."""
        replacement = self.file.with_suffix(".new")
        replacement.write_text(json.dumps({"text": text, **more}), encoding="utf-8")
        replacement.replace(self.file)

    @property
    def arguments(self) -> list[str]:
        return ["--engine", f"fake:{self.file}"]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    script = Script(tmp_path / "script.json")
    script.says("total(items)\n")
    return script


@pytest.fixture
def start(tmp_path: Path, script: Script) -> Iterator[Callable[..., Wire]]:
    """Starts servers, and ends what is left of them. They share a home, as windows of one person do."""
    started: list[Wire] = []

    def begin(*arguments: str, **more: Any) -> Wire:
        wire = Wire([*script.arguments, *arguments], home=tmp_path / "home", **more)
        started.append(wire)
        return wire

    yield begin
    for wire in started:
        wire.__exit__()
        assert [line for line in wire.stderr if " ERROR " in line] == [], "a bug was logged"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A small repository."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "cart.py").write_text(
        "class Cart:\n    def __init__(self):\n        self.items = []\n\n    def total(self):\n        return 0\n"
    )
    return folder
