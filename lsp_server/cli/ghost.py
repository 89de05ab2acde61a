"""How code with a suggestion in it looks on a terminal and in a log. Used by `complete` and `demo`."""

from typing import TYPE_CHECKING

from lsp_server.evaluate.product import Why

if TYPE_CHECKING:
    from rich.text import Text

GHOST = "black on green"
"""On a terminal; elsewhere inserted text stands between the marks of our tests."""

MARKS = "├", "┤"


def excerpt(text: str, offset: int, ghost: str | None, *, before: int, after: int, terminal: bool) -> "Text":
    """Lines of `text` round `offset`, numbered from 1, with `ghost` highlighted where it would be inserted.

    before and after: how many whole lines to show around the cursor's. Without a ghost only the cursor is marked.
    """
    from rich.text import Text

    start = _line_start(text, offset, before)
    end = _line_end(text, offset, after)
    first = text.count("\n", 0, start) + 1
    width = len(str(first + text.count("\n", start, end) + (ghost or "").count("\n")))
    opening, closing = ("", "") if terminal and ghost else MARKS
    code = Text(text[start:offset])
    code.append(opening)
    code.append(ghost or "", GHOST)
    code.append(closing)
    code.append(text[offset:end])
    shown = Text()
    for number, line in enumerate(code.split("\n", allow_blank=True), first):
        shown.append(f"{number:>{width}} │ ", "dim")
        shown.append_text(line)
        shown.append("\n")
    shown.rstrip()
    return shown


def context_lines(why: Why) -> list[str]:
    """Which code of the repository was in the prompt, and why each piece."""
    lines = []
    for used in why.snippets:
        place = f"{used.path}:{used.lines[0] + 1}-{used.lines[1] + 1}" if used.lines else used.path
        lines.append(f"{place}  {used.reason}")
    return lines


def cost_line(why: Why, milliseconds: float) -> str:
    """Milliseconds and tokens of an answer."""
    if why.from_cache:
        return f"{milliseconds:.0f} ms, from the cache"
    if not why.reached_engine:
        return f"{milliseconds:.0f} ms, the model was not asked"
    return (
        f"{milliseconds:.0f} ms; prompt: {why.reused:,} tokens reused, {why.evaluated:,} evaluated; "
        f"answer: {why.generated:,} tokens"
    )


def _line_start(text: str, offset: int, lines_before: int) -> int:
    start = text.rfind("\n", 0, offset) + 1
    for _ in range(lines_before):
        if start == 0:
            break
        start = text.rfind("\n", 0, start - 1) + 1
    return start


def _line_end(text: str, offset: int, lines_after: int) -> int:
    end = text.find("\n", offset)
    for _ in range(lines_after):
        if end < 0:
            break
        end = text.find("\n", end + 1)
    return len(text) if end < 0 else end
