"""Where a streamed answer is complete, so that the engine stops as soon as it is.

`ScopeStop` asks the tree once, then reads text and looks at each line once, so that a piece costs no more at the end
of an answer than at its beginning. It never changes the text; `postprocess` applies the same rules to whole answers.
"""

import re
import string

import attrs

from lsp_server.completion.brackets import LONG, Scan, around, scan
from lsp_server.completion.lexicon import lexicon
from lsp_server.completion.place import Mode, Place, indentation, is_opener, width
from lsp_server.completion.query import Query
from lsp_server.syntax.trees import SyntaxTree

_CONTROL = (
    r"(?!(?:if|for|while|switch|catch|with|return|do|else|throw|await|new|try|using|lock|foreach|synchronized|match|case"
    r"|elif|elseif|unsafe|loop|guard|when|yield|echo)\b)"
)
_DEFINITION = re.compile(
    r"(?:(?:export|default|public|private|protected|internal|static|abstract|async|pub(?:\([\w: ]+\))?|final|open"
    r"|override|suspend|inline|virtual|sealed|data|case|local|unsafe|const|extern|partial|readonly)\s+)*"
    r"(?:(?:def|class|function|interface|enum|namespace|struct|impl|trait|fn|func|type)\b\s*\*?\s*[\w(<]"
    r"|(?:fun|module|object|protocol|extension|record|typealias|mod|actor)\s+\w)"
    # A modifier, perhaps types, and a name with parameters.
    r"|(?:(?:public|private|protected|internal|static|async|get|set|readonly|virtual|override|final|abstract)\s+)+"
    r"(?:[\w<>,.\[\]?&*:]+\s+)*[\w#$~]+\s*[(<]"
    # The same without a modifier, known by its body.
    rf"|{_CONTROL}(?:[\w:<>,\[\]&*?.]+\s+)*[&*]*[~\w#$]+\s*\([^()]*\)\s*"
    r"(?::[^{};=]+|->[^{};=]+|const\b|noexcept\b|throws\s[\w., ]+)?\s*\{\s*$"
)
_CLOSES_LINE = re.compile(r"\s*(?:[)\]}]|</|(?:end|fi|done|esac)\b)")

_REOPENS = re.compile(r"\}\s*(?:else|catch|finally)\b.*\{\s*$")
"""Closes a block and begins the next one of the same statement, so that brackets stay as they were."""

_WORD = string.ascii_letters + string.digits + "_"

_LOOP_PERIOD = 4
"""A loop of up to this many lines is noticed."""
_LOOP_COPIES = 3
"""Copies of a run of lines that are a loop; two occur in real code."""
_RUN_LONGEST = 40
_RUN_COPIES = 4
_RUN_LEAST = 24
"""Within a line: a run of at most 40 characters, four times in a row, at least 24 characters in all, is a loop."""
DISTINCT = 6
"""Characters (without spaces) from which one line is unlikely to occur twice in a row by intent."""


