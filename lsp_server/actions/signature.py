"""What a Python function, method or class is, read from its syntax: all that its documentation must and may say.

Pure: a parsed source in, frozen values out. Never guesses what code means; whatever stands here stands in the source.
"""

import ast
import builtins
import re
import tokenize
from collections.abc import Iterator, Sequence
from typing import Literal

import attrs

from lsp_server.actions import signature_facts as facts
from lsp_server.actions.edits import indentation_at, line_start
from lsp_server.actions.source import Source
from lsp_server.text import LineIndex, Span

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Node = FunctionNode | ast.ClassDef


@attrs.frozen
class Parameter:
    """A parameter, or an attribute of a class. Texts are empty where the source says nothing.

    stars: `*`, `**` or empty. type: of the default, where it is a literal. default: the source of the value, empty also
    where it is too long to repeat.
    """

    name: str
    stars: Literal["", "*", "**"] = ""
    annotation: str = ""
    default: str = ""
    type: str = ""
    optional: bool = False


@attrs.frozen
class Result:
    """What is returned or yielded. annotation: its type, empty if nobody wrote it; source: the expression where there
    is one short one; type: what the expressions are by their syntax alone (`dict` for `{}`), or empty."""

    annotation: str
    source: str
    type: str


@attrs.frozen
class Raised:
    """An exception that leaves the function. condition: the source of the `if` that it stands directly in."""

    name: str
    condition: str


@attrs.frozen
class Definition:
    """A definition and where its parts stand; places are offsets into the text it was read from.

    number: which definition of the source it is, nested ones counted with the others, from 0.
    header: from the first decorator to behind the colon. body: the first statement, its decorators included.
    literal: the documentation string with its quotes. obstacle: why it is not to be documented, as a sentence.
    statement: a sentence about what the body does, as far as its syntax says it; names in `backticks`; may be empty.
    """

    name: str
    container: str
    kind: Literal["function", "class"]
    number: int
    header: Span
    body: Span
    literal: Span | None
    parameters: tuple[Parameter, ...] = ()
    attributes: tuple[Parameter, ...] = ()
    returns: Result | None = None
    yields: Result | None = None
    raises: tuple[Raised, ...] = ()
    statement: str = ""
    obstacle: str = ""

    @property
    def qualified(self) -> str:
        """The dotted name inside its module."""
        return f"{self.container}.{self.name}" if self.container else self.name


def definitions(source: Source) -> list[Definition]:
    """Every function and class of a source, nested ones included, in the order of their headers."""
    reader = _Reader(source)
    return [_definition(each, reader) for each in _nodes(source.module)]


def touched(source: Source, span: Span) -> Definition | None:
    """The definition whose header or documentation string a selection touches: the first that a selection of some
    text touches, the innermost for a bare cursor."""
    reader = _Reader(source)
    best: _Found | None = None
    for found in _nodes(source.module):
        literal = documentation_of(found.node)
        start, end = reader.header_start(found.node), source.span(literal or found.node.body[0])
        if literal is None and start <= span.end and span.start <= end.start:
            end = Span(0, reader.end_of_header(found.node))  # only now: reading tokens costs more than the rest
        elif literal is None:
            continue
        if start <= span.end and span.start <= end.end and (best is None or span.start == span.end):
            best = found
    return _definition(best, reader) if best is not None else None


def node_of(source: Source, definition: Definition) -> Node:
    """The node of a definition, also in the same source with other documentation."""
    return next(found.node for found in _nodes(source.module) if found.number == definition.number)


@attrs.frozen(eq=False)
class _Found:
    node: Node
    parents: tuple[Node, ...]
    number: int


class _Reader:
    """Places of one source, and the exceptions that it defines."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.bases = facts.bases(source.module)

    def header_start(self, node: ast.stmt) -> int:
        """Of a statement: where its first line begins, after the indentation; decorators come first."""
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        first = min(self.source.span(each).start for each in (node, *decorators))
        return line_start(self.text, first) + len(indentation_at(self.text, first))

    def colon(self, node: Node) -> int:
        """Behind the colon that ends the header. Reads tokens: annotations, defaults and comments hold colons too."""
        begin = line_start(self.text, self.source.span(node).start)
        lines = LineIndex.of(self.text[begin : self.source.span(node).end])
        rows = (self.text[begin + lines.start(row) : begin + lines.start(row + 1)] for row in range(len(lines)))
        depth = lambdas = 0
        for token in tokenize.generate_tokens(lambda: next(rows, "")):
            if token.string in ("(", "[", "{"):
                depth += 1
            elif token.string in (")", "]", "}"):
                depth -= 1
            elif token.string == "lambda" and depth == 0:
                lambdas += 1
            elif token.string == ":" and depth == 0:
                if lambdas == 0:
                    return begin + lines.start(token.end[0] - 1) + token.end[1]
                lambdas -= 1
        raise ValueError("a definition without a colon")

    def end_of_header(self, node: Node) -> int:
        """The end of the header's last line, or the colon where the body stands on that line too."""
        colon, body = self.colon(node), self.source.span(node.body[0]).start
        end = re.compile(r"[\r\n]|\Z").search(self.text, colon)
        return min(end.start() if end is not None else body, body) if "\n" in self.text[colon:body] else colon


