"""Every setting, once: its default, its bounds and its sentence. Tests generate the editors' settings from here.

`read` never fails: a bad value costs that value only and is reported as a `SettingsProblem`. Keys are camelCase on
the wire (`completion.debounceMs`), snake_case here. Values come from two kinds of place: the *user* (initialization
options, command line, the user's configuration file) and the *workspace* (whatever `workspace/configuration` answers,
which a repository can influence). Sections and fields marked `user_only` ignore the latter.
"""

import json
import re
import time
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from lsp_server.errors import SettingsProblem


def setting(
    default: Any, sentence: str, *, least: float | None = None, most: float | None = None, user_only: bool = False
) -> Any:
    """An attrs field with the facts that the editors' schemas and the README table need."""
    facts = {"sentence": sentence, "least": least, "most": most, "user_only": user_only}
    if isinstance(default, (list, tuple)):
        return attrs.field(factory=lambda: tuple(default), metadata=facts)
    return attrs.field(default=default, metadata=facts)


@attrs.frozen(kw_only=True)
class CompletionSettings:
    enabled: bool = setting(True, "Offer inline completions at all.")
    mode: Literal["auto", "line", "block"] = setting("auto", "How much one suggestion may insert.")
    debounce_ms: int | None = setting(
        None,
        "Quiet time in milliseconds before an automatic request reaches the model; null follows the measured cost.",
        least=0,
        most=2000,
    )
    max_lines: int = setting(16, "Longest block, in lines, that one suggestion may insert.", least=1, most=100)
    disabled_languages: tuple[str, ...] = setting((), "Language identifiers in which nothing is suggested.")
    in_comments: bool = setting(True, "Also suggest inside comments.")
    fallback: Literal["auto", "always", "never"] = setting(
        "auto",
        "Offer one item through textDocument/completion: where the editor has no inline completion, always, never.",
    )


@attrs.frozen(kw_only=True)
class ContextSettings:
    enabled: bool = setting(True, "Put related code from the rest of the repository into the prompt.")
    share: float = setting(0.35, "Largest share of the prompt that related code may take.", least=0, most=0.8)


@attrs.frozen(kw_only=True)
class IndexSettings:
    enabled: bool = setting(True, "Index the workspace.")
    exclude: tuple[str, ...] = setting((), "Further patterns, in .gitignore syntax, that are not indexed.")
    max_file_kb: int = setting(512, "Larger files are not indexed.", least=1, most=10_000)
    workers: int | None = setting(
        None, "Processes for the first indexing; null means one per core, four at most.", least=0, most=16
    )


@attrs.frozen(kw_only=True)
class EngineSettings:
    threads: int | None = setting(
        None, "Threads for the model; null measures what is fastest.", least=1, most=256, user_only=True
    )
    gpu_layers: int | None = setting(
        None, "Layers kept on the GPU; null fits as many as there is memory for.", least=0, most=1000, user_only=True
    )
    context_tokens: int | None = setting(
        None,
        "Longest prompt in tokens; null follows the model and the machine.",
        least=128,
        most=131_072,
        user_only=True,
    )
    idle_unload_minutes: float = setting(
        10,
        "The model leaves memory after this many minutes without a request.",
        least=0.01,
        most=10_000,
        user_only=True,
    )


@attrs.frozen(kw_only=True)
class LogSettings:
    level: Literal["error", "warning", "info", "debug"] = setting(
        "info", "How much the server logs; never source text."
    )


@attrs.frozen(kw_only=True)
class Settings:
    model: str | None = setting(
        None,
        "Path or name of a GGUF model; null uses the one chosen by `codehearth models use`, else the embedded one.",
        user_only=True,
    )
    eagerness: Literal["calm", "balanced", "eager"] = setting(
        "balanced", "How sure the model must be before text is shown."
    )
    completion: CompletionSettings = attrs.field(factory=CompletionSettings)
    context: ContextSettings = attrs.field(factory=ContextSettings)
    index: IndexSettings = attrs.field(factory=IndexSettings)
    engine: EngineSettings = attrs.field(factory=EngineSettings)
    log: LogSettings = attrs.field(factory=LogSettings)


USER_FILE = "settings.json"
"""Name of the user's own settings file in `paths.config_folder()`; written by `codehearth models use`."""


def read(
    raw: Any, base: Settings | None = None, *, from_workspace: bool = False
) -> tuple[Settings, list[SettingsProblem]]:
    """Lays raw camelCase values over `base`. Unknown keys and bad values are problems and change nothing.

    `from_workspace` marks values a repository can influence: `user_only` fields then keep what `base` says.
    """
    problems: list[SettingsProblem] = []
    base = base or Settings()
    if raw is None:
        return base, problems
    if not isinstance(raw, Mapping):
        return base, [SettingsProblem("", f"The settings are {_kind(raw)}, not an object.", 'Use {"completion": {…}}.')]
    return _read_section(base, raw, "", from_workspace, problems), problems


def read_user_file(folder: Path) -> tuple[Settings, list[SettingsProblem]]:
    """The settings in the user's configuration folder; a missing file means the defaults."""
    path = folder / USER_FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings(), []
    except (OSError, ValueError) as error:
        return Settings(), [SettingsProblem("", f"{path} cannot be read ({error}).", "Mend or delete it.")]
    return read(raw)


