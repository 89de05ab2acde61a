"""How each language writes strings, comments and what closes its blocks: a table, read by `brackets`.

Rough by intent: it is asked about half a line. A language that is not in the table is read like C.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

LINE_COMMENT = "//"
BLOCK_COMMENT = "/*"
"""What a comment is called in every language."""

WORDS = {"begin": "end", "if": "fi", "do": "done", "case": "esac", "repeat": "until"}
"""Brackets that are words, by what they are called: `begin` stands for every word that `end` closes."""

_CLOSED_BY = {")": "(", "]": "[", "}": "{", **{closer: opener for opener, closer in WORDS.items()}}
_LONG_QUOTES = frozenset({'"""', "'''", "`", "[["})

# A regular expression literal stands where an operand is expected; elsewhere a slash divides.
_REGEX = r"[ \t]*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/"
_SCRIPT_REGEX = rf"(?:(?<=[(,=:!&|?\[])|(?<=return)){_REGEX}"
_RUBY_REGEX = rf"(?:(?<=[(,=~!&|?\[{{])|(?<=\bif)|(?<=when)|(?<=unless)|(?<=\band)|(?<=\bor)|(?<=return)){_REGEX}"
# `'` opens a character in C and a lifetime in Rust: only a whole character literal means anything.
_CHARACTER = r"'(?:\\[^\n]{1,9}?|[^'\\\n])'"
_AFTER_EXPRESSION = r"(?<![\w)\]}\"'?!] )"
_RUBY_WORD = r"(?<![\w.:@$])"


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class _Form(NamedTuple):
    """One row of the table. Patterns are regular expressions with `re.MULTILINE`."""

    quotes: tuple[str, ...] = ('"',)
    line_comments: tuple[str, ...] = ("//",)
    line_comment: str = ""
    """Pattern where the marks alone do not tell."""
    block_comment: tuple[str, str] | None = ("/*", "*/")
    skips: tuple[str, ...] = (_CHARACTER,)
    raw: frozenset[str] = frozenset()
    """Quotes inside which a backslash is a character like any other."""
    inner: Mapping[str, tuple[str, ...]] = _NOTHING
    """By quote what opens code inside it."""
    opening_words: tuple[str, ...] = ()
    """Patterns; the first word of a match is a key of `called`."""
    called: Mapping[str, str] = _NOTHING
    """What a word that opens is called, one of `WORDS`."""
    closing_words: str = ""
    decorator: str = "@"
    """Begins a line that belongs to the definition below it; "" where nothing does."""
    decorated: str = "class X {}"
    """What may follow such a line."""
    terminator: str = ""
    """Must end a statement."""
    empty_body: str = ""
    """A statement that does nothing, where a body must not be empty."""


