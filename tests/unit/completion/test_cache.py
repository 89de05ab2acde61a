"""Answers without an engine, over the edits that typing along is made of."""

import time

import attrs

from lsp_server.completion.brackets import around
from lsp_server.completion.cache import LOOK_BACK, Cache, Hit
from lsp_server.settings import Settings
from tests import house


def remembered(marked: str, text: str | None, language: str = "python", mode: str = "line") -> Cache:
    cache = Cache()
    query = house.query(marked, language)
    cache.put(query, text, "block" if mode == "block" else "line", around(query, None).open)
    return cache


def rest(cache: Cache, marked: str, language: str = "python", **options: object) -> str | None:
    hit = cache.get(house.query(marked, language, **options))  # type: ignore[arg-type]
    return None if hit is None else hit.text


def test_the_same_place_has_the_same_answer() -> None:
    cache = remembered("total = <CURSOR>\n", "price * 2")
    assert cache.get(house.query("total = <CURSOR>\n")) == Hit("price * 2", True, "line")


def test_typing_along_leaves_the_rest() -> None:
    cache = remembered("total = <CURSOR>\n", "price * 2")
    assert cache.get(house.query("total = pri<CURSOR>\n")) == Hit("ce * 2", False, "line")


def test_typing_something_else_has_no_answer() -> None:
    assert rest(remembered("total = <CURSOR>\n", "price * 2"), "total = q<CURSOR>\n") is None


def test_everything_typed_leaves_nothing() -> None:
    assert rest(remembered("total = <CURSOR>\n", "price"), "total = price<CURSOR>\n") is None


def test_backspace_comes_back_to_the_earlier_answer() -> None:
    cache = remembered("total = <CURSOR>\n", "price * 2")
    assert rest(cache, "total = q<CURSOR>\n") is None
    assert rest(cache, "total = <CURSOR>\n") == "price * 2"


def test_the_nearest_answer_wins() -> None:
    cache = remembered("total = <CURSOR>\n", "price * 2")
    cache.put(house.query("total = p<CURSOR>\n"), "rice + tax", "line")
    assert rest(cache, "total = pr<CURSOR>\n") == "ice + tax"


def test_an_answer_is_looked_back_for_over_its_longest_distance() -> None:
    long = "x" * (LOOK_BACK + 10)
    cache = remembered("a = <CURSOR>\n", long)
    assert rest(cache, f"a = {'x' * LOOK_BACK}<CURSOR>\n") == "x" * 10
    assert rest(cache, f"a = {'x' * (LOOK_BACK + 1)}<CURSOR>\n") is None


def test_a_parenthesis_inserted_by_the_editor_is_reconciled() -> None:
    cache = remembered("<CURSOR>\n", "print(total, file=log)")
    assert rest(cache, "print(<CURSOR>)\n") == "total, file=log"
    assert rest(cache, "print(tot<CURSOR>)\n") == "al, file=log"


def test_typing_over_the_inserted_parenthesis_comes_back_to_the_answer() -> None:
    cache = remembered("<CURSOR>\n", "print(total).real")
    assert rest(cache, "print(total<CURSOR>)\n") is None
    assert rest(cache, "print(total)<CURSOR>\n") == ".real"


def test_quote_and_parenthesis_inserted_by_the_editor_are_reconciled() -> None:
    cache = remembered("<CURSOR>\n", 'print("total", total)')
    assert rest(cache, 'print("<CURSOR>")\n') == "total"


def test_a_brace_inserted_by_the_editor_keeps_its_own_line() -> None:
    cache = remembered("function f() <CURSOR>\n", "{\n  return 1;\n}", "typescript", "block")
    assert rest(cache, "function f() {<CURSOR>}\n", "typescript") == "\n  return 1;\n"


def test_enter_between_braces_is_reconciled() -> None:
    cache = remembered("function f() <CURSOR>\n", "{\n  return 1;\n}", "typescript", "block")
    assert rest(cache, "function f() {\n  <CURSOR>\n}\n", "typescript") == "return 1;"


