"""Append-only prompts: what stays frozen while a person types in one place. A pure state machine, without an engine.

A `Burst` is the part of the prompt that the model has already read: related code, the start of the prefix, the
suffix. `follow` takes it to the next query, so that only new characters are appended, or says why that is not
possible; `anchor` then begins a new one and keeps of the old what is still true, above all the start of the prefix
and the suffix, because whatever stays is not evaluated again.

What the editor puts after the cursor by itself, `)` or `"` or the `}` that Enter moves to its own line, is *hidden*:
it stands in the document but not in the prompt, so that it may come, go and be typed over without touching the
suffix. Post-processing reconciles it with the answer.

The text above the cursor is always the document's truth. Only the suffix can be older than the document, by hidden
characters alone, and never for longer than the burst.
"""

from collections.abc import Callable
from typing import Literal

import attrs

from lsp_server.completion.prompt import Budget, Parts
from lsp_server.context.gather import cost
from lsp_server.context.snippet import Snippet
from lsp_server.documents.document import Document

Order = Literal["spm", "psm"]

CLOSERS = frozenset(")]}>\"'`")
"""What editors insert in pairs."""

PUNCTUATION = frozenset(";,: \t")
"""What may follow closers at a line's end without making it a real rest of the line."""

MAXIMUM_HIDDEN = 48
"""Characters after the cursor that may stay hidden: a few closers, with the indentation of their lines."""

PROBE = 160
"""Characters by which the start of the prefix is recognised after an edit above it."""


@attrs.frozen
class Burst:
    """The frozen parts of one document's prompt, and how far it has been followed.

    `prefix + typed` is the document from `start` to `cursor`; in PSM order the hole stands between the two.
    `room` is the most that both may grow to, in characters.
    """

    order: Order
    document: Document
    cursor: int
    start: int
    prefix: str
    typed: str
    hidden: str
    suffix: str
    suffix_ends: bool
    """Whether the suffix reaches the end of the document."""
    room: int
    imports: str
    """The file down to its last import, as far as it lies above `start`: header and snippets follow from it."""
    header: str
    snippets: tuple[Snippet, ...]
    scope: str
    """Names the enclosing definition; snippets are chosen anew only when it changes."""
    complete: bool
    """Whether the snippets are all there; False when context was not ready in time."""

    def parts(self, repository: str, path: str) -> Parts:
        return Parts(repository, path, self.snippets, self.header, self.prefix, self.suffix, self.typed)


