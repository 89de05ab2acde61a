"""Where a person may ask in one file, and the text that is taken out there: holes of every kind a model learns from.

Chosen by the syntax tree, so the same rules hold for every language that has a grammar. Reads one text; knows no
repository, no prompt and no tokens.
"""

import random
import re
from collections.abc import Iterator
from functools import cache, cached_property

import attrs
import tree_sitter

from lsp_server.completion.burst import CLOSERS, PUNCTUATION
from lsp_server.context.secrets import redacted
from lsp_server.syntax import grammars
from lsp_server.syntax.encoded import Encoded
from lsp_server.syntax.languages import Language

KINDS = ("plain", "line", "arguments", "block", "docstring", "annotation", "name", "span")
"""What an example can be; all but `plain` are holes. Their order is part of the packed files."""

LONGEST_LINE = 240
"""Characters of a line in which something is taken out: longer ones are data."""

LONGEST_HOLE = 900
BLOCK_LINES = 8
SPAN = 200
"""Characters of a random span at most."""

TRIES = 12
"""Draws of a place before a file is said to have none of that kind."""

COMMENT_SHARE = 0.3
"""Of the lines of prose (comments, long strings) that are drawn, those that are kept: what stands in prose is hard to
foresee and of less use."""

IMPORT_SHARE = 0.5

_WORD = re.compile(r"\w+|[-+*/%&|^=<>!:?.@~]+|[^\w\s]")
_DATA = re.compile(r"[A-Za-z0-9+/=_]{40,}|(?:\\x[0-9a-fA-F]{2}){4}|(?:0x[0-9a-fA-F]+,\s*){4}|(?:-?[\d.]+,\s*){8}")
_REMARK = re.compile(
    r"(?:#|//|/\*)\s*(?:noqa|type:|pragma|pylint|pyright|mypy|fmt:|eslint|prettier|ts-|@ts|nolint|NOLINT)"
)
"""Words to tools, which nobody types with the line they stand behind."""

_IMPORT = re.compile(r"\s*(?:import\b|from\s+\S+\s+import\b|#\s*include\b|use\s|(?:const|let|var)\s.*\brequire\()")
_OPENERS = {"(": ")", "[": "]", "{": "}"}
_UNLIKELY = frozenset(")]};,")
"""What does not begin an answer: it is typed, or the editor has put it there."""

_ANNOTATED = {
    "python": "(typed_parameter type: (_) @annotation) (typed_default_parameter type: (_) @annotation)"
    "(function_definition return_type: (_) @annotation) (assignment type: (_) @annotation)",
    "typescript": "(type_annotation (_) @annotation)",
    "tsx": "(type_annotation (_) @annotation)",
}
"""By language, where types are written that the language does not ask for; elsewhere a type is like any other word."""

_DOCUMENTED = {
    "python": "(module . (expression_statement . (string) @docstring .))"
    "(block . (expression_statement . (string) @docstring .))",
}
_DOC_COMMENT = re.compile(r"/\*\*[\s*]*")


@attrs.frozen
class Hole:
    """The middle is `text[start:end]`. `closers` are what an editor has put after the cursor when the middle is still
    to be typed: the closing halves, all of them within the middle, of brackets and quotes opened before it."""

    kind: str
    start: int
    end: int
    closers: str = ""


