"""Where an expression is selected, and whether it may be evaluated before its statement: the rules, each a sentence.

Looks at the source only; what it returns as a `str` is the reason why not, told to the person.
"""

import ast
from collections.abc import Iterator

import attrs

from lsp_server.actions.extract_variable_effects import Function, Names, Scope, before, is_harmless, may_swap
from lsp_server.actions.source import Holder, Source
from lsp_server.syntax.trees import SyntaxTree
from lsp_server.text import Span

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_LOOKING = frozenset({"locals", "vars", "dir", "eval", "exec"})
"""Builtins that show a function its own variables."""

IN_STRING = "The selection is inside an f-string; select the whole string."
NOT_WHOLE = "The selection is not one whole expression."
NO_EXPRESSION = "The selection is a statement, not an expression."


@attrs.frozen(eq=False)
class Selected:
    """An expression, and what to put a name in place of: `spans` are the selection as it is, with the parentheses at
    its ends, and without them. Which of the two leaves a sound program is found out by trying."""

    node: ast.expr
    spans: tuple[Span, ...]


@attrs.frozen(eq=False)
class Place:
    """An expression that may be evaluated just before `statement`, which stands in `block`, the body of `scope` or a
    suite somewhere in it. `whole`: the statement is the expression and nothing else."""

    node: ast.expr
    statement: ast.stmt
    block: list[ast.stmt]
    scope: Scope
    whole: bool


def trimmed(text: str, span: Span) -> Span:
    """The selection without the white space at its ends."""
    selected = text[span.start : span.end]
    start = span.start + len(selected) - len(selected.lstrip())
    return Span(start, max(start, span.end - len(selected) + len(selected.rstrip())))


def selected(source: Source, span: Span, tree: SyntaxTree) -> "Selected | str":
    """The expression that is selected, or why there is none."""
    if not (source.part.start <= span.start and span.end <= source.part.end):
        return "The file has a syntax error there."
    wanted = _within_parentheses(source.text, span)
    around = Span(span.start - 1, span.end + 1)
    found: dict[Span, ast.expr] = {}
    whole, touched = False, 0
    for node in _near(source, span):
        if isinstance(node, ast.stmt):
            own = source.span(node)
            if own in wanted:
                whole = True
            elif own.start < span.end and span.start < own.end and not _holds(own, span):
                touched += 1
        elif isinstance(node, ast.expr):
            own = source.span(node)
            if own in wanted or (own == around and isinstance(node, ast.GeneratorExp)):
                found.setdefault(own, node)
            elif isinstance(node, ast.JoinedStr) and own.start < span.start and span.end < own.end:
                return IN_STRING
    for own in wanted:
        if own in found:
            return Selected(found[own], tuple(dict.fromkeys((span, own))))
    if around in found:  # A generator that is the only argument of a call has the call's parentheses.
        return Selected(found[around], (around,))
    if _cuts(source.text, span, tree):
        return "The selection cuts a word, a number or a string in two."
    if touched > 1 and not whole:
        return "The selection reaches over more than one statement."
    return NO_EXPRESSION if whole or touched else NOT_WHOLE


def placed(source: Source, node: ast.expr) -> Place | str:
    """Where the expression may be evaluated instead, or why nowhere."""
    harmless = is_harmless(node)
    if (reason := _unfit(node)) is not None:
        return reason
    path = list(_path(source, node))
    for child, holder in path:
        reason = _forbidden(holder, child) or (None if harmless else _conditional(source, holder, child))
        if reason is not None:
            return reason
        if isinstance(holder.node, ast.stmt):
            break
    statement, block, scope = _statement(source, path)
    if isinstance(scope, ast.ClassDef):
        return "In the body of a class a variable becomes an attribute."
    if _looks_at_its_variables(scope):
        return "This function looks at its own variables (locals, eval, …), so a new one would be noticed."
    names = Names(source.module, scope, partial=source.partial)
    if not harmless and not _first(path, node, names):
        return "Something that may change its value is evaluated before it in the same statement."
    whole = isinstance(statement, ast.Expr) and statement.value is node
    if whole and isinstance(node, ast.Constant):
        return "A literal that stands alone is documentation, or does nothing."
    return Place(node, statement, block, scope, whole)


