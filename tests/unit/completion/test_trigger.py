"""Where something is suggested, how much, and the reason where nothing is."""

from pathlib import Path

import attrs
import pytest

from lsp_server.completion import trigger
from lsp_server.settings import CompletionSettings, Settings
from tests import house


def decide(
    marked: str,
    language: str = "python",
    *,
    automatic: bool = True,
    popup: str | None = None,
    settings: Settings | None = None,
) -> trigger.Decision:
    query = house.query(marked, language, automatic=automatic, popup=popup, settings=settings)
    return trigger.decide(query, house.tree(query.document.text, language))


def completion(**values: object) -> Settings:
    return Settings(completion=CompletionSettings(**values))  # type: ignore[arg-type]


BLOCKS = {
    "an empty body after Enter": ("def area(shape):\n    <CURSOR>\n", "python"),
    "a header's end": ("def area(shape):<CURSOR>\n", "python"),
    "a header over two lines": ("def area(shape,\n         unit):\n    <CURSOR>\n", "python"),
    "an empty body among methods": (
        "class A:\n    def a(self):\n        <CURSOR>\n\n    def b(self):\n        pass\n",
        "python",
    ),
    "an empty line among statements": ("def f():\n    a = 1\n    <CURSOR>\n    return a\n", "python"),
    "an empty line in an outer body": ("def f():\n    if a:\n        b()\n    <CURSOR>\n", "python"),
    "between the braces of a function": ("function f() {\n  <CURSOR>\n}\n", "typescript"),
    "an open brace at the line's end": ("function f() {<CURSOR>\n", "typescript"),
    "a Go body": ("package a\n\nfunc f() {\n\t<CURSOR>\n}\n", "go"),
    "a body in an unknown language": ("fn main() {\n    <CURSOR>\n}\n", "zig"),
    "a Rust body": ("fn main() {\n    <CURSOR>\n}\n", "rust"),
    "a Java method": ("class A {\n    int f() {<CURSOR>}\n}\n", "java"),
    "a Ruby method": ("def f(a)\n  <CURSOR>\nend\n", "ruby"),
    "a Ruby method's header": ("def f(a)<CURSOR>\n", "ruby"),
    "an empty line among Ruby statements": ("def f\n  a = 1\n  <CURSOR>\n  a\nend\n", "ruby"),
    "a Lua condition": ("if a then\n  <CURSOR>\nend\n", "lua"),
    "a shell loop": ("for a in b; do\n  <CURSOR>\ndone\n", "shellscript"),
}

LINES = {
    "the middle of a statement": ("def f(a):\n    return <CURSOR>\n", "python"),
    "before an automatic parenthesis": ("print(<CURSOR>)\n", "python"),
    "before an automatic quote and parenthesis": ('print("tot<CURSOR>")\n', "python"),
    "before closer, colon and brace": ("if (<CURSOR>) {\n}\n", "typescript"),
    "the end of a complete expression": ("total = price * quantity<CURSOR>\n", "python"),
    "an empty line at module level": ("import os\n<CURSOR>\nprint(os.name)\n", "python"),
    "a comment": ("# The sum of<CURSOR>\ntotal = 0\n", "python"),
    "a documentation string": ('def f():\n    """Return <CURSOR>\n    """\n', "python"),
    "an argument on a line of its own": ("draw(\n    canvas,\n    <CURSOR>\n)\n", "python"),
    "before a comment at the line's end": ("total = <CURSOR>  # in cents\n", "python"),
    "before the word that ends a block": ("x.each { } if y do <CURSOR> end\n", "ruby"),
    "plain text": ("Dear <CURSOR>\n", "plaintext"),
}

