"""Intervals against values that are known from elsewhere."""

import math

import pytest

from models.evaluation import intervals


def test_wilson_is_the_textbook_s() -> None:
    """81 of 263: 30.8 % (25.5 … 36.6), Newcombe 1998, method 3."""
    found = intervals.wilson(81, 263)
    assert (round(found.value, 1), round(found.low, 1), round(found.high, 1)) == (30.8, 25.5, 36.6)


def test_a_share_of_nothing_has_no_value() -> None:
    assert math.isnan(intervals.wilson(0, 0).value)


def test_an_interval_of_a_share_stays_within_0_and_100() -> None:
    assert intervals.wilson(0, 20).low == 0.0
    assert intervals.wilson(20, 20).high == 100.0


@pytest.mark.parametrize(
    ("first", "second", "probability"), [(0, 0, 1.0), (5, 5, 1.0), (8, 1, 0.0390625), (0, 6, 0.03125)]
)
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int, probability: float) -> None:
    assert intervals.mcnemar(first, second) == pytest.approx(probability)


def test_a_difference_pairs_the_items() -> None:
    first, second = [100.0, 100.0, 0.0, 100.0] * 10, [0.0, 100.0, 0.0, 0.0] * 10
    found = intervals.difference(first, second, [index // 4 for index in range(40)])
    assert (found.value, found.only_first, found.only_second) == (50.0, 20, 0)
    assert found.low == found.high == 50.0  # every package says the same


def test_packages_that_disagree_make_a_wide_interval() -> None:
    first = [100.0] * 20 + [0.0] * 20
    found = intervals.difference(first, [0.0] * 40, ["one"] * 20 + ["other"] * 20)
    assert (found.low, found.high) == (0.0, 100.0)


def test_values_that_are_not_right_or_wrong_have_no_mcnemar() -> None:
    assert intervals.difference([50.0, 60.0], [40.0, 30.0], ["a", "b"]).mcnemar is None


def test_a_ratio_weighs_each_item_by_its_size() -> None:
    assert intervals.ratio([1.0, 9.0], [1.0, 3.0], ["a", "b"]).value == 2.5