def _nodes(module: ast.Module) -> list[_Found]:
    found: list[_Found] = []

    def below(node: ast.AST, parents: tuple[Node, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Node):
                found.append(_Found(child, parents, len(found)))
                below(child, (*parents, child))
            elif not isinstance(child, ast.expr):
                below(child, parents)

    below(module, ())
    return found


def _definition(found: _Found, reader: _Reader) -> Definition:
    node, parents = found.node, found.parents
    literal = documentation_of(node)
    body = _without_documentation(node)
    first = node.body[0]
    common = Definition(
        name=node.name,
        container=".".join(parent.name for parent in parents),
        kind="class" if isinstance(node, ast.ClassDef) else "function",
        number=found.number,
        header=Span(reader.header_start(node), reader.colon(node)),
        body=Span(_start(first, reader), reader.source.span(first).end),
        literal=reader.source.span(literal) if literal is not None else None,
        statement=facts.statement(node, body),
        obstacle=_obstacle(node, literal, reader),
    )
    if isinstance(node, ast.ClassDef):
        return attrs.evolve(common, attributes=tuple(_attributes(node)))
    in_class = bool(parents) and isinstance(parents[-1], ast.ClassDef)
    decorators = facts.decorators(node)
    is_property = any(name.split(".")[-1] in facts.PROPERTIES for name in decorators)
    yields, returns = _results(node)
    return attrs.evolve(
        common,
        parameters=tuple(_parameters(node, method=in_class and "staticmethod" not in decorators)),
        returns=None if is_property else returns,
        yields=yields,
        raises=tuple(_raised(node, body, reader.bases)),
    )


def _start(statement: ast.stmt, reader: _Reader) -> int:
    decorated = getattr(statement, "decorator_list", ())
    return reader.header_start(statement) if decorated else reader.source.span(statement).start


def documentation_of(node: Node) -> ast.Constant | None:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.value
    return None


def _without_documentation(node: Node) -> list[ast.stmt]:
    return node.body[1:] if documentation_of(node) is not None else node.body


def _obstacle(node: Node, literal: ast.Constant | None, reader: _Reader) -> str:
    decorators = facts.decorators(node)
    if any(name.split(".")[-1] == "overload" for name in decorators):
        return "An overload is documented where the function itself is defined."
    if any(name.endswith((".setter", ".deleter")) for name in decorators):
        return "A property is documented at its getter."
    if literal is not None and _pieces(reader.source.of(literal)) != 1:
        return "The documentation string is put together from several pieces."
    return ""


def _pieces(source: str) -> int:
    rows = iter(re.findall(r"[^\n]*\n|[^\n]+", f"({source})"))
    return sum(token.type == tokenize.STRING for token in tokenize.generate_tokens(lambda: next(rows, "")))


def _parameters(node: FunctionNode, *, method: bool) -> Iterator[Parameter]:
    """All of them in the order of the signature, without the object or class that a method belongs to."""
    given = node.args
    ordinary = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(ordinary) - len(given.defaults))
    defaults += given.defaults
    pairs = list(zip(ordinary, defaults, strict=True))
    if pairs and (method or pairs[0][0].arg in ("self", "cls")):
        pairs = pairs[1:]
    for each, default in pairs:
        yield _parameter(each, default)
    if given.vararg is not None:
        yield attrs.evolve(_parameter(given.vararg, None), stars="*")
    for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield _parameter(each, default)
    if given.kwarg is not None:
        yield attrs.evolve(_parameter(given.kwarg, None), stars="**")


def _parameter(given: ast.arg, default: ast.expr | None) -> Parameter:
    return Parameter(
        name=given.arg,
        annotation=facts.annotation(given.annotation),
        default=facts.source(default, facts.LONGEST_DEFAULT) if default is not None else "",
        type=facts.type_of(default) if default is not None else "",
        optional=default is not None,
    )