def scope_of(source: Source, node: ast.AST) -> Scope | None:
    """The function or module that the node's own statement belongs to; None in the body of a class."""
    while (holder := source.holder(node)) is not None:
        node = holder.node
        if isinstance(node, (ast.Module, Function)):
            return node
        if isinstance(node, ast.ClassDef):
            return None
    return None


def used_names(source: Source, scope: Scope) -> frozenset[str]:
    """Every identifier in the scope and below it: a new variable with one of these names could change its meaning."""
    found: set[str] = set()
    for node in ast.walk(scope):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name) | ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name):
                found.add(name)
            case ast.ExceptHandler(name=str() as name) | ast.MatchMapping(rest=str() as name):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add(other or name.partition(".")[0])
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                found.update(names)
    if source.partial and isinstance(scope, ast.Module):
        # The rest of the file may use any of its words.
        found.update(word for word in source.text.replace(".", " ").split() if word.isidentifier())
    return frozenset(found)


# The selection


def _within_parentheses(text: str, span: Span) -> list[Span]:
    """The selection, and what is left as parentheses are taken off its ends."""
    spans = [span]
    while (
        text[span.start : span.start + 1] == "(" and text[span.end - 1 : span.end] == ")" and span.end - span.start > 2
    ):
        span = trimmed(text, Span(span.start + 1, span.end - 1))
        spans.append(span)
    return spans


def _near(source: Source, span: Span) -> Iterator[ast.AST]:
    """The nodes on the lines of a span, but for what stands inside f-strings: some Pythons misplace that."""
    first, last = source.lines(span)
    waiting: list[ast.AST] = [source.module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.stmt, ast.expr)):
            decorators = getattr(node, "decorator_list", ())
            begins = min([node.lineno, *(decorator.lineno for decorator in decorators)])
            if begins > last or (node.end_lineno or begins) < first:
                continue
        yield node
        if not isinstance(node, ast.JoinedStr):
            waiting += ast.iter_child_nodes(node)


def _holds(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _cuts(text: str, span: Span, tree: SyntaxTree) -> bool:
    for offset in (span.start, span.end):
        if 0 < offset < len(text) and _word(text[offset - 1]) and _word(text[offset]):
            return True
        if tree.kind_at(offset) != "code":
            return True
    return False


def _word(character: str) -> bool:
    return character == "_" or character.isalnum()


# What cannot be taken out


def _unfit(node: ast.expr) -> str | None:
    if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List, ast.Starred)) and not isinstance(
        node.ctx, ast.Load
    ):
        return "The selection is assigned to or deleted, not read."
    if isinstance(node, ast.Starred):
        return "An unpacking has no value of its own."
    if isinstance(node, ast.Slice) or (
        isinstance(node, ast.Tuple) and any(isinstance(x, ast.Slice) for x in node.elts)
    ):
        return "A slice has no value of its own."
    for part in ast.walk(node):
        if isinstance(part, ast.NamedExpr):
            return "The selection assigns to a variable (:=)."
        if isinstance(part, (ast.Yield, ast.YieldFrom)):
            return "The selection hands control to the caller (yield)."
    return None


