"""What the tests share: places marked in a text, golden pages, and questions built from both.

Two marks, never line and column numbers: `<CURSOR>` where a test asks, `├…┤` around text that is inserted there.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import attrs

from lsp_server.completion.query import Query
from lsp_server.documents.document import Document
from lsp_server.settings import Settings
from lsp_server.syntax.languages import language_of
from lsp_server.syntax.trees import SyntaxTree, parse
from lsp_server.text import LineIndex

CURSOR = "<CURSOR>"
GOLDEN = Path(__file__).parent / "golden"

_BLOCK = re.compile(
    r"^(?P<fence>`{3,})(?P<kind>[^\s`]+)(?P<options>[^\n]*)\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL
)


def cursor(marked: str) -> tuple[str, int]:
    """The text without its `<CURSOR>`, and the offset where it stood."""
    before, mark, after = marked.partition(CURSOR)
    assert mark, f"the text has no {CURSOR}"
    assert CURSOR not in after, f"the text has more than one {CURSOR}"
    return before + after, len(before)


def inserted(marked: str) -> tuple[str, int, str]:
    """The text without what stands between `├` and `┤`, the offset where it stood, and what stood there."""
    found = re.fullmatch(r"([^├┤]*)├([^├┤]*)┤([^├┤]*)", marked)
    assert found is not None, "the text needs one ├…┤"
    return found[1] + found[3], len(found[1]), found[2]


def document(text: str, language: str = "python", uri: str = "file:///project/place.py", version: int = 1) -> Document:
    """An open document that is no file."""
    return Document(uri, None, language, version, text, LineIndex.of(text))


def query(
    marked: str,
    language: str = "python",
    *,
    settings: Settings | None = None,
    automatic: bool = True,
    popup: str | None = None,
    uri: str = "file:///project/place.py",
) -> Query:
    """The question at `<CURSOR>`."""
    text, offset = cursor(marked)
    return Query(document(text, language, uri), offset, settings or Settings(), None, automatic, popup)


def tree(text: str, language: str = "python") -> SyntaxTree | None:
    """The tree of a text, None where we have no grammar."""
    known = language_of(None, language)
    return parse(known, text) if known is not None else None


@attrs.frozen
class Block:
    """One fenced block: ```` ```python path=shop/cart.py ```` has kind "python" and the option "path"."""

    kind: str
    options: Mapping[str, str]
    text: str
    """With its last line end."""


@attrs.frozen
class Golden:
    """A page that shows one behaviour: a title, a sentence, blocks of input and what is expected of them."""

    path: Path
    title: str
    sentence: str
    blocks: tuple[Block, ...]

    @classmethod
    def read(cls, path: Path) -> "Golden":
        page = path.read_text(encoding="utf-8")
        head = page.split("\n```", 1)[0]
        title, _, sentence = head.partition("\n")
        assert title.startswith("# "), f"{path.name} needs a title"
        assert sentence.strip(), f"{path.name} needs a sentence under its title"
        blocks = tuple(
            Block(found["kind"], dict(_option(part) for part in found["options"].split()), found["text"])
            for found in _BLOCK.finditer(page)
        )
        assert any(block.kind == "expect" for block in blocks), f"{path.name} needs an ```expect block"
        return cls(path, title[2:].strip(), sentence.strip(), blocks)

    def block(self, kind: str) -> Block:
        return next(block for block in self.blocks if block.kind == kind)

    def source(self) -> Block:
        """The first block that is not an expectation."""
        return next(block for block in self.blocks if block.kind != "expect")

    def check(self, actual: str, *, update: bool) -> None:
        """Compares with the `expect` block, or writes it."""
        expected = self.block("expect").text.removesuffix("\n")
        if update and actual != expected:
            page = self.path.read_text(encoding="utf-8")
            old, new = f"```expect\n{expected}\n```", f"```expect\n{actual}\n```"
            assert page.count(old) == 1
            self.path.write_text(page.replace(old, new), encoding="utf-8")
        else:
            assert actual == expected, f"{self.title}: {self.sentence}"


def goldens(room: str) -> list[Golden]:
    """All pages of `tests/golden/<room>`, in the order of their names."""
    return [Golden.read(path) for path in sorted((GOLDEN / room).glob("*.md"))]


def _option(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, value or "yes"
