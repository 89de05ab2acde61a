"""Extractions from random programs, run before and after: the proof by syntax says nothing of order and effects."""

import ast
import random
from typing import Any

import pytest

from lsp_server.actions import extract_variable, source
from lsp_server.actions.edits import applied
from lsp_server.actions.values import Selection
from lsp_server.settings import Settings
from tests import house

HEAD = """
LOG = []
TOTAL = 1

class Box:
    def __init__(self, value):
        self.value = value
        self.items = [value, 2, 3]
    def grow(self, by):
        LOG.append(("grow", by))
        self.value += 1
        self.items = [by, *self.items]
        return self.value
    def same(self, by):
        LOG.append(("same", by))
        return by

def f(by):
    global TOTAL
    LOG.append(("f", by))
    TOTAL += 1
    BOX.value += 1
    BOX.items[0] += 1
    if by == 3:
        raise ValueError(by)
    return BOX.value

BOX = Box(1)
"""

LEAVES = ("n", "m", "1", "2", "3", "TOTAL", "o.value", "o.items[0]", "o.items[n % 3]", "True", "'text'", "len(o.items)")


class Writer:
    """Writes small programs: numbers, an object that calls change, every place where a value may be read."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def expression(self, depth: int) -> str:
        if depth == 0 or self.random.random() < 0.2:
            return self.random.choice(LEAVES)
        a, b, c = (self.expression(depth - 1) for _ in range(3))
        return self.random.choice(
            [
                f"({a} + {b})",
                f"({a} - {b})",
                f"({a} < {b})",
                f"({a} < {b} < {c})",
                f"({a} and {b})",
                f"({a} or {b})",
                f"(not {a})",
                f"({a} if {b} else {c})",
                f"f({a})",
                f"o.grow({a})",
                f"o.same({a})",
                f"[{a}, {b}]",
                f"({a}, {b})",
                f"{{{a}: {b}}}",
                f"sum([n, {a}])",
                f"[{a} for i in range({b})]",
                f"(lambda: {a})()",
                f"f'{{{self.random.choice(('n', 'o.value'))}}}'",
                f"str({a})",
                f"max(n, *[{a}], m, key=lambda x: str(x))",
                f"dict(a={a}, **{{'b': {b}}})",
            ]
        )

    def statements(self, depth: int, indentation: str) -> str:
        return "".join(self.statement(depth, indentation) for _ in range(self.random.randint(1, 3)))

    def statement(self, depth: int, indentation: str) -> str:
        e = self.expression(2)
        simple = [
            f"n = {e}",
            f"m = {e}",
            f"m += {e}",
            f"o.value = {e}",
            f"o.value += {e}",
            f"o.items[n % 3] = {e}",
            f"o.items[o.value % 3] = {e}",
            f"o.items[o.items[0]], o.value = {e}, o.items[0]",
            f"o.items[o.value % 3] += {e}",
            f"assert {e} or True, {self.expression(1)}",
            f"del o.items[{self.expression(1)}]",
            f"raise ValueError({e})",
            f"n, m = {e}, {self.expression(1)}",
            f"LOG.append({e})",
            f"{e}",
            f"n = {e}; m = {self.expression(1)}",
            f"return {e}",
        ]
        if depth == 0 or self.random.random() < 0.6:
            return f"{indentation}{self.random.choice(simple)}\n"
        body = self.statements(depth - 1, indentation + "    ")
        other = self.statements(depth - 1, indentation + "    ")
        return self.random.choice(
            [
                f"{indentation}if {e}:\n{body}{indentation}elif {self.expression(1)}:\n{other}",
                f"{indentation}if {e}: {self.random.choice(simple)}\n",
                f"{indentation}for n in range(min(2, int({e}))):\n{body}",
                f"{indentation}while {e} and len(LOG) < 20:\n{indentation}    LOG.append(0)\n{body}",
                f"{indentation}try:\n{body}{indentation}except ValueError:\n{other}",
            ]
        )

    def program(self) -> str:
        return f"{HEAD}\ndef run(n, m, o):\n{self.statements(2, '    ')}    return n, m\n"


def behaviour(text: str) -> Any:
    """What the program does: calls in their order, the result, what is left behind, and how it fails."""
    world: dict[str, Any] = {}
    exec(compile(text, "<program>", "exec"), world)
    box = world["BOX"]
    try:
        result = repr(world["run"](1, 2, box))
    except Exception as error:  # noqa: BLE001  # whatever it is, it must be the same afterwards
        result = type(error).__name__
    return repr(world["LOG"]), result, repr(box.value), repr(box.items), world["TOTAL"]


def changed(text: str, per_program: int, choose: random.Random) -> list[tuple[str, str]]:
    """Selections of a program, each with the text after each of its extractions."""
    read = source.read(text)
    tree = house.tree(text)
    assert read is not None
    assert tree is not None
    function = read.module.body[-1]
    nodes = [node for node in ast.walk(function) if isinstance(node, ast.expr) and not isinstance(node, ast.Name)]
    found = []
    for node in choose.sample(nodes, min(per_program, len(nodes))):
        asked = Selection(house.document(text), read.span(node), Settings())
        ways = extract_variable.extractions(asked, tree)
        for way in ways.values() if isinstance(ways, dict) else ():
            edits = extract_variable.proven_edits(way, "new", tree)
            assert edits is not None, "an extraction that the rules allow can be proven"
            found.append((read.of(node), applied(text, edits)))
    return found


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("seed", range(6))
def test_random_programs_do_the_same_afterwards(seed: int) -> None:
    """Whatever the calls in them change, and in whatever order."""
    choose = random.Random(seed)
    count = 0
    for number in range(8):
        text = Writer(1000 * seed + number).program()
        before = behaviour(text)
        for selected, after in changed(text, 8, choose):
            count += 1
            assert behaviour(after) == before, f"{selected} in\n{text}\nbecame\n{after}"
    assert count > 20
