"""Makes the shipped editing trace: takes pieces out of a held-out file and types them again as a person would.

Run as `python -m lsp_server.evaluate.record` where the held-out package is installed in the version named here; the
same seed gives the same bytes. It measures nothing and talks to no server.
"""

import ast
import importlib.metadata
import importlib.util
import random
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from lsp_server.errors import ServerError
from lsp_server.evaluate import keystrokes
from lsp_server.evaluate.keystrokes import EditingTrace, Header
from lsp_server.evaluate.typist import INDENT, Typist
from lsp_server.text import LineIndex, Span

PACKAGE, VERSION, LICENCE = "attrs", "26.1.0", "MIT"
MODULE, FILE = "attr", "_make.py"
SEED = 34

_BLOCKS, _ARGUMENTS, _LINE_ENDS = 5, 3, 3
"""How many pieces of each kind are typed again: about 60 keys in each place, as when code is written, with small
changes elsewhere in between."""
_BLOCK_LINES, _BLOCK_CHARACTERS = range(3, 9), range(110, 221)
"""Size of a block; indentation is not counted."""
_APART = 50
"""Lines between two pieces: the constructors of this file are long runs of nearly equal lines."""
_TYPO, _POPUP, _DETOUR = 0.03, 0.12, 0.5
"""Probability of a slip per letter, of taking the rest of a longer name from the editor's list, and of doing something
elsewhere after the first line of a block."""
_LONG_LINE = 44
"""From this many characters on, the rest of a line may be pasted instead of typed."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


@attrs.define
class Hole:
    """A piece of the truth that is typed again. `done`: how many of its characters stand in the text already."""

    span: Span
    done: int = 0

    @property
    def missing(self) -> int:
        return self.span.end - self.span.start - self.done


def record(truth: str, seed: int) -> tuple[str, Typist]:
    """Chooses holes in `truth` and types them. Returns the text before the first key and the typist at the end."""
    chance = random.Random(seed)
    holes = choose_holes(truth, chance)
    before = _without(truth, holes)
    writer = _Writer(truth, holes, Typist(before), chance)
    writer.write_all()
    if writer.typist.text != truth:
        raise AssertionError("the typist did not arrive at the truth")
    return before, writer.typist


def choose_holes(truth: str, chance: random.Random) -> list[Hole]:
    """Blocks of statements, call arguments and line ends, no two near each other, in typing order."""
    lines = LineIndex.of(truth)
    chosen: list[Hole] = []
    for wanted, candidates in (
        (_BLOCKS, list(_blocks(truth, lines))),
        (_ARGUMENTS, list(_arguments(truth, lines))),
        (_LINE_ENDS, list(_line_ends(truth, lines))),
    ):
        chance.shuffle(candidates)
        count = 0
        for span in candidates:
            near = any(
                abs(lines.line_of(span.start) - lines.line_of(hole.span.start)) < _APART
                or lines.line_of(hole.span.start) <= lines.line_of(span.start) <= lines.line_of(hole.span.end)
                for hole in chosen
            )
            if not near:
                chosen.append(Hole(span))
                count += 1
            if count == wanted:
                break
    chance.shuffle(chosen)
    return chosen


@attrs.define
class _Writer:
    """Types the holes one after the other, with the slips and detours of a person."""

    truth: str
    holes: list[Hole]
    typist: Typist
    chance: random.Random
    pastes: int = 0
    changes_of_mind: int = 0

    def write_all(self) -> None:
        waiting = list(self.holes)
        while waiting:
            hole = waiting.pop(0)
            rest = self.truth[hole.span.start + hole.done : hole.span.end]
            cut = rest.find("\n", rest.find("\n") + 1 if rest.startswith("\n") else 0)
            if cut > 0 and len(waiting) > 1 and hole.done == 0 and self.chance.random() < _DETOUR:
                # Looks something up elsewhere after the first line, changes something there, and comes back.
                self._write(hole, cut)
                waiting.insert(1, hole)
            else:
                self._write(hole, len(rest))

    def _write(self, hole: Hole, length: int) -> None:
        """Types the next `length` characters of a hole, starting with a jump to it."""
        self.typist.jump(self._place(hole.span.start + hole.done))
        wanted = self.truth[hole.span.start + hole.done : hole.span.start + hole.done + length]
        after = self.typist.text[self.typist.caret :]
        position = 0
        while position < len(wanted):
            position += self._step(wanted, position, len(after))
        # What the editor closed and nobody typed over has to go.
        while len(self.typist.text) - self.typist.caret > len(after):
            self.typist.delete()
        hole.done += length

    def _step(self, wanted: str, position: int, after: int) -> int:
        """One thing a person does at this point; returns how many characters of `wanted` it brought."""
        typist = self.typist
        rest = wanted[position:]
        pending = len(typist.text) - typist.caret - after
        if pending and rest.startswith("\n") and typist.text.startswith(rest[:pending], typist.caret):
            # The closed bracket already stands on the next line: walk behind it.
            run = typist.run
            typist.jump(typist.caret + pending)
            typist.run = run
            return pending
        if rest.startswith("\n"):
            return self._new_line(rest)
        at_line_start = typist.text[typist.text.rfind("\n", 0, typist.caret) + 1 : typist.caret].strip() == ""
        if rest.startswith(INDENT) and at_line_start:
            typist.indent()
            return len(INDENT)
        name = _NAME.match(rest)
        inside = bool(re.match(r"\w", wanted[position - 1 : position]))
        line = rest.partition("\n")[0]
        if len(line) >= _LONG_LINE and at_line_start and self.pastes < 2 and not pending:
            return self._paste(line)
        if name and not inside and self.changes_of_mind < 3 and self.chance.random() < 0.08:
            self._change_mind(name.group())
        if name and inside and len(name.group()) >= 5 and self.chance.random() < _POPUP:
            typist.popup(name.group())
            return len(name.group())
        if rest[0].isalpha() and self.chance.random() < _TYPO:
            self._slip(rest)
        typist.type(rest[0])
        return 1

    def _new_line(self, rest: str) -> int:
        """Enter, then the indentation is made right. An added partner that the truth does not want here goes first."""
        typist = self.typist
        partner = typist.text[typist.caret : typist.caret + 1]
        indentation = typist.text[typist.text.rfind("\n", 0, typist.caret) + 1 : typist.caret]
        indentation = indentation[: len(indentation) - len(indentation.lstrip(" "))]
        if typist.caret in typist.closers and f"\n{indentation}{partner}" not in rest:
            typist.delete()
        typist.enter()
        wanted = len(rest[1:]) - len(rest[1:].lstrip(" "))
        while self._column() > wanted:
            typist.backspace()
        while self._column() + len(INDENT) <= wanted:
            typist.indent()
        while self._column() < wanted:
            typist.type(" ")
        return 1 + wanted

    def _column(self) -> int:
        return self.typist.caret - self.typist.text.rfind("\n", 0, self.typist.caret) - 1

    def _paste(self, line: str) -> int:
        """Pastes a whole line; the first time the wrong one, which is undone."""
        if self.pastes == 0:
            self.typist.paste(line.swapcase())
            self.typist.undo()
        self.typist.paste(line)
        self.pastes += 1
        return len(line)

    def _change_mind(self, name: str) -> None:
        """Types a few letters of something else and undoes them."""
        self.changes_of_mind += 1
        self.typist.pause()
        for letter in "".join(self.chance.sample("aeinorst", 4)):
            self.typist.type(letter)
        self.typist.undo()

    def _slip(self, rest: str) -> None:
        """A wrong letter, perhaps one more before it is seen, and backspaces."""
        wrong = self.chance.choice([letter for letter in "aeinorst" if letter != rest[0]])
        self.typist.type(wrong)
        count = 1
        if rest[1:2].isalpha() and self.chance.random() < 0.5:
            self.typist.type(rest[1])
            count = 2
        for _ in range(count):
            self.typist.backspace()

    def _place(self, offset: int) -> int:
        """Where an offset of the truth stands in the current text; for a hole's own next character, its caret."""
        return offset - sum(hole.missing for hole in self.holes if hole.span.start + hole.done < offset)


