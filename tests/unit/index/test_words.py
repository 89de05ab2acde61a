"""How identifiers are cut into words."""

import pytest

from lsp_server.index.words import words_in, words_of


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("getUserName", ("getusername", "get", "user", "name")),
        ("user_name", ("user_name", "user", "name")),
        ("HTTPServer2", ("httpserver2", "http", "server")),
        ("MAX_SIZE", ("max_size", "max", "size")),
        ("größe", ("größe", "gr", "öß")),
        ("cart", ("cart",)),
        ("self", ()),
        ("x", ()),
    ],
)
def test_an_identifier_is_itself_and_its_parts(identifier: str, words: tuple[str, ...]) -> None:
    assert words_of(identifier) == words


def test_numbers_and_punctuation_are_no_words() -> None:
    assert words_in("total = price * 12 + f(x9)  # net") == "total price x9 net"
