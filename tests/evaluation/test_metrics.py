"""What counts as right."""

import pytest

pytest.importorskip("rapidfuzz")

from models.evaluation import metrics
from models.evaluation.engine import Step
from models.evaluation.holes import Hole, Kind, Opened


def hole(before: str, truth: str, after: str, kind: Kind = "line") -> Opened:
    return Opened(Hole("p", "m.py", "", len(before), len(before + truth), kind, "equals"), before, truth, after)


LINE = hole("total = ", "first + second", "\nprint(total)\n")


def test_the_truth_scores_full_marks() -> None:
    found = metrics.judged(LINE, LINE.truth, LINE.truth)
    assert found == metrics.Judged(exact=True, similarity=100, identifier=True, exact_inserted=True, parses=True)


def test_nothing_scores_nothing() -> None:
    found = metrics.judged(LINE, "", "")
    assert found == metrics.Judged(exact=False, similarity=0, identifier=False, exact_inserted=False, parses=None)


def test_white_space_at_line_ends_does_not_count() -> None:
    assert metrics.exact("a = 1  \nb = 2\n", "a = 1\nb = 2")
    assert not metrics.exact(" a = 1", "a = 1")


def test_the_first_identifier_is_no_keyword_and_stands_in_no_string() -> None:
    assert metrics.first_identifier('not "name" in names  # other') == "names"
    assert metrics.first_identifier("return None") is None


def test_a_hole_without_identifiers_asks_for_none() -> None:
    assert metrics.judged(hole("x = ", "[1, 2, 3]", "\n"), "[1, 2]", "").identifier is None


def test_what_is_inserted_is_judged_with_the_file_around_it() -> None:
    assert metrics.judged(LINE, "(first", "(first").parses is False


def steps(*pairs: tuple[str, str | None]) -> list[Step]:
    """(given, said) for each step, then the one behind the last."""
    led = [Step(given.encode(), None if said is None else said.encode(), 0.1) for given, said in pairs[:-1]]
    last = pairs[-1][1]
    return [*led, Step(None, None if last is None else last.encode(), 0.0)]


@pytest.mark.parametrize(
    ("led", "right"),
    [
        (steps(("first", "first"), (" + second", " - second"), ("", None)), True),
        (steps(("first", "other"), (" + second", " + second\n"), ("", " more")), True),
        (steps(("first", "first"), (" + second", " + second"), ("", "\n    ")), True),
        (steps(("first", "first"), (" + second", None), ("", None)), False),
        (steps(("first", "first\n"), (" + second", " + second"), ("", None)), False),
        (steps(("first", "first"), (" + second", " + second"), ("", " + third")), False),
    ],
)
def test_a_line_ends_where_the_truth_ends(led: list[Step], right: bool) -> None:
    """With an end token or a line end, also in one token with the last characters; what else it says is no matter."""
    assert metrics.stops("line", LINE.truth, led) is right


@pytest.mark.parametrize(
    ("led", "right"),
    [
        (steps(("f(x)", "f(x)"), ("", ")")), True),
        (steps(("f(x)", "f(x))\n"), ("", None)), True),
        (steps(("f(", "f("), ("x)", ")"), ("", ")")), True),
        (steps(("f(x)", ")"), ("", ")")), False),
        (steps(("f(x)", "f(x)"), ("", ", y")), False),
    ],
)
def test_arguments_end_with_the_bracket_of_the_call(led: list[Step], right: bool) -> None:
    """Brackets that the arguments opened themselves end nothing."""
    assert metrics.stops("arguments", "f(x)", led) is right


def test_a_block_ends_with_an_end_token_only() -> None:
    assert metrics.stops("block", "a\nb", steps(("a\n", "a\n"), ("b", "b"), ("", None)))
    assert not metrics.stops("block", "a\nb", steps(("a\n", "a\n"), ("b", "b"), ("", "\n")))
