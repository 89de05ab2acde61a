"""What is right about an answer: comparisons of texts, one place at a time. No model, no statistics.

exact        the answer is the truth; white space at line ends does not count
similarity   `rapidfuzz.fuzz.ratio` of both, stripped: 100 (1 - insertions and deletions / characters of both)
identifier   the first identifier of the answer is the truth's first; None where the truth has none
parses       the file with what is inserted is Python that parses; None where nothing is inserted
stop         the model's own first choice to end, on the way through the truth, comes at the truth's end (`stops`)
"""

import ast
import keyword
import re
import warnings
from collections.abc import Sequence

import attrs
from rapidfuzz import fuzz

from models.evaluation.engine import Step
from models.evaluation.holes import Kind, Opened

_STRINGS_AND_COMMENTS = re.compile(
    r"[rbfuRBFU]{0,2}(?:\"\"\".*?(?:\"\"\"|$)|'''.*?(?:'''|$)|\"(?:\\.|[^\"\\\n])*(?:\"|$)|'(?:\\.|[^'\\\n])*(?:'|$))|#[^\n]*",
    re.DOTALL | re.MULTILINE,
)
_IDENTIFIER = re.compile(r"\b[A-Za-z_]\w*")
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


@attrs.frozen
class Judged:
    exact: bool
    similarity: float
    identifier: bool | None
    exact_inserted: bool
    parses: bool | None


def judged(opened: Opened, text: str, inserted: str) -> Judged:
    """`text` is the answer up to the place where the product stops, `inserted` what it would insert of it."""
    truth = opened.truth
    wanted = first_identifier(truth)
    return Judged(
        exact=exact(text, truth),
        similarity=similarity(text, truth),
        identifier=None if wanted is None else first_identifier(text) == wanted,
        exact_inserted=exact(inserted, truth),
        parses=parses(opened.before + inserted + opened.after) if inserted.strip() else None,
    )


def exact(text: str, truth: str) -> bool:
    return _without_line_ends(text) == _without_line_ends(truth)


def similarity(text: str, truth: str) -> float:
    """0 to 100. Nothing is like nothing that was wanted."""
    return float(fuzz.ratio(text.strip(), truth.strip())) if text.strip() else 0.0


def identifiers(text: str) -> list[str]:
    """Names in code, without those in strings and comments and without keywords."""
    code = _STRINGS_AND_COMMENTS.sub(" ", text)
    return [name for name in _IDENTIFIER.findall(code) if not keyword.iskeyword(name)]


def first_identifier(text: str) -> str | None:
    return next(iter(identifiers(text)), None)


def parses(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def stops(kind: Kind, truth: str, steps: Sequence[Step]) -> bool:
    """Whether the model, led along the truth, first chooses to end exactly where the truth ends.

    It ends with an end token, for the rest of a line also with a line end, for arguments also with the bracket that
    closes the call; one of its tokens may hold the truth's last characters and the end together. What it would have
    written otherwise does not count against it: that is for `exact`.
    """
    all_of_it = truth.encode()
    at = 0
    for step in steps:
        if step.said is None:
            return at == len(all_of_it)
        end = _end_within(kind, all_of_it[:at].decode("utf-8", "ignore"), step.said.decode("utf-8", "ignore"))
        if end is not None:
            return step.said.decode("utf-8", "ignore")[:end].rstrip() == truth.encode()[at:].decode("utf-8", "ignore")
        at += len(step.given or b"")
    return False


def _end_within(kind: Kind, before: str, said: str) -> int | None:
    """Where in `said`, which follows `before`, the answer ends."""
    if kind == "line":
        end = said.find("\n")
        return end if end >= 0 else None
    if kind == "arguments":
        depth = _depth(before)
        for place, character in enumerate(said):
            depth += (character in _OPENING) - (character in _CLOSING)
            if depth < 0 or character == "\n":
                return place
    return None


def _depth(text: str) -> int:
    code = _STRINGS_AND_COMMENTS.sub("", text)
    return sum((character in _OPENING) - (character in _CLOSING) for character in code)


def _without_line_ends(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.rstrip().split("\n"))
