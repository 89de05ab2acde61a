"""Measures *Add documentation* on functions of held-out packages, through the real server.

Functions are drawn by a seed. Each loses its own documentation string in the copy that the server sees, and gets a new
one; the file around it stays, because the style is detected there. What is written is judged by a reader of its own,
not by the one that the action uses. `says_more` counts words, not truths: nonsense in good order passes.
"""

import ast
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import cattrs

from lsp_server.actions import signature
from lsp_server.actions import source as sources
from lsp_server.actions.documentation import KIND
from lsp_server.actions.documentation_words import phrase, says_more
from lsp_server.evaluate import product
from lsp_server.evaluate.client import EditorClient, OpenFile
from lsp_server.evaluate.figures import living_in
from lsp_server.evaluate.indexing import installed_package
from lsp_server.evaluate.wire import Json, RequestFailed
from lsp_server.text import LineIndex, Span

PACKAGES = ("attr", "cattrs", "platformdirs", "pygls", "rich", "watchdog")
"""Held-out packages that codehearth itself depends on, by the folders they are imported from."""

_LARGEST_FILE = 100_000
"""Characters; larger files are tables."""

_ENTRIES = {
    "google": re.compile(r"(?: {2}| {4}|\t)\*{0,2}(\w+)(?: \(.*\))?:(?: |$)"),
    "numpy": re.compile(r"\*{0,2}(\w+)(?: : .*)?$"),
}

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen
class Task:
    """A function to be documented. `text` is its file without its documentation; `number` counts the file's functions
    in the order of `ast.walk`; `offset` is in its name; `parameters` are those that documentation must list."""

    path: Path
    name: str
    number: int
    text: str
    offset: int
    parameters: tuple[str, ...]


@attrs.frozen
class Refused:
    """Nothing was changed, for this reason. offered: it was in the menu and could be chosen."""

    reason: str
    offered: bool


Documenter = Callable[[Task, str], Awaitable[str | Refused]]
"""Documents the task's function in a text (the task's own, or what was made of it) and answers with the new text."""


@attrs.frozen
class Judged:
    """One documented function. extra: parameters that are documented and do not exist; lines_kept: nothing but lines
    of documentation came in; more: the summary says more than the name; by_model: it is not the template's."""

    task: Task
    summary: str
    exact: bool
    extra: tuple[str, ...]
    same_program: bool
    lines_kept: bool
    stable: bool
    more: bool
    by_model: bool


@attrs.frozen
class DocumentingFigures:
    """Shares are of `documented`, between 0 and 1, and null where nothing was documented.

    refused: reason to count. offered: functions for which the action was in the menu, documented or given up later.
    phantoms: documented parameters that do not exist, over all functions. summary_more, template_more: share of
    `offered` whose summary has a content word (no stop word, ending cut off) that the function's name does not have;
    the template is the same generator without a model: a sentence from the body's syntax, else the words of the name.
    by_model: share of `offered` whose summary the model wrote, as it is another sentence than the template's.
    """

    seed: int
    model: str
    functions: int
    offered: int
    documented: int
    refused: Mapping[str, int]
    parameters_exact: float | None
    phantoms: int
    same_program: float | None
    lines_kept: float | None
    second_unchanged: float | None
    summary_more: float | None
    template_more: float | None
    by_model: float | None
    faults: tuple[str, ...]
    """Where a structural share is below 1: `file:function`."""

    def as_json(self) -> dict[str, Any]:
        return dict(cattrs.unstructure(self))


def choose(folder: Path, seed: int, count: int) -> list[Task]:
    """At most `count` functions below `folder`, drawn by the seed from all that have a name and no test in it."""
    chance = random.Random(seed)
    candidates: list[tuple[Path, int]] = []
    for path in sorted(folder.rglob("*.py")):
        module = _module(path)
        if module is not None:
            candidates += [(path, number) for number, _ in enumerate(_functions(module))]
    chance.shuffle(candidates)
    return [_task(path, number) for path, number in candidates[:count]]


async def judge(task: Task, document: Documenter) -> Judged | Refused:
    """Has one function documented, twice, and compares."""
    text = await document(task, task.text)
    if isinstance(text, Refused):
        return text
    again = await document(task, text)
    before, after = ast.parse(task.text), ast.parse(text)
    node = list(_functions(after))[task.number][0]
    written = ast.get_docstring(node) or ""
    listed = documented_parameters(written)
    summary = re.split(r"\n\s*\n", written, maxsplit=1)[0]
    return Judged(
        task=task,
        summary=summary,
        exact=listed == task.parameters,
        extra=tuple(name for name in listed if name not in task.parameters),
        same_program=_dump_without(before, task.number) == _dump_without(after, task.number),
        lines_kept=_only_documentation_came(task.text, text),
        stable=again == text or (isinstance(again, Refused) and not again.offered),
        more=says_more(summary, [task.name]),
        by_model=" ".join(summary.split()).replace("``", "`") != template(task),
    )


