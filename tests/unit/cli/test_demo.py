"""`codehearth demo`: the workspace it prepares, and two places of the real thing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.cli import demo, main
from lsp_server.engine.client import drain_running_engine


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of the test's own, whose engine ends with the test."""
    monkeypatch.setenv("CODEHEARTH_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    asyncio.run(drain_running_engine())


def test_the_package_is_copied_once() -> None:
    """A second run finds the same files untouched, so that their index is warm; strangers among them go."""
    workspace = demo.laid_out("platformdirs")
    copied = {path: path.stat().st_mtime_ns for path in workspace.rglob("*.py")}
    assert workspace / "platformdirs" / "__init__.py" in copied
    (workspace / "platformdirs" / "stranger.py").write_text("x = 1\n", encoding="utf-8")
    assert demo.laid_out("platformdirs") == workspace
    assert {path: path.stat().st_mtime_ns for path in workspace.rglob("*.py")} == copied


def test_every_package_on_offer_is_installed() -> None:
    """They are dependencies of our own, so the demo needs no network."""
    for package in demo.PACKAGES:
        assert any(demo.laid_out(package).rglob("*.py"))


def test_places_are_shown_with_truth_and_cost(capsys: pytest.CaptureFixture[str]) -> None:
    """The real server and the embedded model: for each place the code, the verdict and the cost, then a summary."""
    assert main.main(["demo", "--package", "platformdirs", "--places", "2", "--seed", "3"]) == 0
    out = capsys.readouterr().out
    for number in ("1/2  platformdirs/", "2/2  platformdirs/"):
        assert number in out
    assert out.count("cost │") == 2
    assert out.count("used │") == 2
    assert "├" in out
    assert "codehearth models use NAME" in out


def test_no_places_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["demo", "--places", "0"]) == 1
    assert "one place" in capsys.readouterr().err
