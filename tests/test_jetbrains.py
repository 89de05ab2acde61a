"""The LSP4IJ template: its JSON has the documented shapes, and what it starts and sends is what the server takes.

LSP4IJ publishes no schema for most of these files; the ones here say what its documentation says.
"""

import fnmatch
import json
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lsp_server.settings import read
from lsp_server.syntax.languages import LANGUAGES, language_of
from tests.generated import JETBRAINS

COMMAND = {"type": "string", "minLength": 1}
PER_SYSTEM = {
    "type": "object",
    "required": ["default"],
    "properties": dict.fromkeys(("default", "windows", "linux", "mac"), COMMAND),
    "additionalProperties": False,
}
LANGUAGE_ID = {"type": "string", "pattern": "^[a-z]+$"}

SCHEMAS: dict[str, Any] = {
    "template.json": {
        "type": "object",
        "required": ["id", "name", "programArgs"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string", "pattern": "^[a-z]+$"},
            "name": COMMAND,
            "programArgs": {**PER_SYSTEM, "required": ["default", "windows"]},
            "expandConfiguration": {"type": "boolean"},
            "languageMappings": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["language", "languageId"],
                    "properties": {"language": COMMAND, "languageId": LANGUAGE_ID},
                    "additionalProperties": False,
                },
            },
            "fileTypeMappings": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["fileType", "languageId"],
                    "additionalProperties": False,
                    "properties": {
                        "languageId": LANGUAGE_ID,
                        "fileType": {
                            "type": "object",
                            "required": ["patterns"],
                            "additionalProperties": False,
                            "properties": {
                                "name": COMMAND,
                                "patterns": {
                                    "type": "array",
                                    "minItems": 1,
                                    "uniqueItems": True,
                                    "items": {"type": "string", "pattern": r"^\*\.[A-Za-z+]+$"},
                                },
                            },
                        },
                    },
                },
            },
        },
    },
    "installer.json": {
        "type": "object",
        "required": ["id", "name", "check"],
        "additionalProperties": False,
        "properties": {
            "id": {"const": "codehearth"},
            "name": COMMAND,
            "executeOnStartServer": {"type": "boolean"},
            "check": {
                "type": "object",
                "required": ["exec"],
                "additionalProperties": False,
                "properties": {
                    "exec": {
                        "type": "object",
                        "required": ["name", "command"],
                        "additionalProperties": False,
                        "properties": {
                            "name": COMMAND,
                            "command": {"anyOf": [COMMAND, PER_SYSTEM]},
                            "timeout": {"type": "integer", "minimum": 1},
                        },
                    }
                },
            },
        },
    },
}


def template(name: str) -> Any:
    return json.loads((JETBRAINS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        *SCHEMAS.items(),
        ("settings.json", template("settings.schema.json")),
        ("initializationOptions.json", template("initializationOptions.schema.json")),
    ],
)
def test_every_file_has_its_shape(name: str, schema: Any) -> None:
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(template(name), schema)


def test_nothing_else_lies_there() -> None:
    """LSP4IJ reads files by name: a misspelt one would be passed over in silence."""
    assert {path.name for path in JETBRAINS.iterdir()} == {
        "README.md",
        "initializationOptions.json",
        "initializationOptions.schema.json",
        "installer.json",
        "settings.json",
        "settings.schema.json",
        "template.json",
    }


def test_the_server_takes_its_settings() -> None:
    """Neither file contains anything that the server would complain about."""
    base, problems = read(template("initializationOptions.json")["settings"])
    assert problems == []
    assert read(template("settings.json")["codehearth"], base, from_workspace=True)[1] == []


@pytest.mark.parametrize("system", ["default", "windows"])
def test_the_command_is_ours(system: str) -> None:
    """A shell gives the IDE the PATH of the user where there is one; the words are those of `codehearth serve`."""
    words = shlex.split(template("template.json")["programArgs"][system])
    if words[:2] == ["sh", "-c"]:
        words = shlex.split(words[2])
    assert words[0].removesuffix(".exe") == "codehearth"
    assert words[1:] == ["serve", "--stdio"]


def test_every_indexed_language_is_mapped() -> None:
    """Each file that we index is one in which completions are offered, under an identifier that we know."""
    mapped = {
        pattern: mapping["languageId"]
        for mapping in template("template.json")["fileTypeMappings"]
        for pattern in mapping["fileType"]["patterns"]
    }
    for language in LANGUAGES:
        for suffix in language.suffixes:
            identifiers = {mapped[pattern] for pattern in mapped if fnmatch.fnmatchcase(f"a{suffix}", pattern)}
            assert identifiers, f"*{suffix} is not mapped"
            assert {language_of(None, identifier) for identifier in identifiers} == {
                language_of(Path(f"a{suffix}"), None)
            }, suffix


def test_a_pattern_is_mapped_once() -> None:
    """Two identifiers for one file would be a matter of luck."""
    patterns = [
        pattern
        for mapping in template("template.json")["fileTypeMappings"]
        for pattern in mapping["fileType"]["patterns"]
    ]
    assert sorted(patterns) == sorted(set(patterns))
