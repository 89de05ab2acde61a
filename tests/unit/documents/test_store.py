"""The text of open documents is what the editor has, whatever it sends."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.documents.document import LARGEST, Document, Edit
from lsp_server.documents.store import Documents
from lsp_server.syntax.languages import by_name
from lsp_server.syntax.trees import parse
from lsp_server.text import Encoding, LineIndex, Span

URI = "file:///project/a.py"

Change = tuple[tuple[int, int], tuple[int, int], str] | tuple[None, None, str]
"""Lines and columns as an editor counts them and the text that replaces what is between; without them, everything."""


def opened(text: str, identifier: str = "python") -> tuple[Documents, Document]:
    documents = Documents()
    return documents, documents.open(URI, None, identifier, 1, text)


def test_a_document_has_our_name_of_its_language() -> None:
    """And the editor's where we know no such language."""
    assert opened("", "typescriptreact")[1].language == "tsx"
    assert opened("", "cobol")[1].language == "cobol"


def test_an_edit_makes_a_new_document_and_leaves_the_old_one() -> None:
    documents, before = opened("ab\ncd\n")
    after = documents.edit(URI, 2, [Edit(Span(1, 4), "é")])
    assert (after.text, after.version, documents.get(URI)) == ("aéd\n", 2, after)
    assert (before.text, before.version) == ("ab\ncd\n", 1)


def test_edits_are_relative_to_the_text_before_each() -> None:
    documents, _ = opened("🎉\n")
    document = documents.edit(
        URI, 2, [Edit(Span(1, 1), "\nx"), Edit(Span(3, 3), "y"), Edit(Span(0, 3), ""), Edit(Span(0, 2), "z\r\n")]
    )
    assert document.text == "z\r\n"


def test_edits_are_applied_by_offset() -> None:
    documents, _ = opened("abc")
    document = documents.edit(URI, 5, [Edit(Span(1, 2), "X"), Edit(Span(2, 99), "Y")])
    assert (document.text, document.version, documents.get(URI)) == ("aXY", 5, document)


def test_a_document_that_is_not_open_is_absent() -> None:
    documents = Documents()
    assert documents.get(URI) is None
    documents.close(URI)
    with pytest.raises(KeyError):
        documents.edit(URI, 2, [])


def test_a_document_opened_twice_has_its_newest_text() -> None:
    documents, _ = opened("a")
    documents.open(URI, None, "go", 7, "b")
    assert [(document.text, document.language, document.version) for document in documents] == [("b", "go", 7)]
    documents.close(URI)
    assert len(documents) == 0


def test_large_and_binary_documents_are_marked() -> None:
    """A limit is a property of the text as it is now, not of how it was opened."""
    documents, document = opened("x" * LARGEST)
    assert (document.too_large, document.binary) == (False, False)
    document = documents.edit(URI, 2, [Edit(Span(5, 5), "\0")])
    assert (document.too_large, document.binary) == (True, True)
    document = documents.edit(URI, 3, [Edit(Span(5, 6), "")])
    assert (document.too_large, document.binary) == (False, False)


PIECES = st.sampled_from(
    ["x", "é", "日", "🎉", "\ud800", "\n", "\r", "\r\n", "\f", "\u2028", "\0", "(", ")", '"', "    ", "def f():\n", ":"]
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)
_END_OF_LINE = re.compile(r"\r\n|\r|\n")


def naive_offset(text: str, position: tuple[int, int], encoding: Encoding) -> int:
    """By the protocol's words: split into lines, count the units of each character."""
    row, column = position
    start = 0
    for _ in range(row):
        end = _END_OF_LINE.search(text, start)
        if end is None:
            return len(text)
        start = end.end()
    found = _END_OF_LINE.search(text, start)
    line = text[start : found.start() if found else len(text)]
    for offset in range(len(line), -1, -1):
        codec = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]
        width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
        if len(line[:offset].encode(codec, "surrogatepass")) // width <= column:
            return start + offset
    raise AssertionError("column 0 always fits")


def edits_of(document: Document, batch: list[Change], encoding: Encoding) -> list[Edit]:
    """The batch by offsets, as `server/convert.py` makes them, each in the text that the one before it left."""
    edits = []
    scratch = Documents()
    document = scratch.open(URI, None, document.language, 1, document.text)
    for start, end, inserted in batch:
        span = Span(0, len(document.text))
        if start is not None and end is not None:
            places = (document.lines.offset(document.text, *place, encoding) for place in (start, end))
            span = Span(*sorted(places))
        edits.append(Edit(span, inserted))
        document = scratch.edit(URI, 1, edits[-1:])
    return edits


@given(
    text=TEXTS,
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-32"]),
    language=st.sampled_from(["python", "typescript", "go"]),
    batches=st.lists(
        st.lists(
            st.one_of(
                st.tuples(
                    st.tuples(st.integers(0, 6), st.integers(0, 9)),
                    st.tuples(st.integers(0, 6), st.integers(0, 9)),
                    TEXTS,
                ),
                st.tuples(st.none(), st.none(), TEXTS),
            ),
            min_size=1,
            max_size=4,
        ),
        max_size=5,
    ),
)
def test_after_any_changes_text_lines_and_tree_are_those_of_a_naive_reader(
    text: str, encoding: Encoding, language: str, batches: list[list[Change]]
) -> None:
    """Emoji, lone surrogates, all line ends, form feeds and U+2028, in all three encodings."""
    documents, document = opened(text, language)
    known = by_name(language)
    assert known is not None
    tree = parse(known, text)
    for version, batch in enumerate(batches, 2):
        for start, end, inserted in batch:
            if start is None or end is None:
                text = inserted
                continue
            first, last = sorted((naive_offset(text, start, encoding), naive_offset(text, end, encoding)))
            text = text[:first] + inserted + text[last:]
        edits = edits_of(document, batch, encoding)
        document = documents.edit(URI, version, edits)
        assert (document.text, document.version) == (text, version)
        fresh = LineIndex.of(text)
        assert [document.lines.start(line) for line in range(len(document.lines))] == [
            fresh.start(line) for line in range(len(fresh))
        ]
        tree = parse(known, text, tree, edits)
        assert tree.s_expression() == parse(known, text).s_expression()
