"""Positions, changes and answers across the door."""

from pathlib import Path

import pytest
from lsprotocol import types

from lsp_server.completion.query import Answer, Completion
from lsp_server.documents.document import Document
from lsp_server.server import convert
from lsp_server.server.session import silent
from lsp_server.text import Encoding, LineIndex, Span


def document(text: str) -> Document:
    return Document("file:///a.py", Path("/a.py"), "python", 1, text, LineIndex.of(text))


def answer(*items: Completion, superseded: bool = False) -> Answer:
    return Answer(items, superseded, silent("empty", "").explanation)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["utf-8", "utf-16"], "utf-8"),
        (["utf-16"], "utf-16"),
        (["utf-32", "utf-8"], "utf-32"),
        (["utf-7", "utf-8"], "utf-8"),
        (["utf-7"], "utf-16"),
        ([], "utf-16"),
        (None, "utf-16"),
    ],
)
def test_the_first_known_encoding_is_chosen(offered: list[str] | None, chosen: str) -> None:
    """The client's order counts; utf-16 where it names nothing that we know."""
    general = types.GeneralClientCapabilities(position_encodings=offered)
    assert convert.choose_encoding(types.ClientCapabilities(general=general)) == chosen


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 5), ("utf-16", 3), ("utf-32", 2)])
def test_an_emoji_before_the_cursor(encoding: Encoding, column: int) -> None:
    """The column counts code units of the negotiated encoding, the offset characters."""
    text = "x\n😀a"
    assert convert.to_offset(document(text), types.Position(1, column), encoding) == 4
    assert convert.to_position(document(text), 4, encoding) == types.Position(1, column)


def test_positions_past_the_end_are_clamped() -> None:
    """Past the end of a line, and past the last line."""
    text = document("ab\ncd")
    assert convert.to_offset(text, types.Position(0, 99), "utf-16") == 2
    assert convert.to_offset(text, types.Position(99, 0), "utf-16") == 5


def test_a_change_becomes_an_edit() -> None:
    """A range becomes a span, exchanged ends are put in order, no range means the whole text."""
    text = document("a\x0cb\nc\n")
    here = types.Range(types.Position(1, 1), types.Position(1, 0))
    partial = convert.to_edit(text, types.TextDocumentContentChangePartial(here, "Z"), "utf-16")
    assert (partial.span, partial.inserted) == (Span(4, 5), "Z")
    whole = convert.to_edit(text, types.TextDocumentContentChangeWholeDocument("new"), "utf-16")
    assert (whole.span, whole.inserted) == (Span(0, 6), "new")


def test_the_portable_shape() -> None:
    """A plain string and an empty range exactly where the client asked, even past the end of the line."""
    asked = types.Position(0, 7)
    found = convert.to_inline_completions(
        answer(Completion("(x)", Span(2, 2), from_cache=True)), document("ab\n"), asked, 2, "utf-16"
    )
    assert found == types.InlineCompletionList(
        [types.InlineCompletionItem(insert_text="(x)", range=types.Range(asked, asked))]
    )


def test_nothing_is_an_empty_list_and_superseded_is_null() -> None:
    """Clients clear old ghost text for the first and keep it for the second."""
    here = types.Position(0, 0)
    assert convert.to_inline_completions(answer(), document(""), here, 0, "utf-16") == types.InlineCompletionList([])
    assert convert.to_inline_completions(answer(superseded=True), document(""), here, 0, "utf-16") is None


def test_the_fallback_is_one_short_row_with_the_whole_text_beside_it() -> None:
    """A completion menu shows one row; `isIncomplete` makes the client ask again."""
    text = "\n    return " + "x" * 80
    found = convert.to_completion_list(
        answer(Completion(text, Span(0, 0), from_cache=False)), document(""), types.Position(0, 0), 0, "utf-16"
    )
    (item,) = found.items
    assert found.is_incomplete
    assert item.label == "return " + "x" * 52 + "…"
    assert item.documentation == text
    assert item.text_edit == types.TextEdit(types.Range(types.Position(0, 0), types.Position(0, 0)), text)


def test_watched_globs_name_what_is_indexed_and_what_says_what_is_not() -> None:
    """Watching everything would exhaust the system's watches."""
    assert list(convert.watched_globs([".py", ".go"])) == [
        "**/*.{go,py}",
        "**/{.gitignore,.codehearthignore}",
        "**/{Cargo.toml,composer.json,go.mod,jsconfig.json,tsconfig.json}",
    ]
