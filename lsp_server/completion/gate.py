"""Whether an answer that could be inserted is worth showing. Judges the text and its probability, changes neither."""

from collections.abc import Mapping

from lsp_server.completion.place import Mode
from lsp_server.completion.query import Query, Silence

LEAST_LOGPROB: Mapping[str, float] = {"calm": -0.15, "balanced": -0.3, "eager": -0.7}
"""Least mean natural log-probability per token: on average the choice was given 86 %, 74 % or 50 %.

On packages that training never read the embedded model shows 39 %, 52 % or 72 % of the lines at these, of which 67 %,
56 % and 43 % are right to the last character (`models/evaluation/calibrate_answers.py`). Each model's scale differs.
"""

_BLOCK_BONUS = 0.1
"""A block must be surer than a line by this much: it takes longer to read, and longer to undo."""

_EXPLICIT_LEAST = -4.0
"""Below it (2 % per token) even somebody who asked gets noise."""

_LEAST_CHARACTERS = 2
"""An automatic suggestion saves at least two keys, closers, which most editors insert by themselves, not counted."""

_CLOSERS = frozenset(")]}>\"'`;,:")


def decide(text: str, mean_logprob: float | None, query: Query, mode: Mode) -> Silence | None:
    """Why `text`, ready to be inserted, is not shown, or None. `mean_logprob` is None where nobody knows it."""
    if not text.strip():
        return "empty"
    if not query.automatic:
        return "unsure" if mean_logprob is not None and mean_logprob < _EXPLICIT_LEAST else None
    if sum(not character.isspace() and character not in _CLOSERS for character in text) < _LEAST_CHARACTERS:
        return "empty"
    least = LEAST_LOGPROB[query.settings.eagerness] + (_BLOCK_BONUS if mode == "block" else 0.0)
    return "unsure" if mean_logprob is not None and mean_logprob < least else None
