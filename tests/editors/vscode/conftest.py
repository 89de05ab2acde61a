"""What the tests in VS Code share: a browser, a home for the engine, a workspace, and what starts them on it."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pygls
import pytest

from tests.e2e.conftest import Script
from tests.editors.engines import engines
from tests.editors.vscode.driver import SERVER, Browser, Start, VSCode


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Shared by the servers of this file, so that the model is loaded once; its engine ends with the tests."""
    home = tmp_path_factory.mktemp("home")
    yield home
    for engine in engines(home):
        engine.kill()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A copy of a package that the embedded model has never seen."""
    folder = tmp_path / "work"
    shutil.copytree(Path(pygls.__file__).parent, folder / "pygls", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".git").mkdir()
    (folder / "cart.py").write_text("def price(items):\n    return\n\n\nprint(price([]))\n", encoding="utf-8")
    return folder


@pytest.fixture
def script(tmp_path: Path) -> Script:
    script = Script(tmp_path / "script.json")
    script.says("total(items, 0) + 1")
    return script


@pytest.fixture
def start(browser: Browser, home: Path, workspace: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts VS Code on the workspace, and waits until its server is ready."""
    with ExitStack() as stack:

        def begin(*, script: Script | None = None, wait: bool = True, **more: Any) -> VSCode:
            if script is not None:
                more["server"] = [*SERVER, *script.arguments]
            code = stack.enter_context(VSCode(browser, tmp_path / "vscode", workspace, home=home, **more))
            if wait:
                code.wait_for_status(r"ready|indexing|loading")
            return code

        yield begin
