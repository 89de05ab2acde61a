"""What a file defines, imports and names, in each language."""

import pytest

from lsp_server.syntax import grammars
from lsp_server.syntax.languages import by_name
from lsp_server.syntax.outline import SIGNATURE_LIMIT, Outline, extract


def outline(language: str, source: str) -> Outline:
    known = by_name(language)
    assert known is not None
    return extract(known, source)


def definitions(language: str, source: str) -> list[tuple[str, str, str]]:
    return [(d.kind, f"{d.container}.{d.name}".lstrip("."), d.signature) for d in outline(language, source).definitions]


def imports(language: str, source: str) -> list[tuple[str, str | None, str | None]]:
    return [(i.module, i.name, i.alias) for i in outline(language, source).imports]


def test_python_definitions() -> None:
    """Constants, annotated attributes, attributes of self (once), methods, properties and nested functions."""
    source = '''LIMIT = 3
name: str = "x"
@dataclass(frozen=True)
class Cart(Base[T], metaclass=M):
    """Doc."""
    total: float = 0
    def __init__(self, a: int,
                 b=1) -> None:
        self.a = a
        other.c = 1
        local = 2
    @property
    def size(self) -> int:
        self.a = 2
        def inner(): pass
        return 1
async def fetch(): ...
type V = int
'''
    assert definitions("python", source) == [
        ("constant", "LIMIT", "LIMIT = 3"),
        ("variable", "name", 'name: str = "x"'),
        ("class", "Cart", "class Cart(Base[T], metaclass=M)"),
        ("variable", "Cart.total", "total: float = 0"),
        ("method", "Cart.__init__", "def __init__(self, a: int, b=1) -> None"),
        ("variable", "Cart.a", "self.a = a"),
        ("method", "Cart.size", "@property def size(self) -> int"),
        ("function", "Cart.size.inner", "def inner()"),
        ("function", "fetch", "async def fetch()"),
        ("type", "V", "type V = int"),
    ]


def test_typescript_definitions() -> None:
    """Classes with fields and parameter properties, interfaces, enums, aliases, overloads, namespaces, arrows."""
    source = """export default class Foo<T> extends Bar implements I {
  private n: number = 1;
  handler = (e: Event): void => { e; };
  constructor(private readonly svc: Service, plain: number) { this.late = 1; }
  @Listen('click') async go(a: string): Promise<void> { const local = 1; }
}
export interface I extends J { a: string; m(x: number): void }
export type A = { p: string };
export enum Color { Red, Green = 2 }
declare namespace N { function inner(): void; }
export const LIMIT = 3, other = 4;
export function over(a: string): void;
export const Comp = ({a}: Props) => { return a; };
abstract class Q { abstract z(): void; }
"""
    assert definitions("typescript", source) == [
        ("class", "Foo", "export default class Foo<T> extends Bar implements I"),
        ("variable", "Foo.n", "private n: number = 1"),
        ("method", "Foo.handler", "handler = (e: Event): void"),
        ("method", "Foo.constructor", "constructor(private readonly svc: Service, plain: number)"),
        ("variable", "Foo.svc", "private readonly svc: Service"),
        ("variable", "Foo.late", "this.late = 1"),
        ("method", "Foo.go", "async go(a: string): Promise<void>"),
        ("interface", "I", "export interface I extends J"),
        ("variable", "I.a", "a: string"),
        ("method", "I.m", "m(x: number): void"),
        ("type", "A", "export type A = { p: string }"),
        ("variable", "A.p", "p: string"),
        ("enum", "Color", "export enum Color"),
        ("constant", "Color.Red", "Red"),
        ("constant", "Color.Green", "Green = 2"),
        ("module", "N", "declare namespace N"),
        ("function", "N.inner", "function inner(): void"),
        ("constant", "LIMIT", "LIMIT = 3"),
        ("variable", "other", "other = 4"),
        ("function", "over", "export function over(a: string): void"),
        ("function", "Comp", "export const Comp = ({a}: Props)"),
        ("class", "Q", "abstract class Q"),
        ("method", "Q.z", "abstract z(): void"),
    ]


def test_javascript_definitions() -> None:
    """Fields, CommonJS exports, prototypes, generators and the methods of an object."""
    source = """class A extends React.Component { state = {}; #count = 1; render() { return <a>{this.x}</a>; } }
module.exports.foo = function (a) { return a; };
Foo.prototype.bar = () => 1;
function* walk() {}
const store = { get() { return 1; } };
"""
    assert definitions("jsx", source) == [
        ("class", "A", "class A extends React.Component"),
        ("variable", "A.state", "state = {}"),
        ("variable", "A.#count", "#count = 1"),
        ("method", "A.render", "render()"),
        ("function", "foo", "module.exports.foo = function (a)"),
        ("function", "bar", "Foo.prototype.bar = ()"),
        ("function", "walk", "function* walk()"),
        ("variable", "store", "const store = { get() { return 1; } }"),
        ("method", "store.get", "get()"),
    ]


