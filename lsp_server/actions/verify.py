"""The proof of a change before anybody sees it: the file still parses, and beyond the change it is the same program.

Each action says what its change does to the tree; here the edited tree is turned back and compared with the original
one, node by node. What cannot be proven is not offered.
"""

import ast
from collections.abc import Sequence

from lsp_server.actions import source as sources
from lsp_server.actions.edits import applied
from lsp_server.actions.source import Source
from lsp_server.actions.values import Replacement
from lsp_server.syntax.trees import SyntaxTree, parse
from lsp_server.text import Span


def edited(before: Source, edits: Sequence[Replacement]) -> Source | None:
    """The text after the edits, parsed: wholly, or in the same part; None where it does not parse."""
    text = applied(before.text, edits)
    if not before.partial:
        return sources.read(text)
    part = Span(before.part.start, before.part.end + len(text) - len(before.text))
    if any(edit.span.start < before.part.start or edit.span.end > before.part.end for edit in edits):
        return None
    module = sources.parsed(text[part.start : part.end])
    return None if module is None else Source(text, module, part, partial=True)


def new_errors(tree: SyntaxTree, text: str) -> bool:
    """Has `text` more places that are no Python than the text of `tree`? Counts what tree-sitter skips or misses."""
    return parse(tree.language, text).errors() > tree.errors()


def extracts(before: Source, after: Source, scope: ast.AST, name: str, uses: int) -> bool:
    """Is `after` the program `before` with an expression of `scope` given a name, which stands for it in `uses` places?

    The one assignment to `name` in the scope (a module or function of `before`) is taken out again and its value put
    back wherever the name is read there. The result must be the original tree. Without any use, an expression that
    stood as a statement was given a name. Changes the tree of `after`.
    """
    twin = _twin(before, after, scope)
    if twin is None:
        return False
    back = _Inlining(name)
    back.visit(twin)
    undone = back.assignments == 1 and back.uses == back.dominated == uses and not back.others
    return undone and sources.same_program(after, before)


def _twin(before: Source, after: Source, node: ast.AST) -> ast.AST | None:
    """What stands in the one tree where `node` stands in the other."""
    steps = []
    while (holder := before.holder(node)) is not None:
        steps.append(holder)
        node = holder.node
    twin: object = after.module
    for step in reversed(steps):
        twin = getattr(twin, step.field, None)
        if step.index is not None:
            twin = twin[step.index] if isinstance(twin, list) and step.index < len(twin) else None
    return twin if isinstance(twin, ast.AST) else None


class _Inlining(ast.NodeTransformer):
    """Undoes an extraction, in place."""

    def __init__(self, name: str) -> None:
        self.assignments = 0
        self.uses = 0
        self.dominated = 0
        """Uses in the same block after the assignment: every other one might come without it."""
        self.others = False
        """Whether the name stands anywhere else: as a parameter, a definition, an import, another target."""
        self._name = name
        self._value: ast.expr | None = None

    def visit(self, node: ast.AST) -> ast.AST | None:
        for field, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self._take_out(value)
            named = value if isinstance(value, (list, tuple)) else (value,)
            if self._name in named and not isinstance(node, (ast.Name, ast.Constant, ast.Attribute, ast.keyword)):
                self.others = self.others or field in _NAMING
        if isinstance(node, ast.Name) and node.id == self._name:
            if isinstance(node.ctx, ast.Load) and self._value is not None:
                self.uses += 1
                return self._value
            self.others = True
            return node
        return self.generic_visit(node)

    def _take_out(self, block: list[ast.stmt]) -> None:
        """Removes the assignment from its block; one that nothing follows up becomes a statement of its value."""
        for place, statement in enumerate(block):
            match statement:
                case ast.Assign(targets=[ast.Name(id=self._name)]):
                    self.assignments += 1
                    self._value = statement.value
                    self.dominated = _uses(block[place + 1 :], self._name)
                    if self.dominated:
                        del block[place]
                    else:
                        block[place] = ast.copy_location(ast.Expr(statement.value), statement)
                    return


_NAMING = frozenset({"arg", "name", "asname", "names", "rest"})
"""Fields that hold names which are no `ast.Name`."""


def _uses(block: list[ast.stmt], name: str) -> int:
    nodes = (node for statement in block for node in ast.walk(statement))
    return sum(isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load) for node in nodes)