_C = _Form(terminator=";")
_HASHED = _Form(quotes=('"', "'"), line_comments=("#",), block_comment=None, skips=())
_PROSE = _Form(quotes=(), line_comments=(), block_comment=None, skips=())
_SCRIPT = _Form(quotes=('"', "'", "`"), skips=(_SCRIPT_REGEX,), inner={"`": ("${",)}, decorated="x() {}")
_RUBY = _Form(
    quotes=('"', "'", "`"),
    line_comments=("#",),
    block_comment=("=begin", "=end"),
    skips=(
        _RUBY_REGEX,
        r"\bdef\s+[\w.]+[?!]?\s*(?:\([^()\n]*\))?\s*=(?![=~])",
        r"(?<=[\s(,=])\?[\"'(){}\[\]]",
        r"\$[\"'`]",
    ),
    inner={'"': ("#{",), "`": ("#{",)},
    opening_words=(
        # The `do` of a loop belongs to its head.
        rf"{_RUBY_WORD}{_AFTER_EXPRESSION}(?:while|until|for)\b(?![:?!])[^\n#]*?\bdo\b(?!:)",
        rf"{_RUBY_WORD}(?:def|class|module|begin|case|for|do)\b(?![:?!])",
        # After an expression these only modify it.
        rf"{_RUBY_WORD}{_AFTER_EXPRESSION}(?:if|unless|while|until)\b(?![:?!])",
    ),
    called=dict.fromkeys(
        ("def", "class", "module", "begin", "case", "for", "do", "if", "unless", "while", "until"), "begin"
    ),
    closing_words=rf"{_RUBY_WORD}end\b(?![:?!])",
    decorator="",
)
_LUA = _Form(
    quotes=("[[", '"', "'"),
    line_comments=("--",),
    block_comment=("--[[", "]]"),
    skips=(),
    raw=frozenset({"[["}),
    opening_words=(r"(?<![.:\w])(?:function|do|if|repeat)\b",),
    called={"function": "begin", "do": "begin", "if": "begin", "repeat": "repeat"},
    closing_words=r"(?<![.:\w])(?:end|until)\b",
    decorator="",
)
_COMMAND = r"(?:^|(?<=[;&|({!])|(?<=\bthen)|(?<=\belse)|(?<=\bdo))[ \t]*"
_BASH = _Form(
    quotes=('"', "'", "`"),
    line_comments=("#",),
    line_comment=r"(?<![^\s;(])#",
    block_comment=None,
    # The label of a case, which closes no bracket.
    skips=(r"^[ \t]*(?!(?:done|fi|esac)\b)[^\s()#;&]+(?:[ \t]*\|[ \t]*[^\s()#;&]+)*\)(?=\s|$)",),
    raw=frozenset({"'"}),
    inner={'"': ("$(", "${")},
    opening_words=(rf"{_COMMAND}(?:if|case|do)\b(?![-=.\w/])",),
    called={"if": "if", "case": "case", "do": "do"},
    closing_words=rf"{_COMMAND}(?:fi|esac|done)\b(?![-=.\w/])",
    decorator="",
    empty_body=":",
)
_LONG = ('"""', '"')

_FORMS: Mapping[str, _Form] = {
    **dict.fromkeys(("plaintext", "markdown", "latex", "tex", "restructuredtext", "html", "xml", "text"), _PROSE),
    **dict.fromkeys(("yaml", "toml", "perl", "r", "elixir", "makefile", "dockerfile"), _HASHED),
    **dict.fromkeys(("javascript", "javascriptreact", "jsx", "typescript", "typescriptreact", "tsx"), _SCRIPT),
    **dict.fromkeys(("bash", "shellscript", "sh"), _BASH),
    "python": _HASHED._replace(quotes=('"""', "'''", '"', "'"), decorated="def _(): pass"),
    "go": _Form(quotes=('"', "`"), raw=frozenset({"`"})),
    "rust": _Form(
        skips=(r"b?r(?P<rust>#*)\"[^\n]*?\"(?P=rust)", _CHARACTER),
        decorator="#[",
        decorated="struct X;",
        terminator=";",
    ),
    "c": _C,
    "cpp": _C._replace(skips=(r"R\"(?P<cpp>[^()\s\\]{0,16})\([^\n]*?\)(?P=cpp)\"", r"(?<=\d)'(?=\d)", _CHARACTER)),
    "java": _C._replace(quotes=_LONG),
    "csharp": _C._replace(
        quotes=_LONG,
        skips=(r"(?:@\$?|\$@)\"(?:\"\"|[^\"\n])*\"", _CHARACTER),
        raw=frozenset({'"""'}),
        decorator="[",
    ),
    "kotlin": _Form(quotes=_LONG, raw=frozenset({'"""'}), inner={'"': ("${",), '"""': ("${",)}),
    "scala": _Form(quotes=_LONG, raw=frozenset({'"""'}), inner={'"': ("${",), '"""': ("${",)}),
    "swift": _Form(quotes=_LONG, skips=(), inner={'"': ("\\(",), '"""': ("\\(",)}),
    "php": _Form(
        quotes=('"', "'", "`"),
        line_comments=("//", "#"),
        line_comment=r"//|#(?!\[)",
        skips=(),
        inner={'"': ("{$",)},
        decorator="#[",
        terminator=";",
    ),
    "ruby": _RUBY,
    "lua": _LUA,
}


