"""Completions without a model, as good as they can honestly be: from the repository and the document without its hole.

None of them sees the hole, nor the hole's file on disk, nor how long the answer is. They write until the line ends (or
the block), and their answers are cut and judged like a model's.

most similar line   the place before which the longest run of tokens stands that also stands before the cursor (at most
                    16, over line ends); of equals, the one whose five lines above share most identifiers with those
                    above the cursor; then the hole's own file before others, then the nearest. Its line goes on.
n-gram              token by token, what follows the longest run of at most 12 tokens that has occurred; of several
                    continuations the most frequent, the own file's count ten times.
empty               nothing.

The lengths and the weight were tried on the holes themselves and the strongest kept (n-grams of 4 tokens close 12 % of
the lines, of 6 18 %, of 12 and of 24 23 %): what a model has to beat should not be an easy choice of ours.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np

from models.evaluation.corpus_index import DEPTH, NEWLINE, RepositoryTokens, Tokens
from models.evaluation.holes import Kind, Opened

ABOVE = 5
"""Lines above that are compared."""

ORDER = 12
"""Tokens of context of the n-gram baseline; the next token is the thirteenth."""

OWN_FILE = 10
"""An occurrence in the hole's own file counts so many times."""

MOST_TOKENS: Mapping[Kind, int] = {"line": 64, "arguments": 64, "block": 160}
_BLOCK_LINES = 16

_WORD = re.compile(r"[A-Za-z_]\w+")

Baseline = Callable[[Opened, RepositoryTokens], str]


def empty(opened: Opened, repository: RepositoryTokens) -> str:
    return ""


def similar_line(opened: Opened, repository: RepositoryTokens) -> str:
    """The rest of the most similar line; for a block, the lines below it that belong to its block."""
    context = _context(opened, repository)
    cursor = len(context.before)
    wanted = _identifiers_above(context.before, cursor)
    best: tuple[int, float, bool, int] | None = None
    answer = ""
    for tokens, places, length in _alike(context, repository, opened.hole.path):
        if best is not None and length < best[0]:
            break
        own = tokens in (context.before, context.after)
        for place in places:
            distance = cursor - place if tokens is context.before else place
            rank = (length, _jaccard(wanted, _identifiers_above(tokens, place)), own, -distance)
            if best is None or rank > best:
                continued = _continued(tokens, place, opened)
                if continued:
                    best, answer = rank, continued
    return answer


def n_gram(opened: Opened, repository: RepositoryTokens) -> str:
    context = _context(opened, repository)
    history = [int(token) for token in context.before.ids[-ORDER:]]
    answer: list[str] = []
    kind = opened.hole.kind
    for step in range(MOST_TOKENS[kind]):
        said = _most_frequent(history[-ORDER:], context, repository, opened.hole.path)
        if said is None or (said.startswith("\n") and kind != "block"):
            break
        # The white space before the cursor is typed already.
        answer.append(said.lstrip(" \t") if not step else said)
        history.append(repository.words.id(said.strip(" \t") or "\n") if said.strip() else NEWLINE)
    return "".join(answer)


BASELINES: Mapping[str, Baseline] = {"similar line": similar_line, "n-gram": n_gram, "empty": empty}


@attrs.frozen
class _Context:
    """The document without its hole."""

    before: Tokens
    after: Tokens


def _context(opened: Opened, repository: RepositoryTokens) -> _Context:
    return _Context(repository.words.tokens(opened.before), repository.words.tokens("\n" + opened.after))


def _alike(context: _Context, repository: RepositoryTokens, own: str) -> list[tuple[Tokens, list[int], int]]:
    """Places before which the end of the text before the cursor stands, longest first: (tokens, places, length)."""
    wanted = [int(token) for token in context.before.ids[-DEPTH:]]
    found: list[tuple[Tokens, list[int], int]] = []
    for tokens in (context.before, context.after):
        by_length: dict[int, list[int]] = {}
        for place in np.flatnonzero(tokens.ids[:-1] == wanted[-1]).tolist():
            length = 1
            while length < min(len(wanted), place + 1) and tokens.ids[place - length] == wanted[-1 - length]:
                length += 1
            by_length.setdefault(length, []).append(place + 1)
        found += [(tokens, places, length) for length, places in by_length.items()]
    for length, positions in repository.after(wanted, leaving_out=own):
        by_file = repository.by_file(positions)
        found += [(tokens, places, length) for tokens, places in by_file]
        if any(_continues(tokens, place) for tokens, places in by_file for place in places):
            break  # shorter runs are worse, whatever stands above them
    return sorted(found, key=lambda entry: -entry[2])