def _attributes(node: ast.ClassDef) -> Iterator[Parameter]:
    """Public annotated fields and attrs' own; one with a documentation string below it is documented already."""
    for statement, below in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            continue
        value: ast.expr | None
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name, value, annotation = statement.target.id, statement.value, statement.annotation
            if facts.last_name(facts.unsubscripted(annotation)) in facts.NOT_FIELDS:
                continue
        elif (
            isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and facts.is_field_call(statement.value)
        ):
            name, value, annotation = statement.targets[0].id, statement.value, None
        else:
            continue
        if name.startswith("_"):
            continue
        plain = None if value is None or isinstance(value, ast.Call) else value
        yield Parameter(
            name=name,
            annotation=facts.annotation(annotation),
            default=facts.source(plain, facts.LONGEST_DEFAULT) if plain is not None else "",
            type=facts.type_of(plain) if plain is not None else "",
            optional=plain is not None,
        )


def _results(node: FunctionNode) -> tuple[Result | None, Result | None]:
    """(what is yielded, what is returned); None where nothing is."""
    yielded: list[ast.expr] = []
    returned: list[ast.expr] = []
    generator = False
    for each in facts.own_nodes(node.body):
        if isinstance(each, ast.Yield | ast.YieldFrom):
            generator = True
            if isinstance(each, ast.Yield) and each.value is not None:
                yielded.append(each.value)
        elif isinstance(each, ast.Return) and each.value is not None and not facts.is_none(each.value):
            returned.append(each.value)
    if generator:
        element, result = facts.generated(node.returns)
        return _result(element, yielded), _result(result, returned) if returned else None
    if node.returns is not None:
        nothing = facts.last_name(node.returns) in ("NoReturn", "Never") or facts.is_none(node.returns)
        return None, None if nothing else _result(node.returns, returned)
    return None, _result(None, returned) if returned else None


def _result(annotation: ast.expr | None, values: Sequence[ast.expr]) -> Result:
    sources = {facts.source(value, facts.LONGEST_SOURCE) for value in values}
    types = {facts.type_of(value) for value in values}
    return Result(
        annotation=facts.annotation(annotation),
        source=sources.pop() if len(sources) == 1 else "",
        type=types.pop() if len(types) == 1 else "",
    )


def _raised(node: FunctionNode, body: list[ast.stmt], bases: dict[str, tuple[str, ...]]) -> Iterator[Raised]:
    """Each exception once, in the order of the source; a function that only says that it is not implemented raises
    nothing worth telling."""
    if len(body) == 1 and isinstance(body[0], ast.Raise) and facts.raised_name(body[0]) == "NotImplementedError":
        return
    seen: dict[str, str] = {}
    for name, condition in _escaping(node.body, bases, ""):
        if name not in seen:
            seen[name] = condition
        elif seen[name] != condition:
            seen[name] = ""  # raised for several reasons: none of them is the reason
    yield from (Raised(name, condition) for name, condition in seen.items())


def _escaping(
    statements: Sequence[ast.stmt], bases: dict[str, tuple[str, ...]], condition: str
) -> Iterator[tuple[str, str]]:
    """(name, condition) of every `raise X` in these statements that no handler among them catches."""
    for statement in statements:
        if isinstance(statement, ast.Raise):
            if name := facts.raised_name(statement):
                yield name, condition
        elif isinstance(statement, Node):
            continue
        elif isinstance(statement, ast.If):
            yield from _escaping(statement.body, bases, facts.source(statement.test, facts.LONGEST_SOURCE))
            yield from _escaping(statement.orelse, bases, "")
        elif isinstance(statement, ast.Try | ast.TryStar):
            caught = [name for handler in statement.handlers for name in facts.caught(handler)]
            for name, why in _escaping(statement.body, bases, ""):
                if not any(_catches(each, name, bases) for each in caught):
                    yield name, why
            for part in (*(handler.body for handler in statement.handlers), statement.orelse, statement.finalbody):
                yield from _escaping(part, bases, "")
        elif isinstance(statement, ast.With | ast.AsyncWith):
            suppressed = facts.suppressed(statement)
            for name, why in _escaping(statement.body, bases, ""):
                if not any(_catches(each, name, bases) for each in suppressed):
                    yield name, why
        elif isinstance(statement, ast.Match):
            for case in statement.cases:
                yield from _escaping(case.body, bases, "")
        else:
            yield from _escaping(getattr(statement, "body", ()), bases, "")
            yield from _escaping(getattr(statement, "orelse", ()), bases, "")


def _catches(handler: str, name: str, bases: dict[str, tuple[str, ...]]) -> bool:
    """Whether `except handler` stops `name`, by the file's own classes and the language's."""
    if handler in ("BaseException", "Exception", name):
        # Exceptions that do not derive from Exception are few and never raised by name in ordinary code.
        return handler != "Exception" or name not in ("BaseException", "KeyboardInterrupt", "SystemExit")
    known = getattr(builtins, name, None)
    wanted = getattr(builtins, handler, None)
    if isinstance(known, type) and isinstance(wanted, type):
        return issubclass(known, wanted)
    return any(base != name and _catches(handler, base, bases) for base in bases.get(name, ()))
