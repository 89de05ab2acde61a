"""What speaks for and against a continuation, one sign at a time, and how signs become probabilities."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context.likelihood import (
    SITUATIONS,
    WEIGHTS,
    Candidate,
    Spot,
    Surroundings,
    features,
    probabilities,
    situation,
)
from tests.house import cursor

HERE = """\
class Reader:
    def read(self, path):
        with open(path) as file:
            rows = <CURSOR>
        return check(rows)
"""


def surroundings(marked: str) -> Surroundings:
    text, offset = cursor(marked)
    return Surroundings.of(text, offset, offset)


def candidate(text: str = "parse(file)\n", *elsewhere: str, matched: int = 4, count: float = 1.0) -> Candidate:
    """Said at `<CURSOR>` of each of these texts, where it stands."""
    spots = []
    for marked in elsewhere:
        there, position = cursor(marked)
        assert there.startswith(text, position)
        spots.append(Spot(there, position, position + len(text)))
    return Candidate(text, matched, count, nearest=1.0, verbatim=True, spots=tuple(spots))


def signs(one: Candidate, marked: str = HERE) -> dict[str, float]:
    (found,) = features([one], surroundings(marked))
    return dict(zip(WEIGHTS, found, strict=True))


def test_the_next_line_there_may_be_the_next_line_here() -> None:
    same = "def a():\n        x = <CURSOR>parse(file)\n        return check(rows)\n"
    other = "def a():\n        x = <CURSOR>parse(file)\n        raise Problem\n"
    assert signs(candidate("parse(file)\n", same))["next_line"] == 1.0
    assert signs(candidate("parse(file)\n", other))["next_line"] == 0.0
    assert signs(candidate("parse(file)\n", other, same))["next_line"] == 1.0


def test_tokens_below_are_compared_as_far_as_they_agree() -> None:
    there = "x = <CURSOR>parse(file)\n\n\nreturn check(lines)\n"
    assert signs(candidate("parse(file)\n", there))["next_run"] == len(["return", "check", "("])


def test_names_round_the_place_and_its_parent_are_compared() -> None:
    there = HERE.replace("<CURSOR>", "<CURSOR>parse(file)")
    found = signs(candidate("parse(file)\n", there))
    assert (found["surroundings"], found["parent"]) == (1.0, 1.0)
    elsewhere = signs(candidate("parse(file)\n", "x = <CURSOR>parse(file)\n"))
    assert (elsewhere["surroundings"], elsewhere["parent"]) == (0.0, 0.0)


@pytest.mark.parametrize("typed", ["            ", "    ", ""])
def test_the_parent_is_less_deep_than_the_line_will_be(typed: str) -> None:
    """Whether the editor has indented the line already or the text has to."""
    there = HERE.replace("rows = <CURSOR>", "<CURSOR>go()")
    here = HERE.replace("            rows = ", typed)
    told, position = "            go()\n".removeprefix(typed), there.index("<CURSOR>")
    spot = Spot(there.replace("<CURSOR>", ""), position, position + len("go()\n"))
    one = attrs.evolve(candidate(told), spots=(spot,))
    assert signs(one, here)["parent"] == 1.0


def test_names_that_nobody_knows_here_are_counted() -> None:
    assert signs(candidate("parse(file, mode=unheard)\n"))["unknown"] == 3
    assert signs(candidate("self.read(path, None, 3)\n"))["any_unknown"] == 0


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("parse(\n", "header_without_body"),
        ("parse(\n", "open_bracket"),
        ("parse(file) if (rows\n", "open_bracket"),
        ("\n", "line_end"),
        ("None\n", "single"),
    ],
)
def test_a_text_may_contradict_what_stands_below(text: str, sign: str) -> None:
    marked = "def read(file):\n    rows = <CURSOR>\n    return rows\n"
    assert signs(candidate("parse(file)\n"), marked)[sign] == 0
    assert signs(candidate(text), marked)[sign] == 1


def test_at_the_end_of_a_block_a_body_may_not_be_written_yet() -> None:
    found = signs(candidate("parse(\n"))
    assert (found["header_at_end"], found["header_without_body"], found["open_bracket"]) == (1, 0, 0)


def test_what_stands_deeper_below_needs_a_header() -> None:
    marked = "for row in <CURSOR>\n    go(row)\n"
    assert signs(candidate("rows\n"), marked)["body_without_header"] == 1
    assert signs(candidate("rows:\n"), marked)["body_without_header"] == 0
    assert signs(candidate("zip(\n"), marked)["open_bracket"] == 0


def test_of_several_lines_the_last_stands_above_the_next() -> None:
    """A header that brings its body needs none below."""
    marked = "def f():\n    <CURSOR>\n    return 1\n"
    assert signs(candidate("if a:\n        b()\n"), marked)["header_without_body"] == 0
    assert signs(candidate("if a:\n"), marked)["header_without_body"] == 1


def test_what_stands_right_of_the_cursor_has_to_be_said() -> None:
    marked = "call(<CURSOR>)\n"
    assert signs(candidate("one, two)\n"), marked)["misses_rest"] == 0
    assert signs(candidate("one, two\n"), marked)["misses_rest"] == 1


def test_the_line_above_again_is_a_sign() -> None:
    assert signs(candidate("go(1)\n"), "    x = go(1)\n    x = <CURSOR>\n")["repeats_above"] == 1


def test_the_line_below_is_seldom_said() -> None:
    marked = "    x = <CURSOR>\n    x = go(1)\n    x = go(2)\n"
    found = signs(candidate("go(1)\n"), marked)
    assert (found["repeats_next"], found["repeats_below"]) == (1, 0)
    found = signs(candidate("go(2)\n"), marked)
    assert (found["repeats_next"], found["repeats_below"]) == (0, 1)


def test_names_that_are_exchanged_for_what_stands_below_speak_for_it() -> None:
    one = candidate()
    assert signs(one)["onward"] == 0
    found = signs(attrs.evolve(one, onward=7, exchanged=1, whole=True))
    assert found["onward"] == found["onward_whole"] > found["onward_match"] > 0
    assert found["exchanged"] == 1


def test_the_next_parameter_is_a_sign() -> None:
    assert signs(attrs.evolve(candidate(), succeeds=True))["succeeds"] == 1


def test_a_line_that_stands_near_is_seldom_said_again() -> None:
    marked = "    x = go(1)\n    y = 2\n    x = <CURSOR>\n"
    found = signs(candidate("go(1)\n"), marked)
    assert (found["repeats_near"], found["repeats_above"]) == (1, 0)
    assert signs(candidate("go(2)\n"), marked)["repeats_near"] == 0


def test_what_names_are_made_of_may_stand_near() -> None:
    """`http` and `response` of `HTTPResponse`, on the lines above, and on the line itself."""
    marked = "httpRequest = 1\nlast = read_response(<CURSOR>\n"
    found = signs(candidate("HTTPResponse)\n"), marked)
    assert (found["words_near"], found["words_line"]) == (1.0, 0.5)


def test_half_a_word_and_its_rest_are_one_name() -> None:
    known = "def check_status(code):\n    return check_st<CURSOR>\n"
    found = signs(candidate("atus(code)\n"), known)
    assert (found["unknown"], found["words_line"]) == (0, 0.0)
    assert signs(candidate("range(code)\n"), known)["unknown"] == 1


def test_a_block_may_begin_on_the_next_line() -> None:
    """Behind its header nothing is left of the line, which says nothing about the block."""
    marked = "def f(path):\n    with open(path) as file:<CURSOR>\n"
    found = signs(candidate("\n        return parse(file)\n"), marked)
    assert (found["line_end"], found["unknown"], found["any_unknown"]) == (0, 1, 1)
    assert signs(candidate("\n"), marked)["line_end"] == 1


def test_a_very_long_line_costs_no_more_than_a_long_one() -> None:
    text = "x = [" + "1, " * 300_000
    assert len(Surroundings.of(text, len(text), len(text)).before) < 2_000


def test_names_of_the_header_are_at_home_in_its_body() -> None:
    marked = "def f(one, two):\n    go()\n    check(<CURSOR>\n"
    assert signs(candidate("one, three)\n"), marked)["parent_names"] == 0.5


def test_whoever_matches_less_is_behind() -> None:
    """By tokens, and by a fourth of the places for each."""
    one, two, three = features(
        [candidate(matched=9), candidate(matched=7), candidate(matched=7, count=16.0)], surroundings(HERE)
    )
    behind = list(WEIGHTS).index("behind")
    assert [round(each[behind], 6) for each in (one, two, three)] == [0.0, -2.0, 0.0]


@given(st.lists(st.lists(st.floats(-0.5, 0.5), min_size=len(WEIGHTS), max_size=len(WEIGHTS)).map(tuple), max_size=5))
def test_probabilities_leave_something_for_none(found: list[tuple[float, ...]]) -> None:
    judged = probabilities(found, 0)
    assert len(judged) == len(found)
    assert all(each > 0.0 for each in judged)
    assert sum(judged) < 1.0


@pytest.mark.parametrize(
    ("marked", "wanted"),
    [
        ("def f():\n    a = <CURSOR>\n    return a\n", "inside"),
        ("for a in <CURSOR>\n    go(a)\n", "inside"),
        ("def f():\n    a = <CURSOR>\n\n\ndef g():\n", "end"),
        ("def f():\n    a = <CURSOR>", "end"),
    ],
)
def test_a_block_goes_on_below_or_ends(marked: str, wanted: str) -> None:
    assert SITUATIONS[situation(surroundings(marked), block=False)] == wanted
    assert SITUATIONS[situation(surroundings(marked), block=True)] == "block"


def test_nobody_is_as_likely_as_nobody() -> None:
    assert probabilities([], 0) == []
    assert list(features([], surroundings("<CURSOR>"))) == []
