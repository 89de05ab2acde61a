"""Names for new Python variables: what the model said made a proper name, else one from the expression itself."""

import ast
import builtins
import keyword
import re
import unicodedata
from collections.abc import Container

LONGEST = 40
"""Characters; what is longer is a sentence."""

_WORD = re.compile(r"[^\W\d]\w*")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_VERBS = frozenset(("as", "build", "calculate", "compute", "create", "do", "fetch", "find", "from", "generate", "get"))
_VERBS |= frozenset(("iter", "load", "make", "new", "open", "parse", "read", "resolve", "search", "select", "to"))
_TAKEN = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "self", "cls"})
_SEQUENCES = (ast.List, ast.Tuple, ast.ListComp, ast.GeneratorExp)


def cleaned(said: str, used: Container[str], *, constant: bool = False) -> str | None:
    """What the model said as a usable name, in snake case (capitals for constants); None where it is none.

    Usable: one word of two letters to `LONGEST`, not in `used`, no keyword, no builtin, not private.
    """
    if _WORD.fullmatch(said.strip()) is None:
        return None
    name = _formed(said, constant)
    return None if name is None or _is_taken(name, used) else name


def from_expression(node: ast.expr, parent: ast.AST | None, used: Container[str], *, constant: bool = False) -> str:
    """A plain name that the expression or its place suggests; numbered where that is used already."""
    words = _hint(parent, node) or _told(node) or "value"
    name = _formed(words, constant) or ("VALUE" if constant else "value")
    if _is_taken(name, used) and isinstance(node, ast.Call):
        name = f"{name}_result"
    number, plain = 2, name
    while _is_taken(name, used):
        name, number = f"{plain}_{number}", number + 1
    return name


def _formed(said: str, constant: bool) -> str | None:
    """The first word in the form of a variable's name, or None."""
    found = _WORD.match(said.strip())
    if found is None:
        return None
    name = _HUMP.sub("_", found[0]).strip("_")
    name = name.upper() if constant else name.lower()
    # Python takes names that look alike for one; only the form that it makes of them is the name's own.
    proper = name.isidentifier() and unicodedata.is_normalized("NFKC", name)
    return name if proper and 1 < len(name) <= LONGEST else None


def _is_taken(name: str, used: Container[str]) -> bool:
    return name in used or name in _TAKEN


def _hint(parent: ast.AST | None, node: ast.expr) -> str | None:
    """What the place says: the keyword of an argument."""
    if isinstance(parent, ast.keyword) and parent.arg is not None and not _is_taken(parent.arg, ()):
        return parent.arg
    return None


def _told(node: ast.expr) -> str | None:
    """What the expression says."""
    match node:
        case ast.Await(value=inner) | ast.Starred(value=inner) | ast.NamedExpr(value=inner):
            return _told(inner)
        case ast.Call(func=ast.Name(id="len"), args=[of]):
            return f"{_singular(_told(of) or 'item')}_count"
        case ast.Call(func=function):
            return _result(_told(function) or "")
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name.strip("_")
        case ast.Subscript(value=of, slice=ast.Constant(value=str() as key)):
            return key if key.isidentifier() else _singular(_told(of) or "item")
        case ast.Subscript(value=of, slice=ast.Slice()):
            return f"{_told(of) or 'items'}_part"
        case ast.Subscript(value=of):
            return _singular(_told(of) or "item")
        case ast.Constant(value=bool()):
            return "flag"
        case ast.Constant(value=int() | float() | complex()):
            return "number"
        case ast.Constant(value=str() as text):
            words = "_".join(re.findall(r"[A-Za-z]\w*", text)[:3])
            return words if words and len(text) <= LONGEST else "text"
        case ast.JoinedStr():
            return "text"
        case ast.Constant(value=bytes()):
            return "content"
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return "condition"
        case ast.BinOp(op=ast.Add()):
            return "total"
        case ast.BinOp(op=ast.Sub()):
            return "difference"
        case ast.BinOp(op=ast.Mult()):
            return "product"
        case ast.BinOp(op=ast.Div() | ast.FloorDiv()):
            return "quotient"
        case ast.BinOp(op=ast.Mod()):
            return "text" if isinstance(node.left, ast.Constant) and isinstance(node.left.value, str) else "remainder"
        case ast.Dict() | ast.DictComp():
            return "mapping"
        case ast.Set() | ast.SetComp():
            return "unique"
        case ast.Lambda():
            return "function"
        case _:
            return "items" if isinstance(node, _SEQUENCES) else None


def _result(function: str) -> str:
    """What a function of this name returns: `get_user` a user, `User` a user, `is_open` whether it is."""
    words = [word for word in _HUMP.sub("_", function).lower().split("_") if word]
    while len(words) > 1 and words[0] in _VERBS:
        del words[0]
    return "_".join(words) if words and words != ["get"] else "result"


def _singular(name: str) -> str:
    if name.endswith("ies") and len(name) > 4:
        return f"{name[:-3]}y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") and len(name) > 3 else f"{name}_item"