NOTHING = {
    "behind the word that ends a block": ("if x then\n  y()\nend<CURSOR>\n", "lua"),
    "a Ruby header that has its body": ("def f<CURSOR>\n  1\nend\n", "ruby"),
    "inside a word": ("to<CURSOR>tal = 1\n", "python"),
    "before code": ("total = <CURSOR> price * quantity\n", "python"),
    "after a semicolon": ("const a = 1;<CURSOR>\n", "typescript"),
    "after a closing brace": ("function f() {\n  g();\n}<CURSOR>\n", "typescript"),
    "after a header with a body": ("def f():<CURSOR>\n    return 1\n", "python"),
    "an empty document": ("<CURSOR>\n", "python"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_where_a_body_or_statements_are_missing(name: str) -> None:
    assert decide(*BLOCKS[name]) == trigger.Decision("block", None, "")


@pytest.mark.parametrize("name", LINES)
def test_a_line_where_a_statement_goes_on(name: str) -> None:
    assert decide(*LINES[name]) == trigger.Decision("line", None, "")


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_where_little_can_be_added(name: str) -> None:
    decision = decide(*NOTHING[name])
    assert (decision.mode, decision.silence) == ("none", "position")
    assert decision.detail.endswith(".")


@pytest.mark.parametrize("name", NOTHING)
def test_somebody_who_asks_gets_an_attempt_everywhere(name: str) -> None:
    assert decide(*NOTHING[name], automatic=False).mode in ("line", "block")


def test_a_language_is_switched_off_by_the_editors_name_or_ours() -> None:
    for name in ("typescriptreact", "tsx"):
        assert (
            decide("const a = <CURSOR>", "tsx", settings=completion(disabled_languages=(name,))).silence == "language"
        )
    assert (
        decide("a = <CURSOR>", automatic=False, settings=completion(disabled_languages=("python",))).silence
        == "language"
    )


def test_huge_and_binary_documents_are_left_alone_even_when_asked() -> None:
    huge = house.query("<CURSOR>" + "x" * trigger.LARGEST + "\n", "plaintext", automatic=False)
    assert trigger.decide(huge, None).silence == "too_large"
    binary = house.query("ELF\0\0<CURSOR>", "plaintext", automatic=False)
    assert trigger.decide(binary, None).silence == "binary"


@pytest.mark.parametrize("name", [".env", ".env.local", "server.pem", "id_ed25519", "credentials.json"])
def test_no_model_sees_a_file_of_secrets(name: str) -> None:
    """Not even when somebody asks in it: its values seldom look like secrets by themselves."""
    query = house.query("PASSWORD=hunter2\nUSER=<CURSOR>", "plaintext", automatic=False)
    document = attrs.evolve(query.document, uri=f"file:///project/{name}", path=Path("/project") / name)
    assert trigger.decide(attrs.evolve(query, document=document), None).silence == "secret"
    assert trigger.decide(attrs.evolve(query, document=attrs.evolve(document, path=None)), None).silence == "secret"


def test_a_line_of_data_is_left_alone() -> None:
    """In a minified file nothing is asked about the line; other lines of the file are source."""
    data = "a = [" + "1," * trigger.LONGEST_LINE
    assert decide(f"{data}<CURSOR>]\nb = 2\n", automatic=False).silence == "too_large"
    assert decide(f"{data}]\nb = <CURSOR>\n", automatic=False).mode == "line"


def test_comments_follow_their_setting() -> None:
    assert decide("# The sum of<CURSOR>\n", settings=completion(in_comments=False)).silence == "comment"
    assert decide("# The sum of<CURSOR>\n", automatic=False, settings=completion(in_comments=False)).mode == "line"
    assert decide("total = <CURSOR>\n", settings=completion(in_comments=False)).mode == "line"


def test_the_calm_are_not_disturbed_inside_short_strings() -> None:
    assert decide('open("<CURSOR>")\n', settings=Settings(eagerness="calm")).silence == "position"
    assert decide('def f():\n    """Return <CURSOR>\n    """\n', settings=Settings(eagerness="calm")).mode == "line"


def test_the_setting_for_the_amount_wins_where_it_can() -> None:
    body = "def f():\n    <CURSOR>\n"
    assert decide(body, settings=completion(mode="line")).mode == "line"
    assert decide("total = <CURSOR>\n", settings=completion(mode="block")).mode == "block"
    assert decide("print(<CURSOR>)\n", settings=completion(mode="block")).mode == "line"


def test_a_selected_item_must_continue_the_typed_word() -> None:
    assert decide("rows.app<CURSOR>\n", popup="append").mode == "line"
    assert decide("rows.<CURSOR>\n", popup="append").mode == "line"
    assert decide("rows.apd<CURSOR>\n", popup="append").silence == "selected"


def test_without_a_tree_the_text_decides() -> None:
    """Comments, strings and bodies are known from the text where no grammar is."""
    assert decide("int main() {\n  <CURSOR>\n}\n", "c").mode == "block"
    assert decide("// don't<CURSOR>\nint a;\n", "c", settings=completion(in_comments=False)).silence == "comment"
    assert decide("key:\n  <CURSOR>\n", "yaml").mode == "block"