def _forbidden(holder: Holder, child: ast.AST) -> str | None:
    """Places where not even a literal may be taken out."""
    parent, field = holder.node, holder.field
    if type(parent).__name__ in ("JoinedStr", "FormattedValue", "TemplateStr", "Interpolation"):
        return IN_STRING
    if isinstance(parent, ast.pattern):
        return "The selection is part of a pattern."
    if field in ("annotation", "returns") or type(parent).__name__ in ("TypeAlias", "TypeVar", "ParamSpec"):
        return "The selection is part of a type annotation."
    if field == "decorator_list":
        return "The selection is part of a decorator."
    if isinstance(parent, ast.arguments):
        return "The selection is part of a parameter's default."
    if isinstance(parent, ast.ClassDef) and field in ("bases", "keywords"):
        return "The selection is part of a class's header."
    if isinstance(parent, ast.Delete):
        return "The selection is deleted."
    if isinstance(parent, ast.ExceptHandler):
        return "Which exceptions are caught is decided only when one is raised."
    if field in ("target", "optional_vars") and not isinstance(parent, ast.AugAssign):
        return "The selection is part of what is assigned to."
    return None


def _conditional(source: Source, holder: Holder, child: ast.AST) -> str | None:
    """Places that are evaluated only sometimes, or more than once."""
    parent, field, index = holder.node, holder.field, holder.index
    match parent:
        case ast.BoolOp() if index:
            return "The selection is evaluated only when what stands before it (and, or) lets it."
        case ast.IfExp() if field != "test":
            return "The selection is evaluated only in one case of a conditional expression."
        case ast.Compare() if field == "comparators" and index:
            return "The selection is evaluated only when the first comparison of the chain is true."
        case ast.Lambda():
            return "The selection is evaluated at every call of the lambda."
        case ast.While():
            return "The condition of a loop is evaluated at every turn."
        case ast.match_case():
            return "A guard is evaluated only when its pattern matches."
        case ast.Assert():
            return "An assertion is evaluated only when Python does not optimise it away."
        case ast.With() | ast.AsyncWith() if index:
            return "The selection is evaluated after an earlier context was entered."
        case ast.If() if _is_elif(source, parent):
            return "The condition of an elif is evaluated only when the ones before it are false."
        case _ if isinstance(parent, _COMPREHENSIONS) and (field != "generators" or index):
            return "The selection is evaluated for every element of a comprehension."
        case ast.comprehension() if field != "iter":
            return "The selection is evaluated for every element of a comprehension."
    return None


def _is_elif(source: Source, node: ast.If) -> bool:
    return source.text.startswith("elif", source.span(node).start)


# Where it goes


def _path(source: Source, node: ast.AST) -> Iterator[tuple[ast.AST, Holder]]:
    """Each node with what holds it, from `node` up to the module."""
    current: ast.AST = node
    while (holder := source.holder(current)) is not None:
        yield current, holder
        current = holder.node


def _statement(
    source: Source, path: list[tuple[ast.AST, Holder]]
) -> tuple[ast.stmt, list[ast.stmt], Scope | ast.ClassDef]:
    """The statement of an expression, past every `elif`, the block it stands in and the scope of both."""
    statement: ast.stmt | None = None
    block: list[ast.stmt] = []
    for child, holder in path:
        if isinstance(child, ast.stmt) and (statement is None or _continues(source, statement)):
            statement, block = child, getattr(holder.node, holder.field)
        if statement is not None and isinstance(holder.node, _SCOPES):
            return statement, block, holder.node
    raise AssertionError("Every expression is in a statement of a module.")


def _continues(source: Source, statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and _is_elif(source, statement)


def _looks_at_its_variables(scope: ast.AST) -> bool:
    return isinstance(scope, Function) and any(
        isinstance(node, ast.Name) and node.id in _LOOKING for node in ast.walk(scope)
    )


def _first(path: list[tuple[ast.AST, Holder]], node: ast.expr, names: Names) -> bool:
    """May the expression be evaluated before everything that its statement evaluates before it?"""
    for child, holder in path:
        earlier = before(holder.node, holder.field, holder.index, child)
        if earlier is None:
            return False
        for part in earlier:
            callee = isinstance(holder.node, ast.Call) and part is holder.node.func
            if not may_swap(part, node, names, callee=callee):
                return False
        if isinstance(holder.node, ast.stmt):
            return True
    return True
