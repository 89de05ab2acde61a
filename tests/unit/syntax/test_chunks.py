"""Files are divided where a person would divide them."""

from hypothesis import given
from hypothesis import strategies as st

from lsp_server.syntax.chunks import LONGEST
from lsp_server.syntax.languages import by_name
from lsp_server.syntax.outline import extract


def chunks(source: str, language: str = "python") -> list[tuple[int, int, str]]:
    known = by_name(language)
    assert known is not None
    return [(chunk.line, chunk.end_line, chunk.name) for chunk in extract(known, source).chunks]


def function(name: str, lines: int, indent: str = "") -> str:
    return f"{indent}def {name}():\n" + f"{indent}    x = 1\n" * (lines - 1)


def test_each_definition_is_a_chunk_and_so_is_what_lies_between() -> None:
    source = "import a\n\n\n" + function("f", 4) + "\nx = f()\n\n" + function("g", 3)
    assert chunks(source) == [(0, 0, ""), (3, 6, "f"), (8, 8, ""), (10, 12, "g")]


def test_a_comment_above_belongs_to_the_definition() -> None:
    """So does a documentation comment of several lines, but not one that a blank line parts from it."""
    source = "// Licence.\n\n/**\n * Says why.\n */\nfunction f() {\n  return 1;\n}\n"
    assert chunks(source, "typescript") == [(0, 0, ""), (2, 7, "f")]


def test_a_long_class_is_divided_by_its_members() -> None:
    source = 'class A:\n    """Doc."""\n\n' + "\n".join(function(f"f{n}", 20, "    ") for n in range(4))
    assert chunks(source) == [
        (0, 1, "A"),
        (3, 22, "A.f0"),
        (24, 43, "A.f1"),
        (45, 64, "A.f2"),
        (66, 85, "A.f3"),
    ]


def test_a_short_class_stays_whole() -> None:
    assert chunks("class A:\n" + function("f", 10, "    ") + function("g", 10, "    ")) == [(0, 20, "A")]


def test_a_long_function_is_cut_at_a_blank_line() -> None:
    source = "def f():\n" + "    x = 1\n" * 49 + "\n" + "    y = 2\n" * 49
    assert chunks(source) == [(0, 49, "f"), (51, 99, "f")]


def test_small_definitions_stay_together() -> None:
    assert chunks("type A = string;\ntype B = number;\nconst c = 1;\n", "typescript") == [(0, 2, "")]


def test_blank_files_have_no_chunks() -> None:
    assert chunks("") == []
    assert chunks("\n  \n\f\n") == []


@given(
    st.lists(st.sampled_from(["class A:", "    def f(self):", "        x = 1", "", "def g():", "    y", "# c", ")"]))
)
def test_every_line_that_is_not_blank_is_in_exactly_one_chunk(parts: list[str]) -> None:
    lines = [line for part in parts for line in [part] * (25 if part.strip() == "x = 1" else 1)]
    taken: list[int] = []
    for line, end_line, _ in chunks("\n".join(lines)):
        assert end_line - line < LONGEST
        assert lines[line].strip()
        assert lines[end_line].strip()
        taken.extend(range(line, end_line + 1))
    assert len(set(taken)) == len(taken)
    assert {place for place, line in enumerate(lines) if line.strip()} <= set(taken)
