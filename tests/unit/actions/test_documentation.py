"""The action *Add documentation*: one golden page per behaviour, what is refused, and what holds for any answer."""

import ast
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lsp_server.actions import edits, signature
from lsp_server.actions import source as sources
from lsp_server.actions.documentation import NOTHING_BEYOND, AddDocumentation
from lsp_server.actions.documentation_words import cleaned, says_more
from lsp_server.actions.values import Filled, Offer, Proposal, Refusal, Selection, Tools
from lsp_server.errors import ModelUnavailable
from lsp_server.evaluate.documenting import documented_parameters
from lsp_server.settings import Settings
from lsp_server.text import Span
from tests import house

ACTION = AddDocumentation()


class Script:
    """Answers in order, then nothing; remembers the text around each hole."""

    def __init__(self, answers: Sequence[str] = ()) -> None:
        self.answers = list(answers)
        self.holes: list[tuple[str, str]] = []

    async def fill(self, prefix: str, suffix: str, *, max_tokens: int, stop: Sequence[str] = ()) -> Filled:
        self.holes.append((prefix, suffix))
        return Filled(self.answers.pop(0) if self.answers else "", None)


class Nobody:
    """There is no model."""

    async def fill(self, prefix: str, suffix: str, *, max_tokens: int, stop: Sequence[str] = ()) -> Filled:
        raise ModelUnavailable("There is no model.")


def select(marked: str, until: str = "") -> Selection:
    """A cursor at `<CURSOR>`, or a selection from there to behind `until`."""
    text, offset = house.cursor(marked)
    end = text.index(until, offset) + len(until) if until else offset
    return Selection(house.document(text), Span(offset, end), Settings())


def offered(selection: Selection) -> Offer | None:
    tree = house.tree(selection.document.text)
    assert tree is not None
    offers = ACTION.offers(selection, tree)
    assert len(offers) <= 1
    return offers[0] if offers else None


def proposed(selection: Selection, answers: Sequence[str] = (), *, reader: Any = None) -> Proposal | Refusal:
    offer, tree = offered(selection), house.tree(selection.document.text)
    assert offer is not None
    assert tree is not None
    assert not offer.reason
    return asyncio.run(ACTION.propose(selection, offer, tree, Tools(Script(answers), reader)))


def documented(selection: Selection, answers: Sequence[str] = (), *, reader: Any = None) -> str:
    result = proposed(selection, answers, reader=reader)
    assert isinstance(result, Proposal), result
    return edits.applied(selection.document.text, result.edits)


def again(selection: Selection, text: str) -> Offer | None:
    """What is offered at the same place of the changed text."""
    return offered(attrs.evolve(selection, document=house.document(text)))


@pytest.mark.parametrize("golden", house.goldens("documentation"), ids=lambda golden: golden.path.stem)
def test_golden(golden: house.Golden, update: bool) -> None:
    source = golden.source()
    marked = source.text.replace("\n", "\r\n") if source.options.get("newline") == "crlf" else source.text
    selection = select(marked)
    result = proposed(selection, golden.block("model").text.splitlines())
    if isinstance(result, Refusal):
        golden.check(f"refused: {result.sentence}", update=update)
        return
    text = edits.applied(selection.document.text, result.edits)
    golden.check(text.replace("\r", "␍").removesuffix("\n"), update=update)
    second = again(selection, text)
    assert second is not None
    assert second.reason == "The documentation is complete already."


REFUSED = {
    "@overload\ndef f<CURSOR>(a: int) -> int: ...\n": "An overload is documented where the function itself is defined.",
    "class A:\n    @x.setter\n    def x<CURSOR>(self, value): pass\n": "A property is documented at its getter.",
    'def f(<CURSOR>a):\n    "one" "two"\n': "The documentation string is put together from several pieces.",
    'def f(<CURSOR>a):\n    "one\\n\\ntwo"\n': "The documentation string is written with escaped line ends.",
    "def f(<CURSOR>a): \\\n    return a\n": "in a way that cannot be taken apart safely.",
    'def f(<CURSOR>a):\n    """Do it.\n\n    @param b: what\n    """\n': "in the Epytext style",
    'def f(<CURSOR>):\n    """Do it."""\n    return 1\n': "The documentation is complete already.",
    "def f(<CURSOR>a):\r    return a\r": "line ends that Python's tools do not agree on",
    "def f(<CURSOR>a:\n    return a\n": "The file does not parse here.",
}


@pytest.mark.parametrize("marked", REFUSED)
def test_what_cannot_be_documented_is_refused_with_the_reason(marked: str) -> None:
    """The offer stands in the menu and says why it cannot be chosen."""
    offer = offered(select(marked))
    assert offer is not None
    assert offer.reason.endswith(REFUSED[marked]) or REFUSED[marked] in offer.reason