def test_indentation_typed_by_enter_is_typed_along() -> None:
    cache = remembered("def f():<CURSOR>\n", "\n    a = 1\n    return a", mode="block")
    assert rest(cache, "def f():\n    <CURSOR>\n") == "a = 1\n    return a"


def test_a_closer_that_belongs_to_nothing_typed_is_another_place() -> None:
    assert rest(remembered("a = <CURSOR>\n", "price * 2"), "a = pri<CURSOR>)\n") is None


def test_other_text_after_the_cursor_is_another_place() -> None:
    cache = remembered("a = <CURSOR>\nprint(a)\n", "price * 2")
    assert rest(cache, "a = <CURSOR>\nprint(b)\n") is None
    assert rest(cache, "a = p<CURSOR>\nprint(b)\n") is None


def test_an_edit_elsewhere_leaves_answers_alone() -> None:
    far = "# far away\n" * 100
    cache = remembered(far + "a = <CURSOR>\n" + far, "price * 2")
    assert rest(cache, "# new\n" + far + "a = <CURSOR>\n" + far + "# new\n") == "price * 2"


def test_known_to_be_empty_holds_at_the_very_place_only() -> None:
    cache = remembered("a = <CURSOR>\n", None)
    assert cache.get(house.query("a = <CURSOR>\n")) == Hit("", True, "line")
    assert rest(cache, "a = p<CURSOR>\n") is None


def test_known_to_be_empty_is_tried_again_for_somebody_who_asks() -> None:
    cache = remembered("a = <CURSOR>\n", None)
    assert rest(cache, "a = <CURSOR>\n", automatic=False) is None
    cache.put(house.query("a = <CURSOR>\n", automatic=False), None, "line")
    assert rest(cache, "a = <CURSOR>\n", automatic=False) == ""


def test_other_settings_need_other_answers() -> None:
    cache = remembered("a = <CURSOR>\n", "price")
    assert rest(cache, "a = <CURSOR>\n", settings=Settings()) == "price"
    assert rest(cache, "a = <CURSOR>\n", settings=attrs.evolve(Settings(), eagerness="calm")) is None


def test_a_selected_item_must_be_continued() -> None:
    cache = remembered("rows.<CURSOR>\n", "append(row)")
    assert rest(cache, "rows.app<CURSOR>\n", popup="append") == "end(row)"
    assert rest(cache, "rows.app<CURSOR>\n", popup="apply") is None


def test_documents_are_kept_apart_and_forgotten_alone() -> None:
    cache = remembered("a = <CURSOR>\n", "price")
    other = house.query("a = <CURSOR>\n", uri="file:///project/other.py")
    assert cache.get(other) is None
    cache.put(other, "tax", "line")
    cache.forget("file:///project/place.py")
    assert rest(cache, "a = <CURSOR>\n") is None
    assert cache.get(other) == Hit("tax", True, "line")


def test_the_least_recently_used_place_goes_first() -> None:
    cache = remembered("a = <CURSOR>\n", "price")
    for number in range(200):
        cache.put(house.query(f"b{number} = <CURSOR>\n"), "tax", "line")
    assert rest(cache, "a = <CURSOR>\n") == "price"
    for number in range(200, 400):
        cache.put(house.query(f"b{number} = <CURSOR>\n"), "tax", "line")
    assert rest(cache, "a = <CURSOR>\n") == "price"
    assert rest(cache, "b0 = <CURSOR>\n") is None


def test_a_miss_among_many_places_takes_less_than_a_millisecond() -> None:
    """The fastest of ten look-ups, so that a busy machine does not decide."""
    cache = Cache()
    text = "value = compute(first, second)\n" * 400
    for number in range(256):
        cache.put(house.query(f"{text}b{number} = <CURSOR>\n{text}"), "tax", "line")
    query = house.query(f"{text}unknown = <CURSOR>\n{text}")
    seconds = []
    for _ in range(10):
        begin = time.perf_counter()
        assert cache.get(query) is None
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.001
