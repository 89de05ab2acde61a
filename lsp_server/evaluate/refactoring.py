"""Measures *Extract variable* on expressions of held-out packages, through the real server.

Expressions are drawn by a seed from installed packages and selected exactly. Whatever the server offers is carried out
in memory and checked by a reader of its own, not by the action's: the file must parse, the new variable put back must
give the original syntax tree, and every function that was not changed must compile to the very same bytecode.
"""

import ast
import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

import attrs
import cattrs

from lsp_server.actions.naming import from_expression
from lsp_server.actions.values import EXTRACT_VARIABLE
from lsp_server.evaluate import acting, product
from lsp_server.evaluate.client import EditorClient
from lsp_server.evaluate.figures import living_in
from lsp_server.evaluate.indexing import installed_package
from lsp_server.text import LineIndex, Span

PACKAGES = ("attr", "cattrs", "platformdirs", "pygls", "rich", "watchdog")
"""Held-out packages that codehearth itself depends on, by the folders they are imported from."""

_LARGEST_FILE = 100_000
"""Characters; larger files are tables."""

_PER_FILE = 4
"""Expressions of one file, so that no file decides the figures."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen
class Task:
    """An expression to be extracted. plain: the name that its own structure suggests."""

    path: Path
    text: str
    span: Span
    plain: str


@attrs.frozen
class Checked:
    """One change that was carried out. wrong: what does not hold, empty where everything does."""

    name: str
    wrong: str


@attrs.frozen
class RefactoringFigures:
    """Counts; shares are of `changes`, between 0 and 1, and null where nothing was changed.

    offered: expressions for which there was an offer that could be chosen; with_occurrences: of these, those with an
    offer for several places too. changes: offers carried out, each checked. refused: reason to count, of expressions.
    withdrawn: offers that were chosen and then gave no edit. named_by_model: the variable has another name than the
    expression's structure suggests.
    """

    seed: int
    model: str
    expressions: int
    offered: int
    with_occurrences: int
    changes: int
    withdrawn: int
    refused: Mapping[str, int]
    parses: float | None
    same_tree: float | None
    same_bytecode: float | None
    named_by_model: float | None
    faults: tuple[str, ...]
    """Where something does not hold: `file:offset: what`."""

    def as_json(self) -> dict[str, Any]:
        return dict(cattrs.unstructure(self))


def choose(folders: Sequence[Path], seed: int, count: int) -> list[Task]:
    """Expressions of the folders' Python files in a random order that the seed decides."""
    rng = random.Random(seed)
    paths = sorted(path for folder in folders for path in folder.rglob("*.py"))
    rng.shuffle(paths)
    tasks: list[Task] = []
    while paths and len(tasks) < count:
        path = paths.pop()
        found = list(_tasks(path))
        tasks += rng.sample(found, min(_PER_FILE, len(found), count - len(tasks)))
    return tasks


async def measure(
    editor: EditorClient, tasks: Sequence[Task], *, seed: int, model: str, on_task: Callable[[int], None] | None = None
) -> RefactoringFigures:
    """All tasks, one after the other."""
    refused: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    faults: list[str] = []
    offered = several = changes = withdrawn = by_model = 0
    for done, task in enumerate(tasks, 1):
        file = editor.open(task.path, task.text)
        offers = await acting.offers(editor, file, task.span, [EXTRACT_VARIABLE])
        possible = [offer for offer in offers if not offer.reason]
        if not possible:
            refused[offers[0].reason if offers else "Nothing was offered."] += 1
        offered += bool(possible)
        several += len(possible) > 1
        for offer in possible:
            carried = await acting.carry_out(editor, file, offer)
            if carried.text is None:
                withdrawn += 1
                continue
            changes += 1
            checked = check(task, carried.text, carried.summary.split()[1])
            by_model += not checked.name.lower().startswith(task.plain)
            if checked.wrong:
                wrong[checked.wrong] += 1
                faults.append(f"{task.path.name}:{task.span.start}: {checked.wrong}")
        editor.close(file)
        if on_task is not None:
            on_task(done)

    def share(count: int) -> float | None:
        return round(count / changes, 4) if changes else None

    return RefactoringFigures(
        seed=seed,
        model=model,
        expressions=len(tasks),
        offered=offered,
        with_occurrences=several,
        changes=changes,
        withdrawn=withdrawn,
        refused=dict(refused.most_common()),
        parses=share(changes - wrong["does not parse"]),
        same_tree=share(changes - wrong["does not parse"] - wrong["another tree"]),
        same_bytecode=share(changes - sum(wrong.values()) + wrong["another tree"]),
        named_by_model=share(by_model),
        faults=tuple(faults),
    )


async def measure_server(
    *,
    model: str,
    home: Path,
    seed: int = 1,
    count: int = 200,
    packages: Sequence[str] = PACKAGES,
    on_task: Callable[[int], None] | None = None,
) -> RefactoringFigures:
    """Measures with the real server and this model, a name or a path. home: an empty folder for both.

    Nothing is written but there. Raises ServerError where the server or the model cannot be used.
    """
    tasks = choose([installed_package(package) for package in packages], seed, count)
    workspace = home / "workspace"
    workspace.mkdir(parents=True)
    async with living_in(home), EditorClient([workspace], home=home, options={"model": model}) as editor:
        first = editor.open(tasks[0].path, tasks[0].text)
        status = await product.wait_until_ready(editor, 600)
        editor.close(first)
        return await measure(editor, tasks, seed=seed, model=status.model or model, on_task=on_task)


