"""Text that is made from `settings.py` for people and editors: the README's table, VS Code, JetBrains, Neovim.

Only the makers and where their text belongs; `test_generated.py` compares, and `pytest --update` writes.
"""

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from lsp_server.settings import SettingFacts, catalogue

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "codehearth"

HAND_WRITTEN = ("codehearth.server.command", "codehearth.trace.server")
"""Settings of the VS Code extension itself, which no server ever sees; written by hand in its `package.json`."""

README_MARKS = ("<!-- settings:start -->", "<!-- settings:end -->")


@attrs.frozen
class Generated:
    """A file that holds generated text, and what its whole text should be, given what it is."""

    path: Path
    fresh: Callable[[str], str]

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


def settings_table() -> str:
    """The README's table of settings."""
    rows = ["| setting | default | what it does |", "| --- | --- | --- |"]
    for facts in catalogue():
        choices = facts.schema.get("enum")
        kinds = f" ({', '.join(choices)})" if choices else ""
        scope = " User settings only." if facts.user_only else ""
        rows.append(f"| `{PREFIX}.{facts.path}` | `{_literal(facts)}` | {facts.sentence}{kinds}{scope} |")
    return "\n".join(rows)


def vscode_configuration() -> dict[str, Any]:
    """The generated part of `contributes.configuration.properties`, by full key.

    What only the user may set has scope "machine": a workspace's settings file has no say in it. The rest is asked
    for once per window, without a resource.
    """
    return {
        f"{PREFIX}.{facts.path}": {
            **facts.schema,
            "scope": "machine" if facts.user_only else "window",
            "markdownDescription": facts.sentence,
        }
        for facts in catalogue()
    }


def jetbrains_schema() -> dict[str, Any]:
    """JSON schema of *Configuration* in LSP4IJ, nested as the server reads it. What a project must not choose is not
    offered there: the server would refuse it."""
    facts = {facts.path: facts for facts in catalogue() if not facts.user_only}
    return _schema("Settings of codehearth", PREFIX, facts)


def jetbrains_options_schema() -> dict[str, Any]:
    """JSON schema of *Initialization Options* in LSP4IJ: every setting."""
    return _schema("Initialization options of codehearth", "settings", {facts.path: facts for facts in catalogue()})


def neovim_annotations() -> str:
    """A Lua file of type annotations only, for lua_ls to complete and check what is given to `setup()`."""
    sections: dict[str, list[str]] = {"Settings": []}
    for facts in catalogue():
        *above, key = facts.path.split(".")
        owner = _class_name(above)
        if above and owner not in sections:
            sections[owner] = []
            sections["Settings"].append(f"---@field {above[-1]}? {PREFIX}.{owner}")
        user_only = " Never taken from a project." if facts.user_only else ""
        sentence = f"{facts.sentence} Default: `{_literal(facts)}`.{user_only}"
        sections[owner].append(f"---@field {key}? {_lua_type(facts.schema)} {sentence}")
    origin = "-- Generated from lsp_server/settings.py by `pytest --update tests/test_generated.py`; not to be edited."
    blocks = [f"---@meta _\n{origin}"]
    for name, fields in sections.items():
        blocks.append("\n".join([f"---@class {PREFIX}.{name}", *fields]))
    return "\n\n".join(blocks) + "\n"


def neovim_help() -> str:
    """The list of settings in `:help codehearth-settings`."""
    paragraphs = []
    for facts in catalogue():
        choices = facts.schema.get("enum")
        kinds = f" One of {', '.join(choices)}." if choices else ""
        user_only = " Never taken from a project." if facts.user_only else ""
        sentence = f"{facts.sentence}{kinds}{user_only}"
        body = textwrap.wrap(sentence, 78, initial_indent="    ", subsequent_indent="    ")
        paragraphs.append("\n".join([f"{facts.path}    (default: {_literal(facts)})", *body]))
    return "\n\n".join(paragraphs)


def _readme(text: str) -> str:
    start, end = README_MARKS
    pattern = f"{re.escape(start)}\n.*?{re.escape(end)}"
    assert re.search(pattern, text, re.DOTALL), f"README.md has no {start} … {end}"
    return re.sub(pattern, lambda _: f"{start}\n{settings_table()}\n{end}", text, flags=re.DOTALL)


def _vscode(text: str) -> str:
    """`package.json` with our properties replaced; everything else, also its order, stays as it is."""
    manifest = json.loads(text)
    configuration = manifest["contributes"]["configuration"]
    own = {key: value for key, value in configuration.get("properties", {}).items() if key in HAND_WRITTEN}
    configuration["properties"] = {**own, **vscode_configuration()}
    return _json(manifest)


def _schema(title: str, key: str, facts: Mapping[str, SettingFacts]) -> dict[str, Any]:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _nested(facts)},
    }


def _neovim_help(text: str) -> str:
    tag, rule = "*codehearth-settings-list*", "=" * 78
    head, found, tail = text.partition(f"{tag}\n")
    _, ruled, rest = tail.partition(rule)
    assert found, f"the help file has no {tag}"
    assert ruled, f"the help file has no rule below {tag}"
    return f"{head}{tag}\n\n{neovim_help()}\n\n{rule}{rest}"


def _nested(all_facts: Mapping[str, SettingFacts]) -> dict[str, Any]:
    root: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}
    for path, facts in all_facts.items():
        *above, key = path.split(".")
        place = root
        for name in above:
            empty: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}
            place = place["properties"].setdefault(name, empty)
        place["properties"][key] = {**facts.schema, "description": facts.sentence}
    return root


def _class_name(above: list[str]) -> str:
    return "".join(name[0].upper() + name[1:] for name in above) + "Settings" if above else "Settings"


def _lua_type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "|".join(f'"{choice}"' for choice in schema["enum"])
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    return "string[]" if kind == "array" else str(kind)


def _literal(facts: SettingFacts) -> str:
    default = facts.schema["default"]
    return default if isinstance(default, str) else json.dumps(default)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


JETBRAINS = ROOT / "editors/jetbrains/codehearth"
NEOVIM = ROOT / "editors/neovim"

GENERATED = (
    Generated(ROOT / "README.md", _readme),
    Generated(ROOT / "editors/vscode/package.json", _vscode),
    Generated(JETBRAINS / "settings.schema.json", lambda _: _json(jetbrains_schema())),
    Generated(JETBRAINS / "initializationOptions.schema.json", lambda _: _json(jetbrains_options_schema())),
    Generated(NEOVIM / "lua/codehearth/settings.lua", lambda _: neovim_annotations()),
    Generated(NEOVIM / "doc/codehearth.txt", _neovim_help),
)
