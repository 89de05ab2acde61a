"""Which files of a package are worth learning from: written by people, for people, in this package; reads no licences.

Every rule has one reason in `Verdict`; the stage counts them.
"""

import ast
import re
import warnings
from typing import Literal

from models.train.packages import licences
from models.train.packages.sources import language_of

Verdict = Literal[
    "kept", "vendored", "generated", "minified", "numbers", "small", "large", "encoding", "syntax", "licence"
]

SMALLEST_CHARACTERS = 300
LARGEST_CHARACTERS = 60_000
LONGEST_LINE = 400
LONGEST_MEAN_LINE = 100
MOST_DIGITS = 0.2
FEWEST_LETTERS = 0.3
HEAD_CHARACTERS = 1000

_BUILT = re.compile(
    r"(^|/)(dist(-[^/]*)?|build|out|umd|amd|bundles?|_?esm?(\d+|m)?|_?cjs|min|iife|browser|coverage|docs?)/",
    re.IGNORECASE,
)
_COMPILED = re.compile(
    r"sourceMappingURL=|__esModule|__importDefault|_interopRequire|/\*\s*[#@]__PURE__|__webpack_require__|__commonJS"
)
_VENDORED = re.compile(
    r"(^|/)(_?vendor(ed|ized|s)?|third[-_]?party|_?externals?|extern|extlibs?|site-packages|dist-packages|node_modules"
    r"|bower_components|bundled|_?deps|lib2to3|packages\.bundled|contrib/vendor)/",
    re.IGNORECASE,
)
_GENERATED_PATH = re.compile(
    r"(_pb2(_grpc)?\.pyi?|\.pb\.(go|c|h)|\.min\.[cm]?js|\.bundle\.js|_generated\.\w+|\.d\.[cm]?ts|_version\.py"
    r"|parsetab\.py|lextab\.py|zz_generated[^/]*)$|(^|/)(migrations|alembic/versions|_?generated|__generated__|gen)/",
    re.IGNORECASE,
)
_GENERATED_HEAD = re.compile(
    r"(auto[- ]?|machine[- ])generated|generated\s+(by|from|using|with|code|file)|do\s+not\s+(edit|modify|change)"
    r"|don'?t\s+edit|@generated",
    re.IGNORECASE,
)
_TESTS = re.compile(r"(^|/)(tests?|testing|_tests?|specs?|__tests__)/|(^|/)test_[^/]*$|(_test|\.test|\.spec)\.\w+$")
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")


def is_test(path: str) -> bool:
    return _TESTS.search(path) is not None


def judged_by_path(path: str) -> Verdict:
    if _VENDORED.search(path):
        return "vendored"
    script = language_of(path) in {"javascript", "typescript"}
    if _GENERATED_PATH.search(path) or (script and _BUILT.search(path)):
        return "generated"
    return "kept"


def judged(path: str, raw: bytes) -> tuple[Verdict, str]:
    """The verdict on a file and its text with LF line ends."""
    verdict = judged_by_path(path)
    if verdict != "kept":
        return verdict, ""
    if len(raw) < SMALLEST_CHARACTERS:
        return "small", ""
    if len(raw) > 2 * LARGEST_CHARACTERS:
        return "large", ""
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return "encoding", ""
    return _judged_text(path, text), text


def _judged_text(path: str, text: str) -> Verdict:
    if "\0" in text or "\ufffd" in text:
        return "encoding"
    if len(text) < SMALLEST_CHARACTERS:
        return "small"
    if len(text) > LARGEST_CHARACTERS:
        return "large"
    lines = text.split("\n")
    if max(map(len, lines)) > LONGEST_LINE or len(text) > LONGEST_MEAN_LINE * len(lines):
        return "minified"
    if len(_DIGIT.findall(text)) > MOST_DIGITS * len(text) or len(_LETTER.findall(text)) < FEWEST_LETTERS * len(text):
        return "numbers"
    head = text[:HEAD_CHARACTERS]
    script = language_of(path) in {"javascript", "typescript"}
    if _GENERATED_HEAD.search(head) or (script and _COMPILED.search(text)):
        return "generated"
    if licences.forbidden_header(text[: 3 * HEAD_CHARACTERS]):
        return "licence"
    if path.endswith(".py") and not _parses(text):
        return "syntax"
    return "kept"


def _parses(text: str) -> bool:
    """Whether it is Python of today."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
