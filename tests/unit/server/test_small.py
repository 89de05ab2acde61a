"""The small parts: repository names, logs, the wire form of our values, the lag probe, the watched parent."""

import asyncio
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lsp_server.server import logs, parent
from lsp_server.server.extensions import Status, wire
from lsp_server.server.lag import LagProbe
from lsp_server.server.repository import repository_name
from tests.unit.server.fakes import until

CONFIG = """[core]
	bare = false
[remote "mirror"]
	url = https://example.org/mirrors/other
[remote "origin"]
	url = {url}
	fetch = +refs/heads/*:refs/remotes/origin/*
"""


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/psf/requests.git", "requests"),
        ("git@example.org:psf/requests.git", "requests"),
        ("/srv/git/shop/", "shop"),
        ("C:\\src\\thing", "thing"),
    ],
)
def test_the_repository_is_named_by_its_remote(tmp_path: Path, url: str, name: str) -> None:
    """Also from a folder inside the repository; the last part of the address without `.git`."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(CONFIG.format(url=url))
    inner = tmp_path / "packages" / "one"
    inner.mkdir(parents=True)
    assert repository_name(inner) == name


def test_a_folder_without_a_repository_has_its_own_name(tmp_path: Path) -> None:
    """Reduced to characters that are harmless in a prompt."""
    folder = tmp_path / "my <project>!"
    folder.mkdir()
    assert repository_name(folder) == "my-project"
    assert repository_name(tmp_path / "gone") == "gone"


def test_a_worktree_finds_the_configuration_of_its_repository(tmp_path: Path) -> None:
    """There `.git` is a file that says where the repository lies."""
    git = tmp_path / "main" / ".git"
    (git / "worktrees" / "side").mkdir(parents=True)
    (git / "config").write_text(CONFIG.format(url="https://example.org/shop.git"))
    side = tmp_path / "side"
    side.mkdir()
    (side / ".git").write_text(f"gitdir: {git / 'worktrees' / 'side'}\n")
    assert repository_name(side) == "shop"


def test_an_exception_is_logged_without_its_words() -> None:
    """They may quote source text; where it happened and what caused it is enough to find a bug."""
    try:
        try:
            raise KeyError("secret inner")
        except KeyError as inner:
            raise ValueError("secret outer") from inner
    except ValueError:
        record = logging.LogRecord("codehearth.x", logging.ERROR, __file__, 1, "told", None, sys.exc_info())
    text = logs.SafeFormatter("%(message)s").format(record)
    assert "secret" not in text
    assert "ValueError" in text
    assert "caused by KeyError" in text
    assert "test_small.py" in text


def test_values_go_out_in_camel_case() -> None:
    """Nested tuples and mappings included."""
    assert wire(Status("ready", False, "Ready.", None, "m", "1"))["silence"] is None
    assert wire({"a": (1, Status("off", True, "", None, None, "1"))})["a"][1]["state"] == "off"


async def test_the_lag_probe_counts_only_while_it_is_on() -> None:
    """A block of the loop shows up in the maximum and in its bucket."""
    probe = LagProbe()
    assert probe.report()["count"] == 0
    probe.switch(True)
    await asyncio.sleep(0)
    threading.Event().wait(0.03)  # Holds the loop for 30 ms: what is measured here.
    await until(lambda: probe.report()["count"])
    probe.switch(False)
    report = probe.report()
    assert report["maximum"] >= 20
    assert sum(bucket["count"] for bucket in report["histogram"] if (bucket["upTo"] or 1e9) > 20) >= 1
    assert report["on"] is False


def test_the_end_of_the_watched_process_is_noticed_even_before_it_is_reaped() -> None:
    """A zombie is dead, too."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    died = threading.Event()
    assert parent.watch(process.pid, died.set)
    assert not died.is_set()
    assert process.stdin is not None
    process.stdin.close()
    assert died.wait(10)
    process.wait()


def test_a_process_that_is_not_there_is_not_watched() -> None:
    """An editor in another process namespace announces a number that means nothing here."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert not parent.watch(process.pid, lambda: None)
    assert not parent.watch(-1, lambda: None)
