"""What a tree says about a cursor, in sound source and while it is being typed."""

import pytest

from lsp_server.syntax.trees import Scope, SyntaxTree
from tests import house


def at(language: str, marked: str) -> tuple[SyntaxTree, int]:
    text, offset = house.cursor(marked)
    tree = house.tree(text, language)
    assert tree is not None
    return tree, offset


@pytest.mark.parametrize(
    ("language", "marked", "kind"),
    [
        ("python", "x = <CURSOR>1", "code"),
        ("python", 'x = "abc<CURSOR>"', "string"),
        ("python", 'x = "abc"<CURSOR>', "code"),
        ("python", 'x = <CURSOR>"abc"', "code"),
        ("python", 'x = "<CURSOR>"', "string"),
        ("python", 'x = ""<CURSOR>', "code"),
        ("python", "# hi<CURSOR>", "comment"),
        ("python", "# hi<CURSOR>\nx", "comment"),
        ("python", "x <CURSOR># hi", "code"),
        ("python", "# hi\n<CURSOR>", "code"),
        ("python", 'x = f"a{b<CURSOR>}"', "code"),
        ("python", 'x = f"a{b}<CURSOR>"', "string"),
        ("python", 'x = "日本" <CURSOR>+ 1', "code"),
        ("python", '"""a\n<CURSOR>\n"""', "string"),
        ("javascript", "x = `a${b<CURSOR>}`", "code"),
        ("javascript", "x = `a${b}<CURSOR>`", "string"),
        ("javascript", "/* a<CURSOR> */", "comment"),
        ("javascript", "/* a */<CURSOR>", "code"),
        ("javascript", "x = /a<CURSOR>b/", "string"),
        ("typescript", "let x: string<CURSOR>;", "code"),
        ("go", 'package a\nvar x = "a<CURSOR>"\n', "string"),
        ("go", "package a\nvar x = `a\n<CURSOR>`\n", "string"),
        ("rust", 'fn f<\'a>() { g(r#"<CURSOR>"#) }', "string"),
        ("rust", "fn f<'a<CURSOR>>() {}", "code"),
        ("java", "class A { char c = 'a<CURSOR>'; }", "string"),
        ("c", '#include "a<CURSOR>.h"\n', "string"),
        ("cpp", 'auto s = R"x(<CURSOR>)x";', "string"),
        ("csharp", 'class A { string s = $"a{b<CURSOR>}"; }', "code"),
        ("csharp", 'class A { string s = @"a<CURSOR>"; }', "string"),
        ("ruby", 'x = "a#{b<CURSOR>}"', "code"),
        ("ruby", "x = %w[a<CURSOR> b]", "string"),
        ("ruby", "=begin\na<CURSOR>\n=end\n", "comment"),
        ("php", '<?php $x = "a$b<CURSOR>";', "code"),
        ("php", '<?php $x = "a {$b<CURSOR>->c}";', "code"),
        ("php", "<?php # a<CURSOR>\n", "comment"),
        ("kotlin", 'val x = "a${b<CURSOR>}"\n', "code"),
        ("kotlin", 'val x = """a\n<CURSOR>"""\n', "string"),
        ("scala", 'val x = s"a${b<CURSOR>}"', "code"),
        ("swift", 'let x = "a\\(b<CURSOR>)"\n', "code"),
        ("swift", 'let x = "a\\(b)<CURSOR>"\n', "string"),
        ("lua", "x = [[a\n<CURSOR>]]", "string"),
        ("lua", "--[[ a\n<CURSOR>]]", "comment"),
        ("bash", "x='a<CURSOR>'\n", "string"),
        ("bash", 'x="a $(b<CURSOR>)"\n', "code"),
    ],
)
def test_a_cursor_is_in_code_a_comment_or_a_string(language: str, marked: str, kind: str) -> None:
    tree, offset = at(language, marked)
    assert tree.kind_at(offset) == kind


