"""What evaluating a Python expression may do, and in which order statements evaluate: rules of *Extract variable*.

Types are unknown, so these are assumptions, chosen to err towards refusing:

* calls, `await`, `yield`, `:=` and comprehensions may do anything: they have an *effect*;
* attributes, subscripts and operators only read, but what they read changes with every effect;
* a local variable changes only where its own function assigns to it; any other name only where some function of the
  file declares it `global` or `nonlocal`;
* looking up the method of a call (`self.items.append`) gives the same before and after the arguments.
"""

import ast
from collections.abc import Iterator

_EFFECTS = (
    ast.Call,
    ast.Await,
    ast.Yield,
    ast.YieldFrom,
    ast.NamedExpr,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
_NUMERIC = (ast.Add, ast.Sub, ast.Mult)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = ast.Module | Function


def evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what lies in it, without the bodies of lambdas and definitions, which run at another time."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        if isinstance(current, ast.Lambda):
            waiting.append(current.args)
        elif isinstance(current, Function):
            waiting += [*current.decorator_list, current.args]
        else:
            waiting += ast.iter_child_nodes(current)


def has_effect(node: ast.AST) -> bool:
    return any(isinstance(part, _EFFECTS) for part in evaluated(node))


def is_harmless(node: ast.expr) -> bool:
    """A value that is the same whenever and however often it is evaluated, and that cannot fail: literals."""
    match node:
        case ast.Constant():
            return True
        case ast.Tuple(elts=parts):
            return all(is_harmless(part) for part in parts)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not(), operand=ast.Constant(value=value)):
            return isinstance(value, (int, float, complex)) or isinstance(node.op, ast.Not)
        case ast.BinOp(left=left, op=operator, right=right):
            return isinstance(operator, _NUMERIC) and _is_number(left) and _is_number(right)
        case _:
            return False


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return is_harmless(node)
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool)


class Names:
    """Which names a scope has, and which of them a call may rebind behind its back."""

    def __init__(self, module: ast.Module, scope: Scope, *, partial: bool) -> None:
        """`partial`: the module is only a part of the file; what the rest declares is not known."""
        self._partial = partial
        self._local = isinstance(scope, Function)
        self._own = bound(scope) if isinstance(scope, Function) else set()
        self._declared: set[str] = set()
        for node in ast.walk(module):
            if isinstance(node, (ast.Global, ast.Nonlocal)):
                self._declared.update(node.names)

    def stable(self, name: str) -> bool:
        """Does only code of this scope itself give the name another value?"""
        if name in self._declared:
            return False
        return name in self._own or not self._partial


def bound(scope: ast.AST) -> set[str]:
    """The names that a scope itself binds: parameters, targets, imports, definitions, patterns, `except … as`."""
    found: set[str] = set()
    for node in _of_scope(scope):
        found.update(names_bound(node))
    return found


def names_bound(node: ast.AST) -> Iterator[str]:
    """The names that one node binds (or unbinds), without what lies in it."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(name=name, asname=other):
            yield other or name.partition(".")[0]
        case (
            ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name)
        ):
            yield name
        case ast.MatchMapping(rest=str() as name):
            yield name


def _of_scope(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope; of a definition inside only its name, its decorators and its defaults."""
    waiting: list[ast.AST] = []
    if isinstance(scope, Function):
        waiting += [scope.args, *scope.body]
    else:
        waiting += ast.iter_child_nodes(scope)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, (ast.Lambda, ast.ClassDef, Function)):
            continue
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            # Their targets are their own; only `:=` inside binds out here.
            waiting += [part.target for part in ast.walk(node) if isinstance(part, ast.NamedExpr)]
            continue
        waiting += ast.iter_child_nodes(node)


def before(parent: ast.AST, field: str, index: int | None, child: ast.AST) -> list[ast.expr] | None:
    """What `parent` evaluates before its part `child`; None where it does other things before, such as storing."""
    match parent:
        case ast.Assign():
            if field == "targets":
                return [parent.value] if index == 0 else None
            return []
        case ast.AugAssign():
            return [parent.target] if field == "value" else []
        case ast.Raise():
            return [parent.exc] if field == "cause" and parent.exc is not None else []
        case ast.stmt() | ast.withitem() | ast.comprehension():
            return []
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp() | ast.IfExp() | ast.NamedExpr():
            return [parent.test] if isinstance(parent, ast.IfExp) and field != "test" else []
        case ast.Dict():
            pairs = zip(parent.keys, parent.values, strict=True)
            return _until([part for pair in pairs for part in pair if part is not None], child)
        case ast.Call():
            return _until([parent.func, *parent.args, *(keyword for keyword in parent.keywords)], child)
        case ast.Tuple(ctx=ast.Store()) | ast.List(ctx=ast.Store()) | ast.Starred(ctx=ast.Store()):
            return None
        case ast.expr() | ast.keyword():
            return _until(list(ast.iter_child_nodes(parent)), child)
        case _:
            return None


def _until(parts: list[ast.AST], child: ast.AST) -> list[ast.expr]:
    earlier = []
    for part in parts:
        if part is child:
            break
        if isinstance(part, ast.keyword):
            earlier.append(part.value)
        elif isinstance(part, ast.expr):
            earlier.append(part)
    return earlier


def may_swap(earlier: ast.expr, later: ast.expr, names: Names, *, callee: bool) -> bool:
    """Is it the same whether `earlier` or `later` is evaluated first? `callee`: `earlier` is what a call calls."""
    if has_effect(earlier) and not (callee and _is_super_method(earlier)):
        return False
    return not has_effect(later) or _settled(earlier, names, callee=callee)


def _settled(node: ast.expr, names: Names, *, callee: bool) -> bool:
    """Does the node have the same value after something with an effect?"""
    match node:
        case ast.Constant() | ast.Lambda():
            return True
        case ast.Name(id=name):
            return callee or names.stable(name)
        case ast.Attribute(value=value):
            return callee and (_settled(value, names, callee=True) or _is_super(value))
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return all(_settled(part, names, callee=False) for part in parts)
        case ast.Dict(keys=keys, values=values):
            return all(key is not None and _settled(key, names, callee=False) for key in keys) and all(
                _settled(value, names, callee=False) for value in values
            )
        case _:
            return False


def _is_super_method(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and _is_super(node.value)


def _is_super(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="super"), args=[], keywords=[]):
            return True
        case _:
            return False