def test_go_definitions() -> None:
    """Methods belong to their receiver's type, wherever they stand; groups are divided."""
    source = """package main
type Cart struct {
	Items, More []Item
	*Embedded
}
type (
	A int
	B = string
)
type Shape interface {
	Area() float64
}
const Max = 3
var (
	x, y = 1, 2
)
func (c *Cart) Total(a int) (float64, error) {
	return 0, nil
}
func (l List[T]) Len() int { return 0 }
func New[T any](a T) *Cart { return nil }
"""
    assert definitions("go", source) == [
        ("class", "Cart", "type Cart struct"),
        ("variable", "Cart.Items", "Items, More []Item"),
        ("variable", "Cart.More", "Items, More []Item"),
        ("type", "A", "A int"),
        ("type", "B", "B = string"),
        ("interface", "Shape", "type Shape interface"),
        ("method", "Shape.Area", "Area() float64"),
        ("constant", "Max", "const Max = 3"),
        ("variable", "x", "x, y = 1, 2"),
        ("variable", "y", "x, y = 1, 2"),
        ("method", "Cart.Total", "func (c *Cart) Total(a int) (float64, error)"),
        ("method", "List.Len", "func (l List[T]) Len() int"),
        ("function", "New", "func New[T any](a T) *Cart"),
    ]


def test_python_imports() -> None:
    source = "import os, a.b as c\nfrom . import x, y as z\nfrom ..m.n import (p,\n  q as r)\nfrom k import *\n"
    assert imports("python", source) == [
        ("os", None, None),
        ("a.b", None, "c"),
        (".", "x", None),
        (".", "y", "z"),
        ("..m.n", "p", None),
        ("..m.n", "q", "r"),
        ("k", "*", None),
    ]


def test_typescript_imports() -> None:
    """Types only, side effects, re-exports, `require` in its simple forms, and imports made later."""
    source = """import d, { a as b, type T } from "./m";
import * as ns from 'ns';
import "side";
import type { U } from "u";
import fs = require("fs");
export { a as q } from "./q"; export * from "./all"; export * as star from "star";
const { x, y: z } = require("r"); const w = require("w"); require("bare"); demand("no");
const lazy = () => import("lazy");
"""
    assert imports("typescript", source) == [
        ("./m", "default", "d"),
        ("./m", "a", "b"),
        ("./m", "T", None),
        ("ns", None, "ns"),
        ("side", None, None),
        ("u", "U", None),
        ("fs", None, "fs"),
        ("./q", "a", "q"),
        ("./all", "*", None),
        ("star", None, "star"),
        ("r", "x", None),
        ("r", "y", "z"),
        ("w", None, "w"),
        ("bare", None, None),
        ("lazy", None, None),
    ]


def test_go_imports() -> None:
    source = 'package a\nimport (\n\t"fmt"\n\tf "os/file"\n\t. "dot"\n\t_ "blank"\n)\nimport "single"\n'
    assert imports("go", source) == [
        ("fmt", None, None),
        ("os/file", None, "f"),
        ("dot", "*", None),
        ("blank", None, "_"),
        ("single", None, None),
    ]


def test_identifiers_are_counted_in_code_only() -> None:
    found = outline("python", '# word\nx = "word"\ny = x + f"{x}"\n')
    assert found.identifiers == {"x": 3, "y": 1}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_the_protocols_lines(end: str) -> None:
    """All three line ends count, U+2028 and form feeds do not; `end_line` is the last line, decorators belong to it."""
    source = end.join(["# é\u2028🎉\f", "@a", "def f(x):", "    return x", "", "y = 1", ""])
    found = {d.name: (d.line, d.end_line) for d in outline("python", source).definitions}
    assert found == {"f": (1, 3), "y": (5, 5)}


def test_a_name_is_found_at_its_offset() -> None:
    source = "é = '🎉'\ndef grüße(): pass\n"
    found = outline("python", source).definitions
    assert [source[d.name_offset :].startswith(d.name) for d in found] == [True, True]


def test_signatures_are_one_short_line() -> None:
    source = "def f(\n" + "".join(f"    argument_{n}: int = {n},\n" for n in range(50)) + "):\n    pass\n"
    (found,) = outline("python", source).definitions
    assert len(found.signature) == SIGNATURE_LIMIT
    assert found.signature.startswith("def f( argument_0: int = 0, argument_1")
    assert "\n" not in found.signature


def test_a_broken_file_keeps_what_is_sound() -> None:
    """Somebody is typing in one function; the others are still found."""
    found = outline("python", "def a():\n    x.\n\nclass B:\n    def c(self):\n        if\n\ndef d():\n    pass\n")
    assert [d.name for d in found.definitions] == ["a", "B", "c", "d"]


def test_windows_find_what_one_query_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long files are queried piece by piece; no definition is lost or doubled where two pieces meet."""
    source = "import a\n" + "".join(
        f"class C{n}:\n    @x\n    def f{n}(self, é):\n        self.v{n} = w{n}\n" for n in range(40)
    )
    whole = outline("python", source)
    monkeypatch.setattr(grammars, "WINDOW", 64)
    assert outline("python", source) == whole
    assert len(whole.definitions) == 120
