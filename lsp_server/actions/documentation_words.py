"""Whether a sentence says anything, and what is left of a model's text when only one clean sentence may stay.

Knows words, not meanings: a false sentence in good order passes.
"""

import itertools
import re
from collections.abc import Iterable

LONGEST_SENTENCE = 240
"""Characters. What a model writes beyond that has lost its thread."""

_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about all an and any are as at be been being but by can could do does for from given had has have how i if
        in into is it its itself may might no not of off on one only onto or other our should so some such than that the
        their them then there these they this those to up used using via was were what when where whether which while
        who will with would you your also argument arguments attribute class code data default function instance item
        method object param parameter parameters property return returned returns thing type use value values var
        variable yield yields""",
    )
)
"""Words that any sentence about any code may hold."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")
_SENTENCE_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\betc)(?<!\bvs)(?<!\bcf)[.!?](?=\s+[A-Z`\"'(*:]|\s*$)")
_SECTION = re.compile(
    r"\b(?:Args|Arguments|Parameters|Returns|Return|Raises|Yields|Attributes|Examples?|Notes?):(?:\s|$)"
)
_MARKUP = re.compile(r"^(?:[-*#>\s]+|:[a-z]+[^:]*:\s*)+")
_FIELD = re.compile(r"\s*(?::[a-z]+ [^:]*:|:returns?:|:rtype:|@\w+\b).*")
_ENTRY = re.compile(r"^\*{0,2}\w+\s*(?:\([^)]*\))?\s*:\s+")
_CODE = re.compile(r"\bdef \w+\(|\bself\.\w+ =|\bimport \w+$|[{};]|==|<\||\|>|->|=>|#|\\|\bTODO\b|\bFIXME\b|https?:")
_DANGLING = re.compile(r"(?:\s+(?:a|an|and|as|at|by|for|from|in|is|of|on|or|that|the|to|with|which))+$")
_LONGEST_WORD = 60
_PAIRS = (("(", ")"), ("[", "]"))


def content_words(text: str) -> frozenset[str]:
    """Words that carry meaning, in one form each: lower case, without endings, stop words left out."""
    return frozenset(
        _stem(word.lower()) for word in _WORD.findall(text) if len(word) > 1 and word.lower() not in _STOP_WORDS
    )


def says_more(sentence: str, than: Iterable[str]) -> bool:
    """Whether a sentence has a content word that none of the names in `than` has."""
    known = content_words(" ".join(than))
    return any(not any(_kin(word, other) for other in known) for word in content_words(sentence))


def cleaned(text: str) -> str | None:
    """The first sentence of what a model wrote, fit for a documentation string; None where there is none.

    It is one line, begins with a capital unless it begins with code, ends with a full stop and holds neither quotes of
    the string, nor backslashes, nor the names of sections and fields. An unfinished last clause is cut off.
    """
    text = text.lstrip().replace("\r", "\n").partition("\n")[0].strip()
    text = re.split(r'"""|\'\'\'|```', text.lstrip("\"'"))[0]
    text = _FIELD.sub("", _MARKUP.sub("", text))
    text = _SECTION.split(_ENTRY.sub("", text))[0]
    text = " ".join(text.replace('"', "'").split())
    end = _SENTENCE_END.search(text)
    text = text[: end.start()] if end is not None else text.rstrip(" .,:;-–—(")
    text = _DANGLING.sub("", text.rstrip(" .,:;")).rstrip(" .,:;") if end is None else text.rstrip(" .,:;")
    if not text or len(text) > LONGEST_SENTENCE or not text.isprintable() or _CODE.search(text):
        return None
    if max(map(len, text.split())) > _LONGEST_WORD:
        return None
    if any(text.count(left) != text.count(right) for left, right in _PAIRS) or text.count("`") % 2:
        return None
    if sum(each.isalpha() or each == " " for each in text) < 0.75 * len(text) or _stutters(text):
        return None
    first = text.split()[0]
    if first.islower() and first.isalpha():
        text = text[0].upper() + text[1:]
    return text + "."


def phrase(name: str) -> str:
    """A name as words: `HTTPServer_start` is "http server start"."""
    return " ".join(word.lower() for word in _WORD.findall(name))


def _stutters(text: str) -> bool:
    """Whether the same words come again and again, as from a small model that runs in circles."""
    words = text.lower().split()
    pairs = list(itertools.pairwise(words))
    return any(a == b for a, b in pairs) or len(set(pairs)) < len(pairs) - 1


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ed", "es", "s", "er"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word.rstrip("e") if len(word) > 4 else word


def _kin(word: str, other: str) -> bool:
    """Whether one is the other or its beginning: `init` and `initialis`, `dir` and `directory`."""
    short, long = sorted((word, other), key=len)
    return word == other or (len(short) >= 3 and long.startswith(short))