def follow(burst: Burst, document: Document, cursor: int) -> Burst | str:
    """The burst at a new state of its document, or the reason why a new one must begin, as words for a person."""
    text = document.text
    hidden = _hidden(burst, text, cursor)
    start = _start(burst, text, cursor)
    hole = text[start:cursor] if start is not None and start <= cursor else None
    if hole is None or hidden is None:
        return _why(burst, text, cursor, "edit after the cursor" if hole and hole.startswith(burst.prefix) else "")
    if len(hole) > burst.room:
        return "outgrown"
    if not text.startswith(burst.imports):
        return "other imports"
    assert start is not None
    if hole.startswith(burst.prefix):
        prefix = burst.prefix
    elif not burst.prefix.startswith(hole):
        return _why(burst, text, cursor, "")
    elif burst.order == "spm" and (start == 0 or len(hole) >= burst.room // 4):
        prefix = hole
    else:
        return "backspace past the anchor"
    typed = hole[len(prefix) :]
    return attrs.evolve(burst, document=document, cursor=cursor, start=start, prefix=prefix, typed=typed, hidden=hidden)


def anchor(
    previous: Burst | None,
    reason: str,
    document: Document,
    cursor: int,
    *,
    order: Order,
    budget: Budget,
    snippets: tuple[Snippet, ...],
    complete: bool,
    scope: str,
    imports_end: int,
    header: Callable[[int], str],
) -> Burst:
    """A new burst. `header(start)` makes the part of the file's head that a prefix from `start` leaves out.

    imports_end: the offset of the end of the file's last import.
    """
    text = document.text
    hidden = _closers(text, cursor)
    if previous is not None and len(previous.suffix) <= budget.suffix and _hidden(previous, text, cursor) == hidden:
        suffix, ends = previous.suffix, previous.suffix_ends
    else:
        suffix, ends = _suffix(text, cursor + len(hidden), budget.suffix)
    room = budget.prefix(sum(cost(snippet) for snippet in snippets), len(suffix))
    start = _start(previous, text, cursor) if previous is not None else None
    if start is None or not _roomy(start, cursor, room):
        start = _grid_start(document, cursor, room)
    if previous is not None and (start, scope) == (previous.start, previous.scope):
        head = previous.header
    else:
        head = header(start)
    hole = max(start, _hole(document, cursor, reason)) if order == "psm" else cursor
    return Burst(
        order=order,
        document=document,
        cursor=cursor,
        start=start,
        prefix=text[start:hole],
        typed=text[hole:cursor],
        hidden=hidden,
        suffix=suffix,
        suffix_ends=ends,
        room=room,
        imports=text[: min(imports_end, start)],
        header=head,
        snippets=snippets,
        scope=scope,
        complete=complete,
    )


def _hidden(burst: Burst, text: str, cursor: int) -> str | None:
    """What stands between the cursor and the frozen suffix, if only an editor would have put it there; else None."""
    for end in range(cursor, min(cursor + MAXIMUM_HIDDEN, len(text)) + 1):
        if text.startswith(burst.suffix, end) and (not burst.suffix_ends or end + len(burst.suffix) == len(text)):
            return text[cursor:end]
        if end < len(text) and text[end] not in CLOSERS and not text[end].isspace():
            return None
    return None


def _start(burst: Burst, text: str, cursor: int) -> int | None:
    """Where the prefix of the burst starts now: edits above it move it."""
    probe = burst.prefix[:PROBE]
    if burst.start <= cursor and probe.startswith(text[burst.start : min(burst.start + len(probe), cursor)]):
        return burst.start
    if burst.start == 0 or len(probe) < PROBE // 2:
        return None
    found = text.rfind(probe, max(0, cursor - burst.room - PROBE), cursor)
    return found if found >= 0 and (found == 0 or text[found - 1] in "\r\n") else None


def _why(burst: Burst, text: str, cursor: int, otherwise: str) -> str:
    """A cursor that moved further than the text grew has jumped."""
    grown = len(text) - len(burst.document.text)
    moved = cursor - burst.cursor
    if (grown == 0 and moved != 0) or abs(moved - grown) > MAXIMUM_HIDDEN:
        return "jump"
    return otherwise or "edit elsewhere"


def _closers(text: str, cursor: int) -> str:
    """The closers right after the cursor, when nothing else but punctuation stands on the rest of the line."""
    end = cursor
    while end < len(text) and text[end] in CLOSERS:
        end += 1
    rest = end
    while rest < len(text) and (text[rest] in CLOSERS or text[rest] in PUNCTUATION):
        rest += 1
    return text[cursor:end] if rest == len(text) or text[rest] in "\r\n" else ""


def _suffix(text: str, start: int, room: int) -> tuple[str, bool]:
    """At most `room` characters from `start`, whole lines where one fits, and whether they reach the text's end."""
    if len(text) - start <= room:
        return text[start:], True
    cut = text.rfind("\n", start, start + room)
    return text[start : cut + 1 if cut > start else start + room], False


def _roomy(start: int, cursor: int, room: int) -> bool:
    """Whether a prefix from an old `start` still shows enough and leaves an eighth of its room for typing."""
    return start <= cursor and cursor - start <= room * 7 // 8 and (start == 0 or cursor - start >= room // 4)


def _grid_start(document: Document, cursor: int, room: int) -> int:
    """Where a fresh prefix starts: three quarters of its room back, on a fixed grid of lines, so that nearby anchors
    agree. Where the grid would cost more than an eighth of the room any line will do, and where lines are longer
    still, any 256th character."""
    earliest = cursor - room * 3 // 4
    if earliest <= 0:
        return 0
    grid = 16 if room >= 8_000 else 8 if room >= 2_000 else 4
    line = document.lines.line_of(earliest - 1) + 1
    for candidate, most in ((-(-line // grid) * grid, room // 8), (line, room // 2)):
        start = document.lines.start(candidate)
        if start <= min(earliest + most, cursor):
            return start
    return min(-(-earliest // 256) * 256, cursor)


def _hole(document: Document, cursor: int, reason: str) -> int:
    """Where the hole of a PSM prompt is cut: before the line's indentation, which editors add and trim at will; at
    the line's start while a person is deleting, so that the next backspaces stay behind the hole."""
    text = document.text
    if reason.startswith("backspace"):
        return document.lines.start(document.lines.line_of(cursor))
    while cursor > 0 and text[cursor - 1] in " \t":
        cursor -= 1
    return cursor
