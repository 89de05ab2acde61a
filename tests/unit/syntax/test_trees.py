"""Trees follow edits exactly, and no source is too odd for them."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.documents.document import Edit
from lsp_server.syntax import grammars
from lsp_server.syntax.edits import MOST_EDITS
from lsp_server.syntax.languages import LANGUAGES, Language, by_name
from lsp_server.syntax.outline import extract
from lsp_server.syntax.trees import SMALL, parse
from lsp_server.text import Span

ODD = {
    "empty": "",
    "blank": " \t\n\f\n",
    "nul": "x = 1\0\ny = 2\n",
    "surrogates": 'x = "\ud83d"\ny = "\ude00🎉"\n',
    "separators": "x = 'a\u2028b\u2029'\ny\x0b\x1c\x85 = 1\n",
    "returns": "x = 1\ry = 2\r\nz = 3\n",
    "mark": "\ufeffx = 1\n",
    "brackets": "([{" * 3000,
    "closers": ")]}" * 3000,
    "quotes": "\"'`" * 3000,
    "nested": "def f():\n" + "".join(f"{' ' * depth}if x:\n" for depth in range(1, 120)),
    "functions": "function f(){" * 2000 + "}" * 2000,
    "one line": "x = [" + "1, " * 20_000 + "]",
}


def language(name: str) -> Language:
    found = by_name(name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("known", LANGUAGES, ids=lambda known: known.name)
def test_odd_source_is_answered(known: Language, name: str) -> None:
    """Every question has an answer everywhere, outside the text too, and an outline is made."""
    tree = parse(known, ODD[name])
    for offset in (-1, 0, 1, len(tree.text) // 2, len(tree.text), len(tree.text) + 1):
        assert tree.kind_at(offset) in ("code", "comment", "string")
        for scope in tree.scopes(offset):
            assert 0 <= scope.span.start <= scope.body.start <= scope.body.end <= len(tree.text)
        tree.block_at(offset)
        tree.opens_block(offset)
        tree.inside_arguments(offset)
    assert tree.with_inserted(0, "é\n").text == "é\n" + tree.text
    assert tree.errors() >= 0
    extract(known, tree.text)


def test_a_parse_that_runs_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text then has a tree of nothing, every question an answer, and the next text a tree as usual."""
    text = "class A:\n" + "    x = f(1)\n" * 5_000
    monkeypatch.setattr(grammars, "PATIENCE", -1.0)
    tree = parse(language("python"), text)
    assert (tree.text, tree.errors(), tree.s_expression()) == (text, 0, "(module)")
    assert (tree.kind_at(len(text)), tree.scopes(len(text)), tree.block_at(20)) == ("code", (), None)
    assert not tree.opens_block(9)
    assert extract(language("python"), text).definitions == ()
    monkeypatch.undo()
    assert [scope.name for scope in parse(language("python"), text, tree).scopes(20)] == ["A"]


def test_a_scanner_that_never_returns_is_not_asked() -> None:
    """Kotlin's hung, with the interpreter's lock, where a text ends within an annotation (`needs_line_end`)."""
    for text in ("val a = 3\n@A", "class A {\n    var b = 1\n    set("):
        assert parse(language("kotlin"), text).kind_at(len(text)) == "code"


def test_errors_are_counted() -> None:
    """Skipped and missing pieces; sound source has none."""
    assert parse(language("python"), "def f():\n    return 1\n").errors() == 0
    assert parse(language("python"), "x = foo(a,\n").errors() >= 1
    assert parse(language("javascript"), "function f() {").errors() == 1


def test_an_insertion_leaves_the_tree_as_it_was() -> None:
    before = parse(language("python"), "é = foo()\n")
    expression = before.s_expression()
    after = before.with_inserted(8, "日本")
    assert after.text == "é = foo(日本)\n"
    assert after.s_expression() == parse(language("python"), after.text).s_expression()
    assert (before.text, before.s_expression()) == ("é = foo()\n", expression)


