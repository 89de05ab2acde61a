"""The measurement of *Add documentation*: it draws the same functions again, and its judgement can fail."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from lsp_server.evaluate import documenting
from lsp_server.evaluate.documenting import Judged, Refused, Task

SOURCE = '''import os


class Shop:
    """A shop."""

    def price(self, item, *, currency="EUR", **options):
        """Look it up.

        Args:
            item: What.
        """
        return self.prices[item]

    @staticmethod
    def open(door): "Only documentation"


async def close(shop): """One line."""; return shop
'''


def tasks(folder: Path, count: int = 10, seed: int = 1) -> list[Task]:
    (folder / "shop.py").write_text(SOURCE, encoding="utf-8")
    return documenting.choose(folder, seed, count)


def named(folder: Path, name: str) -> Task:
    return next(task for task in tasks(folder) if task.name == name)


def judged(task: Task, *answers: str | Refused) -> Judged | Refused:
    """The answers in order: of the first run and of the second."""
    given = iter(answers)

    async def document(task: Task, text: str) -> str | Refused:
        return next(given)

    return asyncio.run(documenting.judge(task, document))


def test_equal_seeds_draw_equal_functions(tmp_path: Path) -> None:
    """Figures can be had again."""
    assert tasks(tmp_path, seed=3) == tasks(tmp_path, seed=3)
    assert len(tasks(tmp_path, count=2)) == 2


def test_a_function_loses_its_own_documentation_only(tmp_path: Path) -> None:
    """What the rest of the file says stays: the style is detected there."""
    task = named(tmp_path, "price")
    assert "Look it up" not in task.text
    assert "A shop." in task.text
    assert task.text[task.offset :].startswith("price(self")
    assert task.parameters == ("item", "currency", "options")
    assert "def open(door): pass\n" in named(tmp_path, "open").text
    assert named(tmp_path, "open").parameters == ("door",)
    assert "def close(shop): return shop\n" in named(tmp_path, "close").text


RIGHT = '''        """Say what it costs.

        Args:
            item: What.
            currency (str): Of
                which country.
            **options: More.
        """
'''


def with_documentation(task: Task, documentation: str = RIGHT) -> str:
    return task.text.replace("        return self.prices", documentation + "        return self.prices")


def test_what_is_right_passes(tmp_path: Path) -> None:
    """Exactly the parameters, nothing else changed, and nothing to do the second time."""
    task = named(tmp_path, "price")
    text = with_documentation(task)
    result = judged(task, text, Refused("complete", offered=False))
    assert isinstance(result, Judged)
    assert (result.exact, result.extra, result.same_program, result.lines_kept, result.stable) == (
        (True, (), True, True, True)
    )
    assert result.more


@pytest.mark.parametrize(
    ("field", "old", "new"),
    [
        ("exact", "            item: What.\n", ""),
        ("exact", "item: What.", "thing: What."),
        ("same_program", "self.prices[item]", "self.prices"),
        ("lines_kept", "import os\n", "import os\n\n"),
        ("more", "Say what it costs.", "The price."),
    ],
)
def test_what_is_wrong_is_seen(tmp_path: Path, field: str, old: str, new: str) -> None:
    """Each figure can be missed."""
    task = named(tmp_path, "price")
    text = with_documentation(task)
    assert old in text
    broken = text.replace(old, new)
    result = judged(task, broken, broken)
    assert isinstance(result, Judged)
    if field == "lines_kept":
        # A blank line alone is white space like any other around the string; code is not.
        broken = broken.replace("import os", "import re")
        result = judged(task, broken, broken)
        assert isinstance(result, Judged)
    assert not getattr(result, field)


def test_a_second_run_that_changes_something_is_seen(tmp_path: Path) -> None:
    """Also one that only failed half-way."""
    task = named(tmp_path, "price")
    text = with_documentation(task)
    for answer in (text + "\n", Refused("later", offered=True)):
        result = judged(task, text, answer)
        assert isinstance(result, Judged)
        assert not result.stable


def test_refusals_are_counted(tmp_path: Path) -> None:
    """They are in no share."""

    async def document(task: Task, text: str) -> str | Refused:
        return Refused("Nothing to say.", offered=True)

    given = tasks(tmp_path)
    figures = asyncio.run(documenting.measure(given, document, seed=1, model="none"))
    assert figures.refused == {"Nothing to say.": len(given)}
    assert figures.parameters_exact is None
    assert figures.as_json()["documented"] == 0


@pytest.mark.parametrize(
    ("documentation", "names"),
    [
        ("Do.\n\nArgs:\n    a: One.\n        b: no\n    *c (int): Two\n\nReturns:\n    d: no", ("a", "c")),
        ("Do.\n\nParameters\n----------\na : int\n    b : no\n**c\n\nReturns\n-------\nd", ("a", "c")),
        ("Do.\n\n:param a: One.\n:param int b: Two.\n:type a: c\n:returns: d", ("a", "b")),
        ("Do it: now.", ()),
    ],
)
def test_all_three_styles_are_read(documentation: str, names: Sequence[str]) -> None:
    """By a reader that the action does not share."""
    assert documenting.documented_parameters(documentation) == names
