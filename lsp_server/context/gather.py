"""Chooses what else of the repository goes into a prompt: a question and an index in, ranked snippets out.

Pure given the index: no clock, no disk but the index, no engine. Runs on the context thread, in at most about 20 ms.
Sources, in the order in which they may fill the budget:

    outline       what the current file imports (half of the budget at most)
    recent        places of other files that were edited lately
    definition    definitions of names used close to the cursor that are not imported
    similar       definition-sized pieces that share identifiers with the last lines (BM25), for all that is left

Half outline and half BM25 was measured best: the needed member is in the prompt for 77 % of holes at 1,024 tokens,
against 68 % and 52 % for either alone (EVALUATION.md section 2).
"""

from collections.abc import Iterable, Iterator

import attrs

from lsp_server.context.nearby import Nearby, overlap, telling_lines
from lsp_server.context.outline import outline
from lsp_server.context.secrets import redacted
from lsp_server.context.snippet import Snippet
from lsp_server.index.values import IndexReader

OUTLINE_SHARE = 0.5
RECENT_SHARE = 0.15
DEFINITION_SHARE = 0.15

LEAST_BUDGET = 80
"""Characters below which no snippet says anything."""

LEAST_LINES = 2
MOST_SIMILAR = 12
MOST_NAMES = 12
MOST_LINES = 40
DEFINITION_LINES = 12
RECENT_MARGIN = 3
"""Lines shown above and below a recent edit."""

REPEAT = 0.7
"""A snippet of which this share of lines is in the prompt already is left out."""


@attrs.frozen
class Place:
    """Where a person asks: `path` relative to the workspace folder, `heads` the heads of the enclosing definitions.

    `recent` are recently edited places of other files as (path, first line, last line), newest first.
    """

    path: str
    text: str
    offset: int
    heads: str = ""
    recent: tuple[tuple[str, int, int], ...] = ()


def cost(snippet: Snippet) -> int:
    """Characters that a snippet takes in the prompt, its path line and file token included."""
    return len(snippet.path) + len(snippet.text) + 8


def gather(place: Place, reader: IndexReader | None, budget: int) -> tuple[Snippet, ...]:
    """Snippets worth at most `budget` characters, ordered by path and line so that equal choices give equal prompts.

    Blocking, like the reader. Without an index there is nothing to choose from.
    """
    if reader is None or budget < LEAST_BUDGET:
        return ()
    nearby = Nearby.of(place.text, place.offset, place.heads)
    choice = _Choice(nearby, place.path, budget)
    outlines = outline(place.path, reader, nearby, int(budget * OUTLINE_SHARE))
    choice.take(outlines, budget)
    choice.take(_recent(place, reader), int(budget * RECENT_SHARE))
    choice.take(_definitions(place.path, reader, nearby, outlines), int(budget * DEFINITION_SHARE))
    choice.take(_similar(place.path, reader, nearby), budget)
    return tuple(sorted(choice.snippets, key=lambda snippet: (snippet.path, snippet.lines or (-1, -1), snippet.text)))


class _Choice:
    """The snippets chosen so far: within the budget, none a copy of another or of what stands round the cursor."""

    def __init__(self, nearby: Nearby, own_path: str, budget: int) -> None:
        self._nearby = nearby
        self._own_path = own_path
        self._left = budget
        self._lines: frozenset[str] = frozenset()
        self.snippets: list[Snippet] = []

    def take(self, candidates: Iterable[Snippet], share: int) -> None:
        """Takes candidates in their order until `share` characters or the whole budget are spent."""
        share = min(share, self._left)
        for candidate in candidates:
            if share < LEAST_BUDGET:
                return
            snippet = _fitted(attrs.evolve(candidate, text=redacted(candidate.text)), share)
            if snippet is None or self._is_known(snippet):
                continue
            share -= cost(snippet)
            self._left -= cost(snippet)
            self._lines |= telling_lines(snippet.text)
            self.snippets.append(snippet)

    def _is_known(self, snippet: Snippet) -> bool:
        if snippet.path == self._own_path or not snippet.text.strip():
            return True
        if snippet.lines is None:
            return False
        if any(_meet(snippet, other) for other in self.snippets) or self._nearby.repeats(snippet.text):
            return True
        return overlap(telling_lines(snippet.text), self._lines) >= REPEAT


def _recent(place: Place, reader: IndexReader) -> Iterator[Snippet]:
    for path, first, last in place.recent:
        first, last = max(0, first - RECENT_MARGIN), min(last, first + MOST_LINES) + RECENT_MARGIN
        text = reader.text(path, first, last)
        if text is not None:
            yield Snippet(path, text, "recent", "edited recently", (first, last), 0.0)


def _definitions(path: str, reader: IndexReader, nearby: Nearby, outlines: list[Snippet]) -> Iterator[Snippet]:
    """Definitions of close names that mean one thing only: a name with many definitions says little about any."""
    own = {symbol.name for symbol in reader.symbols(path)}
    outlined = "\n".join(snippet.text for snippet in outlines)
    names = [name for name in nearby.rank if len(name) > 2 and name not in own]
    for name in names[:MOST_NAMES]:
        found = [symbol for symbol in reader.definitions(name, limit=3) if symbol.path != path]
        if len(found) != 1 or found[0].kind in ("variable", "module") or found[0].signature in outlined:
            continue
        symbol = found[0]
        last = min(symbol.end_line, symbol.line + DEFINITION_LINES - 1)
        text = reader.text(symbol.path, symbol.line, last)
        if text is not None:
            reason = f"defines {name}, used close by"[:80]
            yield Snippet(symbol.path, text, "definition", reason, (symbol.line, last), -float(nearby.rank[name]))


def _similar(path: str, reader: IndexReader, nearby: Nearby) -> Iterator[Snippet]:
    if not nearby.query:
        return
    for scored in reader.similar(list(nearby.query), exclude=path, limit=MOST_SIMILAR):
        chunk = scored.chunk
        lines = chunk.text.rstrip("\n").split("\n")[:MOST_LINES]
        reason = f"similar code: {chunk.name}"[:80] if chunk.name else "similar code"
        yield Snippet(
            chunk.path, "\n".join(lines), "similar", reason, (chunk.line, chunk.line + len(lines) - 1), scored.score
        )


def _fitted(snippet: Snippet, room: int) -> Snippet | None:
    """The snippet, cut to whole lines that fit into `room` characters; None when too little of it is left."""
    if cost(snippet) <= room:
        return snippet
    spare = room - len(snippet.path) - 8
    cut = snippet.text.rfind("\n", 0, max(spare, 0) + 1)
    text = snippet.text[:cut] if cut > 0 else ""
    if text.count("\n") + 1 < LEAST_LINES or len(text) < LEAST_BUDGET // 2:
        return None
    lines = None if snippet.lines is None else (snippet.lines[0], snippet.lines[0] + text.count("\n"))
    return attrs.evolve(snippet, text=text, lines=lines)


def _meet(snippet: Snippet, other: Snippet) -> bool:
    """Whether two snippets show some of the same lines of one file."""
    if snippet.path != other.path or snippet.lines is None or other.lines is None:
        return False
    return snippet.lines[0] <= other.lines[1] and other.lines[0] <= snippet.lines[1]
