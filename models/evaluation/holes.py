"""The holes: fixed places in the held-out packages, kept as offsets and hashes, and the seeded drawing that chose them.

The committed list holds no source text. `python -m models.evaluation.holes` draws it anew; equal packages and an equal
seed give an equal list. Asking and judging are elsewhere.

line        from between two tokens of a line of code to its end, at least eight characters, as people stop typing:
            after the indentation, `=`, `.`, `return`, an opening bracket, a comma. No imports, no comments, no text of
            strings that span lines.
arguments   between the brackets of a call, at least four characters.
block       the one to six lines of a block, after its indentation; what is only `pass` or a docstring is left out.
"""

import argparse
import ast
import hashlib
import io
import json
import keyword
import random
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import attrs

from lsp_server.text import LineIndex
from models.evaluation import packages
from models.train.stage import TrainingError

Kind = Literal["line", "arguments", "block"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LISTED = Path(__file__).with_name("holes.jsonl")

COUNTS: Mapping[Kind, int] = {"line": 1218, "arguments": 294, "block": 294}
"""Divided evenly among the 14 packages, so that no package decides a figure: 87, 21 and 21 of each. A few
minutes for two processes; with a third of them, two models that differ by three points could not be told apart."""

LEAST_REST = 8
"""Characters that the rest of a line must have: shorter ones are mostly closing brackets."""
LEAST_ARGUMENTS = 4
MOST_BLOCK_LINES = 6
WEIGHTS: Mapping[str, int] = {"bracket": 3, "comma": 3, "dot": 3, "equals": 3, "keyword": 3}
"""Of the cursor positions of one line: people pause, and look at what is offered, where a new expression begins."""

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SUITES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.If, ast.For, ast.While, ast.With, ast.Try, ast.ExceptHandler)
_IMPORT = re.compile(r"^\s*(?:from \S+ )?import ", re.MULTILINE)
_LARGEST_FILE = 200_000
_LEAST_LINES = 20
_MOST_PER_FILE = 0.15
"""Of one package's holes of one kind, so that a single large file does not stand for its package."""
_LONGEST_REST = 160
_TABLE_LINES = 60
"""A file with fewer definitions than one in so many lines is a table, not code."""


@attrs.frozen
class Hole:
    """`start` and `end` are offsets of characters in the file's text with `\\n` line ends; `sha256` is of its bytes."""

    package: str
    path: str
    sha256: str
    start: int
    end: int
    kind: Kind
    position: str
    """What stands left of the cursor: `indent`, `bracket`, `comma`, `dot`, `equals`, `keyword`, `name`, `other`."""

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.package}:{self.path}:{self.start}"


@attrs.frozen
class Opened:
    """A hole with its text: `before` and `after` the cursor, and the `truth` that was taken out."""

    hole: Hole
    before: str
    truth: str
    after: str

    @property
    def text(self) -> str:
        """The document as the editor has it: without the truth."""
        return self.before + self.after


def listed(path: Path = LISTED) -> tuple[Hole, ...]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(Hole(**json.loads(line)) for line in lines)


def opened(hole: Hole, repository: Path) -> Opened:
    """Raises TrainingError where the file is not the one the hole was drawn in."""
    path = repository / hole.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrainingError(f"{path} cannot be read.", "Delete the folder of packages and run again.") from error
    if hashlib.sha256(content).hexdigest() != hole.sha256:
        raise TrainingError(
            f"{hole.path} of {hole.package} is not the file that the holes were drawn in.",
            "Delete the folder of packages and run the command again.",
        )
    text = content.decode("utf-8").replace("\r\n", "\n")
    return Opened(hole, text[: hole.start], text[hole.start : hole.end], text[hole.end :])


def draw(repositories: Mapping[str, Path], seed: int, counts: Mapping[Kind, int] = COUNTS) -> list[Hole]:
    """The same number of holes of each kind in each package, or as many as it has; ordered by kind, package, place."""
    found: list[Hole] = []
    for name, repository in sorted(repositories.items()):
        candidates = list(_candidates(name, repository))
        for kind in KINDS:
            # A generator of its own for each kind and package: one more candidate elsewhere changes nothing here.
            chance = random.Random(f"{seed} {name} {kind}")
            mine = [hole for hole in candidates if hole.kind == kind]
            found += _chosen(mine, counts[kind] // len(repositories), chance)
    return sorted(found, key=lambda hole: (KINDS.index(hole.kind), hole.package, hole.path, hole.start))


def _chosen(candidates: Sequence[Hole], count: int, chance: random.Random) -> list[Hole]:
    """Uniform over lines (not over cursor positions, of which long lines have more), few of one file."""
    by_line: dict[tuple[str, int], list[Hole]] = {}
    for hole in candidates:
        by_line.setdefault((hole.path, hole.end), []).append(hole)
    lines = sorted(by_line)
    chance.shuffle(lines)
    per_file: Counter[str] = Counter()
    most = max(2, round(count * _MOST_PER_FILE))
    taken: list[Hole] = []
    for line in lines:
        if len(taken) == count:
            break
        if per_file[line[0]] < most:
            per_file[line[0]] += 1
            here = by_line[line]
            taken.append(chance.choices(here, [WEIGHTS.get(hole.position, 1) for hole in here])[0])
    return taken


def _candidates(package: str, repository: Path) -> Iterator[Hole]:
    for path in sorted(repository.rglob("*.py")):
        relative = path.relative_to(repository).as_posix()
        if re.search(r"(^|/)(tests?|_vendor|vendored)/", relative) or path.stat().st_size > _LARGEST_FILE:
            continue
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        for start, end, kind, position in spans(content):
            yield Hole(package, relative, digest, start, end, kind, position)


def spans(content: bytes) -> Iterator[tuple[int, int, Kind, str]]:
    """Every hole of a Python file, as (start, end, kind, position). None in files that do not parse or are tables."""
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text)
    except (ValueError, SyntaxError):
        return
    if "\r" in text or "\f" in text:
        return  # ast and the tokenizer count lines at them differently
    lines = LineIndex.of(text)
    definitions = sum(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in ast.walk(tree)
    )
    if len(lines) < _LEAST_LINES or definitions * _TABLE_LINES < len(lines):
        return
    yield from _rests(text, tree, lines)
    columns = _Columns(text, lines)
    yield from _arguments(text, tree, columns)
    yield from _blocks(text, tree, lines, columns)


