"""The VS Code extension's manifest and lock file, as far as they can be checked without Node."""

import json
import re
from pathlib import Path

import pytest

from lsp_server import __version__
from lsp_server.server import extensions

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "editors" / "vscode"

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="a source distribution leaves the editors out")


def manifest() -> dict:
    return json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))


def test_extension_and_server_are_released_together() -> None:
    """The extension tells a person when the first two numbers differ."""
    assert manifest()["version"].split(".")[:2] == __version__.split(".")[:2]


def test_a_repository_cannot_choose_the_executable() -> None:
    """A workspace's settings file has no say in settings with scope "machine"."""
    properties = manifest()["contributes"]["configuration"]["properties"]
    assert properties["codehearth.server.command"]["scope"] == "machine"


def test_every_command_of_the_manifest_exists() -> None:
    """What the palette offers is registered by the extension, or comes from the server."""
    offered = {entry["command"].removeprefix("codehearth.") for entry in manifest()["contributes"]["commands"]}
    source = (FOLDER / "src" / "extension.ts").read_text(encoding="utf-8")
    table = re.search(r"commands: Record<.*?> = \{(.*?)\n    \};", source, re.DOTALL)
    assert table is not None
    own = set(re.findall(r"^ {6}(\w+):", table[1], re.MULTILINE))
    server = {command.removeprefix("codehearth.") for command in extensions.COMMANDS}
    assert offered <= own | server
    assert own.isdisjoint(server), "the client library registers the server's commands by itself"


def test_dependencies_are_exact_and_name_no_registry() -> None:
    """The same build everywhere, from whichever registry npm is configured for."""
    dependencies = {**manifest()["dependencies"], **manifest()["devDependencies"]}
    assert [name for name, version in dependencies.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    root = lock["packages"][""]
    assert {**root["dependencies"], **root["devDependencies"]} == dependencies