@pytest.mark.parametrize(
    ("language", "marked", "kind"),
    [
        ("python", 'x = "abc<CURSOR>', "string"),
        ("python", 'é = "日本<CURSOR>\ny = 1\n', "string"),
        ("python", 'x = "abc\ny = 1<CURSOR>\n', "code"),
        ("python", 'print("a, b<CURSOR>)\nz = 1\n', "string"),
        ("python", 'x = """abc\ny<CURSOR>', "string"),
        ("python", 'x = f"a{b<CURSOR>', "code"),
        ("python", 'x = f"a{b}c<CURSOR>', "string"),
        ("python", 'x = f"a{{b<CURSOR>', "string"),
        ("python", "x = 'it\\'s<CURSOR>", "string"),
        ("javascript", "x = 'abc<CURSOR>\ny = 1;", "string"),
        ("javascript", "x = `abc\n<CURSOR>", "string"),
        ("javascript", "x = `a${b<CURSOR>", "code"),
        ("javascript", "/* abc<CURSOR>", "comment"),
        ("javascript", "x = '/*'; foo(<CURSOR>", "code"),
        ("go", 'package a\nfunc f() {\n\tx := "abc<CURSOR>\n}\n', "string"),
        ("go", "package a\nvar x = `abc\n<CURSOR>", "string"),
        ("go", "package a\n/* x<CURSOR>", "comment"),
        ("rust", 'fn f() { g("abc<CURSOR>', "string"),
        ("java", 'class A { String s = "abc<CURSOR>\n}', "string"),
        ("c", 'int f(void) { g("abc<CURSOR>\n}', "string"),
        ("cpp", 'int f() { g("abc<CURSOR>\n}', "string"),
        ("csharp", 'class A { string s = "abc<CURSOR>\n}', "string"),
        ("ruby", 'def f\n  g("abc<CURSOR>\nend\n', "string"),
        ("ruby", 'x = "a#{b<CURSOR>', "code"),
        ("php", "<?php f('abc<CURSOR>", "string"),
        ("kotlin", 'fun f() { g("abc<CURSOR>\n}', "string"),
        ("scala", 'def f() = { g("abc<CURSOR>\n}', "string"),
        ("swift", 'func f() { g("abc<CURSOR>\n}', "string"),
        ("lua", "x = 'abc<CURSOR>\ny = 1", "string"),
        ("bash", 'echo "abc<CURSOR>', "string"),
    ],
)
def test_what_is_not_closed_yet_goes_on(language: str, marked: str, kind: str) -> None:
    """To its line's end for a plain string, to the end of the text for a long one or a comment."""
    tree, offset = at(language, marked)
    assert tree.kind_at(offset) == kind


def names(scopes: tuple[Scope, ...]) -> list[str]:
    return [f"{scope.kind} {scope.name}" for scope in scopes]


