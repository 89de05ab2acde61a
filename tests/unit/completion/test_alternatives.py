"""Which text is offered where the engine's own cannot stand."""

import math

import pytest

from lsp_server.completion import alternatives
from lsp_server.completion.alternatives import Chosen, choose
from lsp_server.completion.place import Mode
from lsp_server.completion.query import Query
from lsp_server.settings import Settings
from tests import house

BODY_BELOW = "def f(a):\n    <CURSOR>\n    return a\n"
NOTHING_BELOW = "def f(a):\n    <CURSOR>\n\n\ndef g():\n    pass\n"


def chosen(marked: str, text: str, *others: str, mode: Mode = "line") -> Chosen:
    source, offset = house.cursor(marked)
    query = Query(house.document(source, "python"), offset, Settings(), None, automatic=False)
    return choose(text, others, query, house.tree(source, "python"), mode)


@pytest.mark.parametrize("text", ["if a:", "b = call("], ids=["header", "bracket"])
def test_what_contradicts_the_lines_below_is_replaced(text: str) -> None:
    found = chosen(BODY_BELOW, text, "if b:\n", "b = call(a)\n")
    assert (found.processed.text, found.second) == ("b = call(a)", True)


def test_what_fits_is_kept() -> None:
    assert chosen(BODY_BELOW, "b = a", "b = call(a)\n") == chosen(BODY_BELOW, "b = a")


def test_a_header_is_kept_where_its_body_can_still_be_written() -> None:
    assert not chosen(NOTHING_BELOW, "if a:", "b = call(a)\n").second


def test_a_header_is_kept_where_its_body_stands() -> None:
    assert not chosen("def f(a):\n    <CURSOR>\n        return a\n", "if a:", "b = call(a)\n").second


def test_what_would_be_silent_is_replaced() -> None:
    """Here because the next line says it already."""
    found = chosen("def f(a):\n    <CURSOR>\n    return a\n", "return a", "a += 1\n")
    assert (found.processed.text, found.second) == ("a += 1", True)


def test_without_another_text_that_fits_the_own_is_kept() -> None:
    found = chosen(BODY_BELOW, "if a:", "while a:\n", "for b in a:\n")
    assert (found.processed.text, found.second) == ("if a:", False)


def test_in_a_large_document_there_is_no_second_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alternatives, "LARGEST", len(BODY_BELOW) - len("<CURSOR>") - 1)
    assert not chosen(BODY_BELOW, "if a:", "b = call(a)\n").second


def test_a_block_has_no_second_choice() -> None:
    assert not chosen(BODY_BELOW, "if a:", "b = call(a)\n", mode="block").second


def test_a_line_without_end_is_replaced() -> None:
    """Nothing is left of it; where the engine says that nothing comes here, nothing does."""
    source, offset = house.cursor(BODY_BELOW)
    query = Query(house.document(source, "python"), offset, Settings(), None, automatic=False)
    tree = house.tree(source, "python")
    assert choose("", ["b = a\n"], query, tree, "line", endless=True).processed.text == "b = a"
    assert choose("", ["b = a\n"], query, tree, "line").processed.text == ""


def test_a_second_choice_is_less_sure() -> None:
    assert alternatives.sure(-0.1) == pytest.approx(-0.1 + math.log(0.5))
    assert alternatives.sure(None) is None
