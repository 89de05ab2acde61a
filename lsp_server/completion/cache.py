"""Answers that need no engine: a suggestion being typed along, a place returned to, a place known to have nothing.

An answer is kept by what stood around its cursor, not by version or offset: undo and backspace come back to it, an
edit elsewhere leaves it alone. Lives on the event loop; a look-up takes well under a millisecond. Nothing is ever
written to disk.
"""

import re
from collections import OrderedDict

import attrs

from lsp_server.completion.brackets import CLOSER, Mark, scan
from lsp_server.completion.lexicon import lexicon
from lsp_server.completion.place import Mode, popup_rest
from lsp_server.completion.query import Query
from lsp_server.settings import Settings

LOOK_BACK = 128
"""Typed characters after which an answer is given up; longer texts are pasted, not typed."""

_PLACES = 256
"""Places remembered; with a few hundred characters each, well below a megabyte."""
_ANSWERS_PER_PLACE = 4
"""One place seldom has more than two: with and without what the editor inserted after the cursor."""
_TAIL = 256
"""Characters before the cursor that make a place."""
_HEAD = 128
"""Characters after the cursor that must be the same."""
_INSERTED_LONGEST = 48
"""Longest text an editor inserts after the cursor by itself: some closers, a line end and indentation before each."""

_INSERTED = re.compile(r"(?:\s*(?:\)|\]|\}|\"\"\"|'''|\"|'|`))+")


@attrs.frozen
class Hit:
    """An answer for a query. `text` is what is left to insert; "" means known to be empty, and is always exact."""

    text: str
    exact: bool
    """The answer was made at this very place; else it was typed along."""
    mode: Mode


@attrs.frozen
class _Answer:
    head: str
    text: str
    mode: Mode
    settings: Settings
    automatic: bool
    open: tuple[Mark, ...]
    """What was open at the cursor, for reconciling closers that the editor inserts while typing along."""


class Cache:
    """The last answers of one service, least recently used out first."""

    def __init__(self) -> None:
        self._places: OrderedDict[tuple[str, str], tuple[_Answer, ...]] = OrderedDict()

    def get(self, query: Query) -> Hit | None:
        """The nearest answer at or before the cursor that begins with what was typed since; None without one."""
        document = query.document
        start = max(0, query.offset - LOOK_BACK - _TAIL)
        before = document.text[start : query.offset]
        head = document.text[query.offset : query.offset + _HEAD + _INSERTED_LONGEST]
        for typed in range(min(LOOK_BACK, len(before)) + 1):
            end = len(before) - typed
            key = (document.uri, before[max(0, end - _TAIL) : end])
            for answer in self._places.get(key, ()):
                hit = self._match(answer, before[end:], head, query)
                if hit is not None:
                    self._places.move_to_end(key)
                    return hit
        return None

    def put(self, query: Query, text: str | None, mode: Mode, opened: tuple[Mark, ...] = ()) -> None:
        """Keeps the answer shown for `query`; None or "" keeps that there is none. Replaces an older one.

        `opened` is what was open at its cursor, for reconciling what the editor closes meanwhile.
        """
        text, document = text or "", query.document
        tail = document.text[max(0, query.offset - _TAIL) : query.offset]
        head = document.text[query.offset : query.offset + _HEAD]
        key = (document.uri, tail)
        new = _Answer(head, text, mode, query.settings, query.automatic, opened)
        older = [answer for answer in self._places.pop(key, ()) if answer.head != head]
        self._places[key] = (new, *older)[:_ANSWERS_PER_PLACE]
        while len(self._places) > _PLACES:
            self._places.popitem(last=False)

    def forget(self, uri: str) -> None:
        """Drops everything about a document, when it is closed."""
        for key in [key for key in self._places if key[0] == uri]:
            del self._places[key]

    def _match(self, answer: _Answer, typed: str, head: str, query: Query) -> Hit | None:
        if answer.settings is not query.settings and answer.settings != query.settings:
            return None  # another length or eagerness may answer otherwise
        if not answer.text:
            # Known to be empty: at this place only, and not against somebody who asks although nothing was offered.
            known = not typed and head[:_HEAD] == answer.head and (query.automatic or not answer.automatic)
            return Hit("", True, answer.mode) if known and query.popup is None else None
        if not answer.text.startswith(typed):
            return None
        inserted = _inserted(answer.head, head) if typed else "" if head[:_HEAD] == answer.head else None
        if inserted is None:
            return None
        rest = _reconciled(answer, typed, inserted, query) if inserted else answer.text[len(typed) :]
        if not rest.strip():
            return None
        if query.popup is not None:
            selected = popup_rest(query)
            if selected is None or not rest.startswith(selected) or len(rest) == len(selected):
                return None
        return Hit(rest, not typed, answer.mode)


def _inserted(old: str, new: str) -> str | None:
    """What the editor put between the cursor and the old text after it: "" for nothing, None for another text."""
    if new[:_HEAD] == old:
        return ""
    found = _INSERTED.match(new)
    for end in range(found.end() if found else 0, 0, -1):
        rest = new[end:]
        if rest[:_HEAD] == old or (
            len(old) == _HEAD and len(rest) >= _HEAD - _INSERTED_LONGEST and old.startswith(rest)
        ):
            return new[:end]
    return None


def _reconciled(answer: _Answer, typed: str, inserted: str, query: Query) -> str:
    """The rest of an answer up to where it closes what the editor closed already; "" where it opened no such thing."""
    words = lexicon(query.document.language)
    before = scan(typed, words, answer.open).stack
    opened = before[len(answer.open) :]
    closers = "".join(inserted.split())
    if len(opened) == 0 or not _closes(opened, closers):
        return ""
    rest = answer.text[len(typed) :]
    after = scan(rest, words, before, floor=len(before))
    if after.escape is None:
        return rest
    kept = rest[: after.escape]
    return kept.rstrip() if inserted[0] in "\r\n" or not kept.rstrip(" \t").endswith("\n") else kept


def _closes(opened: tuple[Mark, ...], closers: str) -> bool:
    """Whether `closers` close the innermost of `opened`, in order."""
    expected = "".join(CLOSER.get(mark.kind, "\0") for mark in reversed(opened))
    return expected.startswith(closers)