class Source:
    """One file and its places. Each kind's places are looked for when they are first asked for."""

    def __init__(self, language: Language, text: str) -> None:
        self.language = language
        self.text = text
        self._encoded = Encoded(text)
        self._tree = grammars.parse_bytes(language, self._encoded.data)

    def draw(self, kind: str, chance: random.Random) -> Hole | None:
        """A hole of this kind; None where the file has none, or none was found in a few tries."""
        choose = {
            "line": self._line,
            "arguments": self._argument,
            "block": self._block,
            "docstring": self._docstring,
            "annotation": self._annotation,
            "name": self._name,
            "span": self._span,
        }[kind]
        for _ in range(TRIES):
            hole = choose(chance)
            if hole is not None and self._is_typed(hole):
                return hole
        return None

    # The kinds

    def _line(self, chance: random.Random) -> Hole | None:
        """The rest of a line, from any place at which a person may stop typing."""
        if not self._lines:
            return None
        first, last = chance.choice(self._lines)
        line = self.text[first:last]
        words = list(_WORD.finditer(line))
        where = chance.random()
        if where < 0.17 or len(words) == 1:
            start = words[0].start()
        elif where < 0.60:
            start = chance.choice(words[1:]).start()
        elif where < 0.75:
            start = chance.choice(words[:-1]).end()
        else:
            start = _inside(chance.choice(words), chance)
        rest = line[start:]
        if rest[:1] in _UNLIKELY or all(character in CLOSERS or character in PUNCTUATION for character in rest):
            return None
        start += first
        if self._in_prose(start) and chance.random() > COMMENT_SHARE:
            return None
        if _IMPORT.match(line) and chance.random() > IMPORT_SHARE:
            return None
        quote = self._quote(start, last)
        return Hole("line", start, last, unclosed(rest, quote) if quote is not None else "")

    def _argument(self, chance: random.Random) -> Hole | None:
        """From the beginning of an argument, or from within, to the end of the last one."""
        if not self._captured.get("arguments"):
            return None
        node = chance.choice(self._captured["arguments"])
        arguments = [child for child in node.named_children if child.type != "comment"]
        if node.type == "generator_expression" or not arguments:
            return None
        end = self._offset(arguments[-1].end_byte)
        tail = self.text[end : self._offset(node.end_byte) - 1]
        end += len(tail.rstrip()) if tail.strip() == "," else 0
        start = self._offset(chance.choice((arguments[0], chance.choice(arguments))).start_byte)
        if chance.random() < 0.3:
            within = [word for word in _WORD.finditer(self.text, start, end) if word.start() > start]
            if within:
                word = chance.choice(within)
                start = word.start() if chance.random() < 0.6 else _inside(word, chance)
        if end - start < 3 or self.text.count("\n", start, end) > 6 or self.text[start] in _UNLIKELY:
            return None
        return Hole("arguments", start, end)

    def _block(self, chance: random.Random) -> Hole | None:
        """The body of a block, or its last statements, after Enter and the indentation."""
        if not self._captured.get("suite"):
            return None
        node = chance.choice(self._captured["suite"])
        statements = node.named_children
        if not statements:
            return None
        last = statements[-1]
        end = self._line_end(self._offset(last.end_byte))
        if any(character in ")]}" for character in self.text[self._offset(last.end_byte) : end]):
            return None
        starts = []
        for place, statement in enumerate(statements):
            start = self._offset(statement.start_byte)
            line = self.text.rfind("\n", 0, start) + 1
            if self.text[line:start].strip() or self.text.count("\n", start, end) >= BLOCK_LINES:
                continue
            if place == 0 and any(start == documented for documented, _ in self._docstrings):
                continue
            starts.append(start)
        if not starts:
            return None
        several = [start for start in starts if "\n" in self.text[start:end]]
        if several and chance.random() < 0.8:
            starts = several
        start = starts[0] if chance.random() < 0.5 else chance.choice(starts)
        if (
            statements[0].type == "comment"
            and self._offset(statements[0].start_byte) == start
            and chance.random() < 0.7
        ):
            return None
        return Hole("block", start, end)

    def _docstring(self, chance: random.Random) -> Hole | None:
        """What a docstring or a `/** */` comment says, without its quotes."""
        if not self._docstrings:
            return None
        _, (start, end) = chance.choice(self._docstrings)
        if chance.random() < 0.3:
            words = list(re.finditer(r"\w+", self.text[start:end]))
            start += chance.choice(words).start() if words else 0
        return Hole("docstring", start, end)

    def _annotation(self, chance: random.Random) -> Hole | None:
        if not self._captured.get("annotation"):
            return None
        node = chance.choice(self._captured["annotation"])
        start, end = self._offset(node.start_byte), self._offset(node.end_byte)
        word = _WORD.match(self.text, start)
        if word is not None and chance.random() < 0.2:
            start = _inside(word, chance)
        return Hole("annotation", start, end)

    def _name(self, chance: random.Random) -> Hole | None:
        """The name that a definition gives, whole or its end."""
        if not self._names:
            return None
        start, end = chance.choice(self._names)
        if end - start > 2 and chance.random() < 0.4:
            start = chance.randrange(start + 1, end)
        return Hole("name", start, end)

    def _span(self, chance: random.Random) -> Hole | None:
        """Any characters: what a person selects and writes anew."""
        length = int(SPAN ** chance.random())
        start = chance.randrange(self._head, len(self.text)) if self._head < len(self.text) else 0
        return Hole("span", start, start + len(self.text[start : start + length].rstrip()))

    # What is true of all of them

    def _is_typed(self, hole: Hole) -> bool:
        """Would a person type this? Not nothing, not data, not a secret, not words to a tool."""
        start, end = hole.start, hole.end
        middle = self.text[start:end]
        if not 0 < end - start <= LONGEST_HOLE or not middle.strip() or start < self._head:
            return False
        lines = self.text[self.text.rfind("\n", 0, start) + 1 : self._line_end(end)]
        if _DATA.search(lines) or _REMARK.search(lines) or "\0" in lines:
            return False
        if any(len(line) > LONGEST_LINE for line in lines.split("\n")):
            return False
        if len(middle) > 12 and sum(character.isdigit() for character in middle) > len(middle) // 2:
            return False
        return redacted(lines) == lines

    # What is looked for once

    @cached_property
    def _captured(self) -> dict[str, list[tree_sitter.Node]]:
        query = _query(self.language, self._tree.language)
        found = tree_sitter.QueryCursor(query).captures(self._tree.root_node)
        return {name: sorted(nodes, key=lambda node: node.start_byte) for name, nodes in found.items()}

    @cached_property
    def _head(self) -> int:
        """Where the file begins after a comment about its licence."""
        end = 0
        for child in self._tree.root_node.named_children:
            if child.type not in ("comment", "block_comment", "line_comment", "hash_bang_line"):
                break
            end = self._offset(child.end_byte)
        return end

    @cached_property
    def _lines(self) -> list[tuple[int, int]]:
        """From the first to the last character of each line that says something."""
        found = []
        start = self._head
        while start < len(self.text):
            end = self.text.find("\n", start)
            end = len(self.text) if end < 0 else end
            line = self.text[start:end]
            if len(line) <= LONGEST_LINE and any(character.isalnum() for character in line):
                found.append((start, start + len(line.rstrip())))
            start = end + 1
        return found

    @cached_property
    def _prose(self) -> list[tuple[int, int]]:
        """Comments, and strings of several lines."""
        spans = [self._place(node) for node in self._captured.get("comment", ())]
        strings = [self._place(node) for node in self._captured.get("string", ())]
        return [*spans, *(span for span in strings if "\n" in self.text[slice(*span)])]

    @cached_property
    def _docstrings(self) -> list[tuple[int, tuple[int, int]]]:
        """(where it begins, what it says) of each docstring and each comment that documents."""
        found = []
        for node in self._captured.get("docstring", ()):
            children = node.named_children
            start, end = self._place(node)
            first = self._offset(children[0].end_byte) if children and children[0].type == "string_start" else start + 3
            last = self._offset(children[-1].start_byte) if children and children[-1].type == "string_end" else end - 3
            found.append((start, _stripped(self.text, first, last)))
        for node in self._captured.get("comment", ()):
            start, end = self._place(node)
            opening = _DOC_COMMENT.match(self.text, start, end)
            if opening is not None and self.text.endswith("*/", start, end):
                found.append((start, _stripped(self.text, opening.end(), end - 2)))
        return [(place, span) for place, span in found if span[1] - span[0] >= 3]

    @cached_property
    def _names(self) -> list[tuple[int, int]]:
        """The names of definitions."""
        found = set()
        for _, captures in grammars.matches(grammars.outline_query(self.language), self._tree.root_node):
            label = next((label for label in captures if label.startswith("definition.")), None)
            parts = grammars.parts(captures[label][0], captures) if label is not None else None
            if parts is not None:
                found.add(self._place(parts.name))
        return sorted(found)

    def _in_prose(self, offset: int) -> bool:
        return any(start < offset < end for start, end in self._prose)

    def _quote(self, start: int, end: int) -> str | None:
        """What closes the string that `start` is in: nothing outside of strings, None where that is not one character
        before `end`."""
        for node in self._captured.get("string", ()):
            first, last = self._place(node)
            if first < start < last:
                mark = self.text[last - 1]
                alone = mark in "\"'`" and self.text[last - 2] != mark and last <= end
                return mark if alone else None
        return ""

    def _place(self, node: tree_sitter.Node) -> tuple[int, int]:
        return self._offset(node.start_byte), self._offset(node.end_byte)

    def _offset(self, byte: int) -> int:
        return self._encoded.offset(byte)

    def _line_end(self, offset: int) -> int:
        """Where the last character of the line ends, white space left out."""
        end = self.text.find("\n", offset)
        return offset + len(self.text[offset : end if end >= 0 else len(self.text)].rstrip())


