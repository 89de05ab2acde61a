"""Folders, settings, commands, progress, and everything that goes wrong around a workspace."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Script
from tests.e2e.wire import CAPABILITIES, Wire, eventually

Start = Callable[..., Wire]
URI = "file:///elsewhere/a.py"
TEXT = "items = [1]\nx = \n"


def finished(wire: Wire) -> None:
    """Waits until the workspace is indexed."""
    wire.wait_for_status("ready", busy=False)


def why(wire: Wire, uri: str) -> Any:
    return wire.request("codehearth/why", {"textDocument": {"uri": uri}})


def test_indexing_shows_progress(start: Start, workspace: Path) -> None:
    """Created, begun, ended: for a client that shows it, and not for one that does not."""
    for number in range(300):
        (workspace / f"m{number}.py").write_text(f"def function_{number}():\n    return {number}\n" * 20)
    wire = start()
    wire.initialize(workspace)
    finished(wire)
    bars = [params["value"] for params in wire.notifications("$/progress")]
    assert {"begin", "end"} <= {bar["kind"] for bar in bars}
    wire = start()
    wire.initialize(workspace, capabilities={**CAPABILITIES, "window": {}})
    finished(wire)
    assert wire.notifications("$/progress") == []


def test_the_status_is_sent_only_when_it_changes(start: Start) -> None:
    """And says why nothing is shown, who answers, and which version this is."""
    wire = start()
    wire.initialize()
    wire.open(URI, "x = '\0'\n")
    wire.inline(URI, 0, 4)
    status = wire.wait_for_status("ready", silence="binary", busy=False)
    assert status["version"]
    assert status["message"]
    sent = wire.notifications("codehearth/status")
    assert all(one != other for one, other in itertools.pairwise(sent))


def test_settings_are_pulled_and_bad_ones_cost_only_themselves(start: Start) -> None:
    """All problems in one message, once; the good values count."""
    bad = {"completion": {"debounceMs": "soon", "disabledLanguages": ["python"], "mode": 3}, "colour": 1}
    wire = start(configuration=bad)
    wire.initialize()
    wire.wait_for(lambda: wire.notifications("window/showMessage"), "the message")
    wire.open(URI, TEXT)
    assert wire.inline(URI, 1, 4) == {"items": []}
    assert why(wire, URI)["silence"] == "language"
    wire.notify("workspace/didChangeConfiguration", {"settings": None})
    wire.configuration = {"completion": {"disabledLanguages": []}}
    wire.notify("workspace/didChangeConfiguration", {"settings": {}})
    wire.wait_for(lambda: len(wire.notifications("workspace/configuration")) >= 3, "the second pull")
    wire.request("codehearth/status", {})
    assert wire.texts(URI, 1, 4) == ["total(items)"]
    (message,) = wire.notifications("window/showMessage")
    for name in ("debounceMs", "mode", "colour"):
        assert name in message["message"]


@pytest.mark.parametrize(
    "pushed", [{"codehearth": {"completion": {"enabled": False}}}, {"completion": {"enabled": False}}]
)
def test_settings_are_pushed(start: Start, pushed: Any) -> None:
    """By clients that cannot be asked; with our name in front, or without."""
    wire = start()
    wire.initialize(capabilities={**CAPABILITIES, "workspace": {}})
    wire.notify("workspace/didChangeConfiguration", {"settings": pushed})
    wire.wait_for_status("off")
    wire.notify("workspace/didChangeConfiguration", {"settings": {"python": {"lint": True}}})
    wire.wait_for_status("ready")
    assert wire.notifications("window/showMessage") == []
    wire.notify("workspace/didChangeConfiguration", {"settings": 3})
    wire.wait_for(lambda: wire.notifications("window/showMessage"), "the message")


def test_a_workspace_cannot_choose_the_model(start: Start) -> None:
    """What a repository can influence is refused, and told."""
    wire = start(configuration={"model": "/workspace/evil.gguf", "engine": {"threads": 3}})
    wire.initialize()
    wire.wait_for(lambda: wire.notifications("window/showMessage"), "the message")
    assert "cannot be set by a workspace" in wire.notifications("window/showMessage")[0]["message"]


def test_pause_resume_and_languages(start: Start) -> None:
    """From the palette of any editor."""
    wire = start()
    wire.initialize()
    wire.open(URI, TEXT)

    def run(command: str, *arguments: Any) -> None:
        wire.request("workspace/executeCommand", {"command": command, "arguments": list(arguments)})

    run("codehearth.pause", 5)
    wire.wait_for_status("paused")
    assert wire.inline(URI, 1, 4) == {"items": []}
    assert why(wire, URI)["silence"] == "paused"
    run("codehearth.resume")
    wire.wait_for_status("ready")
    run("codehearth.toggleLanguage", "python")
    assert wire.inline(URI, 1, 4) == {"items": []}
    assert why(wire, URI)["silence"] == "language"
    run("codehearth.toggleLanguage", "python")
    assert wire.texts(URI, 1, 4) == ["total(items)"]
    run("codehearth.reindex")
    for arguments in (["x"], [-1], [True], [1, 2]):
        assert wire.error("workspace/executeCommand", {"command": "codehearth.pause", "arguments": arguments}) == -32602
    assert wire.error("workspace/executeCommand", {"command": "codehearth.dance"}) == -32602


def test_folders_come_and_go(start: Start, workspace: Path, tmp_path: Path) -> None:
    """An index of each, and no trace of trouble when a folder is deleted while it is open, or never was there."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.py").write_text("def helper():\n    return 1\n")

    def change(added: list[Path], removed: list[Path]) -> None:
        event = {
            key: [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
            for key, folders in (("added", added), ("removed", removed))
        }
        wire.notify("workspace/didChangeWorkspaceFolders", {"event": event})

    wire = start()
    wire.initialize(workspace, tmp_path / "never")
    finished(wire)
    change([other, tmp_path / "nowhere"], [])
    change([], [workspace, tmp_path / "never"])
    change([], [workspace])
    for file in sorted(other.iterdir()):
        file.unlink()
    other.rmdir()
    wire.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": (other / "a.py").as_uri(), "type": 3}]})
    uri = wire.open((other / "a.py").as_uri(), TEXT)
    assert wire.texts(uri, 1, 4) == ["total(items)"]
    assert wire.shutdown() == 0
    assert wire.notifications("window/showMessage") == []


def test_watched_files_are_registered_where_the_client_watches(start: Start, workspace: Path) -> None:
    """For the files that are indexed and those that say what is not; and the news of them do no harm."""
    wire = start()
    wire.initialize(workspace)
    registered = wire.wait_for(lambda: wire.notifications("client/registerCapability"), "the registration")
    options = {one["method"]: one.get("registerOptions") for params in registered for one in params["registrations"]}
    globs = [watcher["globPattern"] for watcher in options["workspace/didChangeWatchedFiles"]["watchers"]]
    assert any("py" in glob for glob in globs)
    assert any(".gitignore" in glob for glob in globs)
    assert any("tsconfig.json" in glob for glob in globs)
    assert options["workspace/didChangeConfiguration"] == {"section": "codehearth"}
    new = workspace / "new.py"
    new.write_text("def brand_new():\n    return 1\n")
    wire.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": new.as_uri(), "type": 1}]})
    wire.notify("textDocument/didSave", {"textDocument": {"uri": new.as_uri()}})
    finished(wire)


def test_without_a_watching_client_files_are_watched_all_the_same(
    start: Start, script: Script, workspace: Path
) -> None:
    """A module that another program writes is known to the next prompt."""
    wire = start()
    wire.initialize(workspace, capabilities={**CAPABILITIES, "workspace": {}})
    finished(wire)
    (workspace / "basket.py").write_text("class Basket:\n    def weigh(self):\n        return 0\n")
    uri = (workspace / "till.py").as_uri()
    numbers = itertools.count(1)

    def known() -> bool:
        # Another line each time, so that no answer comes from the cache.
        text = f"from basket import Basket\n\nbasket_{next(numbers)} = Basket()\nx = basket.\n"
        wire.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        wire.open(uri, text)
        wire.inline(uri, 3, 11)
        return any(snippet["path"] == "basket.py" for snippet in why(wire, uri)["snippets"])

    assert eventually(known, "the new module among the snippets")


def test_a_hostile_workspace(start: Start, workspace: Path) -> None:
    """The editor starts us inside it; nothing in it is ever imported, neither here nor in a child process."""
    for name in ("struct", "json", "asyncio", "tree_sitter", "sitecustomize", "lsp_server"):
        (workspace / f"{name}.py").write_text(f"open({str(workspace / 'OWNED')!r}, 'w').write(__name__)\n")
    for number in range(40):
        (workspace / f"m{number}.py").write_text("def f():\n    return 1\n")
    wire = start(folder=workspace, configuration={"index": {"workers": 2}})
    wire.initialize(workspace)
    finished(wire)
    uri = wire.open((workspace / "cart.py").as_uri(), TEXT)
    assert wire.texts(uri, 1, 4) == ["total(items)"]
    assert wire.shutdown() == 0
    assert not (workspace / "OWNED").exists()


def test_two_servers_on_one_workspace(start: Start, workspace: Path) -> None:
    """Both answer; one writes the index and the other reads it."""
    wires = [start(), start()]
    for wire in wires:
        wire.initialize(workspace)
    for wire in wires:
        finished(wire)
        uri = wire.open((workspace / "cart.py").as_uri(), TEXT)
        assert wire.texts(uri, 1, 4) == ["total(items)"]
        assert wire.notifications("window/showMessage") == []
    assert [wire.shutdown() for wire in wires] == [0, 0]


def test_a_missing_model_is_told_once(start: Start, script: Script) -> None:
    """In a message once and in the status until it is there; never an error while typing."""
    script.says(modelError="There is no model.")
    wire = start()
    wire.initialize()
    wire.open(URI, TEXT)
    wire.wait_for_status("error")
    for _ in range(3):
        assert wire.inline(URI, 1, 4) == {"items": []}
    assert [params["message"] for params in wire.notifications("window/showMessage")] == ["There is no model."]
    assert why(wire, URI)["silence"] == "no_model"
    script.says("total(items)\n")
    assert wire.texts(URI, 1, 4) == ["total(items)"]
    wire.wait_for_status("ready")


def test_an_engine_that_dies_in_mid_request(start: Start, script: Script) -> None:
    """Costs that suggestion; the next one is there."""
    script.says(engineError="The engine died while it was answering.")
    wire = start()
    wire.initialize()
    wire.open(URI, TEXT)
    assert wire.inline(URI, 1, 4) == {"items": []}
    assert why(wire, URI)["silence"] == "engine"
    script.says("total(items)\n")
    assert wire.texts(URI, 1, 4) == ["total(items)"]
    wire.wait_for_status("ready")


def test_the_event_loop_is_free(start: Start, workspace: Path) -> None:
    """The probe counts while it is on; reported by the benchmark, here only that it works."""
    wire = start()
    wire.initialize(workspace)
    wire.request("codehearth/lag", {"on": True, "reset": True})
    wire.open(URI, TEXT)
    wire.texts(URI, 1, 4)
    report = wire.request("codehearth/lag", {"on": False})
    assert report["count"] > 0
    assert sum(bucket["count"] for bucket in report["histogram"]) == report["count"]
