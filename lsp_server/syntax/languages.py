"""The table of languages that codehearth understands. Names and marks only: nothing here loads a grammar.

To add a language: an entry in `LANGUAGES`, the grammar's wheel in `pyproject.toml`, one file in `queries/`, and a
module in `tests/unit/syntax/`. A language without a grammar is not in the table.
"""

import re
from pathlib import Path
from typing import Literal

import attrs

BlockStyle = Literal["indent", "braces"]


@attrs.frozen
class Language:
    """One language, or one dialect that has a grammar or an editor's identifier of its own."""

    name: str
    """Ours, stored in the index and in `Document.language`."""
    identifiers: tuple[str, ...]
    """What editors call it in `textDocument/didOpen`; the first is the protocol's own name."""
    suffixes: tuple[str, ...]
    line_comment: str
    block_style: BlockStyle
    grammar: tuple[str, str]
    """Module of the grammar's wheel and the function in it that gives the language."""
    queries: tuple[str, ...]
    """Files in `queries/`, without suffix, that are compiled together: dialects share what they have in common."""
    block_header: re.Pattern[str]
    """Searched in a line up to its `:` or `{`: does that open the body of a statement or definition? Asked only
    where the source is too broken for the tree to know."""
    block_comment: tuple[str, str] | None = None
    interpolation: tuple[str, str] | None = None
    """How code inside a string literal opens and closes."""


_PYTHON_HEADER = re.compile(
    r"^\s*(?:\)|(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b)"
)
_SCRIPT_HEADER = re.compile(
    r"(?:\)|=>|\b(?:else|do|try|finally|static|catch))\s*$|\b(?:class|interface|enum|namespace|module|switch)\b"
    r"|\)\s*:[^=]*$"
)
_GO_HEADER = re.compile(r"\b(?:func|if|else|for|switch|select|struct|interface)\b")


def _script(
    name: str,
    identifiers: tuple[str, ...],
    suffixes: tuple[str, ...],
    grammar: tuple[str, str],
    queries: tuple[str, ...],
) -> Language:
    return Language(
        name=name,
        identifiers=identifiers,
        suffixes=suffixes,
        line_comment="//",
        block_style="braces",
        grammar=grammar,
        queries=queries,
        block_header=_SCRIPT_HEADER,
        block_comment=("/*", "*/"),
        interpolation=("${", "}"),
    )


LANGUAGES: tuple[Language, ...] = (
    Language(
        name="python",
        identifiers=("python",),
        suffixes=(".py", ".pyi", ".pyw"),
        line_comment="#",
        block_style="indent",
        grammar=("tree_sitter_python", "language"),
        queries=("python",),
        block_header=_PYTHON_HEADER,
        interpolation=("{", "}"),
    ),
    _script(
        "typescript",
        ("typescript",),
        (".ts", ".mts", ".cts"),
        ("tree_sitter_typescript", "language_typescript"),
        ("ecmascript", "typescript"),
    ),
    _script(
        "tsx",
        ("typescriptreact", "tsx"),
        (".tsx",),
        ("tree_sitter_typescript", "language_tsx"),
        ("ecmascript", "typescript"),
    ),
    _script(
        "javascript",
        ("javascript",),
        (".js", ".mjs", ".cjs"),
        ("tree_sitter_javascript", "language"),
        ("ecmascript", "javascript"),
    ),
    _script(
        "jsx",
        ("javascriptreact", "jsx"),
        (".jsx",),
        ("tree_sitter_javascript", "language"),
        ("ecmascript", "javascript"),
    ),
    Language(
        name="go",
        identifiers=("go",),
        suffixes=(".go",),
        line_comment="//",
        block_style="braces",
        grammar=("tree_sitter_go", "language"),
        queries=("go",),
        block_header=_GO_HEADER,
        block_comment=("/*", "*/"),
    ),
)

_BY_NAME = {language.name: language for language in LANGUAGES}
_BY_IDENTIFIER = {identifier: language for language in LANGUAGES for identifier in language.identifiers}
_BY_SUFFIX = {suffix: language for language in LANGUAGES for suffix in language.suffixes}


def language_of(path: Path | None, identifier: str | None) -> Language | None:
    """The language of a document, or `None` for one that we do not know.

    The editor's identifier decides, because a person can choose it; the file's suffix where there is no identifier
    or we do not know it (`plaintext` for a `.py` file included: completing it as Python is what is wanted).
    """
    if identifier and (language := _BY_IDENTIFIER.get(identifier.lower())):
        return language
    return _BY_SUFFIX.get(path.suffix.lower()) if path is not None else None


def by_name(name: str) -> Language | None:
    """The language of that name, e.g. of a row in the index; `None` for a name we do not (or no longer) know."""
    return _BY_NAME.get(name)
