"""Texts and their replacements."""

import pytest

from lsp_server.actions.edits import applied, diff, indentation_unit, joined, line_end
from lsp_server.actions.values import Replacement
from lsp_server.text import Span


def test_edits_apply_from_the_first_to_the_last() -> None:
    """All spans are of the original text."""
    edits = [Replacement(Span(0, 1), "A"), Replacement(Span(2, 2), "+"), Replacement(Span(2, 3), "C")]
    assert applied("abc", edits) == "Ab+C"


def test_edits_that_overlap_are_a_bug() -> None:
    """Nobody could say what they mean."""
    with pytest.raises(ValueError, match="overlap"):
        applied("abc", [Replacement(Span(0, 2), "x"), Replacement(Span(1, 3), "y")])


def test_edits_that_touch_become_one() -> None:
    """Editors differ in how they take an insertion where a replacement begins."""
    edits = joined([Replacement(Span(2, 3), "C"), Replacement(Span(2, 2), "+"), Replacement(Span(0, 1), "A")])
    assert edits == (Replacement(Span(0, 1), "A"), Replacement(Span(2, 3), "+C"))


@pytest.mark.parametrize(("text", "end"), [("a\r\nb\n", "\r\n"), ("a\rb", "\r"), ("a\n", "\n"), ("a", "\n")])
def test_a_file_has_its_line_end(text: str, end: str) -> None:
    assert line_end(text) == end


@pytest.mark.parametrize(
    ("text", "unit"),
    [("if a:\n  b\n", "  "), ("if a:\n\tb\n", "\t"), ("a\n", "    "), ("if a:\n    if b:\n        c\n", "    ")],
)
def test_a_file_has_its_indentation(text: str, unit: str) -> None:
    assert indentation_unit(text) == unit


def test_a_diff_shows_a_missing_line_end() -> None:
    """As every tool that reads diffs expects."""
    missing = "\\ No newline at end of file\n"
    assert diff("a\nb", "a\nc", "x.py") == f"--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n a\n-b\n{missing}+c\n{missing}"
    assert diff("a\n", "a\n", "x.py") == ""
