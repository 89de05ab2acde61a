"""The table of languages that codehearth understands. Names and marks only: nothing here loads a grammar.

How to add one: ADDING_A_LANGUAGE.md, beside this file. A language without a grammar is not in the table. Regular
expressions are kept as text and compiled where they are first used: every server imports this table when it starts.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import attrs

EMPTY: Mapping[str, str] = MappingProxyType({})

BlockStyle = Literal["indent", "braces", "keywords"]
"""How a block ends: with its indentation, with `}`, or with a word such as `end` or `done`."""


@attrs.frozen(eq=False)
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
    block_header: str
    """Regular expression, searched in a line up to its `:` or `{`, for keywords up to its last character: does that
    open the body of a statement or definition? Asked only where the tree does not know."""
    block_comment: tuple[str, str] | None = None
    interpolation: tuple[str, str] | None = None
    """How code inside a string literal opens and closes."""
    interpolates: str = ""
    """Regular expression for all of a string's opening, prefix included, in lower case: may it have code inside?"""
    closing_words: Mapping[str, str] = EMPTY
    """For each token of the grammar that opens a block the word that closes it, for source that is not closed yet."""
    importers: tuple[str, ...] = ("require",)
    """Functions whose call is an import; see `@import.require` in grammars.py."""
    separator: str = "."
    """Stands between the parts of a module's name."""
    attached: tuple[str, ...] = ()
    """How a line begins that is no comment and still belongs to the definition below it."""
    needs_line_end: bool = False
    """The grammar's scanner never returns where a text ends within certain tokens, so it is shown a comment more."""


_PYTHON_HEADER = r"^\s*(?:\)|(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b)"
_CURLY_HEADER = (
    r"(?:\)|=>|->|\b(?:else|do|try|finally|static|catch|const|override|noexcept|get|set|init|lazy))\s*$"
    r"|\b(?:class|interface|enum|namespace|module|switch|struct|union|record|trait|object|extern)\b"
    r"|\)\s*(?:throws\b|where\b|:|->)[^=]*$"
)
"""Statements with their condition in parentheses, and types."""
_WORD_HEADER = (
    r"\b(?:func|fn|if|else|for|switch|select|struct|interface|while|loop|match|impl|trait|enum|union|mod|unsafe|class"
    r"|protocol|extension|actor|guard|do|catch|init|deinit|defer|repeat|var|get|set|subscript|async|move)\b|=>\s*$"
)
"""Statements that need no parentheses: where one of these words stands, the brace opens a body."""
_ARROW_HEADER = rf"{_CURLY_HEADER}|=\s*$|\b(?:when|match|yield|companion)\b|[\w)\]]\s*$"
"""Kotlin and Scala: what stands directly before a brace calls a function with a block."""
_RUBY_HEADER = (
    r"^\s*(?:\w+\s*\|?\|?=\s*|(?:private|protected|public|module_function|private_class_method)\s+)?"
    r"(?:def\b(?!.*\)?\s=\s)|class|module|if|unless|while|until|case|when|in|for|begin|else|elsif|rescue|ensure)\b"
    r"(?!.*\b(?:then\b.+|end$))|\b(?:do|then)(?:\s*\|[^|]*\|)?$|\{\s*\|[^|]*\|$"
)
_LUA_HEADER = r"\b(?:then|do|else|repeat)$|\bfunction\b[^()]*\([^()]*\)$"
_BASH_HEADER = r"(?:^|;)\s*(?:then|do|else)$|^\s*case\b.*\sin$|(?:^|[\s)])[{(]$|^\s*[^\s()]+\)$"

_SLASHES: tuple[str, str] = ("/*", "*/")


def _braces(
    name: str,
    suffixes: tuple[str, ...],
    *,
    header: str = _CURLY_HEADER,
    module: str = "",
    function: str = "language",
    identifiers: tuple[str, ...] = (),
    queries: tuple[str, ...] = (),
    interpolation: tuple[str, str] | None = None,
    interpolates: str = "",
    separator: str = ".",
    attached: tuple[str, ...] = (),
    needs_line_end: bool = False,
) -> Language:
    """A language with `{}`, `//` and `/* */`; its names are all the same where nothing else is said."""
    return Language(
        name=name,
        identifiers=identifiers or (name,),
        suffixes=suffixes,
        line_comment="//",
        block_style="braces",
        grammar=(module or f"tree_sitter_{name}", function),
        queries=queries or (name,),
        block_header=header,
        block_comment=_SLASHES,
        interpolation=interpolation,
        interpolates=interpolates,
        separator=separator,
        attached=attached,
        needs_line_end=needs_line_end,
    )


