"""The tree thread: exactly the asked version, as little parsing as possible, nothing lost by cancelling."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lsp_server.documents import trees as module
from lsp_server.documents.document import LARGEST, Document, Edit
from lsp_server.documents.store import Documents
from lsp_server.documents.trees import Trees
from lsp_server.syntax.languages import by_name
from lsp_server.syntax.trees import SyntaxTree, parse
from lsp_server.text import Span

URI = "file:///project/a.py"
PATIENCE_S = 30


class Typist:
    """Opens a document and types at its end, as a session does."""

    def __init__(self, trees: Trees, text: str = "x = 1\n", identifier: str = "python") -> None:
        self.trees = trees
        self.documents = Documents()
        self.document = self.documents.open(URI, None, identifier, 1, text)
        trees.opened(self.document)

    def type(self, text: str) -> Document:
        old, end = self.document, len(self.document.text)
        edits = [Edit(Span(end, end), text)]
        self.document = self.documents.edit(URI, old.version + 1, edits)
        self.trees.edited(old, self.document, edits)
        return self.document


@pytest.fixture
async def trees() -> AsyncIterator[Trees]:
    owner = Trees()
    yield owner
    owner.close()


class Parses:
    """What the worker thread parsed, and a gate that holds it back."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bool]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()

    def __call__(self, language: Any, text: str, old: SyntaxTree | None = None, edits: Any = ()) -> SyntaxTree:
        self.began.set()
        assert self.gate.wait(PATIENCE_S)
        self.seen.append((text, old is not None))
        return parse(language, text, old, edits)


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parses]:
    watched = Parses()
    monkeypatch.setattr(module, "parse", watched)
    yield watched
    watched.gate.set()


@contextmanager
def held_back(parses: Parses) -> Iterator[None]:
    """The worker thread stands still in its next parse."""
    parses.gate.clear()
    parses.began.clear()
    try:
        yield
    finally:
        parses.gate.set()


async def began(parses: Parses) -> None:
    assert await asyncio.to_thread(parses.began.wait, PATIENCE_S)