async def measure(
    tasks: Sequence[Task], document: Documenter, *, seed: int, model: str, on_task: Callable[[int], None] | None = None
) -> DocumentingFigures:
    """All tasks, one after the other."""
    judged: list[Judged] = []
    refused: Counter[str] = Counter()
    given_up: list[Task] = []
    for done, task in enumerate(tasks, 1):
        result = await judge(task, document)
        if isinstance(result, Refused):
            refused[result.reason] += 1
            given_up += [task] if result.offered else []
        else:
            judged.append(result)
        if on_task is not None:
            on_task(done)

    def share(of: Callable[[Judged], bool]) -> float | None:
        return round(sum(map(of, judged)) / len(judged), 4) if judged else None

    offered = [*(one.task for one in judged), *given_up]

    def share_of_offered(count: int) -> float | None:
        return round(count / len(offered), 4) if offered else None

    def sound(one: Judged) -> bool:
        return one.exact and one.same_program and one.lines_kept and one.stable

    return DocumentingFigures(
        seed=seed,
        model=model,
        functions=len(tasks),
        offered=len(offered),
        documented=len(judged),
        refused=dict(refused),
        parameters_exact=share(lambda one: one.exact),
        phantoms=sum(len(one.extra) for one in judged),
        same_program=share(lambda one: one.same_program),
        lines_kept=share(lambda one: one.lines_kept),
        second_unchanged=share(lambda one: one.stable),
        summary_more=share_of_offered(sum(one.more for one in judged)),
        template_more=share_of_offered(sum(says_more(template(task), [task.name]) for task in offered)),
        by_model=share_of_offered(sum(one.by_model for one in judged)),
        faults=tuple(f"{one.task.path.name}:{one.task.name}" for one in judged if not sound(one)),
    )


def template(task: Task) -> str:
    """The summary that is made without a model."""
    source = sources.read(task.text)
    found = signature.touched(source, Span(task.offset, task.offset)) if source is not None else None
    return (found.statement if found is not None else "") or phrase(task.name).capitalize() + "."


def documented_parameters(documentation: str) -> tuple[str, ...]:
    """Names in the sections or fields for parameters of a documentation string, whichever style it has.

    A reader for what a machine wrote: every entry begins a line of its own.
    """
    fields = re.findall(r"^:param (?:[^:\n]* )?\\?\*{0,2}(\w+):", documentation, re.MULTILINE)
    if fields:
        return tuple(fields)
    lines = documentation.split("\n")
    names: list[str] = []
    inside = ""
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if re.fullmatch(r"\w[\w ]*", line) and re.fullmatch(r"-{3,}", below):
            inside = "numpy" if line == "Parameters" else ""
        elif re.fullmatch(r"\w[\w ]*:", line):
            inside = "google" if line in ("Args:", "Arguments:") else ""
        elif inside and (entry := _ENTRIES[inside].match(line)):
            names.append(entry[1])
    return tuple(names)


class Server:
    """Documents through a running server: the action is asked for at the name, resolved, and its edit applied here."""

    def __init__(self, editor: EditorClient) -> None:
        self._editor = editor

    async def __call__(self, task: Task, text: str) -> str | Refused:
        file = self._editor.open(task.path, text)
        try:
            return await self._documented(file, task.offset)
        finally:
            self._editor.close(file)

    async def _documented(self, file: OpenFile, offset: int) -> str | Refused:
        place = self._editor.position(file, offset)
        asked = {
            "textDocument": {"uri": file.uri},
            "range": {"start": place, "end": place},
            "context": {"diagnostics": [], "only": [KIND], "triggerKind": 1},
        }
        actions = await self._editor.request("textDocument/codeAction", asked) or []
        action = next((each for each in actions if each.get("kind") == KIND), None)
        if action is None:
            return Refused("Nothing was offered.", offered=False)
        if action.get("disabled"):
            return Refused(str(action["disabled"]["reason"]), offered=False)
        try:
            resolved = await self._editor.request("codeAction/resolve", action, 600)
        except RequestFailed as error:
            return Refused(str(error).partition(": ")[2], offered=True)
        changes = (resolved.get("edit") or {}).get("documentChanges") or []
        if not changes:
            disabled = resolved.get("disabled") or {}
            return Refused(str(disabled.get("reason") or "No change came back."), offered=True)
        return self._applied(file, [edit for change in changes for edit in change["edits"]])

    def _applied(self, file: OpenFile, edits: Sequence[Json]) -> str:
        def offset(place: Json) -> int:
            return file.lines.offset(file.text, place["line"], place["character"], self._editor.encoding)

        text = file.text
        for edit in sorted(edits, key=lambda each: offset(each["range"]["start"]), reverse=True):
            start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
            text = text[:start] + edit["newText"] + text[end:]
        return text


