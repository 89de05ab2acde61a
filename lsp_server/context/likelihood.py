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

SITUATIONS = ("inside", "end", "block")
"""What is asked for: a line whose block goes on below; one behind which it ends, or is not written yet; several lines.
The same signs weigh differently in each."""

NONE = (0.617, 1.034, 5.673)
"""The score of "none of them" in each situation."""

WEIGHTS: Mapping[str, tuple[float, float, float]] = {
    "match": (3.589, 5.114, 2.199),
    "places": (0.813, 0.737, 1.637),
    "nearness": (-1.340, -1.087, -1.515),
    "verbatim": (-0.810, -1.003, -0.813),
    "onward": (1.069, 0.000, 0.000),
    "onward_whole": (-0.214, 0.000, 0.000),
    "exchanged": (-0.878, -0.878, -0.149),
    "onward_match": (-0.648, 0.000, 0.000),
    "succeeds": (0.875, 0.298, -9.008),
    "next_line": (2.027, 0.253, 0.342),
    "next_run": (0.061, 0.057, 0.115),
    "surroundings": (2.464, 2.065, 3.409),
    "parent": (0.524, 0.848, 2.710),
    "length": (-0.909, -0.989, -0.666),
    "line_end": (0.010, -1.674, 0.000),
    "single": (-0.099, -0.324, 0.515),
    "unknown": (-0.377, -0.117, -0.011),
    "any_unknown": (-1.035, -1.145, -0.418),
    "header_without_body": (-2.540, 0.000, -5.128),
    "header_at_end": (-0.225, 0.379, -5.561),
    "body_without_header": (-2.171, 0.000, 0.000),
    "open_bracket": (-7.060, 0.000, 0.000),
    "misses_rest": (-6.717, -7.739, 0.000),
    "repeats_above": (-8.285, -9.002, -3.258),
    "repeats_near": (-0.923, -0.730, -0.120),
    "repeats_next": (-2.501, -7.272, -6.507),
    "repeats_below": (-0.491, 0.134, 0.572),
    "words_near": (0.301, 0.462, 0.909),
    "words_line": (0.642, 0.677, 0.000),
    "parent_names": (0.766, 0.505, 0.444),
    "rivals": (-0.807, -0.743, -0.288),
    "behind": (0.082, 0.163, 0.274),
}
"""Of the features in each situation, by name, as `models/evaluation/calibrate_continuations.py --fit` finds them on
packages that training never read. There, found on four fifths of the packages and asked on the others, the likeliest is
right for 33.7 % of 1,331 lines of finished files, the one with the longest match and the most places for 31.1 %."""

REACH = 6.0
"""Matched tokens over which doubt falls to a third."""

PRECEDENCE = 4.0
"""A match longer by one token counts as much as so many places of the shorter one."""

MOST_COMPARED = 4
"""Places of one continuation whose surroundings are compared, the best ones; each costs some 50 microseconds."""

_WINDOW = 1_500
"""Characters above and below a place that are looked at: some forty lines."""

_LINES_ABOVE, _LINES_BELOW = 10, 6
"""Lines whose names tell what a piece of code is about."""

_LINES_NEAR = 3
"""Lines above that what is being written mostly goes on from."""

_RUN = 12
"""Tokens below that are compared: one or two lines."""

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SHORTEST_PART = 3
"""Letters of a part of a name that means something."""

_BEGUN = re.compile(r"\w*\Z")


@attrs.frozen
class Spot:
    """A place in a text: what it says begins at `position` and ends before `end`."""

    text: str
    position: int
    end: int


@attrs.frozen
class Candidate:
    """What some places say. matched: tokens before the best of them that agree. count: how many there are, weighted.
    nearest: the weight of the nearest. verbatim: the best says it as it is. onward: tokens below that are the same once
    names are exchanged, where some are for that. whole: of its names some are exchanged as a whole. exchanged: how many
    are others there. succeeds: it is the line above with the next parameter of the function. spots: the best first."""

    text: str
    matched: int
    count: float
    nearest: float
    verbatim: bool
    spots: tuple[Spot, ...]
    onward: int = 0
    whole: bool = False
    exchanged: int = 0
    succeeds: bool = False

    @property
    def lead(self) -> float:
        """By what candidates are ordered before anything is compared."""
        return self.matched + self.onward + math.log(self.count, PRECEDENCE)


