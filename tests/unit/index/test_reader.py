"""What the index answers."""

import itertools

import pytest

from lsp_server.index.values import Import
from tests.unit.index.conftest import MakeIndex, Workspace

SHOP = '''"""A shop."""

from shop.money import Price


class Cart:
    """What somebody wants to buy."""

    def add_item(self, article: str, price: Price) -> None:
        self.items.append((article, price))

    def total_price(self) -> Price:
        return sum(price for _, price in self.items)


def checkout(cart: Cart) -> None:
    charge_customer(cart.total_price())
'''


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    workspace.write("shop/__init__.py", "from .cart import Cart\n")
    workspace.write("shop/cart.py", SHOP)
    workspace.write("shop/money.py", "class Price:\n    def rounded_amount(self):\n        return self\n")
    workspace.write("weather.py", "def forecast(city):\n    return fetch_clouds(city)\n")
    return workspace


def test_definitions_are_found_by_name_in_order_of_path_and_line(shop: Workspace, index: MakeIndex) -> None:
    shop.write("a.py", "class Cart: ...\n\n\ndef Cart(): ...\n")
    found = index().reader.definitions("Cart")
    assert [(symbol.path, symbol.line) for symbol in found] == [("a.py", 0), ("a.py", 3), ("shop/cart.py", 5)]
    assert index().reader.definitions("Cart", limit=1) == found[:1]
    assert index().reader.definitions("cart") == []


def test_a_symbol_says_where_it_is_and_how_it_begins(shop: Workspace, index: MakeIndex) -> None:
    (found,) = index().reader.definitions("total_price")
    assert (found.kind, found.path, found.line, found.end_line) == ("method", "shop/cart.py", 11, 12)
    assert (found.container, found.signature) == ("Cart", "def total_price(self) -> Price")


def test_symbols_and_members_come_in_order_of_lines(shop: Workspace, index: MakeIndex) -> None:
    reader = index().reader
    assert [symbol.name for symbol in reader.symbols("shop/cart.py")][:2] == ["Cart", "add_item"]
    members = [symbol.name for symbol in reader.members("shop/cart.py", "Cart") if symbol.kind == "method"]
    assert members == ["add_item", "total_price"]


def test_imports_are_as_written(shop: Workspace, index: MakeIndex) -> None:
    assert index().reader.imports("shop/cart.py") == [Import("shop.money", "Price", None, 2)]


def test_a_name_is_followed_to_the_file_that_defines_it(shop: Workspace, index: MakeIndex) -> None:
    """Packages pass names on in their `__init__`; the definition is what helps."""
    shop.write("all.py", "from shop.cart import *\n")
    reader = index().reader
    assert reader.resolve("weather.py", Import("shop", "Cart", None, 0)) == "shop/cart.py"
    assert reader.resolve("weather.py", Import("all", "checkout", None, 0)) == "shop/cart.py"
    assert reader.resolve("weather.py", Import("shop", "Unknown", None, 0)) == "shop/__init__.py"
    assert reader.resolve("weather.py", Import("os", "path", None, 0)) is None


def test_names_that_are_passed_around_in_a_circle_end_somewhere(workspace: Workspace, index: MakeIndex) -> None:
    workspace.write("a.py", "from b import thing\n")
    workspace.write("b.py", "from a import thing\n")
    assert index().reader.resolve("c.py", Import("a", "thing", None, 0)) in ("a.py", "b.py")


def test_similar_code_is_found_by_parts_of_identifiers(shop: Workspace, index: MakeIndex) -> None:
    found = index().reader.similar(["totalPrice", "cart"], exclude=None, limit=3)
    assert [chunk.chunk.path for chunk in found][:1] == ["shop/cart.py"]
    assert all(first.score >= second.score for first, second in itertools.pairwise(found))
    assert found[0].chunk.text == "".join(
        SHOP.splitlines(keepends=True)[found[0].chunk.line : found[0].chunk.end_line + 1]
    )


def test_pieces_are_found_by_identifiers_that_follow_each_other(shop: Workspace, index: MakeIndex) -> None:
    """Whatever stands between them, keywords too; in this order only."""
    reader = index().reader
    (found,) = reader.holding(["Price", "return", "sum", "price"], exclude=None, limit=5)
    assert (found.path, found.text.split("\n")[0]) == ("shop/cart.py", "class Cart:")
    assert reader.holding(["sum", "Price", "article"], exclude=None, limit=5) == []
    assert reader.holding(["sum", "price"], exclude="shop/cart.py", limit=5) == []
    assert reader.holding(["self", "x", '" OR price'], exclude=None, limit=0) == []
    assert reader.holding(["self", "x"], exclude=None, limit=5) == []


def test_the_file_that_asks_is_left_out(shop: Workspace, index: MakeIndex) -> None:
    found = index().reader.similar(["total_price", "Price"], exclude="shop/cart.py", limit=9)
    assert {chunk.chunk.path for chunk in found} == {"shop/money.py"}


def test_equal_scores_are_ordered_by_path_and_line(workspace: Workspace, index: MakeIndex) -> None:
    """Also at the cut: the answer does not depend on when which file was indexed."""
    made = index()
    for name in ("c", "a", "d", "b"):
        made.indexer.files_changed([workspace.write(f"{name}.py", "def same_thing():\n    return other_thing\n")])
        made.settle()
    workspace.write("e.py", "unrelated = 1\n")
    found = made.reader.similar(["same_thing"], exclude=None, limit=3)
    assert [chunk.chunk.path for chunk in found] == ["a.py", "b.py", "c.py"]


@pytest.mark.parametrize(
    "words", [[], [""], ["self", "return"], ['"', "a OR b", "NEAR(", "*"], ["zebra_crossing"], ['zebra"crossing']]
)
def test_words_that_say_nothing_find_nothing(shop: Workspace, index: MakeIndex, words: list[str]) -> None:
    """Nor can they be mistaken for the search's own syntax."""
    assert index().reader.similar(words, exclude=None, limit=5) == []


def test_text_is_whole_lines_as_indexed(workspace: Workspace, index: MakeIndex) -> None:
    """Across the blocks in which it is stored, and clipped at the end of the file."""
    lines = [f"value_{number} = {number}\n" for number in range(300)]
    workspace.write("a.py", "".join(lines))
    reader = index().reader
    assert reader.text("a.py", 120, 140) == "".join(lines[120:141])
    assert reader.text("a.py", 298, 900) == "".join(lines[298:])
    assert reader.text("a.py", 400, 500) == ""
    assert reader.text("gone.py", 0, 1) is None


def test_totals_count_what_is_searchable_and_why_the_rest_is_not(workspace: Workspace, index: MakeIndex) -> None:
    workspace.write("a.py", "def f():\n    pass\n")
    workspace.write("b.py", b"\0\0")
    totals = index().reader.totals()
    assert (totals.files, totals.lines, totals.symbols, totals.chunks) == (1, 2, 1, 1)
    assert totals.left_out == {"binary": 1}


def test_a_closed_reader_answers_with_nothing(shop: Workspace, index: MakeIndex) -> None:
    made = index()
    assert made.reader.definitions("Cart")
    made.indexer.close()
    assert made.reader.definitions("Cart") == []
    assert made.reader.generation == 0