def test_stub_files_are_refused() -> None:
    """Type checkers read stubs; nobody reads documentation there."""
    selection = select("def f(<CURSOR>a: int) -> int: ...\n")
    document = attrs.evolve(selection.document, path=Path("/project/place.pyi"))
    offer = offered(attrs.evolve(selection, document=document))
    assert offer is not None
    assert offer.reason == "Stub files carry no documentation."


PLACE = (
    "import a\n\n@deco\n@other(1)\ndef first(x,\n          y={1: lambda: 2}) -> int:  # note: this\n    return 3 + x\n"
)


@pytest.mark.parametrize("mark", ["@deco", "@other", "def", "first", "x,", "y=", ") -> int", ":  # note", "# note"])
def test_any_place_in_the_header_will_do(mark: str) -> None:
    """From the first decorator to the end of the header's last line."""
    offer = offered(select(PLACE.replace(mark, "<CURSOR>" + mark, 1)))
    assert offer is not None
    assert offer.key == "first"


@pytest.mark.parametrize("mark", ["import a", "return", "3 + x"])
def test_nothing_is_offered_elsewhere(mark: str) -> None:
    """A body is full of places where nobody thinks of documentation."""
    assert offered(select(PLACE.replace(mark, "<CURSOR>" + mark, 1))) is None


def test_the_innermost_definition_is_meant() -> None:
    """A selection means the first definition that it touches, a cursor the innermost."""
    nested = "class A:\n    class B:\n        async def go(self, x):\n            def local(y):\n                pass\n"
    keys = []
    for name in ("A", "B", "go", "local"):
        offer = offered(select(nested.replace(f" {name}", f" <CURSOR>{name}", 1)))
        keys.append(offer.key if offer is not None else "")
    assert keys == ["A", "A.B", "A.B.go", "A.B.go.local"]
    offer = offered(select("<CURSOR>\n\n" + nested, until="pass"))
    assert offer is not None
    assert offer.key == "A"


def test_broken_code_elsewhere_does_not_matter() -> None:
    """The definition is read alone where the file does not parse."""
    selection = select("def <CURSOR>f(count):\n    return count + 1\n\n\nx = (\n")
    assert '"""Do something new.' in documented(selection, ["Do something new."])


def test_without_a_model_the_notes_say_so() -> None:
    """What the source says is written, and the person is told."""
    selection = select("def <CURSOR>area(self):\n    return self.width * self.height\n")
    offer, tree = offered(selection), house.tree(selection.document.text)
    assert offer is not None
    assert tree is not None
    result = asyncio.run(ACTION.propose(selection, offer, tree, Tools(Nobody())))
    assert isinstance(result, Proposal)
    assert "`self.width * self.height`" in result.edits[0].text
    assert len(result.notes) == 1


def test_only_what_is_missing_is_asked_for() -> None:
    """Inside the quotes, with what is written so far before the hole and the body behind it."""
    selection = select('def f(<CURSOR>a, b):\n    """Do it.\n\n    Args:\n        a: One.\n    """\n    return a\n')
    offer, tree, script = offered(selection), house.tree(selection.document.text), Script(["The other thing."])
    assert offer is not None
    assert tree is not None
    asyncio.run(ACTION.propose(selection, offer, tree, Tools(script)))
    before, after = script.holes[0]
    assert before.endswith("        a: One.\n        b:")
    assert after == '\n    """\n    return a\n'
    assert len(script.holes) == 2  # b, and what is returned


def test_nothing_new_is_not_written() -> None:
    """Two tries at a summary that only says the name end in a refusal."""
    result = proposed(select("def <CURSOR>save_file(file):\n    pass\n"), ["Save the file.", "Saves a file."])
    assert result == Refusal(NOTHING_BEYOND)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  opens the door. And more", "Opens the door."),
        ("Opens the door, e.g. the front. Then", "Opens the door, e.g. the front."),
        ("Opens the door specified by the", "Opens the door specified."),
        ('Opens the "front" door"""', "Opens the 'front' door."),
        ("Opens the door.\n\nMore.", "Opens the door."),
        ("the_door: Opens it for somebody", "Opens it for somebody."),
        (":param door: It is opened", "It is opened."),
        ("Opens the door. :param door: What", "Opens the door."),
        ("`door.open` is called", "`door.open` is called."),
        ("iOS is started", "iOS is started."),
        ("Opens (the door", None),
        ("Opens \\d", None),
        ("x = {a; b}", None),
        ("Opens opens the door", None),
        ("a/" * 40, None),
        ("...", None),
        ("", None),
    ],
)
def test_one_clean_sentence_is_left(text: str, expected: str | None) -> None:
    """Of whatever a model writes into the hole."""
    assert cleaned(text) == expected


