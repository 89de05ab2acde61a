"""CrossCodeEval and HumanEval-infilling are scored as their authors score them."""

import pytest

pytest.importorskip("rapidfuzz")

from models.evaluation import crosscode, infilling
from models.evaluation.crosscode import Item, Score
from models.train.examples import rendering

ITEM = Item(
    task="t/1",
    repository="repository",
    path="main.py",
    before="import model\n\nnet = model.",
    truth="Net(size=3)",
    after="\nnet.train()\n",
    related=(("best.py", "class Net:\n    def __init__(self, size):\n        pass"), ("other.py", "x = 1\n" * 200)),
)


def test_the_truth_scores_full_marks() -> None:
    assert crosscode.score(ITEM, "Net(size=3)\nnet.eval()\n") == Score(True, 100.0, True, 1.0)


def test_an_answer_ends_with_its_statement() -> None:
    assert crosscode.statement("x = ", "f(\n    1,\n)\ny = 2\n") == "f(\n    1,\n)"
    assert crosscode.statement("x = ", "f(") == "f("


def test_comments_and_line_ends_do_not_count() -> None:
    assert crosscode.score(ITEM, "Net(size=3)  # a net\n").em


def test_identifiers_are_a_list_for_exact_match_and_a_set_for_f1() -> None:
    found = crosscode.score(ITEM, "Net(Net, size=4)\n")
    assert (found.id_em, found.id_f1) == (False, 1.0)
    assert crosscode.score(ITEM, "Net(width=3)\n").id_f1 == pytest.approx(0.5)


def test_true_is_an_identifier_and_none_is_not() -> None:
    """As in the list of keywords that the authors use."""
    assert crosscode.names('f(True, None, "text", key=x1)') == ["f", "True", "key", "x1"]


def test_the_conditions_put_into_the_prompt_what_they_name() -> None:
    card = rendering.card(1024, 3.5)
    for condition in crosscode.CONDITIONS:
        parts = crosscode.parts(card, ITEM, condition)
        assert bool(parts.suffix) is condition.suffix
        assert bool(parts.snippets) is condition.retrieved
        assert parts.prefix == ITEM.before
    assert parts.snippets[-1].path == "best.py"  # nearest to the cursor


def test_long_files_are_cut_to_the_prompt_s_room() -> None:
    long = Item("t", "r", "m.py", "a = 1\n" * 3000, "b", "c = 2\n" * 3000, ITEM.related)
    card = rendering.card(512, 3.5)
    for condition in crosscode.CONDITIONS:
        parts = crosscode.parts(card, long, condition)
        related = sum(len(snippet.text) for snippet in parts.snippets)
        assert len(parts.prefix) + len(parts.suffix) + related <= 512 * 3.5
        assert parts.prefix.startswith("a = 1\n")


def test_all_items_are_there() -> None:
    assert len(crosscode.items()) == 100
    assert len(infilling.items()) == 164


def test_a_canonical_answer_passes_and_an_empty_one_fails() -> None:
    item = infilling.items()[0]
    assert infilling.score(item, item.truth) == infilling.Score(True, True)
    assert infilling.score(item, "") == infilling.Score(False, False)