class Lexicon:
    """How one language writes strings and comments. Immutable; made by `lexicon`."""

    def __init__(self, code: str, form: _Form) -> None:
        self.code = re.compile(code, re.MULTILINE)
        """Finds, in code, whatever opens or closes something. Its groups: `skip` is a token without meaning here,
        `block` and `line` begin comments, `word` opens or closes like a bracket and may have white space before it."""
        self.form = form
        self._inside: dict[str, re.Pattern[str]] = {}

    @property
    def has_words(self) -> bool:
        """Do words open and close blocks? Then it matters what stands left of a text on its line."""
        return bool(self.form.opening_words)

    def closes(self, token: str) -> str | None:
        """What a token of `code` closes, as its `Mark` calls it; None for one that opens."""
        return None if token in self.form.called else _CLOSED_BY.get(token)

    def called(self, token: str, group: str | None) -> str:
        """What a `Mark` calls what a token of `code`, found by that group, opens."""
        if group == "word":
            return self.form.called[token.split(maxsplit=1)[0]]
        return {"line": LINE_COMMENT, "block": BLOCK_COMMENT}.get(group or "", token)

    def opens_code(self, kind: str, token: str) -> str | None:
        """What a `Mark` calls the bracket that `token` opens inside a string of that kind, None for other tokens."""
        if token not in self.form.inner.get(kind, ()):
            return None
        return "(" if token.endswith("(") else "${"

    def begins_comment(self, text: str) -> bool:
        marks = self.form.line_comments
        if self.form.block_comment is not None:
            marks += (self.form.block_comment[0],)
        decorates = bool(self.form.decorator) and text.startswith(self.form.decorator)
        return text.startswith(marks) and not decorates

    def decorates(self, text: str) -> bool:
        """Does a line, without its indentation, belong to the definition below it?"""
        return bool(self.form.decorator) and text.startswith(self.form.decorator)

    def inside(self, kind: str) -> re.Pattern[str]:
        """Finds, inside a string or a comment, an escape, a line's end that ends it, code, or its closer."""
        pattern = self._inside.get(kind)
        if pattern is None:
            pattern = self._inside[kind] = re.compile(self._ends(kind), re.MULTILINE)
        return pattern

    def _ends(self, kind: str) -> str:
        form = self.form
        if kind == LINE_COMMENT:
            return r"\n"
        if kind == BLOCK_COMMENT:
            return re.escape(form.block_comment[1] if form.block_comment is not None else "*/")
        parts = [re.escape(opening) for opening in form.inner.get(kind, ())]
        long = kind in _LONG_QUOTES
        if kind not in form.raw:
            parts.append(r"\\[\s\S]" if long else r"\\.")
        parts.append(re.escape("]]" if kind == "[[" else kind))
        return "|".join(parts if long else [*parts, r"\n"])


@cache
def lexicon(language: str) -> Lexicon:
    """The lexicon of a language identifier; unknown languages are read like C."""
    form = _FORMS.get(language, _Form(decorated="x() {}"))
    line = form.line_comment or "|".join(map(re.escape, form.line_comments))
    block = re.escape(form.block_comment[0]) if form.block_comment is not None else ""
    if block == "=begin":
        block = "^=begin"
    groups = {
        "skip": "|".join(form.skips),
        "block": block,
        "line": line,
        "word": "|".join((*form.opening_words, form.closing_words) if form.opening_words else ()),
    }
    parts = [f"(?P<{name}>{pattern})" for name, pattern in groups.items() if pattern]
    # Lua's `--[[` is a comment, its `[[` a string and `[` a bracket: the longer first.
    parts += [re.escape(quote) for quote in form.quotes]
    parts.append(r"[()\[\]{}]")
    return Lexicon("|".join(parts), form)