class UserFile:
    """The user's settings file, followed: `codehearth models use` writes it while editors are open.

    A file that cannot be read changes nothing, because it may be half written; its problem is told.
    """

    LOOK_SECONDS = 1.0
    """The disk is looked at so often at most, however often `changed` is asked."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._looked = clock()
        self._seen = self._mark()
        self.settings, self.problems = read_user_file(folder)

    def changed(self) -> bool:
        """Whether the file was written since the last question; `settings` and `problems` are those of now."""
        now = self._clock()
        if now - self._looked < self.LOOK_SECONDS:
            return False
        self._looked = now
        seen, self._seen = self._seen, self._mark()
        if seen == self._seen:
            return False
        found, self.problems = read_user_file(self._folder)
        if not any(problem.path == "" for problem in self.problems):
            self.settings = found
        return True

    def _mark(self) -> tuple[int, int, int] | None:
        """What differs after every writing, in place or by a new file in the old one's place."""
        try:
            facts = (self._folder / USER_FILE).stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size, facts.st_ino


@attrs.frozen
class SettingFacts:
    """One setting as the editors' schemas and the README see it."""

    path: str
    schema: Mapping[str, Any]
    sentence: str
    user_only: bool


def catalogue() -> list[SettingFacts]:
    """All settings in order of declaration, with JSON-schema types."""
    return list(_catalogue(Settings, ""))


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", lambda found: "_" + found.group().lower(), name)


def _read_section(
    base: Any, raw: Mapping[str, Any], path: str, from_workspace: bool, problems: list[SettingsProblem]
) -> Any:
    kinds = get_type_hints(type(base))
    fields = {field.name: field for field in attrs.fields(type(base))}
    changes: dict[str, Any] = {}
    for key, value in raw.items():
        here = f"{path}{key}"
        field = fields.get(snake(key)) if isinstance(key, str) and camel(snake(key)) == key else None
        if field is None:
            problems.append(SettingsProblem(here, f"There is no setting `{here}`.", "Remove it or correct its name."))
        elif attrs.has(kinds[field.name]):
            section = getattr(base, field.name)
            if isinstance(value, Mapping):
                changes[field.name] = _read_section(section, value, f"{here}.", from_workspace, problems)
            elif value is not None:
                problems.append(
                    SettingsProblem(here, f"`{here}` is {_kind(value)}, not an object.", "Its defaults are used.")
                )
        elif from_workspace and field.metadata["user_only"]:
            # Editors answer with every default they know: neither that nor the user's own value is the workspace's.
            if value not in (None, _to_wire(getattr(type(base)(), field.name)), _to_wire(getattr(base, field.name))):
                problems.append(
                    SettingsProblem(here, f"`{here}` cannot be set by a workspace.", "Set it in your user settings.")
                )
        else:
            fault = _fault(value, kinds[field.name], field.metadata)
            if fault is None:
                changes[field.name] = tuple(value) if isinstance(value, list) else value
            else:
                problems.append(SettingsProblem(here, f"`{here}` {fault}.", "Its previous value is kept."))
    return attrs.evolve(base, **changes)


def _fault(value: Any, kind: Any, facts: Mapping[str, Any]) -> str | None:
    """Why `value` is not of `kind` and within its bounds, or `None`. Strict: `true` is no number and `"3"` neither."""
    allowed = _alternatives(kind)
    if get_origin(allowed[0]) is Literal:
        choices = get_args(allowed[0])
        return None if value in choices else f"must be one of {', '.join(map(str, choices))}"
    if value is None:
        return None if type(None) in allowed else "must not be null"
    first = allowed[0]
    if get_origin(first) is tuple:
        good = isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value)
        return None if good else "must be a list of strings"
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    if first is float or first is int:
        if not numeric or (first is int and not isinstance(value, int)):
            return f"must be {'a whole number' if first is int else 'a number'}, not {_kind(value)}"
        least, most = facts["least"], facts["most"]
        # Asked so that NaN, which JSON parsers let through, is refused too.
        if not (least is None or value >= least) or not (most is None or value <= most):
            return f"must lie between {least} and {most}"
        return None
    return None if isinstance(value, first) else f"must be {_NAMES[first]}, not {_kind(value)}"


def _catalogue(section: Any, path: str) -> Iterator[SettingFacts]:
    kinds = get_type_hints(section)
    default = section()
    for field in attrs.fields(section):
        here = path + camel(field.name)
        if attrs.has(kinds[field.name]):
            yield from _catalogue(kinds[field.name], f"{here}.")
            continue
        schema = _schema(kinds[field.name], field.metadata)
        schema["default"] = _to_wire(getattr(default, field.name))
        yield SettingFacts(here, schema, field.metadata["sentence"], field.metadata["user_only"])


def _schema(kind: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
    allowed = _alternatives(kind)
    first = allowed[0]
    if get_origin(first) is Literal:
        return {"type": "string", "enum": list(get_args(first))}
    if get_origin(first) is tuple:
        return {"type": "array", "items": {"type": "string"}}
    name = {bool: "boolean", int: "integer", float: "number", str: "string"}[first]
    schema: dict[str, Any] = {"type": [name, "null"] if type(None) in allowed else name}
    if facts["least"] is not None:
        schema["minimum"] = facts["least"]
    if facts["most"] is not None:
        schema["maximum"] = facts["most"]
    return schema


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _to_wire(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


_NAMES: Mapping[type, str] = {bool: "true or false", str: "a string"}


def _kind(value: Any) -> str:
    for kind, name in ((bool, "a boolean"), (str, "a string"), ((int, float), "a number"), ((list, tuple), "a list")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "an object"
