"""Runs of tokens: found as the simple way finds them, but never much of a text in one call."""

import random
import re
import time
from itertools import count

import pytest

from lsp_server.context import token_runs
from lsp_server.context.token_runs import REACH, SECTION, Search, agreeing, normal, tokens_of

PIECES = (
    *("self", "foo", "foobar", "x", "0", "é", "representative", "representatives", ".", "(", ")", ",", "=", "="),
    *(" ", " ", " ", "  ", "\t", "\n", "\n", "\n    ", "\n\n        ", "\r\n", "\r\n\r\n"),
)
LENGTH = 500_000
BUDGET_S = 0.4
"""Of processor time, for a text of LENGTH characters; what is quadratic takes more than twice as long."""


def written(chance: random.Random, pieces: int) -> str:
    return "\n" + "".join(chance.choices(PIECES, k=pieces))


def simply(tokens: tuple[str, ...], text: str, *, spaced: bool) -> list[int]:
    """Ends of runs: all tokens of the text, compared one by one."""
    there = list(re.finditer(r"\n\s*|\w+|[^\w\s]", text))
    names = [normal(token[0]) for token in there]
    *firsts, last = tokens
    ends: list[int] = []
    at = 0
    while at + len(tokens) <= len(there):
        token = there[at + len(firsts)]
        whole = names[at + len(firsts)] == last
        begun = not spaced and last[0].isalnum() and token[0].startswith(last)
        if names[at : at + len(firsts)] != firsts or not (whole or begun):
            at += 1
            continue
        at += len(tokens)
        end = token.end() if whole else token.start() + len(last)
        while spaced and last != "\n" and text[end : end + 1].isspace() and text[end] != "\n":
            end += 1
        ends.append(end)
    return ends


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spaced", [False, True])
def test_sections_find_what_one_look_finds(seed: int, spaced: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the borders lie: all runs, and of more than are wanted the first or the last."""
    monkeypatch.setattr(token_runs, "SECTION", 300)
    chance = random.Random(seed)
    text = written(chance, 2500)
    tokens = [normal(token) for token in tokens_of(text)]
    several = 0
    for _ in range(40):
        at = chance.randrange(len(tokens) - 6)
        run = tokens[at : at + chance.randint(2, 6)]
        if not spaced and run[-1][0].isalnum():
            run[-1] = run[-1][: chance.randint(1, len(run[-1]))]
        search = Search(tuple(run), spaced=spaced)
        expected = simply(tuple(run), text, spaced=spaced)
        several += len(expected) > 3
        assert search.ends(text, len(text), from_start=False) == expected, run
        assert search.ends(text, 3, from_start=False) == expected[-3:], run
        assert search.ends(text, 3, from_start=True) == expected[:3], run
    assert several


def test_runs_that_overlap_are_paired_from_their_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a section begins in the middle of a row of them."""
    monkeypatch.setattr(token_runs, "SECTION", 300)
    text, run = f"{'x, ' * 51}\n" * 40, ("x", ",", "x", ",")
    assert Search(run, spaced=False).ends(text, len(text), from_start=False) == simply(run, text, spaced=False)


@pytest.mark.parametrize("seed", range(3))
def test_tokens_agree_as_far_as_they_are_the_same(seed: int) -> None:
    """A short look is enough, or the long one is taken."""
    chance = random.Random(seed)
    text = written(chance, 3000)
    tokens = tuple(normal(token) for token in tokens_of(text[: len(text) // 2]))[-16:]
    for position in [*range(0, len(text), 7), len(text) // 2]:
        start = max(0, position - 400)
        there = [normal(token) for token in tokens_of(text[start:position])][1 if start else 0 :]
        expected = next(
            length
            for length in count()
            if tokens[-length - 1 :] != tuple(there[-length - 1 :]) or length == len(tokens)
        )
        assert agreeing(tokens, text, position) == expected


def test_nothing_agrees_with_blanks() -> None:
    """More of them than are looked at: no token is there, not even half of one."""
    assert agreeing(("x", "="), "x =" + " " * 1000, 1003) == 0


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        pytest.param(("\n", "x"), ("\n" * (SECTION - 2) + "(x") * (LENGTH // SECTION), id="blank lines"),
        pytest.param(("x", "\n", "y"), ("x" + "\n" * SECTION + "y") * (LENGTH // SECTION), id="blank lines within"),
        pytest.param((")", "x"), (")" + " " * SECTION + "x") * (LENGTH // SECTION), id="a line of spaces"),
        pytest.param(("x", "y", "z"), "x" + " \t" * (LENGTH // 2) + "y", id="spaces between words"),
        pytest.param(("x", "\n", "x", "\n", "y"), "x \n" * (LENGTH // 3) + "y", id="nearly everywhere"),
        pytest.param(("(", "("), "(" * LENGTH, id="everywhere"),
        pytest.param(("a" * 1400, "x"), "a" * LENGTH + "x", id="a long word"),
    ],
)
@pytest.mark.parametrize("from_start", [False, True])
def test_no_text_takes_long(tokens: tuple[str, ...], text: str, from_start: bool) -> None:
    """The time grows with the text, whatever it is made of."""
    search = Search(tokens, spaced=False)
    began = time.thread_time()
    search.ends(text, LENGTH, from_start=from_start)
    assert time.thread_time() - began < BUDGET_S


def test_no_call_searches_much_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop waits for each: one section and what may lie across its borders, however long the text."""
    search = Search(("self", "."), spaced=False)
    pattern = search._pattern
    searched: list[tuple[int, int]] = []

    class Watched:
        def finditer(self, text: str, start: int, stop: int) -> object:
            searched.append((start, stop))
            return pattern.finditer(text, start, stop)

    monkeypatch.setattr(search, "_pattern", Watched())
    assert search.ends("self, " * LENGTH + "self.", 1, from_start=True) == [6 * LENGTH + 5]
    assert max(stop - start for start, stop in searched) == SECTION + 2 * REACH


def test_a_section_without_the_run_costs_no_pattern() -> None:
    """Most texts do not hold the tokens before the cursor, and a pattern is slow to make."""
    search = Search(("\n", "absent", "("), spaced=False)
    assert search.ends("\npresent(1)\n" * 10, 48, from_start=True) == []
    assert "_pattern" not in vars(search)


def test_a_run_over_more_than_reach_is_not_found() -> None:
    """Nor is one that ends where a section's reach does told from there."""
    search = Search(("x", "="), spaced=True)
    assert search.ends(f"x{' ' * 100}=", 1, from_start=True) == [102]
    assert search.ends(f"x{' ' * REACH}=", 1, from_start=True) == []
    assert search.ends(f"x ={' ' * (SECTION + 2 * REACH)}1", 1, from_start=True) == []
