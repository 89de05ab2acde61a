"""How an identifier is cut into words, by one rule for what is indexed and what is asked. Never reads files."""

import re
from collections.abc import Iterator

IDENTIFIER = re.compile(r"[^\W\d]\w*")

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+")

_KEYWORDS = frozenset({
    # Words that nearly every piece of code holds tell pieces apart no better than white space does, and leaving them
    # out makes the index a quarter smaller. Only keywords that are no plausible names in the other languages.
    "and", "as", "async", "await", "break", "case", "catch", "class", "const", "continue", "def", "default", "defer",
    "do", "elif", "else", "except", "export", "extends", "finally", "for", "from", "func", "function", "if", "import",
    "in", "instanceof", "is", "lambda", "let", "new", "nil", "none", "not", "null", "or", "package", "pass", "raise",
    "return", "self", "struct", "super", "switch", "this", "throw", "true", "try", "type", "typeof", "undefined",
    "var", "void", "while", "with", "yield", "false",
})  # fmt: skip

_CACHE_LIMIT = 50_000
_cache: dict[str, tuple[str, ...]] = {}


def words_of(identifier: str) -> tuple[str, ...]:
    """The whole identifier and its parts, lower case: `getUserName` → getusername, get, user, name.

    Single letters and keywords of the languages are left out. The first word is the whole identifier.
    """
    known = _cache.get(identifier)
    if known is None:
        if len(_cache) >= _CACHE_LIMIT:
            _cache.clear()
        known = _cache[identifier] = tuple(_words(identifier))
    return known


def words_in(text: str) -> str:
    """All words of all identifiers of a piece of source, separated by spaces, in order of appearance."""
    return " ".join([word for found in IDENTIFIER.findall(text) if len(found) > 1 for word in words_of(found)])


def _words(identifier: str) -> Iterator[str]:
    whole = identifier.lower()
    if len(whole) > 1 and whole not in _KEYWORDS:
        yield whole
    for part in _PART.findall(identifier):
        lower = part.lower()
        if len(lower) > 1 and lower != whole and lower not in _KEYWORDS:
            yield lower
