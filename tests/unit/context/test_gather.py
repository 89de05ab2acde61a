"""Which pieces of a repository are chosen for a place, shown on golden pages, and the promises of every choice."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.context.gather import Place, cost, gather
from lsp_server.context.snippet import Snippet
from tests.house import Golden, cursor, goldens
from tests.unit.context.small_index import SmallIndex


def place_of(page: Golden) -> tuple[Place, SmallIndex, int]:
    """Every block with a path is a file; the one with `<CURSOR>` asks. Options: `budget`, `recent=PATH:FIRST-LAST`."""
    files = {block.options["path"]: block.text for block in page.blocks if "path" in block.options}
    own = next(path for path, text in files.items() if "<CURSOR>" in text)
    options = next(block.options for block in page.blocks if block.options.get("path") == own)
    text, offset = cursor(files[own])
    files[own] = text
    recent: tuple[tuple[str, int, int], ...] = ()
    if "recent" in options:
        path, _, lines = options["recent"].partition(":")
        first, _, last = lines.partition("-")
        recent = ((path, int(first), int(last)),)
    return Place(own, text, offset, recent=recent), SmallIndex(files), int(options.get("budget", "2000"))


def shown(snippets: tuple[Snippet, ...]) -> str:
    return "\n\n".join(
        f"{snippet.path} ({snippet.source}: {snippet.reason})\n{snippet.text.rstrip()}" for snippet in snippets
    )


@pytest.mark.parametrize("page", goldens("context"), ids=lambda page: page.path.stem)
def test_golden(page: Golden, update: bool) -> None:
    """Each page shows one reason for choosing or leaving out."""
    place, reader, budget = place_of(page)
    page.check(shown(gather(place, reader, budget)), update=update)


@pytest.mark.parametrize("page", goldens("context"), ids=lambda page: page.path.stem)
@given(budget=st.integers(0, 3000))
@settings(max_examples=25, deadline=None)
def test_every_budget_is_kept(page: Golden, budget: int) -> None:
    """The snippets with their paths never take more than they may, and stand in the order of path and line."""
    place, reader, _ = place_of(page)
    snippets = gather(place, reader, budget)
    assert sum(map(cost, snippets)) <= budget
    order = [(snippet.path, snippet.lines or (-1, -1)) for snippet in snippets]
    assert order == sorted(order)
    assert all(len(snippet.reason) <= 80 and snippet.path != place.path for snippet in snippets)


@pytest.mark.parametrize("page", goldens("context"), ids=lambda page: page.path.stem)
def test_equal_questions_have_equal_answers(page: Golden) -> None:
    """The same place of the same index gives the same snippets."""
    place, reader, budget = place_of(page)
    again, fresh, _ = place_of(page)
    assert gather(place, reader, budget) == gather(again, fresh, budget)


def test_without_an_index_there_is_nothing() -> None:
    """A file outside every workspace has no related code."""
    assert gather(Place("a.py", "x = 1\n", 3), None, 1000) == ()


def test_no_budget_asks_nothing() -> None:
    """With related code switched off the index is left alone."""
    reader = SmallIndex({"a.py": "x = 1\n"})
    assert gather(Place("a.py", "x = 1\n", 3), reader, 0) == ()
    assert reader.asked == 0


def test_a_large_repository_takes_milliseconds() -> None:
    """What this room itself computes stays far below its 20 ms, with 24 imports of large modules."""
    module = "".join(f"def make_{number}(first, second):\n    return first\n\n\n" for number in range(200))
    files = {f"pkg/m{number}.py": module for number in range(40)}
    files["a.py"] = "".join(f"import pkg.m{number}\n" for number in range(40)) + "value = pkg.m1.make_3(1, 2)\n" * 30
    reader = SmallIndex(files)
    place = Place("a.py", files["a.py"], len(files["a.py"]))
    took = []
    for _ in range(3):
        began = time.process_time()
        gather(place, reader, 4000)
        took.append(time.process_time() - began)
    assert min(took) < 0.5