def check(task: Task, after: str, name: str) -> Checked:
    """Judges one change without any help of the action's."""
    before_module, after_module = _parsed(task.text), _parsed(after)
    if before_module is None or after_module is None:
        return Checked(name, "does not parse")
    scope = _scope_of(task.text, before_module, task.span.start)
    if untouched(task.text, scope.name) != untouched(after, scope.name):
        return Checked(name, "another bytecode")
    put_back(after_module, scope, name)
    if ast.dump(after_module) != ast.dump(before_module):
        return Checked(name, "another tree")
    return Checked(name, "")


@attrs.frozen
class Scope:
    """A function by its qualified name and the line of its `def`; the module has no name and the line 0."""

    name: str
    line: int


def untouched(text: str, scope: str) -> list[tuple[object, ...]]:
    """The bytecode of every function but the named one (empty: the module) and what that defines inline."""

    def codes(code: CodeType) -> Iterator[CodeType]:
        yield code
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from codes(constant)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = compile(text, "<file>", "exec", dont_inherit=True)
    inline = f"{scope}.<locals>.<" if scope else "<"
    return [
        _facts(code)
        for code in codes(module)
        if code.co_qualname != (scope or "<module>") and not code.co_qualname.startswith(inline)
    ]


def put_back(module: ast.Module, scope: Scope, name: str) -> None:
    """Undoes an extraction in the tree: the first assignment to `name` in the scope goes, and its value comes back.

    An assignment whose name is never read becomes a statement of its value.
    """
    body: ast.AST = module
    if scope.line:
        body = next(node for node in ast.walk(module) if isinstance(node, Function) and node.lineno == scope.line)
    parents = list(ast.walk(body))
    blocks = [block for parent in parents for _, block in ast.iter_fields(parent) if isinstance(block, list)]
    places = [(block, index) for block in blocks for index, item in enumerate(block) if _assigns(item, name)]
    if not places:
        return
    block, index = min(places, key=lambda place: place[0][place[1]].lineno)
    value = block[index].value
    reads = 0
    for parent in parents:
        for field, content in ast.iter_fields(parent):
            if _reads(content, name):
                setattr(parent, field, value)
                reads += 1
            elif isinstance(content, list):
                found = [at for at, item in enumerate(content) if _reads(item, name)]
                reads += len(found)
                for at in found:
                    content[at] = value
    block[index : index + 1] = [] if reads else [ast.Expr(value=value)]


def _assigns(node: object, name: str) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id=found)]):
            return found == name
    return False


def _reads(node: object, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)


def _facts(code: CodeType) -> tuple[object, ...]:
    """All of a function but where it stands."""
    constants = tuple((type(value), value) for value in code.co_consts if not isinstance(value, CodeType))
    return (
        code.co_qualname,
        code.co_code,
        repr(constants),
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_flags,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_exceptiontable,
    )


def _parsed(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return None


def _tasks(path: Path) -> Iterator[Task]:
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, ValueError):
        return
    module = _parsed(text) if len(text) <= _LARGEST_FILE else None
    if module is None:
        return
    lines = LineIndex.of(text)
    waiting: list[tuple[ast.AST, ast.AST | None]] = [(module, None)]
    while waiting:
        node, parent = waiting.pop()
        if isinstance(node, ast.expr) and _worth(node):
            start = lines.offset(text, node.lineno - 1, node.col_offset, "utf-8")
            end = lines.offset(text, (node.end_lineno or node.lineno) - 1, node.end_col_offset or 0, "utf-8")
            yield Task(path, text, Span(start, end), from_expression(node, parent, ()).lower())
        if not isinstance(node, ast.JoinedStr):
            waiting += [(child, node) for child in ast.iter_child_nodes(node)]


def _worth(node: ast.expr) -> bool:
    """Would a person select it? Names have a name already, and nobody names `None`."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (str, bytes, int, float)) and not isinstance(node.value, bool)
    return not isinstance(node, (ast.Name, ast.Starred, ast.Slice))


def _scope_of(text: str, module: ast.Module, offset: int) -> Scope:
    """The innermost function whose body holds the offset."""
    lines = LineIndex.of(text)
    found = Scope("", 0)
    waiting: list[tuple[ast.AST, str]] = [(module, "")]
    while waiting:
        node, around = waiting.pop()
        if isinstance(node, (Function, ast.ClassDef)):
            name = around + node.name
            around = f"{name}."
            if isinstance(node, Function):
                around = f"{name}.<locals>."
                first = node.body[0]
                start = lines.offset(text, first.lineno - 1, first.col_offset, "utf-8")
                end = lines.offset(text, (node.end_lineno or 1) - 1, node.end_col_offset or 0, "utf-8")
                if start <= offset < end and node.lineno > found.line:
                    found = Scope(name, node.lineno)
        waiting += [(child, around) for child in ast.iter_child_nodes(node)]
    return found