async def test_an_opened_document_has_its_queries_ready(trees: Trees, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the tree thread, after the tree and before any question; nothing for a language that we do not know."""
    warmed: list[tuple[str, str]] = []
    monkeypatch.setattr(
        module, "warm_up", lambda language: warmed.append((language.name, threading.current_thread().name))
    )
    document = Typist(trees, "x = 1\n", "ruby").document
    Typist(trees, "x = 1\n", "cobol")
    document = Typist(trees, "x = 1\n", "lua").document
    assert await trees.at(document) is not None
    document = Documents().open(URI, None, "lua", 9, "y = 1\n")  # asked after what is queued
    assert await trees.at(document) is not None
    assert [name for name, _ in warmed] == ["ruby", "lua"]
    assert all(thread.startswith("codehearth-trees") for _, thread in warmed)


async def test_a_tree_is_of_the_asked_version(trees: Trees) -> None:
    typist = Typist(trees)
    for piece in ("y = f(", "🎉", ")\n", "def g():\n"):
        document = typist.type(piece)
        tree = await trees.at(document)
        assert tree is not None
        assert tree.text == document.text
        language = by_name("python")
        assert language is not None
        assert tree.s_expression() == parse(language, document.text).s_expression()


async def test_typing_is_followed_without_being_asked(trees: Trees, parses: Parses) -> None:
    """Each version goes on from the tree before it, and a later question finds it done."""
    typist = Typist(trees)
    await trees.at(typist.document)
    document = typist.type("y")
    tree = await trees.at(document)
    assert parses.seen == [("x = 1\n", False), ("x = 1\ny", True)]
    assert await trees.at(document) is tree
    assert len(parses.seen) == 2


async def test_changes_that_gather_are_parsed_together(trees: Trees, parses: Parses) -> None:
    with held_back(parses):
        typist = Typist(trees)
        await began(parses)
        for piece in "abcdef":
            typist.type(piece)
    tree = await trees.at(typist.document)
    assert tree is not None
    assert tree.text == "x = 1\nabcdef"
    assert parses.seen == [("x = 1\n", False), ("x = 1\nabcdef", True)]


async def test_an_old_version_is_still_answered(trees: Trees) -> None:
    """From nothing, and without disturbing the newest tree."""
    typist = Typist(trees)
    first = typist.document
    newest = typist.type("y = 2\n")
    held = await trees.at(newest)
    old = await trees.at(first)
    assert old is not None
    assert old.text == first.text
    assert await trees.at(newest) is held


async def test_a_document_that_nobody_opened_is_answered(trees: Trees) -> None:
    tree = await trees.at(Documents().open(URI, None, "go", 1, "package a\n"))
    assert tree is not None
    assert tree.errors() == 0


async def test_a_broken_chain_begins_anew(trees: Trees) -> None:
    """Edits that start from another document than the last one are not believed."""
    typist = Typist(trees)
    stranger = Documents().open(URI, None, "python", 9, "def f():\n    pass\n")
    trees.edited(Documents().open(URI, None, "python", 8, ""), stranger, [Edit(Span(0, 0), "zzz")])
    tree = await trees.at(stranger)
    assert tree is not None
    assert tree.text == stranger.text
    assert tree.errors() == 0
    assert typist.document.text == "x = 1\n"


@pytest.mark.parametrize(("identifier", "text"), [("cobol", "x"), ("python", "x\0y"), ("python", "x" * (LARGEST + 1))])
async def test_some_documents_have_no_tree(trees: Trees, parses: Parses, identifier: str, text: str) -> None:
    """No grammar, binary, too large: nothing is parsed."""
    typist = Typist(trees, text, identifier)
    assert await trees.at(typist.document) is None
    assert await trees.at(typist.type("y")) is None
    assert parses.seen == []


async def test_a_document_that_shrinks_gets_its_tree(trees: Trees) -> None:
    documents = Documents()
    large = documents.open(URI, None, "python", 1, "#" * (LARGEST + 1))
    trees.opened(large)
    edits = [Edit(Span(0, LARGEST), "")]
    small = documents.edit(URI, 2, edits)
    trees.edited(large, small, edits)
    tree = await trees.at(small)
    assert tree is not None
    assert tree.text == "#"


async def test_cancelling_a_question_loses_nothing(trees: Trees, parses: Parses) -> None:
    """Neither one that waits nor one that is being worked on."""
    with held_back(parses):
        typist = Typist(trees)
        questions = [asyncio.create_task(trees.at(typist.document))]
        questions.extend(asyncio.create_task(trees.at(typist.type(piece))) for piece in "ab")
        await began(parses)
        for question in questions:
            question.cancel()
        outcomes = await asyncio.gather(*questions, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    tree = await trees.at(typist.document)
    assert tree is not None
    assert tree.text == "x = 1\nab"
    assert all(incremental for _, incremental in parses.seen[1:])


async def test_a_closed_document_is_forgotten(trees: Trees) -> None:
    """Opened again, it starts from its new text."""
    typist = Typist(trees)
    await trees.at(typist.document)
    trees.closed(URI)
    trees.closed(URI)
    again = Typist(trees, "z = 3\n")
    tree = await trees.at(again.document)
    assert tree is not None
    assert tree.text == "z = 3\n"


async def test_closing_answers_what_waits_and_ends_the_thread(parses: Parses) -> None:
    """A task that waits for a tree is not cancelled by our going away; later questions have no tree."""
    trees = Trees()
    with held_back(parses):
        typist = Typist(trees)
        question = asyncio.create_task(trees.at(typist.document))
        await began(parses)
        trees.close()
    tree = await question
    assert tree is not None
    assert tree.text == "x = 1\n"
    assert await trees.at(typist.document) is None
    typist.type("y")
    trees.close()


async def test_the_event_loop_goes_on_while_a_long_text_is_parsed(trees: Trees) -> None:
    """Counted in turns of the loop, not in time: a parse that kept the interpreter's lock would allow almost none."""
    typist = Typist(trees, "def f(a):\n    return [a, {'b': a + 1}]\n" * 15_000)
    question = asyncio.create_task(trees.at(typist.document))
    turns = 0
    while not question.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert await question is not None
    assert turns > 5
