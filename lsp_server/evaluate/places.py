"""Places in real Python code at which a completion is asked for, with the truth that was taken out.

Chosen by a seed from what a person would type: the rest of a line, the arguments of a call, the body of a block. It
reads files and chooses; asking and judging by a model is elsewhere, `verdict` only compares texts.
"""

import ast
import io
import random
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import attrs

from lsp_server.text import LineIndex

PlaceKind = Literal["line", "arguments", "body"]
Verdict = Literal["hit", "start", "miss", "nothing"]
"""hit: the truth; start: what is shown is right and not all of it; miss: something else; nothing: nothing is shown."""

LEAST_REST = 8
"""Characters that the rest of a line must have: shorter ones are mostly closing brackets."""

_PATTERN: tuple[PlaceKind, ...] = ("line", "arguments", "line", "body", "line")
"""Which kinds follow each other, over and over: mostly the rest of a line, as in real typing."""

_LARGEST_FILE = 200_000
_BODY_LINES = range(1, 5)


@attrs.frozen
class Place:
    """A hole. `text` is the whole file without `truth`, which stood at `offset`."""

    path: Path
    kind: PlaceKind
    offset: int
    text: str
    truth: str

    @property
    def line(self) -> int:
        """Line of the caret, counted from 1."""
        return LineIndex.of(self.text).line_of(self.offset) + 1


def choose(folder: Path, seed: int, count: int) -> list[Place]:
    """At most `count` places in the Python files below `folder`, each in another file as far as there are so many.

    Equal files, seed and count give equal places.
    """
    chance = random.Random(seed)
    files = [path for path in sorted(folder.rglob("*.py")) if path.stat().st_size <= _LARGEST_FILE]
    chance.shuffle(files)
    found: list[Place] = []
    taken: set[tuple[Path, int]] = set()
    rounds = 0
    while files and len(found) < count and rounds < 2 * count:
        for path in files:
            if len(found) == count:
                break
            candidates = list(_candidates(path, _PATTERN[len(found) % len(_PATTERN)]))
            candidates = [place for place in candidates if (path, place.line) not in taken]
            if candidates:
                place = chance.choice(candidates)
                taken.add((path, place.line))
                found.append(place)
        rounds += 1
    return found


def verdict(shown: str | None, truth: str) -> Verdict:
    """Compares a suggestion with the truth; white space at their ends does not count."""
    if shown is None or not shown.strip():
        return "nothing"
    shown, truth = shown.rstrip(), truth.rstrip()
    if shown == truth:
        return "hit"
    first_line = shown.split("\n")[0].rstrip()
    if truth.startswith(shown) or ("\n" in truth and first_line == truth.split("\n")[0].rstrip()):
        return "start"
    return "miss"


def _candidates(path: Path, kind: PlaceKind) -> Iterator[Place]:
    try:
        text = path.read_bytes().decode("utf-8")
        tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError):
        return
    if not text.isascii() or "\r" in text or "\f" in text:
        return  # ast counts columns in bytes and lines at form feeds; there is enough code without them
    lines = LineIndex.of(text)
    spans = {"line": _rests, "arguments": _arguments, "body": _bodies}[kind](text, tree, lines)
    for start, end in spans:
        truth = text[start:end]
        if truth.strip() and '"""' not in truth:
            yield Place(path, kind, start, text[:start] + text[end:], truth)


def _rests(text: str, tree: ast.Module, lines: LineIndex) -> Iterator[tuple[int, int]]:
    """From between two tokens of a one-line statement to the end of its line."""
    single = {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt)
        and node.lineno == node.end_lineno
        and not isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    }
    previous: tokenize.TokenInfo | None = None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        line = token.start[0]
        if previous is not None and previous.end[0] == line and line in single:
            start, end = lines.start(line - 1) + token.start[1], lines.end(text, line - 1)
            if end - start >= LEAST_REST and token.type in (tokenize.NAME, tokenize.OP, tokenize.STRING):
                yield start, end
        previous = None if token.type in (tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.NEWLINE) else token


def _arguments(text: str, tree: ast.Module, lines: LineIndex) -> Iterator[tuple[int, int]]:
    """Between the brackets of a call on one line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or node.lineno != node.end_lineno or not node.args:
            continue
        first = lines.start(node.lineno - 1)
        start = text.find("(", first + (node.func.end_col_offset or 0)) + 1
        end = first + (node.end_col_offset or 0) - 1
        if end - start >= 4:
            yield start, end


def _bodies(text: str, tree: ast.Module, lines: LineIndex) -> Iterator[tuple[int, int]]:
    """The lines of a block, after Enter and the indentation."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.If | ast.For | ast.With):
            continue
        first, last = node.body[0], node.body[-1]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            continue
        length = (last.end_lineno or 0) - first.lineno + 1
        if length in _BODY_LINES and lines.line_text(text, first.lineno - 2).rstrip().endswith(":"):
            yield lines.start(first.lineno - 1) + first.col_offset, lines.end(text, (last.end_lineno or 0) - 1)
