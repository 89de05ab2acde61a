"""Filters that keep an answer from saying what the document says already: on its line, below it, and above it."""

from lsp_server.completion.place import width
from lsp_server.completion.scope import DISTINCT, ScopeStop, closes_line, essence, same_line
from lsp_server.completion.situation import Quiet, Situation

_CLOSERS = ")]}\"'`;,"


def one_line(text: str, situation: Situation) -> str | Quiet:
    """Line mode keeps the first line; nothing, where the answer begins with a line end."""
    if situation.mode == "block":
        return text
    line = text.split("\n", 1)[0]
    return line if line.strip() else Quiet("empty", "The model ends the line here.")


def leading_blank_lines(text: str, situation: Situation) -> str | Quiet:
    """On an empty line a block begins at the cursor; blank lines in front would leave that line behind."""
    if not situation.place.on_blank_line:
        return text
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if not first:
        return text
    # Further lines carry their whole indentation, the cursor's line only what is missing of it.
    have, rest = situation.place.before, "\n".join(lines[first:])
    return rest[len(have) :] if rest.startswith(have) else rest.lstrip(" \t")


def beyond_scope(text: str, situation: Situation) -> str | Quiet:
    """Ends the text where its scope ends, as `scope` does for a stream, for answers that came whole."""
    query = situation.query
    stop = ScopeStop(query, situation.tree, situation.mode, query.settings.completion.max_lines)
    cut = stop.feed(text + "\n")
    kept = text if cut is None else text[:cut]
    if kept.strip():
        return kept
    if text.strip()[0] in _CLOSERS:
        return Quiet("duplicate", "What the model would close here is closed already.")
    below = situation.place.following[:1]
    if below and same_line(situation.place.before + text.split("\n", 1)[0], below[0]):
        return Quiet("duplicate", "The answer repeats the next line.")
    return Quiet("empty", "The model leaves the block here.")


def lines_below(text: str, situation: Situation) -> str | Quiet:
    """Drops the lines at the answer's end with which the text below begins; nothing is left of a mere repetition.

    llama.vim#71, continue#4721, continue#1552: lines that repeat what follows are the commonest complaint.
    """
    place = situation.place
    lines = text.split("\n")
    whole = [place.before + lines[0], *lines[1:]]
    whole[-1] += place.after
    written = [number for number, line in enumerate(whole) if line.strip()]
    for count in range(min(len(written), len(place.following)), 0, -1):
        pairs = list(zip((whole[number] for number in written[-count:]), place.following[:count], strict=True))
        telling = any(len(essence(line)) >= DISTINCT for line, _ in pairs) or all(
            closes_line(line) for line, _ in pairs
        )
        if telling and all(same_line(line, below) for line, below in pairs):
            if count == len(written):
                return Quiet("duplicate", "The answer repeats the lines below.")
            return "\n".join(lines[: written[-count - 1] + 1])
    if len(written) > 1 and place.following and _cut_off(whole[written[-1]], place.following[0]):
        return "\n".join(lines[: written[-2] + 1])
    return text


def line_above(text: str, situation: Situation) -> str | Quiet:
    """A line equal to the one directly above is a loop that has just begun, far more often than it is meant."""
    place = situation.place
    first, _, more = text.partition("\n")
    whole = place.before + first + ("" if more else place.after)
    if len(essence(whole)) >= DISTINCT and whole.rstrip() == place.directly_above.rstrip():
        return Quiet("duplicate", "The answer repeats the line above.")
    return text


def line_tail(text: str, situation: Situation) -> str | Quiet:
    """Drops what the answer's end has in common with the beginning of the text right of the cursor.

    A bracket or quote that the answer itself opened stays: `foo()` before `)` keeps its own.
    """
    after = situation.place.after.strip()
    answer = text.rstrip()
    for length in range(min(len(after), len(answer)), 0, -1):
        head = after[:length].rstrip()
        kept = answer[: len(answer) - len(head)]
        if not answer.endswith(head) or _splits_word(kept, head, after[len(head) :]):
            continue
        if len(situation.scan(kept).stack) <= len(situation.scan(text).stack):
            return kept if kept.strip() else Quiet("duplicate", "What the model would write stands after the cursor.")
    return text


def _cut_off(line: str, below: str) -> bool:
    """Whether a line is the beginning of the one below, as when the token limit ended a repetition."""
    return len(essence(line)) >= DISTINCT and width(line) == width(below) and essence(below).startswith(essence(line))


def _splits_word(kept: str, head: str, rest: str) -> bool:
    joined_left = kept[-1:].isalnum() and head[0].isalnum()
    return joined_left or (head[-1].isalnum() and rest[:1].isalnum())
