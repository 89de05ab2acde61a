"""Where else in its scope an expression stands that may share one variable: where nothing could tell two from one.

Conservative on purpose (see `extract_variable_effects` for what is assumed): an expression with a call is never shared;
attributes and subscripts are shared while nothing between has an effect; a value that an operator makes anew is shared
only where it is used up at once (compared, computed with, used as an index), because whoever keeps it might change it.
"""

import ast
from collections.abc import Iterator, Mapping

from lsp_server.actions.extract_variable_effects import Names, Scope, bound, has_effect, is_harmless, names_bound
from lsp_server.actions.extract_variable_place import Place, placed
from lsp_server.actions.source import Source

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_NOT_VALUES = (ast.JoinedStr, ast.pattern, ast.Delete, ast.Global, ast.Nonlocal)
_DISTURBING = (ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.Import, ast.ImportFrom, ast.AugAssign, ast.Delete)
_CONSUMERS = frozenset(
    {"abs", "bool", "chr", "divmod", "float", "hash", "int", "isinstance", "len", "ord", "range", "str"}
)
"""Builtins that keep nothing of what they are given."""


def shared(source: Source, wanted: ast.expr, scope: Scope) -> tuple[Place, tuple[ast.expr, ...]] | None:
    """Where to evaluate once, and the occurrences that may then use it, `wanted` among them; None for fewer than two.

    In the order of evaluation. The wanted one may stand where it could not be taken out alone (`a.b if a.b else c`).
    """
    names = Names(source.module, scope, partial=source.partial)
    equal = sorted(_equal(wanted, scope), key=lambda node: _order(source, node))
    if len(equal) < 2:
        return None
    for node in equal:
        first = placed(source, node)
        if isinstance(first, str) or first.whole:
            continue
        start = source.span(first.statement).start
        end = source.span(first.block[-1]).end
        within = [node for node in equal if start <= source.span(node).start < end]
        while len(within) > 1 and wanted in within:
            if _indistinguishable(source, first, within, names):
                return first, tuple(within)
            within.pop()
    return None


def _equal(wanted: ast.expr, scope: Scope) -> Iterator[ast.expr]:
    """What reads the same in the scope itself, without what lies in definitions, comprehensions, f-strings, types."""
    looks = ast.dump(wanted)
    waiting: list[ast.AST] = list(scope.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, type(wanted)) and ast.dump(node) == looks:
            yield node
            continue
        if isinstance(node, (*_SCOPES, *_COMPREHENSIONS, *_NOT_VALUES)):
            continue
        for field, value in ast.iter_fields(node):
            if field == "annotation" or (isinstance(node, ast.ExceptHandler) and field == "type"):
                continue
            waiting += [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, ast.AST)]


def _indistinguishable(source: Source, first: Place, nodes: list[ast.expr], names: Names) -> bool:
    """Would each occurrence give the same value, and could nobody tell whether it is one object or several?"""
    node = first.node
    if is_harmless(node):
        return not any(_is_docstring(source, other) for other in nodes)
    if has_effect(node):
        return False
    read = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    region = _region(source, first, nodes[-1])
    bindings = {name for statement in region for part in ast.walk(statement) for name in names_bound(part)}
    if read & bindings or not all(names.stable(name) for name in read):
        return False
    if isinstance(node, ast.Name):
        return True
    if not isinstance(node, (ast.Attribute, ast.Subscript, ast.JoinedStr)) and not _is_not(node):
        own = bound(source.module) | (bound(first.scope) if not isinstance(first.scope, ast.Module) else set())
        if not isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Compare)):
            return False
        if not all(_consumed(source, other, own) for other in nodes):
            return False
    return _quiet(source, region, nodes[-1])


def _region(source: Source, first: Place, last: ast.expr) -> list[ast.stmt]:
    """The statements from where the value is computed to its last use."""
    end = source.span(last).start
    begin = first.block.index(first.statement)
    return [statement for statement in first.block[begin:] if source.span(statement).start <= end]


def _quiet(source: Source, region: list[ast.stmt], last: ast.expr) -> bool:
    """Does nothing in these statements have an effect before `last` is evaluated?"""
    end = _order(source, last)
    above = set(_above(source, last))
    loops = any(isinstance(part, ast.While) for statement in region for part in ast.walk(statement))
    for statement in region:
        for part in ast.walk(statement):
            if not _disturbs(part):
                continue
            later = part in above or _order(source, part) > end or _stored_later(source, part, above)
            if loops or not later or isinstance(part, (ast.For, ast.AsyncFor)):
                return False
    return True


def _disturbs(node: ast.AST) -> bool:
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return not isinstance(node.ctx, ast.Load)
    if isinstance(node, (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, *_COMPREHENSIONS)):
        return True
    return isinstance(node, _DISTURBING)


def _stored_later(source: Source, node: ast.AST, above: set[ast.AST]) -> bool:
    """Is the node a target of the very assignment whose value holds the last occurrence?"""
    holder = source.holder(node)
    return (
        holder is not None
        and isinstance(holder.node, (ast.Assign, ast.AnnAssign, ast.AugAssign))
        and holder.node in above
        and holder.field in ("targets", "target")
        and holder.node.value in above | {None}
    )


_LATER: Mapping[type[ast.AST], Mapping[str, int]] = {
    ast.Assign: {"targets": 1},
    ast.AnnAssign: {"target": 1},
    ast.IfExp: {"body": 1, "orelse": 1},
    ast.Call: {"args": 1, "keywords": 2},
}
"""Fields that are evaluated in another order than they are written in; the others of these nodes come first."""


def _order(source: Source, node: ast.AST) -> list[tuple[int, int]]:
    """Compares as the nodes are evaluated; what holds another one compares lower."""
    steps = []
    while (holder := source.holder(node)) is not None:
        written = source.span(node).start if hasattr(node, "lineno") else holder.index or 0
        steps.append((_LATER.get(type(holder.node), {}).get(holder.field, 0), written))
        node = holder.node
    return steps[::-1]


def _above(source: Source, node: ast.AST) -> Iterator[ast.AST]:
    """The node and everything that holds it."""
    current: ast.AST | None = node
    while current is not None:
        yield current
        holder = source.holder(current)
        current = holder.node if holder is not None else None


def _consumed(source: Source, node: ast.expr, own: set[str]) -> bool:
    """Is the value used up where it stands, so that nobody can keep it?"""
    holder = source.holder(node)
    if holder is None:
        return False
    match holder.node:
        case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.Slice():
            return True
        case ast.Subscript():
            return holder.field == "slice"
        case ast.If() | ast.While() | ast.IfExp():
            return holder.field == "test"
        case ast.Call(func=ast.Name(id=name)):
            return holder.field == "args" and name in _CONSUMERS and name not in own
    return False


def _is_not(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _is_docstring(source: Source, node: ast.expr) -> bool:
    holder = source.holder(node)
    return holder is not None and isinstance(holder.node, ast.Expr)
