"""Whether text that could be inserted is worth showing."""

import attrs
import pytest

from lsp_server.completion import gate
from lsp_server.settings import Settings
from tests import house

EAGERNESS = ("calm", "balanced", "eager")


def decide(
    text: str, logprob: float | None = -0.1, *, eagerness: str = "balanced", automatic: bool = True, mode: str = "line"
) -> str | None:
    settings = attrs.evolve(Settings(), eagerness=eagerness)
    query = house.query("a = <CURSOR>\n", settings=settings, automatic=automatic)
    return gate.decide(text, logprob, query, "block" if mode == "block" else "line")


def test_a_sure_answer_is_shown_at_every_eagerness() -> None:
    assert [decide("price * 2", -0.05, eagerness=eagerness) for eagerness in EAGERNESS] == [None, None, None]


def test_the_dial_orders_what_is_shown() -> None:
    """What is shown to the calm is shown to all; what only the eager see is a guess."""
    middling, guess = -0.3, -0.6
    assert [decide("price * 2", middling, eagerness=eagerness) for eagerness in EAGERNESS] == ["unsure", None, None]
    assert [decide("price * 2", guess, eagerness=eagerness) for eagerness in EAGERNESS] == ["unsure", "unsure", None]


@pytest.mark.parametrize("text", [")", "})", ";", "\n}", "x", "):"])
def test_what_saves_no_key_is_not_shown_by_itself(text: str) -> None:
    assert decide(text) == "empty"
    assert decide(text, automatic=False) is None


def test_somebody_who_asks_gets_a_guess_but_no_noise() -> None:
    assert decide("price * 2", -2.5, automatic=False, eagerness="calm") is None
    assert decide("price * 2", -6.0, automatic=False) == "unsure"


def test_a_block_must_be_surer_than_a_line() -> None:
    assert decide("a = 1\n    b = 2", -0.25, mode="line") is None
    assert decide("a = 1\n    b = 2", -0.25, mode="block") == "unsure"


def test_an_unknown_probability_silences_nothing() -> None:
    assert decide("price * 2", None, eagerness="calm") is None


def test_whitespace_is_empty_even_when_asked_for() -> None:
    assert decide("  \n ", automatic=False) == "empty"