@pytest.mark.parametrize(
    ("sentence", "names", "expected"),
    [
        ("Gets the user's name.", ["get_user_name"], False),
        ("The HTTP server to be used.", ["http_server"], False),
        ("Parses files.", ["FileParser"], False),
        ("The directory.", ["dir"], False),
        ("Reads the file from the disk.", ["read_file"], True),
        ("Seconds to wait.", ["timeout"], True),
    ],
)
def test_restating_a_name_says_nothing(sentence: str, names: list[str], expected: bool) -> None:
    """Endings, stop words and abbreviations are no news."""
    assert says_more(sentence, names) == expected


def test_cancelling_stops_between_parts() -> None:
    """The task that is cancelled ends at the model, and nothing swallows it."""

    class Endless:
        def __init__(self) -> None:
            self.asked = asyncio.Event()

        async def fill(self, prefix: str, suffix: str, *, max_tokens: int, stop: Sequence[str] = ()) -> Filled:
            self.asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    async def cancel() -> None:
        selection, ask = select("def <CURSOR>f(a):\n    pass\n"), Endless()
        offer, tree = offered(selection), house.tree(selection.document.text)
        assert offer is not None
        assert tree is not None
        task = asyncio.create_task(ACTION.propose(selection, offer, tree, Tools(ask)))
        await ask.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())


ANSWERS = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(
            [
                'Say """ and more',
                "Back \\ slash here",
                ":param phantom: Not there.",
                "phantom (int): Not there.",
                "Args:",
                "Returns: Something else.",
                "- A list item with words",
                "Odd (bracket somewhere",
                "Many words " * 20,
                "`code` with words",
            ]
        ),
    ),
    max_size=8,
)
SHAPES = [
    "def f<CURSOR>(a, /, b: 'int' = 2, *c, d=\"x\\n\", **e) -> dict[str, int]:\n    if a: raise A\n    return {}\n",
    "class A(Base):\n\tx: int = 0\n\n\tdef <CURSOR>g(self, a: Literal['\"'], *, b):\n\t\tyield 1\n",
    "@attrs.define\nclass A(B<CURSOR>):\n    x: int\n    y = attrs.field()\n    def f(self): pass\n",
    'def f<CURSOR>(a, b):\n    """Sum.\n\n    Parameters\n    ----------\n    b : x\n    """\n    return a\n',
    'def f<CURSOR>(a, b, *c):\r\n    """:param b: it"""\r\n    raise A.B\r\n',
    "def f<CURSOR>(ä, b): return ä\n",
]


@given(answers=ANSWERS, marked=st.sampled_from(SHAPES))
@hypothesis_settings(max_examples=80, deadline=None)
def test_whatever_the_model_says_the_structure_is_right(answers: list[str], marked: str) -> None:
    """Refused, or: the same program, exactly the parameters, and a second run that has nothing to do."""
    selection = select(marked)
    result = proposed(selection, answers)
    if isinstance(result, Refusal):
        assert result.sentence == NOTHING_BEYOND
        return
    text = edits.applied(selection.document.text, result.edits)
    assert stripped(text) == stripped(selection.document.text)
    second = again(selection, text)
    assert second is not None
    assert second.reason == "The documentation is complete already."
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            named = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
            assert set(documented_parameters(ast.get_docstring(node) or "")) <= named


def stripped(text: str) -> str:
    """The program without its documentation strings."""
    module = ast.parse(text)
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(module)


def raised(body: str) -> list[tuple[str, str]]:
    source = sources.read(
        "class Own(ValueError): pass\ndef f(a):\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    )
    assert source is not None
    return [(each.name, each.condition) for each in signature.definitions(source)[-1].raises]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("if a < 1: raise ValueError(a)", [("ValueError", "a < 1")]),
        ("try:\n    raise KeyError\nexcept LookupError: pass", []),
        ("try:\n    raise Own\nexcept ValueError: pass", []),
        ("try:\n    raise Own\nexcept KeyError: pass", [("Own", "")]),
        ("try:\n    raise KeyError\nexcept KeyError:\n    log()\n    raise", [("KeyError", "")]),
        ("try:\n    g()\nexcept KeyError:\n    raise b.Error from None", [("b.Error", "")]),
        ("with suppress(KeyError):\n    raise KeyError", []),
        ("raise make_error()", []),
        ("raise NotImplementedError", []),
        ("if a: raise KeyError\nif not a: raise KeyError", [("KeyError", "")]),
    ],
)
def test_raised_is_what_escapes(body: str, expected: list[tuple[str, str]]) -> None:
    """Exceptions that a handler of the function catches are nobody else's business."""
    assert raised(body) == expected