def _continues(tokens: Tokens, place: int) -> bool:
    return place < len(tokens) and tokens.ids[place] != NEWLINE and tokens.text[tokens.starts[place]] != "#"


def _identifiers_above(tokens: Tokens, place: int) -> frozenset[str]:
    """The words of the line that `place` is in, up to there left out, and of the lines above it."""
    start = int(tokens.starts[place]) if place < len(tokens) else len(tokens.text)
    end = tokens.text.rfind("\n", 0, start)
    if end < 0:
        return frozenset()
    first = end
    for _ in range(ABOVE):
        first = tokens.text.rfind("\n", 0, max(first, 0))
        if first < 0:
            break
    return frozenset(_WORD.findall(tokens.text, max(first, 0), end))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


def _continued(tokens: Tokens, place: int, opened: Opened) -> str:
    """The text from `place` to its line's end without a comment; for a block with the deeper or equal lines below."""
    if not _continues(tokens, place):
        return ""
    start = int(tokens.starts[place])
    end = tokens.text.find("\n", start)
    end = len(tokens.text) if end < 0 else end
    rest = _without_comment(tokens.text[start:end]).rstrip()
    if opened.hole.kind != "block":
        return rest
    head = tokens.text[tokens.text.rfind("\n", 0, start) + 1 : start]
    there, here = _width(head), _width(opened.before[opened.before.rfind("\n") + 1 :])
    lines = [rest]
    for line in tokens.text[end + 1 : end + 4_000].split("\n")[: _BLOCK_LINES - 1]:
        if not line.strip() or _width(line) < there:
            break
        lines.append(" " * (here + _width(line) - there) + line.strip())
    return "\n".join(lines)


def _without_comment(line: str) -> str:
    cut = line.find("  #")
    return line if cut < 0 or line.count('"', 0, cut) % 2 or line.count("'", 0, cut) % 2 else line[:cut]


def _width(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _most_frequent(history: Sequence[int], context: _Context, repository: RepositoryTokens, own: str) -> str | None:
    """The commonest next token, with the white space before it, after the longest end of the history that occurs."""
    others = dict(repository.after(history, leaving_out=own))
    for length in range(len(history), 0, -1):
        counts: Counter[str] = Counter()
        for tokens in (context.before, context.after):
            for place in _after(tokens, history[-length:]):
                counts[_spaced(tokens, place)] += OWN_FILE
        positions = others.get(length)
        if positions is not None:
            _, index, number = np.unique(repository.ids[positions], return_index=True, return_counts=True)
            for where, count in zip(index, number, strict=True):
                tokens, place = repository.place(int(positions[where]))
                if place < len(tokens):
                    counts[_spaced(tokens, place)] += int(count)
        if counts:
            return max(counts, key=lambda said: (counts[said], said))
    return None


def _after(tokens: Tokens, wanted: Sequence[int]) -> list[int]:
    """Positions after each occurrence of `wanted`."""
    ids, length = tokens.ids, len(wanted)
    if len(ids) <= length:
        return []
    hits = ids[length - 1 : -1] == wanted[-1]
    for back in range(1, length):
        hits &= ids[length - 1 - back : len(ids) - 1 - back] == wanted[-1 - back]
    return [int(place) + length for place in np.flatnonzero(hits)]


def _spaced(tokens: Tokens, place: int) -> str:
    """A token with the blanks before it; a line end with the indentation after it."""
    start, end = int(tokens.starts[place]), int(tokens.ends[place])
    if tokens.ids[place] == NEWLINE:
        following = int(tokens.starts[place + 1]) if place + 1 < len(tokens) else end
        gap = tokens.text[start:following]
        return "\n" + gap.rpartition("\n")[2]
    before = int(tokens.ends[place - 1]) if place else start
    if place and tokens.ids[place - 1] == NEWLINE:
        before = start
    return tokens.text[before:end]
