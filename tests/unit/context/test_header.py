"""What of the current file above the prompt's window goes into the header."""

import pytest

from lsp_server.context.header import IMPORT, Surroundings
from lsp_server.syntax.languages import language_of
from lsp_server.syntax.trees import parse
from tests.house import cursor, document

FILE = '''\
"""Doc."""
import os
from typing import (
    Any,
    Final,
)

LIMIT = 3


class Cart(Base):
    """A cart."""
    size: int
    owner: str

    @cached
    def add(self, item):
        self.size += 1
        x = 1
        <CURSOR>
'''


def surroundings() -> tuple[Surroundings, str]:
    text, offset = cursor(FILE)
    python = language_of(None, "python")
    assert python is not None
    return Surroundings.of(document(text), offset, parse(python, text).scopes(offset)), text


def test_imports_and_heads_stand_in_the_order_of_the_file() -> None:
    """Import lines first, then the class with its attributes, then the method."""
    around, text = surroundings()
    start = text.index("        x = 1")
    assert around.header(start, 1000) == (
        "import os\nfrom typing import (\n    Any,\n    Final,\n)\n"
        "class Cart(Base):\n    size: int\n    owner: str\n"
        "    @cached\n    def add(self, item):\n# ...\n"
    )


def test_what_the_window_shows_is_not_repeated() -> None:
    """Only lines before the start of the prefix are in the header."""
    around, text = surroundings()
    header = around.header(text.index("    size"), 1000)
    assert header.endswith("class Cart(Base):\n# ...\n")
    assert "def add" not in header


def test_a_small_room_keeps_the_innermost_head() -> None:
    """The enclosing definition says more than imports do."""
    around, text = surroundings()
    header = around.header(text.index("        x = 1"), 60)
    assert header == "import os\n    @cached\n    def add(self, item):\n# ...\n"


def test_a_header_that_reaches_the_window_has_no_gap() -> None:
    """The mark for left-out lines stands only where lines are left out."""
    around, text = surroundings()
    assert around.header(text.index("        self.size += 1"), 1000).endswith("    def add(self, item):\n")


def test_another_import_is_another_scope() -> None:
    """Related code is chosen anew when the file imports something else."""
    text, offset = cursor(FILE)
    before = Surroundings.of(document(text), offset, ())
    changed = "import re\n" + text
    after = Surroundings.of(document(changed), offset + len("import re\n"), ())
    assert before.scope != after.scope


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "from a import b",
        "use crate::shop::Cart;",
        "pub mod shop;",
        "mod shop;",
        "require_relative 'cart'",
        "require_once 'cart.php';",
        "local cart = require('cart')",
        "const cart = require('./cart')",
        "source ./lib.sh",
        ". ./lib.sh",
        '#include "cart.h"',
        "export { total } from './cart'",
    ],
)
def test_imports_are_known_in_every_language(line: str) -> None:
    """By the beginning of their line."""
    assert IMPORT.match(line)


@pytest.mark.parametrize(
    "line", ["model = 1", "user = 2", "sources = []", "mod tests {", "important()", ".field", "used"]
)
def test_what_only_looks_like_an_import_is_none(line: str) -> None:
    """Words that begin like one, and modules with a body of their own."""
    assert not IMPORT.match(line)
