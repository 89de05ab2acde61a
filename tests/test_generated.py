"""Generated text is fresh: what the README and the editors say about settings is what `settings.py` says."""

import json
from pathlib import Path

import jsonschema
import pytest

from lsp_server.settings import catalogue, read
from tests import generated
from tests.generated import GENERATED, Generated

PRESENT = [file for file in GENERATED if file.path.parent.exists()]
"""An editor's folder that a source distribution leaves out has nothing to be stale."""


@pytest.mark.parametrize("file", PRESENT, ids=lambda file: file.name)
def test_generated_text_is_fresh(file: Generated, update: bool) -> None:
    """The file says what `settings.py` says; `pytest --update` rewrites it, and the diff is read."""
    text = file.path.read_text(encoding="utf-8") if file.path.exists() else ""
    fresh = file.fresh(text)
    if update and fresh != text:
        file.path.write_text(fresh, encoding="utf-8")
    else:
        assert fresh == text, f"{file.name} is stale: run pytest --update tests/test_generated.py and read the diff"


def test_what_a_repository_must_not_choose_is_a_machine_setting() -> None:
    """VS Code asks no workspace for a setting with scope "machine"."""
    properties = generated.vscode_configuration()
    for facts in catalogue():
        assert (properties[f"codehearth.{facts.path}"]["scope"] == "machine") == facts.user_only
    assert properties["codehearth.model"]["scope"] == "machine"


def test_hand_written_settings_of_the_extension_are_kept(tmp_path: Path) -> None:
    """Of the manifest only our own properties are replaced: old ones go, everything else stays."""
    manifest = {
        "name": "codehearth",
        "contributes": {
            "configuration": {
                "properties": {"codehearth.server.command": {"scope": "machine"}, "codehearth.gone": {"type": "string"}}
            },
            "commands": [],
        },
    }
    fresh = json.loads(generated._vscode(json.dumps(manifest)))
    properties = fresh["contributes"]["configuration"]["properties"]
    assert properties["codehearth.server.command"] == {"scope": "machine"}
    assert "codehearth.gone" not in properties
    assert properties["codehearth.eagerness"]["default"] == "balanced"
    assert fresh["contributes"]["commands"] == []


@pytest.mark.parametrize(
    ("settings", "good"),
    [
        ({}, True),
        ({"eagerness": "calm", "completion": {"debounceMs": None, "disabledLanguages": ["go"]}}, True),
        ({"eagerness": "wild"}, False),
        ({"completion": {"debounceMs": -1}}, False),
        ({"completion": {"debounceMs": 2.5}}, False),
        ({"completion": {"colour": 1}}, False),
        ({"context": {"share": 0.9}}, False),
        ({"model": 3}, False),
    ],
)
def test_the_schema_and_the_server_agree(settings: object, good: bool) -> None:
    """What an editor underlines is what the server would complain about."""
    validator = jsonschema.Draft7Validator(generated.jetbrains_options_schema())
    assert validator.is_valid({"settings": settings}) is good
    assert (read(settings)[1] == []) is good


def test_what_a_project_must_not_choose_is_not_offered_to_it() -> None:
    """The schema of LSP4IJ's configuration and the server's reading of it refuse the same settings."""
    validator = jsonschema.Draft7Validator(generated.jetbrains_schema())
    for settings in ({"model": "elsewhere.gguf"}, {"engine": {"threads": 1}}):
        assert not validator.is_valid({"codehearth": settings})
        assert read(settings, from_workspace=True)[1] != []


def test_every_setting_is_annotated_for_neovim() -> None:
    """Each setting is a field of its section's class."""
    text = generated.neovim_annotations()
    for facts in catalogue():
        assert f"---@field {facts.path.split('.')[-1]}? " in text
    assert '---@field eagerness? "calm"|"balanced"|"eager" ' in text
