"""Finds out in which order a model fills in the middle, by asking it for holes whose answer is obvious.

For models whose tokens are known and whose order is not (`catalogue.Ambiguous`). Knows no engine: it is given a
function that generates. The questions are ours and hold nothing of the user's.
"""

from typing import Protocol

import attrs

from lsp_server.errors import ModelUnavailable
from lsp_server.modelstore.card import FimFormat

MOST_TOKENS = 12
"""Longest answer that is asked for; the answers are shorter, and a wrong order rambles."""


@attrs.frozen
class Part:
    """A piece of a prompt: ordinary text, or the text of exactly one special token."""

    text: str
    special: bool


class Generate(Protocol):
    """Continues a prompt greedily by at most `max_tokens` tokens and returns the text; special tokens end it."""

    async def __call__(self, parts: tuple[Part, ...], max_tokens: int, stop_tokens: tuple[str, ...]) -> str: ...


@attrs.frozen
class Question:
    """A hole and what must stand in it, compared without the white space around it."""

    prefix: str
    suffix: str
    middle: str


QUESTIONS = (
    Question(
        "def add(first, second):\n    return first +",
        "\n\n\ndef subtract(first, second):\n    return first - second\n",
        "second",
    ),
    Question("import json\n\nwith open(path) as file:\n    data = json.", "(file)\nprint(data)\n", "load"),
    Question("for index in range(", "):\n    print(index)  # prints 0 to 9\n", "10"),
    Question(
        "class Dog(Animal):\n    def __init__(self, name):\n        self.name =", "\n        self.age = 0\n", "name"
    ),
    Question("numbers = [1, 2, 3]\nfor number in", ":\n    print(number)\n", "numbers"),
    Question("def is_even(number):\n    return number % 2 ==", "\n\n\nassert is_even(4)\n", "0"),
)
"""Each needs both sides: the prefix alone would ramble on, and a model that takes the suffix for the prefix goes on
after it. All are one token or two in every vocabulary of the catalogue."""

ENOUGH = 4
"""So many right answers show that the order is right; a wrong one gets one or two by luck."""


def hole(fim: FimFormat, prefix: str, suffix: str) -> tuple[Part, ...]:
    """The prompt for one hole. A layout's part that is no known name is a special token by its own text."""
    tokens = {"PRE": fim.prefix_token, "SUF": fim.suffix_token, "MID": fim.middle_token}
    texts = {"prefix": prefix, "suffix": suffix}
    parts = []
    for part in fim.layout:
        if part in texts:
            parts.append(Part(texts[part], special=False))
        else:
            parts.append(Part(tokens.get(part) or part, special=True))
    return tuple(part for part in parts if part.text)


def is_right(question: Question, answer: str) -> bool:
    """Whether the answer fills the hole and stops there, or goes on with a new line."""
    lines = answer.strip().splitlines()
    return bool(lines) and lines[0].strip() == question.middle


async def decide(name: str, candidates: tuple[FimFormat, ...], generate: Generate) -> FimFormat:
    """The candidate that answers most questions, the earlier one where they are equal.

    Costs at most two dozen short generations, once per model. Raises ModelUnavailable when none answers enough.
    """
    best: FimFormat | None = None
    most = ENOUGH - 1
    for fim in candidates:
        right = 0
        for question in QUESTIONS:
            answer = await generate(hole(fim, question.prefix, question.suffix), MOST_TOKENS, fim.stop_tokens)
            right += is_right(question, answer)
        if right > most:
            best, most = fim, right
    if best is None:
        raise ModelUnavailable(
            f"{name} has tokens for filling in the middle but does not do it: neither order gave sensible answers.",
            "Use a code model that was trained for it, e.g. Qwen2.5-Coder or StarCoder2.",
        )
    return best