def unclosed(rest: str, quote: str = "") -> str:
    """The closers in `rest` of what was opened before it, in their order. `quote` ends the string it begins in."""
    closers = ""
    opened: list[str] = []
    inside = quote
    place = 0
    while place < len(rest):
        character = rest[place]
        if inside:
            if character == "\\":
                place += 1
            elif character == inside:
                closers += character if quote else ""
                inside = quote = ""
        elif character in "\"'`":
            inside = character
        elif character in _OPENERS:
            opened.append(_OPENERS[character])
        elif opened and character == opened[-1]:
            opened.pop()
        elif character in ")]}":
            closers += character
        elif rest.startswith(("# ", "// "), place):
            break
        place += 1
    return closers


def _inside(word: re.Match[str], chance: random.Random) -> int:
    """A place within a word, behind its first character; before the word where it has only one."""
    if word.end() - word.start() < 2 or not word.group()[0].isalnum():
        return word.start()
    return chance.randrange(word.start() + 1, word.end())


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), max(start, end - len(inner) + len(inner.rstrip()))


@cache
def _query(language: Language, grammar: tree_sitter.Language) -> tree_sitter.Query:
    """All nodes that holes are chosen by. One query, because walking the nodes takes ten times as long."""
    return tree_sitter.Query(grammar, "\n".join(_patterns(language, grammar)))


def _patterns(language: Language, grammar: tree_sitter.Language) -> Iterator[str]:
    for node, role in grammars.roles(language).items():
        # A table of roles may serve several dialects, and name nodes that only one of them has.
        if role in ("arguments", "suite", "comment", "string") and grammar.id_for_node_kind(node, True) is not None:
            yield f"({node}) @{role}"
    yield _ANNOTATED.get(language.name, "")
    yield _DOCUMENTED.get(language.name, "")
