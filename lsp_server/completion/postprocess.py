"""From the model's words to text that can be inserted: `run` passes them through a fixed row of small filters.

What comes out is the portable shape: text for an empty range at the cursor, without what was typed and without what
stands after the cursor. A filter is a pure function of the text and the `Situation`; it returns the text it lets
through, or `Quiet`. Nothing here knows the engine or decides whether an answer is good: `gate` does.
"""

from collections.abc import Callable

import attrs

from lsp_server.completion import cleaning, duplicates, layout, repair
from lsp_server.completion.brackets import Mark
from lsp_server.completion.place import Mode, popup_rest
from lsp_server.completion.query import Query, Silence
from lsp_server.completion.situation import Quiet, Situation
from lsp_server.syntax.trees import SyntaxTree

Filter = Callable[[str, Situation], str | Quiet]


@attrs.frozen
class Processed:
    """Text to insert at the cursor, or "" with the reason for silence and a sentence about it."""

    text: str
    silence: Silence | None
    detail: str
    opened: tuple[Mark, ...] = ()
    """What is open at the cursor, where there is a text."""


def selection(text: str, situation: Situation) -> str | Quiet:
    """With an item selected in the editor's menu, only text that extends the item is shown; editors drop the rest."""
    if situation.query.popup is None:
        return text
    rest = popup_rest(situation.query)
    if rest is None or not text.startswith(rest) or len(text) == len(rest):
        return Quiet("selected", "The answer does not continue the selected item.")
    return text


FILTERS: tuple[Filter, ...] = (
    # What is no code. First, so that nothing below sees it.
    cleaning.broken_characters,
    cleaning.special_tokens,
    cleaning.code_fences,
    cleaning.typed_again,
    # How much of it was asked for.
    duplicates.one_line,
    duplicates.leading_blank_lines,
    duplicates.beyond_scope,
    # What the document has already. After the scope: lines are compared at the answer's end.
    duplicates.lines_below,
    duplicates.line_above,
    duplicates.line_tail,
    # How it is laid out. Before the syntax: Python's indentation is syntax.
    layout.indent,
    layout.trailing_space,
    # Whether it parses.
    repair.unfinished_lines,
    repair.missing_closers,
    repair.syntax,
    # The editor's side. Last, since only the final text can be compared with its menu.
    layout.line_ends,
    selection,
)


def run(text: str, query: Query, tree: SyntaxTree | None, mode: Mode) -> Processed:
    """What to insert for the model's `text`, or why nothing is shown.

    `tree` is of the query's document, None where the language has none. Takes some milliseconds, most of them the
    parses of `repair`.
    """
    if not text.strip():
        return Processed("", "empty", "The model wrote nothing here.")
    situation = Situation.of(query, tree, mode)
    for filter_ in FILTERS:
        result = filter_(text, situation)
        if isinstance(result, Quiet):
            return Processed("", result.silence, result.detail)
        if not result.strip():
            return Processed("", "empty", "Nothing was left of the answer.")
        text = result
    return Processed(text, None, "", situation.around.open)