def _without(truth: str, holes: list[Hole]) -> str:
    text = truth
    for hole in sorted(holes, key=lambda hole: hole.span.start, reverse=True):
        text = text[: hole.span.start] + text[hole.span.end :]
    return text


def _typable(text: str) -> bool:
    return text.isascii() and "\n\n" not in text and '"""' not in text and "'''" not in text and "\\" not in text


def _blocks(truth: str, lines: LineIndex) -> Iterator[Span]:
    """Runs of whole statements of a body, without a blank line."""
    for node in ast.walk(ast.parse(truth)):
        if not isinstance(node, ast.FunctionDef | ast.For | ast.If | ast.With):
            continue
        for first in node.body:
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                continue
            for last in node.body:
                line, end_line = first.lineno - 1, (last.end_lineno or 0) - 1
                if end_line - line + 1 not in _BLOCK_LINES:
                    continue
                end = lines.end(truth, end_line)
                blank = not lines.line_text(truth, line - 1).strip()
                start = lines.start(line) if blank else lines.end(truth, line - 1)
                code = sum(len(part.strip()) for part in truth[start:end].splitlines())
                if code in _BLOCK_CHARACTERS and _typable(truth[start:end]):
                    yield Span(start, end)


def _arguments(truth: str, lines: LineIndex) -> Iterator[Span]:
    """All arguments of a call on one line: 10 to 40 characters."""
    for node in ast.walk(ast.parse(truth)):
        if isinstance(node, ast.Call) and node.args and node.lineno == node.end_lineno:
            assert node.end_col_offset is not None
            line = lines.line_text(truth, node.lineno - 1)
            start = line.find("(", node.func.end_col_offset or 0) + 1
            arguments = line[start : node.end_col_offset - 1]
            if line.isascii() and 10 <= len(arguments) <= 40 and _typable(arguments):
                at = lines.start(node.lineno - 1)
                yield Span(at + start, at + node.end_col_offset - 1)


