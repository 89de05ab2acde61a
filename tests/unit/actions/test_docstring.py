"""Documentation strings: literals, the three styles, and what they list already."""

from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from lsp_server.actions import docstring_reading as reading
from lsp_server.actions import docstring_styles as styles
from lsp_server.actions.docstring import Docstring
from lsp_server.actions.docstring_styles import Style
from tests.unit.actions.test_documentation import documented, select

NUMPY = '"""Do.\n\nParameters\n----------\na : int\n    One.\n"""\n'
SPHINX = '"""Do.\n\n:param a: One.\n:type a: int\n"""\n'
GOOGLE = '"""Do.\n\nArgs:\n    a (int): One.\n"""\n'


@pytest.mark.parametrize("source", ['"""a"""', "'a'", 'r"""a\\d\n  b"""', '"""\\\na\n"""', "U'''a\r\nb'''"])
def test_a_literal_comes_back_as_it_was(source: str) -> None:
    """Prefix, quotes, lines and escapes are kept to the character."""
    literal = Docstring.of(source)
    assert literal is not None
    assert literal.source("\r\n" if "\r" in source else "\n") == source


@pytest.mark.parametrize("source", ['"a\\nb"', '"""a\\x0ab"""'])
def test_escaped_line_ends_are_no_lines(source: str) -> None:
    """What would be put between such lines would stand elsewhere in the string."""
    assert Docstring.of(source) is None


@pytest.mark.parametrize(
    ("own", "siblings", "expected"),
    [
        ("", [], Style("google", typed=False)),
        ("", [NUMPY, NUMPY, SPHINX], Style("numpy", typed=True)),
        (GOOGLE, [NUMPY, NUMPY], Style("google", typed=True)),
        (SPHINX, [GOOGLE], Style("sphinx", typed=True)),
        (SPHINX.replace(":type a: int\n", ""), [], Style("sphinx", typed=False)),
        (GOOGLE.replace(" (int)", ""), [], Style("google", typed=False)),
        (GOOGLE.replace('"""', "'''"), [], Style("google", typed=True, quotes="'''")),
        (GOOGLE.replace("\n", "\r\n"), [], Style("google", typed=True)),
    ],
)
def test_the_style_is_the_file_s_or_its_siblings(own: str, siblings: Sequence[str], expected: Style) -> None:
    """The file itself is asked first; without any evidence it is Google's, types left to the signature."""
    assert styles.detect(own, siblings) == expected


def test_code_is_quoted_as_the_style_does() -> None:
    """Roles have a meaning of their own."""
    assert Style("numpy").quoted("Call `a.b` of :class:`Shop`.") == "Call ``a.b`` of :class:`Shop`."
    assert Style("google").quoted("Call `a`.") == "Call `a`."


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Do.\n\n    Args:\n        a, b (int): Both.\n            c: no\n        *d: Rest\n    ", ("a", "b", "d")),
        ("Do.\n\n    Keyword Arguments:\n      a (dict[str, (int)]): One\n    ", ("a",)),
        ("Do.\n\n    Parameters\n    ----------\n    a, b : int\n        c : no\n    **d\n    ", ("a", "b", "d")),
        (":param a: One\n      c: no\n    :param int b: Two\n    :keyword d: Three", ("a", "b", "d")),
        ("Do: this.\n    a: no\n    ", ()),
    ],
)
def test_what_is_documented_is_found(text: str, names: tuple[str, ...]) -> None:
    """Several names in one entry, stars, types with brackets; not the words of a description."""
    assert reading.read(text.split("\n"), "    ").names("parameters") == names


@attrs.frozen
class Chunk:
    path: str
    text: str


@attrs.frozen
class Scored:
    chunk: Chunk


class Reader:
    """An index whose other files are documented in one style."""

    def __init__(self, text: str) -> None:
        self.text = text

    def similar(self, words: list[str], *, exclude: str | None, limit: int) -> list[Scored]:
        return [Scored(Chunk("other.py", self.text)), Scored(Chunk("notes.md", GOOGLE * 9))]


@pytest.mark.parametrize(("text", "heading"), [(NUMPY, "-------"), (SPHINX, ":param b:"), (GOOGLE, "Args:")])
def test_the_repository_decides_where_the_file_does_not(text: str, heading: str) -> None:
    """Sibling files are found through the index."""
    selection = attrs.evolve(select("def <CURSOR>f(b):\n    go()\n"), folder=Path("/project"))
    assert heading in documented(selection, ["Do something new."], reader=Reader(text))