@pytest.mark.parametrize(
    ("language", "marked", "scopes"),
    [
        ("python", "<CURSOR>def f(): pass", []),
        ("python", "class A:\n    def f(self):\n        return 1<CURSOR>", ["class A", "method f"]),
        ("python", "class A:\n    def f(self):\n        x = 1\n        <CURSOR>\n", ["class A", "method f"]),
        ("python", "class A:\n    def f(self):\n        x = 1\n    <CURSOR>\n", ["class A"]),
        ("python", "class A:\n    def f(self):\n        x = 1\n<CURSOR>\n", []),
        ("python", "def f():\n\ta\n\n\t<CURSOR>", ["function f"]),
        ("python", "def f():\n    a\n<CURSOR>\n    b\n", ["function f"]),
        ("python", "def f():\n    <CURSOR>\n\ndef g():\n    pass\n", ["function f"]),
        ("python", "def f():\n    def g():\n        <CURSOR>", ["function f", "function g"]),
        ("python", "@a\n@b(<CURSOR>)\ndef f(): pass", []),
        ("typescript", "class A {\n  f() {\n    <CURSOR>\n  }\n}\n", ["class A", "method f"]),
        ("typescript", "class A {\n  f() {}\n  <CURSOR>\n}\n", ["class A"]),
        ("typescript", "namespace N { export interface I { <CURSOR> } }", ["module N", "interface I"]),
        ("tsx", "const C = () => { return <a>{<CURSOR>}</a>; }", ["function C"]),
        ("javascript", "function f() { return 1 }<CURSOR>", []),
        ("go", "package a\nfunc (c *T) F() {\n\tif x {\n\t\t<CURSOR>\n\t}\n}\n", ["method F"]),
        ("go", "package a\ntype T struct {\n\t<CURSOR>\n}\n", ["class T"]),
        ("rust", "impl A for B {\n    fn f(&self) {\n        <CURSOR>\n    }\n}\n", ["class B", "method f"]),
        ("java", "class A {\n  void f() {\n    <CURSOR>\n  }\n}\n", ["class A", "method f"]),
        ("cpp", "namespace n {\nint A::f() {\n  <CURSOR>\n}\n}\n", ["module n", "method f"]),
        ("csharp", "namespace N { class A { int F() { <CURSOR> } } }", ["module N", "class A", "method F"]),
        (
            "ruby",
            "module M\n  class A\n    def f\n      <CURSOR>\n    end\n  end\nend\n",
            ["module M", "class A", "method f"],
        ),
        ("ruby", "class A\n  def f\n  end\n  <CURSOR>\nend\n", ["class A"]),
        ("ruby", "def f\nend\n<CURSOR>", []),
        ("lua", "function A:f()\n  if x then\n    <CURSOR>\n  end\nend\n", ["method f"]),
        ("bash", "f() {\n  if x; then\n    <CURSOR>\n  fi\n}\n", ["function f"]),
        ("swift", "extension A {\n  func f() {\n    <CURSOR>\n  }\n}\n", ["class A", "method f"]),
    ],
)
def test_scopes_are_the_enclosing_definitions(language: str, marked: str, scopes: list[str]) -> None:
    tree, offset = at(language, marked)
    assert names(tree.scopes(offset)) == scopes


@pytest.mark.parametrize(
    ("language", "marked", "scopes"),
    [
        ("python", "def f():\n    x = foo(a, <CURSOR>\n\ndef g():\n    pass\n", ["function f"]),
        ("python", 'def f():\n    x = foo("a<CURSOR>\n\ndef g():\n    pass\n', ["function f"]),
        ("python", "class A:\n    def f(self):\n        x = [1, {2: <CURSOR>\n", ["class A", "method f"]),
        ("typescript", "class A {\n  f() {\n    x<CURSOR>", ["class A", "method f"]),
        ("typescript", "class A {\n  f() { <CURSOR>\n\n  g() {}\n}\n", ["class A", "method f"]),
        ("typescript", "const f = (a) => {<CURSOR>", ["function f"]),
        ("javascript", "function f() { foo(a, [<CURSOR>", ["function f"]),
        ("go", "package a\nfunc F() {\n\t<CURSOR>", ["function F"]),
        ("go", "package a\ntype T struct {\n\t<CURSOR>", ["class T"]),
        ("rust", "impl B {\n    fn f(&self) {\n        g(<CURSOR>", ["class B", "method f"]),
        ("java", "class A {\n  void f() {\n    g(<CURSOR>", ["class A", "method f"]),
        ("ruby", "class A\n  def f\n    <CURSOR>", ["class A", "method f"]),
        ("ruby", "class A\n  def f\n    x.each do |y|\n      g(<CURSOR>", ["class A", "method f"]),
        ("ruby", "def f\n  <CURSOR>\n\ndef g\nend\n", ["function f"]),
        ("lua", "function f()\n  for i = 1, 3 do\n    g(<CURSOR>", ["function f"]),
        ("bash", "f() {\n  for x in y; do\n    g <CURSOR>", ["function f"]),
    ],
)
def test_scopes_hold_while_brackets_and_quotes_are_open(language: str, marked: str, scopes: list[str]) -> None:
    tree, offset = at(language, marked)
    assert names(tree.scopes(offset)) == scopes
    assert all(scope.span.end <= len(tree.text) for scope in tree.scopes(offset))