class _Columns:
    """Offsets of ast's places, whose columns count bytes."""

    def __init__(self, text: str, lines: LineIndex) -> None:
        self._text = text
        self._lines = lines

    def offset(self, line: int, column: int) -> int:
        start = self._lines.start(line - 1)
        written = self._lines.line_text(self._text, line - 1)
        return start + (column if written.isascii() else len(written.encode()[:column].decode()))


def _rests(text: str, tree: ast.Module, lines: LineIndex) -> Iterator[tuple[int, int, Kind, str]]:
    """From the start of a token to the end of its line, where the rest of the line is whole tokens and no comment."""
    closed = _not_asked(tree)
    by_line: dict[int, list[tokenize.TokenInfo]] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        for line in range(token.start[0], token.end[0] + 1):
            by_line.setdefault(line, []).append(token)
    silent = (tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
    for line, tokens in by_line.items():
        code = [token for token in tokens if token.type not in silent]
        if line in closed or any(t.start[0] != t.end[0] or t.type == tokenize.COMMENT for t in code):
            continue
        start_of_line = lines.start(line - 1)
        end = start_of_line + len(lines.line_text(text, line - 1).rstrip())
        for previous, token in zip([None, *code], code, strict=False):
            start = start_of_line + token.start[1]
            inside = token.type in (tokenize.NAME, tokenize.OP, tokenize.STRING, tokenize.NUMBER)
            if LEAST_REST <= end - start <= _LONGEST_REST and inside:
                yield start, end, "line", _position(previous)


def _position(previous: tokenize.TokenInfo | None) -> str:
    if previous is None:
        return "indent"
    said = previous.string
    if said in ("(", "[", "{"):
        return "bracket"
    named = {",": "comma", ".": "dot", "=": "equals"}.get(said)
    if named is not None:
        return named
    if previous.type == tokenize.NAME:
        return "keyword" if keyword.iskeyword(said) else "name"
    return "other"


def _not_asked(tree: ast.Module) -> frozenset[int]:
    """Lines of imports (the index on disk knows them, so the context would tell) and of texts that are statements."""
    closed: set[int] = set()
    for node in ast.walk(tree):
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if text or isinstance(node, ast.Import | ast.ImportFrom):
            assert isinstance(node, ast.stmt)
            closed.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return frozenset(closed)


def _arguments(text: str, tree: ast.Module, columns: _Columns) -> Iterator[tuple[int, int, Kind, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not (node.args or node.keywords):
            continue
        called, last = node.func, node.end_lineno or 0
        if called.end_lineno != last:
            continue
        start = text.find("(", columns.offset(last, called.end_col_offset or 0)) + 1
        end = columns.offset(last, node.end_col_offset or 0) - 1
        if end - start >= LEAST_ARGUMENTS and text[start:end].strip() and text[end] == ")":
            yield start, end, "arguments", "bracket"


def _blocks(text: str, tree: ast.Module, lines: LineIndex, columns: _Columns) -> Iterator[tuple[int, int, Kind, str]]:
    for body in _bodies(tree):
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            body = body[1:]
        if not body or isinstance(body[0], (ast.Pass, *_DEFINITIONS)):
            continue
        first, last = body[0], body[-1].end_lineno or 0
        start = columns.offset(first.lineno, first.col_offset)
        end = lines.start(last - 1) + len(lines.line_text(text, last - 1).rstrip())
        truth = text[start:end]
        if (
            lines.line_text(text, first.lineno - 1)[: first.col_offset].strip()
            or last - first.lineno >= MOST_BLOCK_LINES
        ):
            continue
        if len(truth) >= LEAST_REST and '"""' not in truth and not _IMPORT.search(truth):
            yield start, end, "block", "indent"


def _bodies(tree: ast.Module) -> Iterable[list[ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, _SUITES):
            yield node.body


def main() -> None:
    parser = argparse.ArgumentParser(description="Draws the list of holes anew from the held-out packages.")
    parser.add_argument("--packages", type=Path, default=Path(".training/evaluate/packages"), help="folder of packages")
    parser.add_argument("--seed", type=int, default=4, help="of the drawing (default: %(default)s, as committed)")
    parser.add_argument("--out", type=Path, default=LISTED, help="file to write (default: the committed one)")
    given = parser.parse_args()
    holes = draw(packages.fetched(packages.listed(), given.packages), given.seed)
    lines = [json.dumps(attrs.asdict(hole)) for hole in holes]
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
