"""Whether anything is suggested at a place, and how much: nothing, one line, or a block.

Quiet beats noisy: an automatic request at a place where little can be added is answered with nothing and a reason.
Somebody who asks gets an attempt everywhere but in documents and languages that are excluded and in secret files.
Looks at name, text and tree only; being disabled or paused altogether is the server's business.
"""

import re
from typing import Literal

import attrs

from lsp_server.completion.brackets import around
from lsp_server.completion.lexicon import lexicon
from lsp_server.completion.place import Place, is_opener, popup_rest, width
from lsp_server.completion.query import Query, Silence
from lsp_server.completion.scope import closes_line
from lsp_server.index.ignore import looks_secret
from lsp_server.syntax.languages import by_name
from lsp_server.syntax.trees import SyntaxTree

LARGEST = 2_000_000
"""Characters of a document from which nothing is suggested: data, not source; every hop would be late."""

LONGEST_LINE = 10_000
"""Characters of a line in which nothing is suggested: minified, or data. Patterns over such a line hold up everything
else in the process, whichever thread they run on."""

_STRUCTURE_ONLY = re.compile(r"[\s)\]}\"'`,;]*(?:/?>|=>|->|:|\{|\\)?[\s)\]}\"'`,;{:]*\Z")
"""What may stand after the cursor: closers and the punctuation that follows them, no code."""

_CLOSING_WORD = re.compile(r"[\s)\]};]*(?:end|fi|done|esac|then|do)\b[\s)\]};]*\Z")

_CLOSED = re.compile(r"(?:;|[)\]}]\s*;?\s*[,;]|^\s*[)\]}]+[;,]?|^\s*(?:end|fi|done|esac))\s*\Z")
"""A line that ends a statement for good: a semicolon, or nothing but closers and words that end a block."""


@attrs.frozen
class Decision:
    """`mode` "none" comes with a reason; `detail` is a sentence where the reason alone does not say it."""

    mode: Literal["none", "line", "block"]
    silence: Silence | None
    detail: str


def decide(query: Query, tree: SyntaxTree | None) -> Decision:
    """How much to suggest at the query's cursor. Reads the lines around it and may ask the tree to parse again: some
    milliseconds, off the event loop."""
    if (nothing := excluded(query)) is not None:
        return nothing
    place = Place.of(query)
    if query.popup is not None and popup_rest(query) is None:
        return _nothing("selected", "The selected item does not continue what was typed.")
    kind = _kind(query, tree)
    if query.automatic:
        quiet = _quiet_place(query, place, tree, kind)
        if quiet is not None:
            return quiet
    return Decision(_amount(query, place, tree, kind), None, "")


def excluded(query: Query) -> Decision | None:
    """Why nothing is ever suggested in the query's document, or None. Well under a millisecond."""
    document = query.document
    known = by_name(document.language)
    names = {document.language, *(known.identifiers if known is not None else ())}
    if not names.isdisjoint(query.settings.completion.disabled_languages):
        return _nothing("language", f"Completion is off for {document.language}.")
    name = document.path.name if document.path is not None else document.uri.rpartition("/")[2]
    if looks_secret(name):
        return _nothing("secret", "Nothing of a file that usually holds keys or passwords is shown to a model.")
    if len(document.text) > LARGEST:
        return _nothing("too_large", f"The document has more than {LARGEST:,} characters.")
    line = document.lines.line_of(query.offset)
    if document.lines.start(line + 1) - document.lines.start(line) > LONGEST_LINE:
        return _nothing("too_large", f"The line has more than {LONGEST_LINE:,} characters.")
    if "\0" in document.text:
        return _nothing("binary", "The document contains NUL characters.")
    return None


def _quiet_place(query: Query, place: Place, tree: SyntaxTree | None, kind: str) -> Decision | None:
    """Why an automatic request gets nothing here, or None."""
    if query.document.text.isspace() or not query.document.text:
        return _nothing("position", "The document is empty.")
    if kind == "comment" and not query.settings.completion.in_comments:
        return _nothing("comment", "")
    if _is_word(place.before[-1:]) and _is_word(place.after[:1]):
        return _nothing("position", "The cursor is inside a word.")
    if not _STRUCTURE_ONLY.match(place.after if kind != "code" else _without_comment(query, place)):
        return _nothing("position", "Code follows on the cursor's line.")
    if kind == "comment":
        return None
    if kind == "string":
        calm = query.settings.eagerness == "calm" and not _in_long_string(query, tree)
        return _nothing("position", "The cursor is inside a string.") if calm else None
    if place.before.strip() and not place.after.strip() and _CLOSED.search(place.before):
        return _nothing("position", "The statement is complete.")
    header = not place.on_blank_line and not place.after.strip() and is_opener(place.before, place.language)
    if header and _has_body(query, place, tree):
        return _nothing("position", "The body already stands below.")
    return None


def _amount(query: Query, place: Place, tree: SyntaxTree | None, kind: str) -> Literal["line", "block"]:
    setting = query.settings.completion.mode
    if setting == "line" or kind != "code":
        return "line"
    empty_body = tree is not None and tree.opens_block(query.offset)
    if place.after.strip():
        # In the middle of a line only between the braces of an empty body, which the editor closed.
        return "block" if empty_body and not place.on_blank_line else "line"
    if empty_body or setting == "block":
        return "block"
    if tree is not None and tree.inside_arguments(query.offset):
        return "line"
    if place.on_blank_line:
        return "block" if _fits(query, place, tree) else "line"
    opens = tree is None and is_opener(place.before, place.language) and place.before.rstrip()[-1] in ":{"
    return "block" if opens and not _has_body(query, place, tree) else "line"


def _fits(query: Query, place: Place, tree: SyntaxTree | None) -> bool:
    """Whether an empty line is indented as a statement of the body around it would be."""
    above = place.previous
    if above is None or not place.column:
        return False
    if is_opener(above, place.language):
        return place.column > around(query, tree).above
    return place.column <= width(above)


def _has_body(query: Query, place: Place, tree: SyntaxTree | None) -> bool:
    """Whether deeper lines follow a header."""
    if not place.following:
        return False
    header = around(query, tree).header
    return width(place.following[0]) > header and not closes_line(place.following[0])


def _kind(query: Query, tree: SyntaxTree | None) -> str:
    """What the cursor is in: code, comment or string; the text decides where there is no tree."""
    if tree is None:
        return around(query, None).kind
    return tree.kind_at(query.offset)


def _in_long_string(query: Query, tree: SyntaxTree | None) -> bool:
    """Inside a documentation string or a text of several lines, which is written like prose."""
    opened = around(query, tree).open
    return bool(opened) and opened[-1].kind in ('"""', "'''", "`")


def _without_comment(query: Query, place: Place) -> str:
    """What stands after the cursor on its line, without a comment at the line's end and words that end a block."""
    if place.style == "keywords" and _CLOSING_WORD.match(place.after):
        return ""
    return "" if lexicon(query.document.language).begins_comment(place.after.lstrip()) else place.after


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _nothing(silence: Silence, detail: str) -> Decision:
    return Decision("none", silence, detail)