def test_a_scope_has_its_header_and_its_body() -> None:
    """The header begins with the decorators and ends where the body begins."""
    tree, offset = at("python", "é = 1\n@cached\ndef total(self,\n          tax):\n    return <CURSOR>tax\n")
    (scope,) = tree.scopes(offset)
    assert tree.text[scope.header.start : scope.header.end] == "@cached\ndef total(self,\n          tax):\n    "
    assert tree.text[scope.body.start : scope.body.end] == "return tax"
    assert (scope.span.start, scope.span.end) == (scope.header.start, scope.body.end)


def test_a_header_includes_what_stands_before_the_definition() -> None:
    tree, offset = at("typescript", "export const f = async (a: A) => {\n  <CURSOR>\n};\n")
    (scope,) = tree.scopes(offset)
    assert tree.text[scope.header.start : scope.header.end] == "export const f = async (a: A) => "


@pytest.mark.parametrize(
    ("language", "marked", "block"),
    [
        ("python", "x = 1<CURSOR>", None),
        ("python", "def f():\n    a = 1\n    <CURSOR>\n", ("suite", "a = 1")),
        ("python", "def f():\n    <CURSOR>\n", ("suite", "")),
        ("python", "foo(a, <CURSOR>)", ("arguments", "(a, )")),
        ("python", "foo(a, <CURSOR>", ("arguments", "(a, ")),
        ("python", "foo()<CURSOR>", None),
        ("python", "def f(a, <CURSOR>): pass", ("parameters", "(a, )")),
        ("python", "x = [1, <CURSOR>]", ("literal", "[1, ]")),
        ("python", "foo([1, <CURSOR>])", ("literal", "[1, ]")),
        ("javascript", "function f() { <CURSOR> }", ("suite", "{  }")),
        ("javascript", "x = {<CURSOR>}", ("literal", "{}")),
        ("javascript", "if (x) {<CURSOR>", ("suite", "{")),
        ("javascript", "foo(a, <CURSOR>", ("arguments", "(a, ")),
        ("go", "package a\nfunc f() { g(a, <CURSOR>\n}\n", ("arguments", "(a,")),
        ("go", "package a\nvar x = []int{<CURSOR>}\n", ("literal", "{}")),
        ("rust", "fn f() { g(a, <CURSOR>); }", ("arguments", "(a, )")),
        ("ruby", "def f\n  <CURSOR>\nend\n", ("suite", "def f\n  \nend")),
        ("ruby", "f(a, <CURSOR>)", ("arguments", "(a, )")),
        ("lua", "x = { <CURSOR> }", ("literal", "{  }")),
    ],
)
def test_a_block_is_what_ends_next(language: str, marked: str, block: tuple[str, str] | None) -> None:
    tree, offset = at(language, marked)
    found = tree.block_at(offset)
    assert (found and (found.kind, tree.text[found.span.start : found.span.end])) == block
    assert tree.inside_arguments(offset) == (block is not None and block[0] in ("arguments", "parameters"))


