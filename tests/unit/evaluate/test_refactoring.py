"""The judge of extractions: what it draws, and every way in which a change can be wrong."""

from pathlib import Path

import pytest

from lsp_server.evaluate import refactoring
from lsp_server.evaluate.refactoring import Task
from lsp_server.text import Span


def verdict(before: str, selected: str, after: str, name: str = "new") -> str:
    start = before.index(selected)
    return refactoring.check(Task(Path("a.py"), before, Span(start, start + len(selected)), ""), after, name).wrong


def test_a_true_extraction_passes() -> None:
    """In a method, beside a property whose two functions have one name."""
    head = "class A:\n    @property\n    def p(self):\n        return 1\n    @p.setter\n    def p(self, value):\n"
    before = f"{head}        self.x = value.y + value.y\n"
    after = f"{head}        new = value.y\n        self.x = new + new\n"
    assert verdict(before, "value.y", after) == ""


def test_a_statement_that_got_a_name_passes() -> None:
    """There is no use, and the value stays where it was."""
    assert verdict("def f():\n    g(1)\n", "g(1)", "def f():\n    new = g(1)\n") == ""


@pytest.mark.parametrize(
    ("after", "wrong"),
    [
        pytest.param("def f(a):\n    new = (\n", "does not parse", id="no Python"),
        pytest.param(
            "def f(a):\n    new = a.c\n    return new + 1\n\ndef g():\n    return 2\n", "another tree", id="other"
        ),
        pytest.param(
            "def f(a):\n    new = a.b\n    return new + 2\n\ndef g():\n    return 2\n", "another tree", id="rest"
        ),
        pytest.param("def f(a):\n    return a.b + 1\n\ndef g():\n    return 3\n", "another bytecode", id="elsewhere"),
    ],
)
def test_a_wrong_change_is_named(after: str, wrong: str) -> None:
    """The judge can fail."""
    assert verdict("def f(a):\n    return a.b + 1\n\ndef g():\n    return 2\n", "a.b", after) == wrong


def test_expressions_are_drawn_by_the_seed(tmp_path: Path) -> None:
    """The same again, others with another seed, and never more than a few of one file."""
    for number in range(4):
        (tmp_path / f"m{number}.py").write_text("".join(f"x{n} = f({n}) + a.b{n}\n" for n in range(30)))
    first = refactoring.choose([tmp_path], 1, 12)
    assert first == refactoring.choose([tmp_path], 1, 12)
    assert first != refactoring.choose([tmp_path], 2, 12)
    assert max([task.path for task in first].count(task.path) for task in first) <= 4
    assert all(task.text[task.span.start : task.span.end].strip() for task in first)
