"""Where a stream ends: at the right place, as early as it can be known, however it is cut into pieces."""

import pytest

from lsp_server.completion.query import Query
from lsp_server.completion.scope import ScopeStop, loop_start, run_start
from lsp_server.settings import Settings
from tests import house


def feed(
    marked: str, answer: str, language: str = "python", mode: str = "block", step: int = 1, max_lines: int = 16
) -> tuple[str | None, int]:
    """What is kept of a streamed answer (None while it is not complete), and how much had come when it was known."""
    query = house.query(marked, language)
    stop = ScopeStop(
        query, house.tree(query.document.text, language), "block" if mode == "block" else "line", max_lines
    )
    for end in range(step, len(answer) + step, step):
        so_far = answer[:end]
        cut = stop.feed(so_far)
        if cut is not None:
            assert stop.feed(answer) == cut, "a cut is final"
            return so_far[:cut], len(so_far)
    return None, len(answer)


def test_a_line_ends_at_its_line_end() -> None:
    assert feed("total = <CURSOR>\n", "price * 2\nprint(total)\n", mode="line") == ("price * 2", 10)


def test_a_line_ends_before_a_closer_that_stands_after_the_cursor() -> None:
    assert feed("print(<CURSOR>)\n", "total))", mode="line") == ("total", 6)


def test_a_line_that_begins_with_a_line_end_is_empty() -> None:
    assert feed("total = 1<CURSOR>\n", "\nprint()", mode="line") == ("", 1)


def test_a_block_ends_at_the_first_character_further_left() -> None:
    kept, seen = feed("def f():\n    <CURSOR>\n", "return 1\n\n\ndef g():\n    pass\n")
    assert kept == "return 1"
    assert seen == len("return 1\n\n\n")


def test_a_block_goes_on_over_one_blank_line_in_an_empty_body() -> None:
    assert feed("def f():\n    <CURSOR>\n", "a = 1\n\n    return a\n")[0] is None


def test_a_block_ends_before_the_brace_below() -> None:
    kept, seen = feed("function f() {\n  <CURSOR>\n}\n", "return 1;\n}\n\nf();", "typescript")
    assert (kept, seen) == ("return 1;", len("return 1;\n}"))


def test_a_block_keeps_the_brace_that_is_missing_below() -> None:
    kept, _ = feed("function f() {\n  <CURSOR>\n\nfunction g() {\n}\n", "return 1;\n}\nf();\n", "typescript")
    assert kept == "return 1;\n}"


def test_inner_braces_do_not_end_a_block() -> None:
    answer = "if (a) {\n    b();\n  } else {\n    c();\n  }\n  return 1;\n}\n"
    kept, _ = feed("function f() {\n  <CURSOR>\n}\n", answer, "typescript")
    assert kept == "if (a) {\n    b();\n  } else {\n    c();\n  }\n  return 1;"


def test_braces_in_strings_and_comments_do_not_count() -> None:
    answer = "a('}'); // }\n  b(`}${c}`);\n  /* } */ d();\n}\n"
    kept, _ = feed("function f() {\n  <CURSOR>\n}\n", answer, "typescript")
    assert kept == "a('}'); // }\n  b(`}${c}`);\n  /* } */ d();"


def test_an_unindented_line_inside_a_long_string_does_not_end_a_block() -> None:
    answer = 'query = """\nselect\n"""\n    return query\nx = 1\n'
    assert feed("def f():\n    <CURSOR>\n", answer)[0] == 'query = """\nselect\n"""\n    return query'


def test_unindented_comments_end_a_python_block() -> None:
    assert feed("def f():\n    <CURSOR>\n", "return 1\n# next\n")[0] == "return 1"


def test_a_case_label_ends_the_case_above() -> None:
    marked = "package a\n\nfunc f(a int) {\n\tswitch a {\n\tcase 1:\n\t\t<CURSOR>\n\t}\n}\n"
    assert feed(marked, "g()\n\tcase 2:\n\t\th()\n", "go")[0] == "g()"


def test_a_statement_after_a_header_closes_itself() -> None:
    kept, seen = feed("func f() {\n\tfor {<CURSOR>\n", "\n\t\tg()\n\t}\n\th()\n", "go")
    assert kept == "\n\t\tg()\n\t}"
    assert seen == len("\n\t\tg()\n\t}\n")


def test_a_header_that_ends_a_parameter_list_has_a_body_to_its_left() -> None:
    assert feed("def f(a,\n      b):<CURSOR>\n", "\n    return a\n\nf(1, 2)\n")[0] == "\n    return a"


def test_nested_functions_belong_to_the_body() -> None:
    answer = "@wraps(f)\n    def inner():\n        return f()\n    return inner\n"
    assert feed("def outer(f):\n    <CURSOR>\n", answer)[0] is None


def test_two_blank_lines_end_a_block() -> None:
    assert feed("def f():\n    <CURSOR>\n", "a = 1\n\n\n    b = 2\n")[0] == "a = 1"


def test_a_paragraph_ends_at_a_blank_line() -> None:
    assert feed("def f():\n    a = 1\n    <CURSOR>\n    return a\n", "a += 1\n\n    a += 2\n")[0] == "a += 1"


def test_a_block_ends_where_the_next_line_comes_again() -> None:
    answer = "low = min(a)\n    high = max(a)\n    return high - low\n    return"
    assert feed("def f(a):\n    <CURSOR>\n    return high - low\n", answer)[0] == "low = min(a)\n    high = max(a)"


def test_a_block_has_a_longest_length() -> None:
    kept, seen = feed("def f():\n    <CURSOR>\n", "a\n    b\n    c\n    d\n", max_lines=2)
    assert (kept, seen) == ("a\n    b", len("a\n    b\n"))


def test_a_loop_of_lines_ends_a_block_after_one_round() -> None:
    assert feed("def f():\n    <CURSOR>\n", "go(1)\n    go(1)\n    go(1)\n")[0] == "go(1)"


def test_closers_and_blank_lines_are_no_loop() -> None:
    assert loop_start(["})", "})", "})"]) is None
    assert loop_start(["a", "b", "a", "b", "a", "b"]) == 2


def test_rulers_are_no_loop() -> None:
    assert run_start("# " + "-" * 60) is None
    assert run_start("x = a.b.b.b.b.b.b.b.b.b.b.b.b.b.b") is not None


@pytest.mark.parametrize("golden", house.goldens("postprocess"), ids=lambda golden: golden.path.stem)
def test_pieces_of_any_size_end_alike(golden: house.Golden) -> None:
    """Character by character, in threes or all at once: the same text is kept, on every golden page."""
    source = golden.source()
    text, offset, answer = house.inserted(source.text)
    answer = answer.replace("\r", "") + "\n"
    query = Query(house.document(text, source.kind), offset, Settings(), None, True)
    mode = source.options["mode"]
    marked = text[:offset] + house.CURSOR + text[offset:]
    whole = ScopeStop(query, house.tree(text, source.kind), "block" if mode == "block" else "line", 16).feed(answer)
    for step in (1, 3):
        kept, _ = feed(marked, answer, source.kind, mode, step)
        assert kept == (None if whole is None else answer[:whole])