@attrs.frozen(slots=False)
class Surroundings:
    """What stands round one place of a text: `before` and `after` on its line, and the lines above and below that are
    not blank, the nearest first. begun: the half word that ends `before`, which is no name yet."""

    before: str
    after: str
    above: tuple[str, ...]
    below: tuple[str, ...]
    begun: str

    @classmethod
    def of(cls, text: str, position: int, end: int) -> "Surroundings":
        """Of what begins at `position` and ends before `end`, a line's end included or not."""
        start = text.rfind("\n", 0, position) + 1
        stop = text.find("\n", max(position, end - 1))
        stop = len(text) if stop < 0 else stop
        before = text[max(start, position - _WINDOW) : position]
        begun = _BEGUN.search(before)
        return cls(
            before,
            text[end : min(stop, end + _WINDOW)].strip(),
            tuple(line for line in reversed(text[max(0, start - _WINDOW) : start].split("\n")) if line.strip()),
            tuple(line for line in text[stop : stop + _WINDOW].split("\n") if line.strip()),
            begun[0] if begun is not None else "",
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """Identifiers of the lines close by."""
        return frozenset(IDENTIFIER.findall("\n".join((*self.above[:_LINES_ABOVE], *self.below[:_LINES_BELOW]))))

    @cached_property
    def known(self) -> frozenset[str]:
        """Identifiers of all these lines, and of the line itself before the place."""
        return frozenset(IDENTIFIER.findall("\n".join((*self.above, self._finished, *self.below))))

    @cached_property
    def run(self) -> list[str]:
        """The first tokens below."""
        return [normal(token) for token in tokens_of("\n".join(self.below[:_LINES_BELOW]))[:_RUN]]

    @cached_property
    def next_line(self) -> frozenset[str]:
        return frozenset(tokens_of(self.below[0])) if self.below else frozenset()

    def parent(self, width: int) -> frozenset[str]:
        """Tokens of the nearest line above that is less deep."""
        return next((frozenset(tokens_of(line)) for line in self.above if _width(line) < width), frozenset())

    @cached_property
    def line_words(self) -> frozenset[str]:
        """Parts of the names on the line before the place."""
        return _words(self._finished)

    @cached_property
    def near_words(self) -> frozenset[str]:
        """And of those on the lines directly above."""
        return _words("\n".join((self._finished, *self.above[:_LINES_NEAR])))

    @property
    def _finished(self) -> str:
        return self.before[: len(self.before) - len(self.begun)]


def situation(here: Surroundings, *, block: bool) -> int:
    """The number of the cursor's situation in SITUATIONS."""
    if block:
        return 2
    return int(not here.below or _width(here.below[0]) < _width(here.before))


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


def probabilities(rows: Sequence[tuple[float, ...]], situation: int) -> list[float]:
    """Of each of these continuations, by its features; together with "none of them" 1."""
    weights = [each[situation] for each in WEIGHTS.values()]
    none = NONE[situation]
    scores = [sum(weight * value for weight, value in zip(weights, row, strict=True)) for row in rows]
    highest = max((none, *scores))
    shares = [math.exp(score - highest) for score in scores]
    total = math.exp(none - highest) + sum(shares)
    return [share / total for share in shares]


def _evidence(candidate: Candidate) -> Mapping[str, float]:
    return {
        "match": 1.0 - math.exp(-candidate.matched / REACH),
        "places": math.log(candidate.count),
        "nearness": math.log(candidate.nearest),
        "verbatim": candidate.verbatim,
        "succeeds": candidate.succeeds,
        "onward": math.log1p(candidate.onward),
        "onward_whole": math.log1p(candidate.onward) * candidate.whole,
        "exchanged": candidate.exchanged,
        "onward_match": math.log1p(candidate.onward) * (1.0 - math.exp(-candidate.matched / REACH)),
    }


def _likeness(candidate: Candidate, here: Surroundings) -> Mapping[str, float]:
    """How like the places' surroundings are to the cursor's: of each likeness the best."""
    there = [Surroundings.of(spot.text, spot.position, spot.end) for spot in candidate.spots[:MOST_COMPARED]]
    # At a line's beginning the text may bring indentation that the places have before it.
    parent = here.parent(_width((here.before + candidate.text).split("\n", 1)[0]))
    return {
        "next_line": max((_overlap(here.next_line, each.next_line) for each in there), default=0.0),
        "next_run": max((_agreeing(here.run, each.run) for each in there), default=0),
        "surroundings": max((_overlap(here.names, each.names) for each in there), default=0.0),
        "parent": max((_overlap(parent, each.parent(_width(each.before))) for each in there), default=0.0),
    }


def _fit(text: str, here: Surroundings) -> Mapping[str, float]:
    """What the text is like, and whether it contradicts what stands round the cursor."""
    lines = (here.before + text).rstrip("\n").split("\n")
    line, last = lines[0].rstrip(), lines[-1].rstrip()
    said = line[len(here.before) - len(here.begun) :]
    if not said and len(lines) > 1:  # the line ends here, and its block follows
        said = next((each for each in lines[1:] if each.strip()), "")
    names, words, length = _names(said), _words(said), len(tokens_of(said)) - bool(here.begun)
    unknown = sum(name not in here.known for name in names)
    deeper = _width(here.below[0]) - _width(last) if here.below else -1
    whole = "\n".join(lines)
    opened = sum(map(whole.count, "([{")) > sum(map(whole.count, ")]}"))
    header = last.endswith((":", "(", "[", "{"))
    standing = [each.strip() for each in here.above[:_LINES_ABOVE]]
    return {
        "length": math.log1p(length),
        "line_end": not text.strip(),
        "single": length == 1,
        "unknown": unknown,
        "any_unknown": unknown > 0,
        "header_without_body": header and deeper == 0,
        # Where the block ends, its lines may not be written yet.
        "header_at_end": header and deeper < 0,
        "body_without_header": deeper > 0 and not header,
        "open_bracket": opened and deeper == 0,
        "misses_rest": bool(here.after) and not line.endswith(here.after),
        "repeats_above": line.strip() in standing[:1],
        "repeats_near": line.strip() in standing[1:],
        "repeats_next": line.strip() in [each.strip() for each in here.below[:1]],
        "repeats_below": line.strip() in [each.strip() for each in here.below[1:_LINES_BELOW]],
        "words_near": len(words & here.near_words) / max(1, len(words)),
        "words_line": len(words & here.line_words) / max(1, len(words)),
        "parent_names": sum(name in here.parent(_width(line)) for name in names) / max(1, len(names)),
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