@pytest.mark.parametrize(
    ("language", "marked"),
    [
        ("python", "def f():\n    <CURSOR>\n"),
        ("python", "def f():<CURSOR>\n"),
        ("python", "class A:\n\n    <CURSOR>\n\nx = 1"),
        ("python", "for x in y:\n    <CURSOR>"),
        ("python", "async def f(\n    a,\n):\n    <CURSOR>"),
        ("python", "if x:\n    # why\n    <CURSOR>"),
        ("python", 'def f():\n    """Says why."""\n    <CURSOR>'),
        ("python", "def f():\n    try:\n        <CURSOR>\n"),
        ("python", "match x:\n    case 1:\n        <CURSOR>\n"),
        ("typescript", "class A {\n  f() {<CURSOR>}\n}"),
        ("typescript", "function f() {\n  // why\n  <CURSOR>\n}"),
        ("typescript", "const f = () => {<CURSOR>"),
        ("typescript", "foo(a, () => {<CURSOR>})"),
        ("typescript", "interface I {\n  <CURSOR>\n}"),
        ("javascript", "if (x) {<CURSOR>"),
        ("javascript", "function f() {\n  <CURSOR>\n\nfunction g() {}"),
        ("go", "package a\nfunc f() {\n\t<CURSOR>\n}\n"),
        ("go", "package a\ntype T struct {\n\t<CURSOR>"),
        ("rust", "fn f() -> u8 {<CURSOR>}"),
        ("rust", "fn f() {\n    if x {\n        <CURSOR>"),
        ("java", "class A {\n  void f() {\n    <CURSOR>\n  }\n}"),
        ("c", "int f(void) {<CURSOR>"),
        ("cpp", "class A {\n  <CURSOR>\n};"),
        ("csharp", "class A {\n  int F()\n  {\n    <CURSOR>\n  }\n}"),
        ("kotlin", "fun f() {\n    <CURSOR>\n}\n"),
        ("scala", "object A {\n  <CURSOR>\n}\n"),
        ("swift", "func f() {\n    <CURSOR>\n}\n"),
        ("php", "<?php\nfunction f() {\n    <CURSOR>\n}\n"),
        ("ruby", "def f(a)\n  <CURSOR>\nend\n"),
        ("ruby", "def f(a)<CURSOR>"),
        ("ruby", "class A\n  def f\n    <CURSOR>"),
        ("ruby", "x.each do |y|\n  <CURSOR>\nend\n"),
        ("ruby", "x.map { |y|<CURSOR>"),
        ("ruby", "if x\n  <CURSOR>\nelse\n  y\nend\n"),
        ("lua", "function f(a)\n  <CURSOR>\nend\n"),
        ("lua", "if x then\n  <CURSOR>"),
        ("lua", "for i = 1, 3 do<CURSOR>"),
        ("bash", "f() {\n  <CURSOR>\n}\n"),
        ("bash", "if x; then\n  <CURSOR>\nfi\n"),
        ("bash", "case x in\n  a)\n    <CURSOR>\n"),
    ],
)
def test_an_empty_body_opens_a_block(language: str, marked: str) -> None:
    tree, offset = at(language, marked)
    assert tree.opens_block(offset)


@pytest.mark.parametrize(
    ("language", "marked"),
    [
        ("python", "<CURSOR>"),
        ("python", "x = 1\n<CURSOR>"),
        ("python", "if x:\n    <CURSOR>\n    pass\n"),
        ("python", "if x:\n    <CURSOR>pass"),
        ("python", "x = {a:<CURSOR>"),
        ("python", "def f(a:<CURSOR>"),
        ("python", "x: <CURSOR>"),
        ("python", "f = lambda:<CURSOR>"),
        ("python", "d[1:<CURSOR>]"),
        ("python", 'if x:\n    "not a docstring"\n    <CURSOR>'),
        ("python", "# if x:<CURSOR>"),
        ("javascript", "x = {<CURSOR>}"),
        ("javascript", "foo({<CURSOR>"),
        ("javascript", "function f() {\n  <CURSOR>\n  g();\n}"),
        ("javascript", "function f() {} <CURSOR>"),
        ("go", "package a\nvar x = []int{<CURSOR>}\n"),
        ("rust", "fn f() { let x = [<CURSOR>]; }"),
        ("java", "class A { int[] x = {<CURSOR>}; }"),
        ("ruby", "x = { <CURSOR> }"),
        ("ruby", "def f\n  x\n  <CURSOR>\nend\n"),
        ("ruby", "x = y if z\n<CURSOR>"),
        ("ruby", "def f = 1\n<CURSOR>"),
        ("ruby", "if x\n  <CURSOR>\n    y\nend\n"),
        ("lua", "x = {<CURSOR>}"),
        ("lua", "f()\n<CURSOR>"),
        ("bash", "echo then\n# do\n<CURSOR>"),
    ],
)
def test_other_places_do_not_open_a_block(language: str, marked: str) -> None:
    tree, offset = at(language, marked)
    assert not tree.opens_block(offset)
