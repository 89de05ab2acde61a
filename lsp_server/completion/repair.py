"""Filters for syntax: closers the model forgot, and the last word on whether the answer breaks the document.

Errors are counted by parsing the document with the answer in it, so they cost up to four incremental parses.
"""

import re

from lsp_server.completion.brackets import BRACKETS, LONG, Mark, close
from lsp_server.completion.place import indentation, is_opener, width
from lsp_server.completion.situation import Quiet, Situation

_GOES_ON = re.compile(r"(?:[(\[{,.=+\-*/%&|^<>?:\\]|=>|\b(?:and|or|not|in|is|if|else|return|new|await|typeof))\s*$")
_NEXT_LINE = re.compile(r"[^\n]*\n(?:[^\S\n]*\n)*(?P<indentation>[^\S\n]*)\S")
_BELOW = re.compile(r"[^\n]*\n(?P<indentation>[^\S\n]*)\S")
_LARGEST = 400_000
"""Characters from which a parse per answer takes too long (an edit at the top of 750 kB: 13 ms)."""
_ROTTEN = 8
"""Errors from which a document says nothing about what one more means."""
_DROPPED_LINES = 3
"""Lines that are given up at a block's end before the whole answer is."""


def unfinished_lines(text: str, situation: Situation) -> str | Quiet:
    """In a block, drops last lines that only begin something: an open quote, or a header without its body."""
    lines = text.split("\n")
    while len(lines) > 1:
        stack = situation.scan("\n".join(lines)).stack
        broken_string = bool(stack) and stack[-1].kind in ("'", '"') and not situation.place.after.strip()
        if not broken_string and not is_opener(lines[-1], situation.place.language):
            break
        lines.pop()
    return "\n".join(lines)


def missing_closers(text: str, situation: Situation) -> str | Quiet:
    """Adds the closers the answer owes, where that leaves no more errors (without a tree: where the line has ended)."""
    stack = situation.scan(text).stack
    last = text.rsplit("\n", 1)[-1]
    last_start = situation.query.offset + len(text) - len(last)
    if not stack or stack[-1].kind in LONG or stack[-1].kind == "//":
        return text
    # A line may go on below, but not where something stands after the cursor: `(row => {` before `)` is closed.
    opener_in_line = situation.place.after.strip() and last.rstrip()[-1:] in tuple("([{")
    if _GOES_ON.search(last) and not opener_in_line:
        return text
    single = "\n" not in text
    floor = len(situation.around.open) - min(situation.around.owed, situation.around.on_line if single else 0)
    on_last = tuple(mark for mark in stack[floor:] if single or mark.offset >= last_start)
    closed = text + close(on_last)
    earlier = stack[floor : len(stack) - len(on_last)]
    closed += _closing_lines(earlier, text, situation)
    if closed == text or not _worth_closing(text, closed, situation):
        return text
    return closed


def syntax(text: str, situation: Situation) -> str | Quiet:
    """Gives up lines at the end, then the answer, if the document has more errors with it than without.

    Code being typed is incomplete: for the comparison the cursor's line is completed, with the answer and without.
    """
    tree, query = situation.tree, situation.query
    if tree is None or len(query.document.text) > _LARGEST or situation.around.kind != "code":
        return text
    if not _fits_indentation(text, situation):
        return Quiet("broken", "The answer does not fit what stands below it.")
    if situation.errors_with(text) == 0:
        return text
    allowed = min(tree.errors(), situation.errors_with(_finished("", situation)))
    if allowed > _ROTTEN:
        return text
    lines = text.split("\n")
    for dropped in range(min(_DROPPED_LINES, len(lines) - 1) + 1):
        kept = "\n".join(lines[: len(lines) - dropped]).rstrip() if dropped else text
        if kept.strip() and _parses(kept, situation, allowed):
            return kept
    return Quiet("broken", "The answer does not parse here.")


