"""How likely what other places say is what comes next at the cursor: a conditional logit (McFadden, 1974).

A continuation is scored by the weighted sum of what speaks for and against it: how much matches before its places, how
many there are, whether the lines round them are like those round the cursor, and whether the text fits what stands
there. The probabilities are the softmax of the scores, with one more for "none of them". Text in, numbers out: knows
nothing of files.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import attrs

from lsp_server.context.nearby import IDENTIFIER, KEYWORDS
from lsp_server.context.telling import indentation
from lsp_server.context.token_runs import normal, tokens_of

NONE = 1.458
"""The score of "none of them"."""

WEIGHTS: Mapping[str, float] = {
    "match": 3.249,
    "places": 1.041,
    "nearness": -1.479,
    "verbatim": -0.552,
    "next_line": 1.2,
    "next_run": 0.106,
    "surroundings": 2.521,
    "parent": 0.678,
    "length": -0.934,
    "line_end": -8.415,
    "single": -1.432,
    "unknown": -0.177,
    "any_unknown": -0.923,
    "header_without_body": -3.604,
    "body_without_header": -2.216,
    "open_bracket": -1.863,
    "misses_rest": -6.813,
    "repeats_above": -4.068,
    "repeats_near": -0.8,
    "words_near": 0.471,
    "words_line": 0.599,
    "parent_names": 0.715,
    "rivals": -0.738,
    "behind": 0.141,
}
"""Of the features, by name, as `models/evaluation/calibrate_continuations.py --fit` finds them on packages that
training never read. There the likeliest is right for 30.6 % of 5,130 lines (weights found on four fifths of the
packages, lines of the others), the one with the longest match and the most places for 28.0 %."""

REACH = 6.0
"""Matched tokens over which doubt falls to a third."""

PRECEDENCE = 4.0
"""A match longer by one token counts as much as so many places of the shorter one."""

MOST_COMPARED = 4
"""Places of one continuation whose surroundings are compared, the best ones."""

_LINES_ABOVE = 10
_LINES_BELOW = 6
_LINES_NEAR = 3
_RUN = 12
_WINDOW = 1_500
"""Characters above and below a place that are looked at."""

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SHORTEST_PART = 3


@attrs.frozen
class Spot:
    """A place in a text: what it says begins at `position` and ends before `end`."""

    text: str
    position: int
    end: int


@attrs.frozen
class Candidate:
    """What some places say. matched: tokens before the best of them that agree. count: how many there are, weighted.
    nearest: the weight of the nearest. verbatim: the best says it as it is. spots: the best first."""

    text: str
    matched: int
    count: float
    nearest: float
    verbatim: bool
    spots: tuple[Spot, ...]

    @property
    def lead(self) -> float:
        """By what candidates are ordered before anything is compared."""
        return self.matched + math.log(self.count, PRECEDENCE)


@attrs.frozen(slots=False)
class Surroundings:
    """What stands round one place of a text: `before` and `after` on its line, and the lines above and below that are
    not blank, the nearest first."""

    before: str
    after: str
    above: tuple[str, ...]
    below: tuple[str, ...]

    @classmethod
    def of(cls, text: str, position: int, end: int) -> "Surroundings":
        """Of what begins at `position` and ends before `end`, a line's end included or not."""
        start = text.rfind("\n", 0, position) + 1
        stop = text.find("\n", max(position, end - 1))
        stop = len(text) if stop < 0 else stop
        above = text[max(0, start - _WINDOW) : start].split("\n")
        below = text[stop : stop + _WINDOW].split("\n")
        return cls(
            text[start:position],
            text[end:stop].strip(),
            tuple(line for line in reversed(above) if line.strip()),
            tuple(line for line in below if line.strip()),
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """Identifiers of the lines close by."""
        return frozenset(IDENTIFIER.findall("\n".join((*self.above[:_LINES_ABOVE], *self.below[:_LINES_BELOW]))))

    @cached_property
    def known(self) -> frozenset[str]:
        """Identifiers of all these lines, and of the line itself before the place."""
        return frozenset(IDENTIFIER.findall("\n".join((*self.above, self.before, *self.below))))

    @cached_property
    def run(self) -> list[str]:
        """The first tokens below."""
        return [normal(token) for token in tokens_of("\n".join(self.below[:_LINES_BELOW]))[:_RUN]]

    @cached_property
    def next_line(self) -> frozenset[str]:
        return frozenset(tokens_of(self.below[0])) if self.below else frozenset()

    @cached_property
    def parent(self) -> frozenset[str]:
        """Tokens of the nearest line above that is less deep."""
        # A line that is not begun yet may become as shallow as it likes.
        deep = _width(self.before) if self.before.strip() else max(1, len(self.before))
        return next((frozenset(tokens_of(line)) for line in self.above if _width(line) < deep), frozenset())

    @cached_property
    def line_words(self) -> frozenset[str]:
        """Parts of the names on the line before the place."""
        return _words(self.before)

    @cached_property
    def near_words(self) -> frozenset[str]:
        """And of those on the lines directly above."""
        return _words("\n".join((self.before, *self.above[:_LINES_NEAR])))


def probabilities(found: Sequence[tuple[float, ...]]) -> list[float]:
    """Of each of these continuations, by its features; together with "none of them" 1."""
    scores = [sum(map(float.__mul__, WEIGHTS.values(), features)) for features in found]
    highest = max((NONE, *scores))
    shares = [math.exp(score - highest) for score in scores]
    total = math.exp(NONE - highest) + sum(shares)
    return [share / total for share in shares]


def features(candidates: Sequence[Candidate], here: Surroundings) -> Iterator[tuple[float, ...]]:
    """Of each candidate, in the order of WEIGHTS."""
    first = max((candidate.lead for candidate in candidates), default=0.0)
    for candidate in candidates:
        found = {
            **_evidence(candidate),
            **_likeness(candidate, here),
            **_fit(candidate.text, here),
            "rivals": math.log(len(candidates)),
            "behind": candidate.lead - first,
        }
        yield tuple(float(found[name]) for name in WEIGHTS)


def _evidence(candidate: Candidate) -> Mapping[str, float]:
    return {
        "match": 1.0 - math.exp(-candidate.matched / REACH),
        "places": math.log(candidate.count),
        "nearness": math.log(candidate.nearest),
        "verbatim": candidate.verbatim,
    }


def _likeness(candidate: Candidate, here: Surroundings) -> Mapping[str, float]:
    """How like the places' surroundings are to the cursor's: of each likeness the best."""
    there = [Surroundings.of(spot.text, spot.position, spot.end) for spot in candidate.spots[:MOST_COMPARED]]
    return {
        "next_line": max((_overlap(here.next_line, each.next_line) for each in there), default=0.0),
        "next_run": max((_agreeing(here.run, each.run) for each in there), default=0),
        "surroundings": max((_overlap(here.names, each.names) for each in there), default=0.0),
        "parent": max((_overlap(here.parent, each.parent) for each in there), default=0.0),
    }


def _fit(text: str, here: Surroundings) -> Mapping[str, float]:
    """What the text is like, and whether it contradicts what stands round the cursor."""
    first, *more = text.rstrip("\n").split("\n")
    first = first.rstrip()
    last = more[-1] if more else here.before + first
    names = _names(first)
    unknown = sum(name not in here.known for name in names)
    words = _words(first)
    deeper = _width(here.below[0]) > _width(last) if here.below else False
    whole = here.before + text
    opened = sum(map(whole.count, "([{")) > sum(map(whole.count, ")]}"))
    header = last.endswith((":", "(", "[", "{"))
    length = len(tokens_of(first))
    begun, standing = (here.before + first).strip(), [line.strip() for line in here.above[:_LINES_ABOVE]]
    return {
        "length": math.log1p(length),
        "line_end": not first,
        "single": length == 1,
        "unknown": unknown,
        "any_unknown": unknown > 0,
        "header_without_body": header and not deeper,
        "body_without_header": deeper and not header,
        "open_bracket": opened and not deeper,
        "misses_rest": bool(here.after) and not first.endswith(here.after),
        "repeats_above": begun in standing[:1],
        "repeats_near": begun in standing[1:],
        "words_near": len(words & here.near_words) / max(1, len(words)),
        "words_line": len(words & here.line_words) / max(1, len(words)),
        "parent_names": sum(name in here.parent for name in names) / max(1, len(names)),
    }


def _names(text: str) -> list[str]:
    return [name for name in IDENTIFIER.findall(text) if name not in KEYWORDS]


def _words(text: str) -> frozenset[str]:
    """What names are made of, in small letters: `http` and `client` of `HTTPClient`."""
    parts = (part for name in _names(text) for part in _PART.findall(name))
    return frozenset(part.lower() for part in parts if len(part) >= _SHORTEST_PART)


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's index, 0 … 1."""
    common = len(one & other)
    return common / (len(one) + len(other) - common) if common else 0.0


def _agreeing(one: Sequence[str], other: Sequence[str]) -> int:
    """How many tokens are the same at both beginnings."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _width(line: str) -> int:
    return len(indentation(line, len(line)))