class ScopeStop:
    """Feed it the growing answer; it says how much of it to keep once the answer is complete.

    A line ends at its line end. A block ends where the indentation falls below it, where a bracket is closed that
    something after the cursor closes already, where the statement begun on the cursor's line has closed, before a
    second definition on its own level, at a blank line if it stands among other statements, at two blank lines, at
    `max_lines`, where the model repeats itself, and where it begins to repeat what stands below the cursor.
    """

    def __init__(self, query: Query, tree: SyntaxTree | None, mode: Mode, max_lines: int) -> None:
        self._mode = mode
        self._max_lines = max_lines
        self._place = Place.of(query)
        self._around = around(query, tree)
        self._lexicon = lexicon(query.document.language)
        empty_body = tree is not None and tree.opens_block(query.offset)
        self._paragraph = not empty_body and _in_paragraph(self._place, self._around.above)
        self._lines: list[_Line] = []
        self._stack = self._around.open
        self._line_start = 0
        self._base = self._base_at_cursor()
        self._reopens = self._place.on_blank_line and self._block_level(query) == self._place.column
        self._defined = False
        self._cut: int | None = None

    def feed(self, text_so_far: str) -> int | None:
        """Length to keep once the answer is complete, else None. Each call's text begins with the last call's."""
        while self._cut is None:
            end = text_so_far.find("\n", self._line_start)
            complete = end >= 0
            content = text_so_far[self._line_start : end if complete else len(text_so_far)].rstrip("\r")
            if not complete and self._place.style == "keywords":
                content = content.rstrip(_WORD)  # half a word may become `end`, and `end` may become `endpoint`
            self._cut = self._read_line(content, complete) if self._mode == "line" else self._read(content, complete)
            if not complete:
                break
            self._line_start = end + 1
        return None if self._cut is None else min(self._cut, len(text_so_far))

    def _read_line(self, content: str, complete: bool) -> int | None:
        """Line mode: the end of the line, unless a closer too many or a loop comes first."""
        if self._reopens and content.startswith("}"):
            return self._reopened(content, complete)
        escape = scan(content, self._lexicon, self._stack, self._around.floor, lead=self._place.before).escape
        run = run_start(content)
        return escape if escape is not None else run if run is not None else len(content) if complete else None

    def _read(self, content: str, complete: bool) -> int | None:
        """The cut that this line of a block means; a line that is not complete is read again when it has grown."""
        first, blank = not self._lines, not content.strip()
        if first and self._reopens and content.startswith("}"):
            return self._reopened(content, complete)
        lead = self._place.before if first else ""
        seen = scan(content + "\n" * complete, self._lexicon, self._stack, self._around.floor, lead=lead)
        in_text = bool(self._stack) and self._stack[-1].kind in LONG
        surplus_first = seen.escape == len(indentation(content))
        if not (blank or first or in_text or surplus_first) and self._leaves(content):
            return self._before()
        if seen.escape is not None:
            return self._before_closer(content, seen.escape)
        if (run := run_start(content)) is not None:
            return self._line_start + run
        if not complete:
            return None
        line = _Line(self._line_start, self._line_start + len(content), content, len(self._stack), blank)
        if not in_text and (cut := self._finished(line, seen)) is not None:
            return cut
        self._lines.append(line)
        self._stack = seen.stack
        self._learn_level(line)
        if copies := loop_start([self._place.before + self._lines[0].text, *(kept.text for kept in self._lines[1:])]):
            return self._lines[copies].start - 1
        return line.end if len(self._lines) >= self._max_lines else None

    def _leaves(self, content: str) -> bool:
        """Whether a further line stands outside the block, or begins something next to what was asked for."""
        level = width(content)
        if self._place.on_blank_line:
            outside = self._base is not None and level < self._base and not self._is_closer(content)
        elif self._opened():
            outside = level < self._around.header or (level == self._around.header and not _CLOSES_LINE.match(content))
        else:
            outside = level < self._around.header
        if outside:
            return True
        beside = self._at_own_depth() and self._base is not None and level <= self._base
        if not (self._lines[-1].blank and self._written() and beside):
            return False
        comment = self._lexicon.begins_comment(content.lstrip())
        return self._paragraph or self._defines(content) or (comment and self._defined)

    def _finished(self, line: "_Line", seen: Scan) -> int | None:
        """The cut where a complete line ends the answer, with itself or before itself."""
        place, first = self._place, not self._lines
        if line.blank:
            again = bool(self._lines) and self._lines[-1].blank
            ends = self._written() and self._at_own_depth() and (again or (self._paragraph and self._on_level()))
            return self._before() if ends else None
        if not first and _CLOSES_LINE.match(line.text):
            statement = len(self._around.open) - self._around.on_line
            closes_header = not place.on_blank_line and width(line.text) <= self._around.header
            if closes_header and len(seen.stack) <= statement:
                return line.end
            if seen.lowest < min(len(self._around.open), line.depth):
                return line.end
        whole = place.before + line.text if first else line.text
        if not self._at_own_depth() or (self._base is not None and width(whole) > self._base):
            return None
        if self._repeats_below(whole):
            return self._before()
        if self._defines(whole) and (place.on_blank_line or not first):
            if self._defined and not self._decorates():
                return self._before()
            self._defined = True
        return None

    def _reopened(self, content: str, complete: bool) -> int | None:
        """For a line that begins with the closer of the block around it: kept if it is `} else {` and its kin."""
        if not complete:
            return None
        return len(content) if _REOPENS.match(content) else 0

    def _block_level(self, query: Query) -> int | None:
        """Indentation of the line that opened the innermost braces around the cursor, if they are closed below."""
        if not self._around.open or self._around.owed or self._around.open[-1].kind != "{":
            return None
        lines = query.document.lines
        return width(lines.line_text(query.document.text, lines.line_of(self._around.open[-1].offset)))

    def _base_at_cursor(self) -> int | None:
        """Level of the block's lines where the cursor's line says it, else None until the answer does."""
        place = self._place
        if not place.on_blank_line or not place.column:
            return None
        above = place.previous
        too_shallow = above is not None and is_opener(above, place.language) and self._around.above >= place.column
        return None if too_shallow else place.column

    def _learn_level(self, line: "_Line") -> None:
        first = len(self._lines) == 1
        if self._base is not None or (line.blank and not first):
            return
        if self._place.on_blank_line:
            self._base = None if line.blank else width(line.text) + (self._place.column if first else 0)
        elif not first:
            self._base = width(line.text)
        elif not self._opened():
            self._base = self._around.header
            self._paragraph = True

    def _opened(self) -> bool:
        """Whether the statement on the cursor's line expects deeper lines below it."""
        below = self._lines[1].depth if len(self._lines) > 1 else len(self._stack)
        whole = self._place.before + self._lines[0].text
        return is_opener(whole, self._place.language) or below > len(self._around.open) - self._around.on_line

    def _at_own_depth(self) -> bool:
        """Whether nothing that the answer opened is open."""
        return len(self._stack) <= len(self._around.open)

    def _written(self) -> bool:
        return any(not line.blank for line in self._lines)

    def _on_level(self) -> bool:
        """Whether the last line that is not blank stands on the block's own level."""
        last = next(line for line in reversed(self._lines) if not line.blank)
        return last is self._lines[0] or (self._base is not None and width(last.text) <= self._base)

    def _decorates(self) -> bool:
        last = next((line.text for line in reversed(self._lines) if not line.blank), "")
        return self._lexicon.decorates(last.lstrip())

    def _defines(self, line: str) -> bool:
        """Whether a line begins a definition, with its first decorator if it has any."""
        line = line.strip()
        return self._lexicon.decorates(line) or _DEFINITION.match(line) is not None

    def _is_closer(self, line: str) -> bool:
        """Whether a line begins with what closes a block."""
        if self._place.style == "keywords" and _CLOSES_LINE.match(line):
            return True
        return line.lstrip()[0] in ")]}"

    def _repeats_below(self, whole: str) -> bool:
        below = self._place.following[:1]
        return bool(below) and len("".join(whole.split())) >= DISTINCT and same_line(whole, below[0])

    def _before(self) -> int:
        """The end of the last line that is not blank before the current one."""
        return next((line.end for line in reversed(self._lines) if not line.blank), 0)

    def _before_closer(self, content: str, escape: int) -> int:
        """Before a closer that stands after the cursor already; where it stands on its line, its own line is kept."""
        own_line = bool(self._lines) and not content[:escape].strip()
        return self._before() if own_line and not self._place.after.strip() else self._line_start + escape


