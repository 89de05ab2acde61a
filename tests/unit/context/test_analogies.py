"""Which places are like the cursor's, and how names are exchanged."""

import pytest

from lsp_server.context import analogies
from lsp_server.context.analogies import Alike


def alike(before: str, text: str, *, half: bool = False) -> list[Alike]:
    sought = analogies.Tokens(before).words
    return list(analogies.alike(sought, analogies.Tokens(text), half=half, from_start=False))


def test_a_name_is_the_same_other_one_throughout() -> None:
    (found,) = alike("left = scale(left, by) + left.", "top = scale(top, by) + top.size")
    assert found.names == {"top": "left", "scale": "scale", "by": "by"}
    assert found.exchanged == 1


def test_a_name_that_would_be_two_ends_the_comparison() -> None:
    (found,) = alike("left = scale(left, right)[0] + ", "top = scale(top, top)[0] + 1")
    assert (found.same, found.exchanged) == (6, 1)


def test_two_names_that_would_be_one_end_the_comparison() -> None:
    (found,) = alike("left = scale(left, left)[0] + ", "top = scale(top, low)[0] + 1")
    assert (found.same, found.exchanged) == (6, 1)


def test_too_little_alike_is_not() -> None:
    assert alike("left = ", "top = 1") == []


def test_keywords_and_marks_are_never_exchanged() -> None:
    assert all(found.same < 6 for found in alike("if not left.is_open(here):\n", "if all(top.is_open(here)):\n"))


def test_numbers_are_exchanged_for_numbers_only() -> None:
    (found,) = alike("point[2] = row[2] + ", "point[1] = row[1] + low")
    assert found.names["1"] == "2"
    assert alike("point[x] = row[x] + ", "point[1] = row[1] + low") == []


def test_the_nearest_places_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analogies, "MOST_PLACES", 1)
    (found,) = alike("f(a, b) + ", "f(a, b) + 1\nf(a, b) + 2")
    assert found.number == 16


def test_half_a_word_may_go_on() -> None:
    (found,) = alike("top.move(by)\ntop.res", "left.move(by)\nleft.resize(by)", half=True)
    assert found.names["left"] == "top"


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("width(width)", {"width": "height"}, "height(height)"),
        ("WIDTH, MaxWidth, min_width", {"width": "height"}, "HEIGHT, MaxHeight, min_height"),
        ("by, bytes", {"by": "to"}, "to, bytes"),
        ("fetch_order(order)", {"order": "f"}, "fetch_order(f)"),
        ("width", {"test_width": "test_height"}, "height"),
        ("not ready", {"is_not": "is_all"}, "not ready"),
        ("return ret", {"ret": "val"}, "return val"),
        ("print(points)", {"int": "text"}, "print(points)"),
        ("throw(rows)", {"row": "col"}, "throw(rows)"),
        ("getUserName()", {"userName": "orderTotal"}, "getOrderTotal()"),
        ("row1[1]", {"1": "2"}, "row1[2]"),
        ("width", {"width": "width"}, "width"),
    ],
    ids=[
        "whole",
        "part in other forms",
        "short parts",
        "parts of short names",
        "difference",
        "keywords",
        "beginnings of keywords",
        "within other words",
        "beginnings of other words",
        "humps",
        "numbers",
        "same",
    ],
)
def test_names_are_exchanged(text: str, names: dict[str, str], expected: str) -> None:
    assert analogies.renamed(text, names) == expected


def test_tokens_know_where_they_stand() -> None:
    text = "\n\nif left:\n\n    go(left)\n"
    tokens = analogies.Tokens(text)
    assert tokens.words == ["\n", "if", "left", ":", "\n", "go", "(", "left", ")"]
    stands = [text[tokens.start(at) : tokens.end(at)] for at in range(len(tokens.words))]
    assert [said for said in stands if said != "\n"] == ["if", "left", ":", "go", "(", "left", ")"]


def onward(names: dict[str, str], below: str, there: str) -> Alike | None:
    return analogies.onward(names, analogies.Tokens(below).words, analogies.Tokens(there).words)


def test_what_stands_below_names_more() -> None:
    found = onward({"self": "self"}, "self.add(hours, 24)", "self.add(days, 24)")
    assert found is not None
    assert found.names["days"] == "hours"
    assert (found.same, found.exchanged) == (7, 1)


def test_a_name_that_is_known_from_above_keeps_its_meaning() -> None:
    assert onward({"days": "days"}, "self.add(hours, 24)", "self.add(days, 24)") is None


def test_below_too_a_name_is_the_same_other_one_throughout() -> None:
    found = onward({}, "add(hours, span(minutes))", "add(days, span(days))")
    assert found is not None
    assert (found.same, found.names) == (5, {"add": "add", "days": "hours", "span": "span"})


def test_where_nothing_has_to_be_exchanged_below_nothing_is_found() -> None:
    assert onward({}, "self.add(days, 24)", "self.add(days, 24)") is None


def test_below_too_little_alike_is_not() -> None:
    assert onward({}, "hours = 1", "days.add(2)") is None