def test_edits_that_do_not_lead_to_the_text_do_no_harm() -> None:
    """A caller's mistake costs a parse from nothing, never a wrong tree."""
    old = parse(language("python"), "x = 1\n")
    fresh = parse(language("python"), "y = f(2)\n").s_expression()
    for edits in ([], [Edit(Span(0, 1), "z")], [Edit(Span(90, 99), "z")]):
        assert parse(language("python"), "y = f(2)\n", old, edits).s_expression() == fresh


def test_many_edits_at_once_are_followed() -> None:
    old, text = parse(language("go"), "package a\n"), "package a\n"
    edits = []
    for number in range(MOST_EDITS + 5):
        edits.append(Edit(Span(len(text), len(text)), f"var v{number} = 1\n"))
        text += edits[-1].inserted
    assert parse(language("go"), text, old, edits).s_expression() == parse(language("go"), text).s_expression()


SAMPLES = {
    "python": 'class A(B):\n    """Doc é"""\n    def f(self, b="日本"):\n        return f"{b}🎉"  # c\n',
    "typescript": "class A<T> {\n  x: number = 1;\n  f(a: string) { return `x${a}🎉`; } // é\n}\n",
    "tsx": "const A = (p: P) => <a b={p}>日本 {p.x}</a>;\n",
    "javascript": "class A {\n  /* é */ f(a) { if (a) { return [1, {b: '🎉'}]; } }\n}\n",
    "jsx": "function A(p) { return <a b={p}>é</a>; }\n",
    "go": 'package a\nfunc (t *T) F() error {\n\tif a == "é🎉" {\n\t\treturn nil\n\t}\n\tx := []int{1}\n}\n',
}
TOKENS = st.sampled_from(
    [
        "x",
        "(",
        ")",
        "{",
        "}",
        '"',
        "'",
        "\n",
        "\r",
        "\r\n",
        "    ",
        ":",
        "🎉",
        "é",
        "\u2028",
        "\f",
        "#",
        "`",
        "\0",
        "/*",
    ]
)


@given(
    name=st.sampled_from(sorted(SAMPLES)),
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 150), st.integers(0, 8), st.lists(TOKENS, max_size=3)), max_size=3),
        max_size=5,
    ),
)
def test_an_incremental_tree_equals_a_fresh_one(name: str, batches: list[list[tuple[int, int, list[str]]]]) -> None:
    """After any edits, several at a time, in text of characters of one to four bytes."""
    known, text = language(name), SAMPLES[name]
    tree = parse(known, text)
    for batch in batches:
        edits = []
        for place, length, tokens in batch:
            start = min(place, len(text))
            end = min(start + length, len(text))
            edits.append(Edit(Span(start, end), "".join(tokens)))
            text = text[:start] + edits[-1].inserted + text[end:]
        tree = parse(known, text, tree, edits)
        assert tree.text == text
        assert tree.s_expression() == parse(known, text).s_expression()


def test_a_long_text_is_followed_too() -> None:
    """Above the size at which broken text is parsed anew, with characters of several bytes before the edit."""
    text = "# é日本🎉\ndef f(a):\n    return a + 1\n" * (SMALL // 30)
    tree = parse(language("python"), text)
    place = text.index("return", len(text) // 2)
    edit = Edit(Span(place, place + 6), "y = 2; return é +")
    after = text[:place] + edit.inserted + text[place + 6 :]
    assert len(after) > SMALL
    assert (
        parse(language("python"), after, tree, [edit]).s_expression() == parse(language("python"), after).s_expression()
    )


def test_threads_may_share_a_tree() -> None:
    """Each thread has its own parser, and a tree is never written to."""
    tree = parse(language("python"), SAMPLES["python"] * 50)
    expected = tree.with_inserted(5, "X").s_expression()
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(tree.with_inserted(5, "X").s_expression())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
