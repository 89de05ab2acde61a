"""The three ways in which Python documentation lists parameters, and which of them a repository uses.

Sections are told by their headings: `Args:` (Google), `Parameters` over a line of dashes (NumPy), `:param x:` (Sphinx).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import attrs

StyleName = Literal["google", "numpy", "sphinx"]
SectionKind = Literal["parameters", "attributes", "returns", "yields", "raises", "other"]

ORDER: tuple[SectionKind, ...] = ("parameters", "attributes", "returns", "yields", "raises", "other")
"""In which sections follow each other."""

_GOOGLE_NAMES: Mapping[str, SectionKind] = {
    "Args": "parameters",
    "Arguments": "parameters",
    "Parameters": "parameters",
    "Params": "parameters",
    "Keyword Args": "parameters",
    "Keyword Arguments": "parameters",
    "Other Parameters": "parameters",
    "Attributes": "attributes",
    "Return": "returns",
    "Returns": "returns",
    "Yield": "yields",
    "Yields": "yields",
    "Raise": "raises",
    "Raises": "raises",
}
_OTHER_NAMES = frozenset(
    {"Example", "Examples", "Note", "Notes", "Warning", "Warnings", "Warns", "Todo", "References", "Methods"}
    | {"Caution", "Danger", "Important", "Hint", "Tip", "Attention", "See Also", "See also"}
)
_FIELDS: Mapping[str, SectionKind] = {
    **dict.fromkeys(("param", "parameter", "arg", "argument", "key", "keyword", "kwarg", "type"), "parameters"),
    **dict.fromkeys(("ivar", "cvar", "var", "vartype", "attr"), "attributes"),
    **dict.fromkeys(("return", "returns", "rtype"), "returns"),
    **dict.fromkeys(("yield", "yields", "ytype"), "yields"),
    **dict.fromkeys(("raise", "raises", "except", "exception"), "raises"),
}

_GOOGLE = re.compile(rf"^[ \t]*(?:{'|'.join(_GOOGLE_NAMES)}):[ \t]*\r?$", re.MULTILINE)
_NUMPY = re.compile(rf"^[ \t]*(?:{'|'.join(_GOOGLE_NAMES)})[ \t]*\r?\n[ \t]*-{{3,}}[ \t]*\r?$", re.MULTILINE)
_SPHINX = re.compile(rf"^[ \t]*(?:\"\"\"|''')?:(?:{'|'.join(_FIELDS)})\b[^:\n]*:", re.MULTILINE)
_GOOGLE_ENTRY = re.compile(r"^[ \t]+\*{0,2}[a-z_]\w*( \(.+\))?:(?:\s|$)", re.MULTILINE)
_GOOGLE_ARGS = re.compile(r"^[ \t]*Arg(?:ument)?s:[ \t]*\r?\n((?:[ \t]+[^\"'\s].*\n?)+)", re.MULTILINE)
_TRIPLE = re.compile(r"(\"\"\"|''')(?:.*?)\1", re.DOTALL)

_CODE = re.compile(r"(?<![`:\w])`([^`]+)`(?![`\w])")
"""Code in single backticks; roles (:class:`Shop`) have a meaning of their own."""

FIELD = re.compile(rf"^\s*:(?P<field>{'|'.join(_FIELDS)})\b(?P<rest>[^:\n]*):")
"""One field of the Sphinx style; `rest` holds an optional type and the name."""


@attrs.frozen
class Style:
    """How documentation is written. typed: types of the signature are repeated (NumPy always does)."""

    name: StyleName = "google"
    typed: bool = False
    quotes: str = '"""'

    def quoted(self, text: str) -> str:
        """`names` in backticks, as this style marks code."""
        return text if self.name == "google" else _CODE.sub(r"``\1``", text)


def style_of(text: str) -> StyleName | None:
    """The style of most sections in a text; None where it has none."""
    counts: dict[StyleName, int] = {
        "google": len(_GOOGLE.findall(text)),
        "numpy": len(_NUMPY.findall(text)),
        "sphinx": len(_SPHINX.findall(text)),
    }
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else None


def detect(own: str, siblings: Iterable[str]) -> Style:
    """The style of the file `own`; where it shows none, of the texts of its siblings together; else Google's."""
    evidence = own
    name = style_of(own)
    if name is None:
        evidence = "\n".join(siblings)
        name = style_of(evidence)
    triple = [found[1] for found in _TRIPLE.finditer(own)]
    quotes = "'''" if triple.count("'''") > triple.count('"""') else '"""'
    return Style(name or "google", _typed(name or "google", evidence), quotes)


def shows_style(text: str) -> bool:
    """Whether there is any need to look at other files."""
    return style_of(text) is not None


def heading(line: str, below: str | None, style: StyleName) -> SectionKind | None:
    """What a line begins, in the section styles; None for an ordinary line. `below` is the next line."""
    words = line.strip()
    if style == "google":
        if not words.endswith(":"):
            return None
        words = words[:-1]
    elif below is None or not re.fullmatch(r"\s*[-=]{3,}\s*", below):
        return None
    if words in _GOOGLE_NAMES:
        return _GOOGLE_NAMES[words]
    return "other" if words in _OTHER_NAMES or style == "numpy" else None


def field(line: str) -> tuple[SectionKind, str, str] | None:
    """(section, field, name) of a line of the Sphinx style: `:param int x:` is ("parameters", "param", "x")."""
    found = FIELD.match(line)
    if found is None:
        return None
    words = found["rest"].split()
    return _FIELDS[found["field"]], found["field"], words[-1] if words else ""


def _typed(name: StyleName, evidence: str) -> bool:
    if name == "numpy":
        return True
    if name == "sphinx":
        described = len(re.findall(r":param\b", evidence))
        return 2 * len(re.findall(r":type\b|:param +[\w.\[\]]+ +\w+:", evidence)) > described
    entries = [entry for listed in _GOOGLE_ARGS.finditer(evidence) for entry in _GOOGLE_ENTRY.finditer(listed[1])]
    return 2 * sum(entry[1] is not None for entry in entries) > len(entries)