def contradicts(text: str, situation: Situation) -> bool:
    """Whether something stands directly below that cannot follow the answer as it is: not the body, or the rest of the
    brackets, that it begins. Where the next line is blank, anything may still be written there."""
    tree, document, offset = situation.tree, situation.query.document, situation.query.offset
    below = _BELOW.match(document.text, offset)
    if tree is None or below is None or len(document.text) > _LARGEST or situation.around.kind != "code":
        return False
    last = text.rsplit("\n", 1)[-1]
    line = (last if "\n" in text else situation.place.before + last) + situation.place.after
    bodiless = is_opener(line, situation.place.language) and not situation.scan(text).stack
    if bodiless and situation.place.style == "indent" and width(below["indentation"]) <= width(indentation(line)):
        return True
    return situation.errors_with(text) > min(tree.errors(), situation.errors_with(_finished("", situation)))


def _fits_indentation(text: str, situation: Situation) -> bool:
    """Where blocks are indented, whether the next line below may stand where it does: deeper than the answer and than
    what is above only behind an opener. tree-sitter forgives this; the language does not."""
    document, offset = situation.query.document, situation.query.offset
    below = _NEXT_LINE.match(document.text, offset)
    if situation.place.style != "indent" or below is None or situation.scan(text).stack:
        return True
    last = text.rsplit("\n", 1)[-1]
    line = (last if "\n" in text else situation.place.before + last) + situation.place.after
    if is_opener(line, situation.place.language) or line.rstrip().endswith("\\"):
        return True
    return width(below["indentation"]) <= max(width(indentation(line)), situation.around.above)


def _parses(text: str, situation: Situation, allowed: int) -> bool:
    finished = _finished(text, situation)
    return situation.errors_with(text) <= allowed or (finished != text and situation.errors_with(finished) <= allowed)


def _finished(text: str, situation: Situation) -> str:
    """The answer with its last line completed in the plainest way: an operand, closers, a body."""
    indented = situation.place.style == "indent"
    last = text.rsplit("\n", 1)[-1]
    line = (situation.place.before + last if "\n" not in text else last).rstrip()
    stack = situation.scan(text).stack
    form = situation.lexicon.form
    if situation.lexicon.decorates(line.lstrip()):
        return f"{text}\n{indentation(line)}{form.decorated}"
    if line.endswith(":") and indented and not stack:
        ending = f"\n{indentation(line)}finally: pass" if line.strip() == "try:" else ""
        return f"{text} pass{ending}"
    if _GOES_ON.search(line) and line[-1] not in "([{,":
        text += " x"
    owed = stack[situation.around.floor :]
    if any(mark.kind not in BRACKETS and mark.kind not in ("'", '"') for mark in owed):
        return text
    if form.empty_body and is_opener(line, situation.place.language):
        text += f"\n{form.empty_body}"
    closers = close(owed, lines=True)
    if form.terminator and line[-1:] not in ("", ";", "{", "}", ",", ":") and "}" not in closers:
        closers += form.terminator
    return text + closers + (" finally {}" if line.endswith("try {") else "")


def _closing_lines(marks: tuple[Mark, ...], text: str, situation: Situation) -> str:
    """Lines that close what earlier lines of the answer opened: one per line, indented like the line that opened."""
    query, place = situation.query, situation.place
    whole = place.before + text
    start = query.offset - len(place.before)
    lines: dict[int, list[Mark]] = {}
    for mark in marks:
        if mark.offset < query.offset:
            continue  # opened before the answer: not for the answer to close on a line of its own
        lines.setdefault(whole.rfind("\n", 0, mark.offset - start) + 1, []).append(mark)
    return "".join(
        "\n" + indentation(whole[line:].split("\n", 1)[0]) + close(tuple(opened), lines=True).removeprefix("\n")
        for line, opened in sorted(lines.items(), reverse=True)
    )


def _worth_closing(text: str, closed: str, situation: Situation) -> bool:
    if situation.tree is None or len(situation.query.document.text) > _LARGEST:
        return situation.around.kind != "comment"
    # As many are as good: where the source is broken anyway, a bracket more is not counted.
    return situation.errors_with(closed) <= situation.errors_with(text)
