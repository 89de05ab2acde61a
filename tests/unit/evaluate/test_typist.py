"""How a code editor changes what is typed into it. `|` is the caret."""

import pytest

from lsp_server.evaluate.typist import Typist


def typist(text: str) -> Typist:
    return Typist(text.replace("|", "", 1), text.index("|"))


def shown(field: Typist) -> str:
    return field.text[: field.caret] + "|" + field.text[field.caret :]


@pytest.mark.parametrize(
    ("before", "keys", "after"),
    [
        ("f|", "(", "f(|)"),
        ("f|", "(a)", "f(a)|"),
        ("f|", "('k', [1])", "f('k', [1])|"),
        ("f|x", "(", "f(|x"),
        ("x = |", '"', 'x = "|"'),
        ("it|", "'s", "it's|"),
        ("# f|", "(", "# f(|"),
        ("x = |", 'f"', 'x = f"|'),
        ("x = 'a|'", ")", "x = 'a)|'"),
        ("f(|)", ")", "f()|)"),
    ],
    ids=[
        "an opening bracket is closed",
        "the added bracket is typed over",
        "pairs nest",
        "nothing is added before a name",
        "a quote is closed",
        "an apostrophe in a word is not",
        "nothing is added in a comment",
        "nor after a letter, as with f-strings",
        "nor in a string",
        "a bracket that was there before is not typed over",
    ],
)
def test_pairs(before: str, keys: str, after: str) -> None:
    field = typist(before)
    for key in keys:
        field.type(key)
    assert shown(field) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    x = 1|", "    x = 1\n    |"),
        ("if x:|", "if x:\n    |"),
        ("    f(|", "    f(\n        |"),
    ],
    ids=["keeps the indentation", "indents after a colon", "indents after an open bracket"],
)
def test_enter(before: str, after: str) -> None:
    field = typist(before)
    field.enter()
    assert shown(field) == after


def test_enter_between_brackets_puts_the_second_on_its_own_line() -> None:
    field = typist("    f|")
    field.type("(")
    field.enter()
    assert shown(field) == "    f(\n        |\n    )"
    assert field.keys[-1].insert == "\n        \n    "


def test_backspace_removes_one_step_of_indentation() -> None:
    field = typist("      |x")
    field.backspace()
    assert shown(field) == "    |x"
    field.backspace()
    assert shown(field) == "|x"


def test_backspace_in_an_empty_pair_removes_both() -> None:
    field = typist("f|")
    field.type("(")
    field.backspace()
    assert shown(field) == "f|"


def test_undo_takes_back_what_was_typed_in_a_row() -> None:
    field = typist("x = |")
    field.type("a")
    field.pause()
    for letter in "bcd":
        field.type(letter)
    field.undo()
    assert shown(field) == "x = a|"
    assert (field.keys[-1].remove, field.keys[-1].insert) == (3, "")


def test_a_jump_ends_what_can_be_typed_over() -> None:
    field = typist("f|\n")
    field.type("(")
    field.jump(2)
    field.type(")")
    assert shown(field) == "f()|)\n"
    assert field.keys[-1].run == 1
