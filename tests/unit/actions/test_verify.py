"""The proof of an extraction: what it accepts, and that it can fail."""

import pytest

from lsp_server.actions import source as sources
from lsp_server.actions import verify
from lsp_server.actions.values import Replacement
from lsp_server.text import Span
from tests import house


def proven(before: str, after: str, name: str, uses: int) -> bool:
    """For an extraction in the whole module."""
    one, other = sources.read(before), sources.read(after)
    assert one is not None
    assert other is not None
    return verify.extracts(one, other, one.module, name, uses)


@pytest.mark.parametrize(
    ("before", "after", "uses"),
    [
        ("y = f(x) + 1\n", "new = f(x)\ny = new + 1\n", 1),
        ("y = a.b + a.b\n", "new = a.b\ny = new + new\n", 2),
        ("f(x)\n", "new = f(x)\n", 0),
        ("if a:\n    y = f(x)\n", "if a:\n    new = f(x)\n    y = new\n", 1),
    ],
)
def test_an_extraction_is_proven(before: str, after: str, uses: int) -> None:
    """The value put back in place of the name gives the original."""
    assert proven(before, after, "new", uses)


@pytest.mark.parametrize(
    ("before", "after", "uses"),
    [
        pytest.param("y = f(x) + 1\n", "new = f(z)\ny = new + 1\n", 1, id="another value"),
        pytest.param("y = f(x) + 1\n", "new = f(x)\ny = new + 2\n", 1, id="another rest"),
        pytest.param("y = f(x) + 1\n", "new = f(x)\ny = new + 1\n", 2, id="fewer uses than said"),
        pytest.param("y = f(x) + 1\n", "y = new + 1\nnew = f(x)\n", 1, id="used before it is assigned"),
        pytest.param("y = f(x) + 1\n", "y = f(x) + 1\n", 1, id="nothing happened"),
        pytest.param(
            "if a:\n    pass\ny = b.c\n", "if a:\n    new = b.c\n    pass\ny = new\n", 1, id="assigned in a branch"
        ),
        pytest.param("y = f(x)\nnew = 1\n", "new = f(x)\ny = new\nnew = 1\n", 1, id="assigned twice"),
        pytest.param("y = f(x)\nimport new\n", "new = f(x)\ny = new\nimport new\n", 1, id="imported"),
        pytest.param("y = f(x)\ndef new(): 1\n", "new = f(x)\ny = new\ndef new(): 1\n", 1, id="defined"),
        pytest.param("y = f(x)\nlambda new: 1\n", "new = f(x)\ny = new\nlambda new: 1\n", 1, id="a parameter"),
    ],
)
def test_anything_else_is_not(before: str, after: str, uses: int) -> None:
    """A different program, or a name that means something already."""
    assert not proven(before, after, "new", uses)


def test_another_scope_may_have_the_name() -> None:
    """The proof looks at one function."""
    before = "def f(new):\n    return new\ndef g(x):\n    return x.a + 1\n"
    after = "def f(new):\n    return new\ndef g(x):\n    new = x.a\n    return new + 1\n"
    one, other = sources.read(before), sources.read(after)
    assert one is not None
    assert other is not None
    assert verify.extracts(one, other, one.module.body[1], "new", 1)


def test_text_that_does_not_parse_is_no_edit() -> None:
    """Nothing like it reaches an editor."""
    before = sources.read("y = 1\n")
    assert before is not None
    assert verify.edited(before, [Replacement(Span(0, 0), "x = (\n")]) is None


def test_new_errors_are_seen() -> None:
    """By the parser of the editor's side too; old ones elsewhere do not count."""
    broken, sound = house.tree("def (:\n\ny = 1\n"), house.tree("y = 1\n")
    assert broken is not None
    assert sound is not None
    assert not verify.new_errors(broken, "def (:\n\nnew = 1\ny = new\n")
    assert verify.new_errors(sound, "y = (1\n")


def test_places_count_bytes_and_every_line_end() -> None:
    """Python's columns are bytes; the editor's lines end as the protocol says."""
    text = "\ufeffé = 'ü'; a = b\r\nc = 𝄞é\r\n".replace("𝄞é", "é")
    source = sources.read(text)
    assert source is not None
    assert [source.of(node) for node in source.module.body] == ["é = 'ü'", "a = b", "c = é"]


def test_a_sound_statement_of_a_broken_file_is_read() -> None:
    """The one around the place, from margin to margin."""
    text = "def (:\n\n@decorated\ndef f():\n    x = 1\n\ndef g(:\n"
    source = sources.read(text, Span(text.index("x = 1"), text.index("x = 1")))
    assert source is not None
    assert source.partial
    assert source.of(source.module.body[0]).startswith("def f")
    assert sources.read(text) is None
    assert sources.read(text, Span(0, 3)) is None


@pytest.mark.parametrize("text", ["a = (", "\0", "\ud800", "(" * 5000])
def test_no_python_is_no_tree(text: str) -> None:
    """Whatever the reason."""
    assert sources.parsed(text) is None


def test_warnings_about_the_source_are_not_ours() -> None:
    """The person's invalid escapes are no news of this server's."""
    assert sources.parsed("x = '\\d'\n") is not None
