"""What opens and closes something in each language, read from text alone."""

import pytest

from lsp_server.completion.brackets import scan
from lsp_server.completion.lexicon import lexicon
from lsp_server.completion.place import block_style, is_opener
from tests import house

PAGES = house.goldens("syntax")


def kinds(language: str, text: str, lead: str = "") -> list[str]:
    """What is open at the end of a text."""
    seen = scan(text, lexicon(language), lead=lead)
    assert seen.escape is None
    return [mark.kind for mark in seen.stack]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)
def test_a_sound_page_leaves_nothing_open(page: house.Golden) -> None:
    """Read at once, and line by line, as the text around a cursor is."""
    language, text = page.source().kind, page.source().text
    assert kinds(language, text) == []
    stack = ()
    for line in text.splitlines(keepends=True):
        seen = scan(line, lexicon(language), stack)
        assert seen.escape is None, line
        stack = seen.stack
    assert stack == ()


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("ruby", "def f", ["begin"]),
        ("ruby", "def f = 1", []),
        ("ruby", "x = y.class.end", []),
        ("ruby", "return x if y", []),
        ("ruby", "x = if y", ["begin"]),
        ("ruby", "while x do", ["begin"]),
        ("ruby", "f(if: 1, end: 2)", []),
        ("ruby", "x.each do |y|", ["begin"]),
        ("ruby", 'x = "a#{b["c"]', ['"', "${"]),
        ("ruby", 'x = "a#{b}', ['"']),
        ("ruby", "x =~ /[\"']/", []),
        ("ruby", "=begin\ndef f", ["/*"]),
        ("lua", "if x then", ["begin"]),
        ("lua", "for i = 1, 3 do f(function()", ["begin", "(", "begin"]),
        ("lua", "repeat\n  x()\nuntil", []),
        ("lua", "x = [[ it's\n", ["[["]),
        ("lua", "--[[ it's\n", ["/*"]),
        ("lua", "-- it's\n", []),
        ("bash", "if x; then", ["if"]),
        ("bash", "for x in if done; do", ["do"]),
        ("bash", "case $x in\n  a|b) f ;;\n", ["case"]),
        ("bash", "echo ${#x} $# # it's\n", []),
        ("bash", 'x="$(f "a', ['"', "(", '"']),
        ("bash", "x='\\'", []),
        ("rust", "fn f<'a>(x: &'a str) { '\"'; r#\"{\"#", ["{"]),
        ("cpp", 'x = R"({)" + 1\'000 + "{";', []),
        ("csharp", 'f(@"C:\\", $@"{x}\\"', ["("]),
        ("java", 'x = """\n  it\'s "', ['"""']),
        ("kotlin", '"a ${f("b")}', ['"']),
        ("swift", '"a \\(f("b"))', ['"']),
        ("php", "#[A]\n# it's\n// it's\n", []),
        ("php", '"a {$b["c"]}', ['"']),
        ("unheard-of", "f('x', {", ["(", "{"]),
    ],
)
def test_what_is_open(language: str, text: str, expected: list[str]) -> None:
    """The kinds of marks, outermost first."""
    assert kinds(language, text) == expected


@pytest.mark.parametrize(
    ("language", "lead", "text", "expected"),
    [
        ("ruby", "return x ", "if y", []),
        ("ruby", "x = ", "if y", ["begin"]),
        ("bash", "echo ", "done", []),
        ("bash", "  ", "if x; then", ["if"]),
        ("bash", "x; ", "if y; then", ["if"]),
    ],
)
def test_what_stands_before_tells_what_a_word_means(language: str, lead: str, text: str, expected: list[str]) -> None:
    assert kinds(language, text, lead) == expected


def test_a_word_that_closes_something_outside_is_found_where_it_stands() -> None:
    seen = scan("  x\n  done\n", lexicon("bash"))
    assert seen.escape == 6


@pytest.mark.parametrize(
    ("language", "line", "opens"),
    [
        ("ruby", "  def total(tax)", True),
        ("ruby", "  rescue Error => error", True),
        ("ruby", "  x.each do |y|", True),
        ("ruby", "  private def f", True),
        ("ruby", "  x = y if z", False),
        ("ruby", "  if x then y end", False),
        ("ruby", "  def f = 1", False),
        ("lua", "local f = function(a, b)", True),
        ("lua", "else", True),
        ("lua", "f(a)", False),
        ("bash", "if x; then", True),
        ("bash", "  *.gz)", True),
        ("bash", "f() {", True),
        ("bash", "echo then", False),
        ("java", "if (x) {", True),
        ("python", "if x:", True),
        ("java", "if x:", False),
    ],
)
def test_a_header_expects_deeper_lines(language: str, line: str, opens: bool) -> None:
    assert is_opener(line, language) is opens


def test_a_language_has_the_block_style_of_its_table() -> None:
    assert [block_style(name) for name in ("python", "ruby", "rust", "yaml", "unheard-of")] == [
        "indent",
        "keywords",
        "braces",
        "indent",
        "braces",
    ]
