"""Which text is offered: the engine's own, or, where that cannot stand there, what the repository says instead.

A model that ends its line with an opening bracket, or a header without a body, contradicts what stands below already.
The places that say something else were found anyway; the first of their lines that fits is the second choice.
"""

import math
from collections.abc import Iterable

import attrs

from lsp_server.completion import postprocess, repair
from lsp_server.completion.place import Mode
from lsp_server.completion.postprocess import Processed
from lsp_server.completion.query import Query, Silence
from lsp_server.completion.situation import Situation
from lsp_server.syntax.trees import SyntaxTree

MOST_TRIED = 6
"""Lines of other places that are tried; each costs a few parses."""

LARGEST = 100_000
"""Characters of a document from which trying lines takes longer than a person waits."""

_DOUBT = math.log(0.5)
"""By judgement: a second choice is right far more rarely than a first one, and mostly for those who ask."""

_REPLACED: frozenset[Silence] = frozenset({"broken", "duplicate"})
"""Reasons for silence that another text may not have."""


@attrs.frozen
class Chosen:
    """What is offered. text: the words it was made from. second: it is not the engine's own."""

    processed: Processed
    text: str
    second: bool = False


def choose(
    text: str, others: Iterable[str], query: Query, tree: SyntaxTree | None, mode: Mode, *, endless: bool = False
) -> Chosen:
    """others: what the repository says, the likeliest first. Lines only: a block is more than its place says.

    endless: the engine found no end, and `text` is what could be kept of it. Takes some milliseconds, and as many
    again for each text that is tried.
    """
    own = Chosen(postprocess.run(text, query, tree, mode), text)
    silence = own.processed.silence
    replaced = silence in _REPLACED or (endless and silence == "empty")
    large = len(query.document.text) > LARGEST
    if mode != "line" or large or (silence is not None and not replaced):
        return own
    situation = Situation.of(query, tree, mode)
    if silence is None and not repair.contradicts(own.processed.text, situation):
        return own
    # What has no line end was cut.
    lines = (other.split("\n", 1)[0].rstrip() for other in others if "\n" in other)
    tried = [line for line in dict.fromkeys(lines) if line.strip() and line != text.rstrip()]
    for line in tried[:MOST_TRIED]:
        processed = postprocess.run(line, query, tree, mode)
        if processed.silence is None and not repair.contradicts(processed.text, situation):
            return Chosen(processed, line, second=True)
    return own


def sure(logprob: float | None) -> float | None:
    """How sure a second choice is where the engine was that sure of its own."""
    return None if logprob is None else logprob + _DOUBT