async def measure_server(
    workspace: Path,
    *,
    model: str,
    seed: int = 1,
    count: int = 100,
    home: Path,
    packages: Sequence[str] = PACKAGES,
    on_task: Callable[[int], None] | None = None,
) -> DocumentingFigures:
    """Copies the packages into `workspace`, an empty folder, and measures with the real server and this model.

    home: an empty folder for the server and its engine, which has ended afterwards. model: a name or a path. Raises
    ServerError where the server or the model cannot be used.
    """
    for package in packages:
        _copied(installed_package(package), workspace / package)
    tasks = choose(workspace, seed, count)
    async with living_in(home), ActionEditor([workspace], home=home, options={"model": model}) as editor:
        first = editor.open(tasks[0].path, tasks[0].text)
        status = await product.wait_until_ready(editor, 600)
        editor.close(first)
        name = status.model or model
        return await measure(tasks, Server(editor), seed=seed, model=name, on_task=on_task)


class ActionEditor(EditorClient):
    """An editor that shows code actions as VS Code does: resolved late, disabled ones with their reason."""

    def _initialize_params(self) -> dict[str, Json]:
        params = super()._initialize_params()
        params["capabilities"]["textDocument"]["codeAction"] = {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "refactor", "refactor.rewrite"]}},
            "dataSupport": True,
            "disabledSupport": True,
            "isPreferredSupport": True,
            "honorsChangeAnnotations": True,
            "resolveSupport": {"properties": ["edit"]},
        }
        params["capabilities"]["workspace"]["workspaceEdit"] = {
            "documentChanges": True,
            "changeAnnotationSupport": {"groupsOnLabel": True},
        }
        return params


def _copied(source: Path, target: Path) -> None:
    for path in source.rglob("*.py"):
        (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
        (target / path.relative_to(source)).write_bytes(path.read_bytes())


def _module(path: Path) -> ast.Module | None:
    try:
        text = path.read_bytes().decode("utf-8")
        if len(text) > _LARGEST_FILE or not text.isascii() or "\r" in text or "\f" in text:
            return None  # ast counts columns in bytes; there is enough code without such files
        return ast.parse(text)
    except (OSError, ValueError, SyntaxError):
        return None


def _functions(module: ast.Module) -> Iterator[tuple[FunctionNode, ast.AST]]:
    """Every function and what it stands in."""
    for parent in ast.walk(module):
        for child in ast.iter_child_nodes(parent):
            if isinstance(child, FunctionNode):
                yield child, parent


def _task(path: Path, number: int) -> Task:
    text = path.read_bytes().decode("utf-8")
    node, parent = list(_functions(ast.parse(text)))[number]
    text = _without_documentation(text, node)
    lines = LineIndex.of(text)
    name = re.compile(rf"\bdef\s+({re.escape(node.name)})\b").search(text, lines.start(node.lineno - 1))
    assert name is not None
    return Task(path, node.name, number, text, name.start(1), _parameters(node, parent))


def _without_documentation(text: str, node: FunctionNode) -> str:
    if ast.get_docstring(node, clean=False) is None:
        return text
    lines = LineIndex.of(text)
    first = node.body[0]
    start = lines.start(first.lineno - 1) + first.col_offset
    end = lines.start((first.end_lineno or 0) - 1) + (first.end_col_offset or 0)
    if len(node.body) == 1:
        return text[:start] + "pass" + text[end:]
    if node.body[1].lineno == first.end_lineno:
        following = node.body[1]
        return text[:start] + text[lines.start(following.lineno - 1) + following.col_offset :]
    return text[: lines.start(first.lineno - 1)] + text[lines.start(first.end_lineno or 0) :]


def _parameters(node: FunctionNode, parent: ast.AST) -> tuple[str, ...]:
    given = node.args
    names = [each.arg for each in (*given.posonlyargs, *given.args)]
    static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in node.decorator_list)
    if names and ((isinstance(parent, ast.ClassDef) and not static) or names[0] in ("self", "cls")):
        names = names[1:]
    names += [given.vararg.arg] if given.vararg is not None else []
    names += [each.arg for each in given.kwonlyargs]
    names += [given.kwarg.arg] if given.kwarg is not None else []
    return tuple(names)


def _dump_without(module: ast.Module, number: int) -> str:
    """The program without the documentation of one function; every other string counts."""
    node = list(_functions(module))[number][0]
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:]
    return ast.dump(module)


def _only_documentation_came(before: str, after: str) -> bool:
    """Is what is new one string with white space around it, put where nothing but white space stood?"""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return not before[start : len(before) - end].strip()