def _line_ends(truth: str, lines: LineIndex) -> Iterator[Span]:
    """The rest of a statement's line after its first word or operator: 12 to 50 characters."""
    for node in ast.walk(ast.parse(truth)):
        if isinstance(node, ast.Assign | ast.Return | ast.If) and node.col_offset >= 4:
            line = lines.line_text(truth, node.lineno - 1)
            cut = re.match(r"\s*(?:[\w.\[\]]+ = |return |if )", line)
            if cut and line.isascii() and 12 <= len(line) - cut.end() <= 50 and _typable(line):
                at = lines.start(node.lineno - 1)
                yield Span(at + cut.end(), at + len(line))


def make() -> tuple[EditingTrace, str]:
    """The trace of the installed held-out package, and its licence notice."""
    if (installed := importlib.metadata.version(PACKAGE)) != VERSION:
        raise ServerError(f"{PACKAGE} {installed} is installed.", f"Install {PACKAGE}=={VERSION} to record this trace.")
    found = importlib.util.find_spec(MODULE)
    assert found is not None
    assert found.origin is not None
    files = {f"src/{MODULE}/{path.name}": path for path in sorted(Path(found.origin).parent.glob("*.py"))}
    texts = {name: path.read_bytes().decode("utf-8") for name, path in files.items()}
    edited = f"src/{MODULE}/{FILE}"
    truth = texts[edited]
    texts[edited], typist = record(truth, SEED)
    header = Header(keystrokes.VERSION, PACKAGE, VERSION, LICENCE, edited, SEED, keystrokes.fingerprint(truth))
    notices = importlib.metadata.files(PACKAGE) or []
    notice = next(path for path in notices if path.name == "LICENSE").read_text("utf-8")
    return EditingTrace(header, texts, tuple(typist.keys)), notice


if __name__ == "__main__":
    _trace, _notice = make()
    _target = keystrokes.shipped()
    _target.parent.mkdir(exist_ok=True)
    keystrokes.save(_trace, _target)
    _target.with_name("LICENSE.attrs.txt").write_text(_notice, encoding="utf-8")
