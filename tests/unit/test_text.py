"""Lines, offsets and editor positions, against a reading of the text one character at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.text import Encoding, LineIndex, Span, units

PIECES = st.lists(
    st.sampled_from(["a", "é", "日", "🎉", "\ud800", "\n", "\r", "\r\n", "\f", "\u2028", "\0"]), max_size=12
)
TEXTS = PIECES.map("".join)
ENCODINGS: list[Encoding] = ["utf-8", "utf-16", "utf-32"]


def naive_starts(text: str) -> list[int]:
    starts = [0]
    for place, character in enumerate(text):
        if character == "\n" or (character == "\r" and text[place + 1 : place + 2] != "\n"):
            starts.append(place + 1)
    return starts


def starts(index: LineIndex) -> list[int]:
    return [index.start(line) for line in range(len(index))]


def size(character: str, encoding: Encoding) -> int:
    if encoding == "utf-32":
        return 1
    return len(character.encode("utf-8" if encoding == "utf-8" else "utf-16-le", "surrogatepass")) // (
        1 if encoding == "utf-8" else 2
    )


@given(TEXTS)
def test_lines_end_where_the_protocol_says(text: str) -> None:
    """Form feeds, U+2028 and NUL are ordinary characters; a carriage return alone ends a line."""
    assert starts(LineIndex.of(text)) == naive_starts(text)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6), TEXTS), max_size=8))
def test_an_edited_index_is_the_index_of_the_edited_text(text: str, edits: list[tuple[int, int, str]]) -> None:
    """However many edits follow each other, and wherever they break or join a line end."""
    index = LineIndex.of(text)
    for place, length, inserted in edits:
        start = min(place, len(text))
        end = min(start + length, len(text))
        text = text[:start] + inserted + text[end:]
        index = index.edited(text, Span(start, end), len(inserted))
        fresh = LineIndex.of(text)
        assert starts(index) == starts(fresh)
        everywhere = range(-1, len(text) + 2)
        assert [index.line_of(offset) for offset in everywhere] == [fresh.line_of(offset) for offset in everywhere]
        assert index.start(len(index)) == len(text)


@given(TEXTS, st.sampled_from(ENCODINGS))
def test_a_position_leads_back_to_its_offset(text: str, encoding: Encoding) -> None:
    """Except between a carriage return and its line feed, which is no place of its own."""
    index = LineIndex.of(text)
    for offset in range(len(text) + 1):
        line, column = index.position(text, offset, encoding)
        assert line == sum(start <= offset for start in naive_starts(text)) - 1
        assert column == sum(size(character, encoding) for character in text[index.start(line) : offset])
        if text[offset - 1 : offset + 1] != "\r\n" or offset == 0:
            assert index.offset(text, line, column, encoding) == offset


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_positions_outside_are_clamped(encoding: Encoding) -> None:
    """A column past the end of a line ends with the line, before its line end; a line past the last with the text."""
    text = "é🎉\r\nb"
    index = LineIndex.of(text)
    assert index.offset(text, 0, 99, encoding) == 2
    assert index.offset(text, 9, 0, encoding) == len(text)
    assert index.offset(text, -1, 5, encoding) == 0
    assert index.offset(text, 1, -5, encoding) == 4


def test_a_column_inside_a_character_means_its_start() -> None:
    """A client that counts wrongly must not split an emoji."""
    text = "🎉a"
    index = LineIndex.of(text)
    assert [index.offset(text, 0, column, "utf-16") for column in (0, 1, 2, 3)] == [0, 0, 1, 2]
    assert [index.offset(text, 0, column, "utf-8") for column in (1, 3, 4)] == [0, 0, 1]


@given(TEXTS, st.sampled_from(ENCODINGS))
def test_units_are_counted_one_character_at_a_time(text: str, encoding: Encoding) -> None:
    assert units(text, encoding) == sum(size(character, encoding) for character in text)


def test_a_line_is_given_without_its_end() -> None:
    text = "a\r\nb\rc\n\nd"
    index = LineIndex.of(text)
    assert [index.line_text(text, line) for line in range(len(index))] == ["a", "b", "c", "", "d"]
