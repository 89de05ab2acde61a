"""What is left of the model's text: one golden page per behaviour, and properties that hold for any text."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.completion import postprocess
from lsp_server.completion.query import Query
from lsp_server.settings import Settings
from tests import house


def check(golden: house.Golden, update: bool) -> None:
    source = golden.source()
    marked = source.text.removesuffix("\n")
    if source.options.get("newline") == "crlf":
        marked = marked.replace("\n", "\r\n")
    text, offset, answer = house.inserted(marked)
    document = house.document(text, source.kind)
    query = Query(document, offset, Settings(), None, True, source.options.get("popup"))
    mode = source.options["mode"]
    assert mode in ("line", "block")
    result = postprocess.run(answer, query, house.tree(text, source.kind), "block" if mode == "block" else "line")
    assert (result.silence is None) == bool(result.text)
    actual = f"├{result.text}┤".replace("\r", "␍") if result.silence is None else f"silence: {result.silence}"
    golden.check(actual, update=update)


@pytest.mark.parametrize("golden", house.goldens("postprocess"), ids=lambda golden: golden.path.stem)
def test_golden(golden: house.Golden, update: bool) -> None:
    check(golden, update)


PIECES = st.sampled_from(
    [
        "return",
        " ",
        "    ",
        "\n",
        "\n    ",
        "\t",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        "`",
        '"""',
        ":",
        ";",
        ",",
        "total",
        "# don't",
        "def f(a):",
        "if a:",
        "=",
        "+",
        "<|fim_middle|>",
        "\ufffd",
        "\r\n",
        "// x",
        "a.b",
    ]
)
PLACES = [
    ("python", "def f(a):\n    <CURSOR>\n"),
    ("python", "def f(a):\r\n    return g(<CURSOR>)\r\n"),
    ("python", "class A:\n    x = [<CURSOR>\n\n    def f(self):\n        pass\n"),
    ("typescript", "function f() {\n  <CURSOR>\n}\n"),
    ("typescript", 'const a = g("<CURSOR>");\n'),
    ("go", "package a\n\nfunc f() {\n\t<CURSOR>\n}\n"),
    ("plaintext", "Dear <CURSOR>\n"),
]


@settings(max_examples=120, deadline=None)
@given(st.lists(PIECES, max_size=24).map("".join), st.sampled_from(PLACES), st.sampled_from(["line", "block"]))
def test_any_text_keeps_the_promises(answer: str, place: tuple[str, str], mode: str) -> None:
    """Whatever a model writes: no exception, no marks, the document's line ends, one line in line mode."""
    language, marked = place
    query = house.query(marked, language)
    result = postprocess.run(
        answer, query, house.tree(query.document.text, language), "block" if mode == "block" else "line"
    )
    assert (result.silence is None) == bool(result.text.strip())
    assert "<|" not in result.text
    assert "\ufffd" not in result.text
    if mode == "line":
        assert "\n" not in result.text
    newline = "\r\n" if "\r\n" in query.document.text else "\n"
    assert result.text.replace(newline, "").count("\n") == 0


def test_processing_twice_changes_nothing_more() -> None:
    """What came out is accepted as it is: the cache may be checked again."""
    for golden in house.goldens("postprocess"):
        source = golden.source()
        text, offset, answer = house.inserted(source.text)
        query = Query(house.document(text, source.kind), offset, Settings(), None, True)
        mode = "block" if source.options["mode"] == "block" else "line"
        tree = house.tree(text, source.kind)
        once = postprocess.run(answer, query, tree, mode)
        if once.silence is None:
            assert postprocess.run(once.text, query, tree, mode).text == once.text, golden.path.name


def test_every_reason_has_a_sentence() -> None:
    query = house.query("print(<CURSOR>)\n")
    for answer in ("", "  ", ")", "\n", "total <|fim_pad|>"):
        result = postprocess.run(answer, query, house.tree(query.document.text, "python"), "line")
        assert result.silence is None or result.detail.endswith(".")


def test_the_tree_is_not_needed() -> None:
    """The same repairs without a tree, for languages that have none."""
    query = house.query("fn main() {\n    let total = add(<CURSOR>\n}\n", "rust")
    assert postprocess.run("1, 2", query, None, "line").text == "1, 2)"
    assert attrs.astuple(postprocess.run("1, 2)", query, None, "line")) == ("1, 2)", None, "")
