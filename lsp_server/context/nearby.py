"""Which identifiers stand close to the cursor, nearest first, and whether a piece of code repeats what stands there."""

import re
from collections.abc import Mapping

import attrs

IDENTIFIER = re.compile(r"[^\W\d]\w*")

ABOVE = 40
"""Lines above the cursor in which a name counts as close."""

BELOW = 8
QUERY_LINES = 10
"""Lines above the cursor whose identifiers are searched for (the measured start, EVALUATION.md section 2)."""

COPY = 0.6
"""A snippet of which this share of lines stands round the cursor anyway would only distort."""

# Words of the indexed languages that name nothing. A missing one costs a useless lookup, no more.
_WORDS = """
    abstract and any as assert async await bool boolean break byte case catch chan class const constructor
    continue debugger declare def default defer del delete do elif else enum error except export extends
    fallthrough False false finally float float64 for from func function get global go goto if implements import
    in instanceof int int64 interface is lambda let map match namespace new nil None nonlocal not null number of
    or override package pass private protected public raise range readonly return select self set static str
    string struct super switch this throw True true try type typeof undefined union unknown var void while with
    yield
"""
KEYWORDS = frozenset(_WORDS.split())


@attrs.frozen
class Nearby:
    """The surroundings of one cursor.

    rank: identifier to its place in the order of nearness, 0 the nearest; the cursor's own half-typed word left out.
    query: the identifiers of the last lines, nearest first: what similar code is searched by.
    attributes: name to the names that follow it after a dot, nearest first.
    lines: the stripped lines round the cursor that are long enough to tell code apart.
    """

    rank: Mapping[str, int]
    query: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    lines: frozenset[str]

    @classmethod
    def of(cls, text: str, offset: int, heads: str = "") -> "Nearby":
        """`heads` are the heads of the enclosing definitions where they lie further up: close in meaning."""
        before = text[max(0, offset - ABOVE * 200) : offset].split("\n")[-ABOVE:]
        after = text[offset : offset + BELOW * 200].split("\n")[:BELOW]
        # The word under the cursor is not finished: it names nothing yet.
        above = [re.sub(r"\w+\Z", "", before[-1]), *reversed(before[:-1])]
        by_distance = [(float(distance), line) for distance, line in enumerate(above)]
        by_distance += [(distance + 0.5, line) for distance, line in enumerate(after)]
        nearest = [line for _, line in sorted(by_distance)] + heads.split("\n")
        names = dict.fromkeys(
            name
            for line in nearest
            for name in reversed(IDENTIFIER.findall(line))
            if name not in KEYWORDS and len(name) > 1
        )
        query = [name for line in above[:QUERY_LINES] for name in IDENTIFIER.findall(line)]
        attributes: dict[str, dict[str, None]] = {}
        for line in nearest:
            for owner, name in re.findall(r"\b([^\W\d]\w*)\s*\.\s*([^\W\d]\w*)", line):
                attributes.setdefault(owner, {})[name] = None
        return cls(
            rank={name: place for place, name in enumerate(names)},
            query=tuple(name for name in dict.fromkeys(query) if name not in KEYWORDS and len(name) > 1),
            attributes={owner: tuple(found) for owner, found in attributes.items()},
            lines=telling_lines("\n".join((*before, *after))),
        )

    def repeats(self, text: str) -> bool:
        """Whether `text` is mostly a copy of what stands round the cursor."""
        return overlap(telling_lines(text), self.lines) >= COPY


def telling_lines(text: str) -> frozenset[str]:
    """The lines that tell one piece of code from another: longer than `return x` or `}`, without the marks in which a
    signature and the same signature above its body differ."""
    stripped = (line.strip().rstrip(" :{;,") for line in text.split("\n"))
    return frozenset(line for line in stripped if len(line) >= 10)


def overlap(lines: frozenset[str], others: frozenset[str]) -> float:
    """Share of `lines` that are among `others`; 0 where there are none."""
    return len(lines & others) / len(lines) if lines else 0.0