@attrs.frozen
class _Line:
    start: int
    end: int
    text: str
    depth: int
    """How much is open where it begins."""
    blank: bool


def _in_paragraph(place: Place, above: int) -> bool:
    """Whether an empty line stands among statements, so that a blank line ends what is added there.

    `above` is the indentation of the statement that ends above it.
    """
    if not place.on_blank_line or place.previous is None:
        return False
    above_opens = is_opener(place.previous, place.language) and above < max(place.column, 1)
    below = place.following[0] if place.following else ""
    return not above_opens or (bool(below) and width(below) >= max(place.column, 1) and not _CLOSES_LINE.match(below))


def same_line(one: str, other: str) -> bool:
    """Equal but for spaces, the kind of quotes and a closing `;` or `,`; the indentation counts."""
    return width(one) == width(other) and essence(one) == essence(other)


def essence(line: str) -> str:
    """A line without what two writers of the same line differ in."""
    return "".join(line.split()).rstrip(";,").replace("'", '"')


def loop_start(lines: list[str]) -> int | None:
    """Index of the line at which the copies begin, when `lines` end with three equal runs of one to four lines."""
    for period in range(1, _LOOP_PERIOD + 1):
        copies = [lines[len(lines) - period * (copy + 1) : len(lines) - period * copy] for copy in range(_LOOP_COPIES)]
        enough = len(lines) >= period * _LOOP_COPIES and any(
            character.isalnum() for line in copies[0] for character in line
        )
        if enough and all(copy == copies[0] for copy in copies):
            return len(lines) - period * (_LOOP_COPIES - 1)
    return None


def run_start(line: str) -> int | None:
    """Where the copies begin when `line` ends with the same run of characters again and again. Rulers are no loops."""
    if len(line) < _RUN_LEAST:
        return None
    for length in range(1, min(_RUN_LONGEST, len(line) // _RUN_COPIES) + 1):
        run = line[-length:]
        copies = max(_RUN_COPIES, -(-_RUN_LEAST // length))
        if line.endswith(run * copies) and any(character.isalnum() for character in run):
            start = len(line) - length * copies
            while start and line[start - 1] == line[start - 1 + length]:
                start -= 1  # as far left as the period holds, so that the cut is the same however much has come
            return start + length
    return None


def closes_line(line: str) -> bool:
    """Whether a line begins with something that closes what an earlier line opened."""
    return _CLOSES_LINE.match(line) is not None
