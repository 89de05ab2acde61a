"""Small questions to nodes of Python's syntax tree: short sources, types by syntax, what is raised and caught.

Every text that comes from here can stand in any documentation string as it is: on one line, without backslashes,
backticks or triple quotes; where the source has those, the answer is empty.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Sequence

LONGEST_DEFAULT = 30
LONGEST_SOURCE = 60
LONGEST_ANNOTATION = 100
"""Characters of a default, an expression and a type that are repeated in documentation; longer ones are not read."""

PROPERTIES = frozenset({"property", "cached_property", "abstractproperty", "getter"})
NOT_FIELDS = frozenset({"ClassVar", "InitVar", "KW_ONLY", "Final", "TypeAlias"})
_PLAIN_BASES = frozenset({"object", "Protocol", "Generic", "ABC", "NamedTuple", "TypedDict"})
_GENERATORS = frozenset(
    {"Iterator", "Iterable", "Generator", "AsyncIterator", "AsyncIterable", "AsyncGenerator", "Collection"}
)
_FORWARD = re.compile(r"['\"]([\w.\[\], |]+)['\"]")
_AWKWARD = re.compile(r"[\\`\n\r\t\x00]|\"\"\"|'''")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def source(node: ast.AST, longest: int) -> str:
    """The source of an expression on one line, as `ast` writes it; empty where it is long or awkward."""
    text = ast.unparse(node)
    return text if len(text) <= longest and text.isprintable() and not _AWKWARD.search(text) else ""


def annotation(node: ast.expr | None) -> str:
    """A type as a person reads it: without the quotes of a forward reference."""
    if node is None:
        return ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = " ".join(node.value.split())
        return text if len(text) <= LONGEST_ANNOTATION and text.isprintable() and not _AWKWARD.search(text) else ""
    text = source(node, LONGEST_ANNOTATION)
    return text if "Literal" in text or "Annotated" in text else _FORWARD.sub(r"\1", text)


def last_name(node: ast.expr | None) -> str:
    """`Iterator` of `Iterator`, `typing.Iterator` and `"Iterator"`; empty for anything that is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.replace(".", "_").isidentifier():
        return node.value.split(".")[-1]
    return ""


def unsubscripted(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Subscript) else node


def is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or node.value == "None")


def decorators(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[str]:
    """Dotted names of the decorators, arguments left out."""
    return [ast.unparse(each.func if isinstance(each, ast.Call) else each) for each in node.decorator_list]


def own_nodes(statements: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """All nodes below, without those of nested functions, classes and lambdas."""
    stack: list[ast.AST] = list(reversed(statements))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, _SCOPES):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


def generated(returns: ast.expr | None) -> tuple[ast.expr | None, ast.expr | None]:
    """(what is yielded, what is returned) by the annotation of a generator."""
    if not isinstance(returns, ast.Subscript) or last_name(returns.value) not in _GENERATORS:
        return None, None
    parts = returns.slice.elts if isinstance(returns.slice, ast.Tuple) else [returns.slice]
    return parts[0], parts[2] if len(parts) == 3 else None


def type_of(node: ast.expr) -> str:
    """The type that an expression has whatever its names mean; empty for most expressions."""
    if isinstance(node, ast.Constant):
        return "" if node.value is None or node.value is Ellipsis else type(node.value).__name__
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return "bool"
    if isinstance(node, ast.Compare) and all(
        isinstance(operator, ast.In | ast.NotIn | ast.Is | ast.IsNot) for operator in node.ops
    ):
        return "bool"
    names: dict[type[ast.expr], str] = {
        ast.JoinedStr: "str",
        ast.Dict: "dict",
        ast.DictComp: "dict",
        ast.List: "list",
        ast.ListComp: "list",
        ast.Set: "set",
        ast.SetComp: "set",
        ast.Tuple: "tuple",
    }
    return names.get(type(node), "")


def is_field_call(node: ast.expr) -> bool:
    """`attr.ib(…)`, `attrs.field(…)`, `field(…)` and `attrib(…)`."""
    return isinstance(node, ast.Call) and last_name(node.func) in ("ib", "attrib", "field")


def raised_name(statement: ast.Raise) -> str:
    """The dotted name of the exception class, or empty: a bare `raise`, a variable, a function that makes one."""
    raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
    if raised is None or not last_name(raised)[:1].isupper() or isinstance(raised, ast.Constant):
        return ""
    dotted = ast.unparse(raised)
    return dotted if dotted.replace(".", "_").isidentifier() and not dotted.startswith(("self.", "cls.")) else ""


def caught(handler: ast.ExceptHandler) -> list[str]:
    """Names of the exceptions that end here; none where the handler raises them again."""
    if any(isinstance(node, ast.Raise) and node.exc is None for node in own_nodes(handler.body)):
        return []
    if handler.type is None:
        return ["BaseException"]
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return [ast.unparse(each) for each in types]


def suppressed(statement: ast.With | ast.AsyncWith) -> list[str]:
    """Names of the exceptions that `contextlib.suppress` swallows."""
    calls = (item.context_expr for item in statement.items)
    return [
        ast.unparse(name)
        for call in calls
        if isinstance(call, ast.Call) and last_name(call.func) == "suppress"
        for name in call.args
    ]


def bases(module: ast.Module) -> dict[str, tuple[str, ...]]:
    """The classes of a file and what they derive from."""
    return {
        node.name: tuple(ast.unparse(base) for base in node.bases)
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
    }


def statement(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, body: Sequence[ast.stmt]) -> str:
    """One true sentence about the body, or empty. It is what documentation says where the model says nothing."""
    if isinstance(node, ast.ClassDef):
        named = [
            source(base, LONGEST_SOURCE) for base in node.bases if last_name(unsubscripted(base)) not in _PLAIN_BASES
        ]
        return f"A kind of {_listed(named)}." if named and all(named) else ""
    last = body[-1] if body else None
    if len(body) == 1 and isinstance(last, ast.Raise) and raised_name(last):
        return f"Raise `{raised_name(last)}`."
    own = list(own_nodes(body))
    yielded = [each.value for each in own if isinstance(each, ast.Yield) and each.value is not None]
    returned = [each.value for each in own if isinstance(each, ast.Return) and each.value is not None]
    for verb, values in (("Yield", yielded), ("Return", returned)):
        sources = {source(value, LONGEST_SOURCE) for value in values}
        if len(sources) == 1 and (text := sources.pop()) and (len(body) == 1 or not text.isidentifier()):
            return f"{verb} `{text}`."
    stored = _unique(
        source(target, LONGEST_SOURCE)
        for each in own
        if isinstance(each, ast.Assign | ast.AnnAssign | ast.AugAssign)
        for target in (each.targets if isinstance(each, ast.Assign) else [each.target])
        if isinstance(target, ast.Attribute)
    )
    if 0 < len(stored) <= 4 and all(stored):
        return f"Set {_listed(stored)}."
    raised = {id(each.exc) for each in own if isinstance(each, ast.Raise)}
    called = _unique(
        source(each.func, LONGEST_SOURCE)
        for each in own
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name | ast.Attribute) and id(each) not in raised
    )
    # Neither a length or a type that is asked for nor a method of a local object says what the body is for.
    local = {each.id for each in own if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    called = [
        name
        for name in called
        if name.replace(".", "_").isidentifier() and name.split(".")[0] not in local and not hasattr(builtins, name)
    ]
    return f"Call {_listed(called[:3])}." if called else ""


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _listed(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