def _script(
    name: str, identifiers: tuple[str, ...], suffixes: tuple[str, ...], module: str, function: str, dialect: str
) -> Language:
    return _braces(
        name,
        suffixes,
        module=module,
        function=function,
        identifiers=identifiers,
        queries=("ecmascript", dialect),
        interpolation=("${", "}"),
        interpolates="`",
    )


_TYPESCRIPT = "tree_sitter_typescript"
_JAVASCRIPT = "tree_sitter_javascript"

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
        interpolates="[a-z]*[ft][a-z]*[\"']+",
    ),
    _script("typescript", ("typescript",), (".ts", ".mts", ".cts"), _TYPESCRIPT, "language_typescript", "typescript"),
    _script("tsx", ("typescriptreact", "tsx"), (".tsx",), _TYPESCRIPT, "language_tsx", "typescript"),
    _script("javascript", ("javascript",), (".js", ".mjs", ".cjs"), _JAVASCRIPT, "language", "javascript"),
    _script("jsx", ("javascriptreact", "jsx"), (".jsx",), _JAVASCRIPT, "language", "javascript"),
    _braces("go", (".go",), header=_WORD_HEADER),
    _braces("rust", (".rs",), header=_WORD_HEADER, separator="::", attached=("#[",)),
    _braces("java", (".java",)),
    _braces("c", (".c",), queries=("clike",)),
    _braces(
        "cpp",
        # `.h` too: the C++ grammar reads nearly all of C, the C grammar none of a header with classes.
        (".cpp", ".cc", ".cxx", ".c++", ".h", ".hpp", ".hh", ".hxx", ".h++", ".ipp", ".inl", ".tpp", ".cu", ".cuh"),
        identifiers=("cpp", "c++", "cuda-cpp"),
        queries=("clike", "cpp"),
        separator="::",
    ),
    _braces(
        "csharp",
        (".cs", ".csx"),
        module="tree_sitter_c_sharp",
        identifiers=("csharp", "c#"),
        interpolation=("{", "}"),
        interpolates=r".*\$.*",
    ),
    _braces(
        "php",
        (".php", ".phtml"),
        function="language_php",
        interpolation=("{$", "}"),
        interpolates='"',
        separator="\\",
    ),
    _braces(
        "kotlin",
        (".kt", ".kts"),
        header=_ARROW_HEADER,
        interpolation=("${", "}"),
        interpolates='"+',
        needs_line_end=True,  # tree-sitter-kotlin 1.1.0 hangs on "val a\n@A"
    ),
    _braces(
        "scala", (".scala", ".sc", ".sbt"), header=_ARROW_HEADER, interpolation=("${", "}"), interpolates='[a-z]+"+'
    ),
    _braces("swift", (".swift",), header=_WORD_HEADER, interpolation=("\\(", ")"), interpolates='"+'),
    Language(
        name="ruby",
        identifiers=("ruby",),
        suffixes=(".rb", ".rake", ".gemspec", ".ru"),
        line_comment="#",
        block_style="keywords",
        grammar=("tree_sitter_ruby", "language"),
        queries=("ruby",),
        block_header=_RUBY_HEADER,
        block_comment=("=begin", "=end"),
        interpolation=("#{", "}"),
        interpolates='["`]',
        closing_words=dict.fromkeys(
            ("def", "class", "module", "do", "if", "unless", "while", "until", "case", "begin", "for"), "end"
        ),
        importers=("require", "require_relative", "load"),
        separator="::",
    ),
    Language(
        name="lua",
        identifiers=("lua",),
        suffixes=(".lua",),
        line_comment="--",
        block_style="keywords",
        grammar=("tree_sitter_lua", "language"),
        queries=("lua",),
        block_header=_LUA_HEADER,
        block_comment=("--[[", "]]"),
        closing_words=dict.fromkeys(("function", "do", "if"), "end"),
    ),
    Language(
        name="bash",
        identifiers=("shellscript", "bash", "sh"),
        suffixes=(".sh", ".bash"),
        line_comment="#",
        block_style="keywords",
        grammar=("tree_sitter_bash", "language"),
        queries=("bash",),
        block_header=_BASH_HEADER,
        interpolation=("$(", ")"),
        interpolates='"',
        closing_words={"if": "fi", "do": "done", "case": "esac"},
        importers=("source", "."),
        separator="/",
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
