"""The shelf: explanations for `codehearth why`, private, without source text, gone with the server."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import attrs
import pytest

from lsp_server import paths
from lsp_server.completion.query import Explanation
from lsp_server.context.snippet import Snippet
from lsp_server.server import shelf as module
from lsp_server.server.session import silent
from lsp_server.server.shelf import ENTRIES, Shelf
from tests.unit.server.fakes import until

SNIPPET = Snippet("shop/cart.py", "class Cart: ...", "outline", "defines Cart", (2, 3), 1.5)


def explained(detail: str) -> Explanation:
    return attrs.evolve(silent("empty", detail).explanation, snippets=(SNIPPET,))


def place() -> Path:
    return paths.runtime_folder() / "servers" / f"{os.getpid()}.json"


async def written() -> Any:
    """What is in the file once it is there."""
    await until(lambda: place().exists())
    return json.loads(place().read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.01)


async def test_the_newest_comes_first_and_each_document_once() -> None:
    """A later answer for the same document replaces the earlier one."""
    shelf = Shelf("1.2.3")
    for uri, detail in (("file:///a.py", "old"), ("file:///b.py", "b"), ("file:///a.py", "new")):
        shelf.put(uri, explained(detail))
    kept = await written()
    assert kept["pid"] == os.getpid()
    assert kept["version"] == "1.2.3"
    assert [(one["uri"], one["why"]["detail"]) for one in kept["explanations"]] == [
        ("file:///a.py", "new"),
        ("file:///b.py", "b"),
    ]
    shelf.close()


async def test_no_source_text_is_written() -> None:
    """Snippets are named, with lines and reason, and not quoted."""
    shelf = Shelf("1")
    shelf.put("file:///a.py", explained(""))
    kept = await written()
    assert kept["explanations"][0]["why"]["snippets"] == [
        {"path": "shop/cart.py", "source": "outline", "reason": "defines Cart", "lines": [2, 3], "score": 1.5}
    ]
    assert "class Cart" not in place().read_text(encoding="utf-8")
    shelf.close()


@pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")
async def test_the_file_is_private() -> None:
    """It lies in a folder that only its user can enter."""
    shelf = Shelf("1")
    shelf.put("file:///a.py", explained(""))
    await written()
    assert stat.S_IMODE(place().parent.stat().st_mode) == 0o700
    shelf.close()


async def test_only_the_last_documents_are_kept() -> None:
    """The file stays small in a long session."""
    shelf = Shelf("1")
    for number in range(ENTRIES + 5):
        shelf.put(f"file:///{number}.py", explained(""))
    kept = await written()
    assert len(kept["explanations"]) == ENTRIES
    assert kept["explanations"][0]["uri"] == f"file:///{ENTRIES + 4}.py"
    shelf.close()


async def test_the_file_ends_with_the_server() -> None:
    """Closing removes it, and a write that comes late does not bring it back."""
    shelf = Shelf("1")
    shelf.put("file:///a.py", explained(""))
    await written()
    shelf.close()
    shelf.put("file:///a.py", explained(""))
    shelf._write([])
    assert not place().exists()


def test_a_folder_that_cannot_be_used_costs_nothing_else(home: Path) -> None:
    """Suggestions go on where explanations cannot be kept."""
    home.write_text("in the way", encoding="utf-8")
    shelf = Shelf("1")
    shelf._write([])
    shelf.close()
