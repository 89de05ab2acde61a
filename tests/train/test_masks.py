"""What is taken out of a file, and what never is."""

import random

import pytest

from lsp_server.syntax.languages import by_name
from models.train.examples.masks import KINDS, Hole, Source, unclosed
from tests.train.small_corpus import CART, ORDER, STORE

HOLES = [kind for kind in KINDS if kind != "plain"]


def source(text: str, language: str = "python") -> Source:
    found = by_name(language)
    assert found is not None
    return Source(found, text)


def drawn(text: str, kind: str, language: str = "python", count: int = 200) -> list[Hole]:
    chance = random.Random(1)
    file = source(text, language)
    return [hole for _ in range(count) if (hole := file.draw(kind, chance)) is not None]


def middles(text: str, kind: str, language: str = "python") -> set[str]:
    return {text[hole.start : hole.end] for hole in drawn(text, kind, language)}


@pytest.mark.parametrize("kind", HOLES)
@pytest.mark.parametrize(("text", "language"), [(STORE, "python"), (ORDER, "python"), (CART, "typescript")])
def test_every_kind_is_found_and_never_empty(text: str, language: str, kind: str) -> None:
    """Each kind of hole exists in ordinary code of several languages and holds something."""
    found = drawn(text, kind, language)
    assert found
    for hole in found:
        assert hole.kind == kind
        assert text[hole.start : hole.end].strip()


def test_a_line_hole_ends_where_its_line_ends() -> None:
    for hole in drawn(STORE, "line"):
        assert "\n" not in STORE[hole.start : hole.end]
        assert STORE[hole.end] == "\n"


def test_line_holes_begin_between_words_inside_words_and_after_indentation() -> None:
    begins = [(STORE[hole.start - 1], STORE[hole.start]) for hole in drawn(STORE, "line")]
    assert any(before.isalnum() and after.isalnum() for before, after in begins)
    assert any(before == " " and after.isalnum() for before, after in begins)
    assert any(not STORE[: hole.start].rpartition("\n")[2].strip() for hole in drawn(STORE, "line"))


def test_a_rest_of_closers_alone_is_not_asked_for() -> None:
    """The editor has put them there; nobody waits for them."""
    assert middles("print(abc(d[1]))\n" * 3, "line").isdisjoint({")", "))", "]))", "):"})


def test_an_argument_hole_ends_before_its_bracket() -> None:
    for hole in drawn(STORE, "arguments"):
        assert STORE[hole.end] == ")"


def test_arguments_over_several_lines_keep_their_last_comma() -> None:
    text = "value = call(\n    first,\n    second=third,\n)\n"
    assert "first,\n    second=third," in middles(text, "arguments")


def test_a_block_hole_begins_after_indentation_and_ends_with_its_last_statement() -> None:
    found = middles(STORE, "block")
    assert 'self.orders.insert(0, order)\n            order.note("urgent")' in found
    for hole in drawn(STORE, "block"):
        assert not STORE[: hole.start].rpartition("\n")[2].strip()
        assert STORE[hole.end] == "\n"
        assert STORE.count("\n", hole.start, hole.end) < 8


def test_a_block_in_braces_leaves_its_closing_brace() -> None:
    assert "this.prices.set(name, known.plus(price));\n      return;" in middles(CART, "block", "typescript")


def test_a_docstring_hole_has_neither_quotes_nor_their_indentation() -> None:
    assert "Adds an order unless there is no room.\n\n        Urgent orders come first." in middles(STORE, "docstring")
    assert "What a visitor has put aside so far." in middles(CART, "docstring", "typescript")


def test_an_annotation_hole_is_a_type() -> None:
    assert {"str", "bool", "list[Order]"} <= middles(STORE, "annotation")
    assert "Map<string, Price>" in middles(CART, "annotation", "typescript")


def test_a_name_hole_is_the_name_of_a_definition_or_its_end() -> None:
    names = ("Store", "__init__", "add", "total", "discount", "name", "room", "orders")
    for middle in middles(STORE, "name"):
        assert any(name.endswith(middle) for name in names)


def test_nothing_is_taken_out_of_the_licence_above_the_code() -> None:
    head = "# Copyright somebody\n# All rights reserved, see LICENSE\n"
    for kind in ("line", "span"):
        assert all(hole.start >= len(head) - 1 for hole in drawn(head + STORE, kind))


@pytest.mark.parametrize(
    "line",
    [
        'api_key = "abcdef0123456789abcdef"',
        "table = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]",
        'checksum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
        "import os  # noqa: F401",
    ],
)
def test_what_nobody_types_is_not_asked_for(line: str) -> None:
    """Secrets, data and words to tools."""
    assert not drawn(f"{line}\n", "line")


def test_a_file_that_is_broken_still_has_lines() -> None:
    assert drawn("def broken(:\n    return value + other\n", "line")


def test_offsets_count_characters() -> None:
    text = 'name = "日本語"\nvalue = compute(first, second)\n'
    assert "first, second" in middles(text, "arguments")


@pytest.mark.parametrize(
    ("rest", "quote", "closers"),
    [
        ("first, second)", "", ")"),
        ("first(a, b), second[0])]", "", ")]"),
        ("a, b)):", "", "))"),
        ('name") or other', '"', '")'),
        ('name, ")")', "", ")"),
        ("value  # (see there", "", ""),
    ],
)
def test_an_editor_has_closed_what_was_opened_before_the_cursor(rest: str, quote: str, closers: str) -> None:
    assert unclosed(rest, quote) == closers
