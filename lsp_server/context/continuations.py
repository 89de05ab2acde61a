"""What the repository itself goes on with, wherever the text before the cursor stands in it already: an n-gram cache.

A place *says* how the text goes on when the last tokens before the cursor (`token_runs.py`) stand before it too, and
indentation gets deeper or shallower there where it does here. It also does where the same tokens stand but for some
names (`analogies.py`), with the names exchanged. Places are looked for in the document and, through the index, in the
rest of the repository; those that say the same are one continuation, and how likely it is what comes next here is
judged by the surroundings of its places (`likelihood.py`). Never reads the disk. Pure given the index, on the context
thread, a few milliseconds.
"""

import math
import re
from collections.abc import Iterable, Iterator
from itertools import islice

import attrs

from lsp_server.context import analogies, likelihood
from lsp_server.context.gather import Place
from lsp_server.context.likelihood import Candidate, Spot, Surroundings
from lsp_server.context.nearby import IDENTIFIER
from lsp_server.context.secrets import redacted_parts
from lsp_server.context.telling import Layout, above, indentation, told
from lsp_server.context.token_runs import Search, agreeing, is_word, normal, tokens_of
from lsp_server.engine.protocol import Continuation
from lsp_server.index.values import Chunk, IndexReader

DEPTH = 16
"""Tokens before the cursor that are compared: two or three lines of code."""

LEAST = 2
"""Tokens that have to agree; what follows one token anywhere says nothing."""

LENGTHS = (6, 3, LEAST)
"""Tokens that are searched for, in this order, until there are places enough: more steps find nothing more."""

ENOUGH = 8
"""Places after which shorter matches are not looked for any more."""

MOST_PLACES = 48
"""Places looked at of one text; of more, those nearest to the cursor."""

FARTHEST = 500_000
"""Characters of the document above the cursor, and below it, in which places are looked for."""

MOST_GROUPS = 8
"""Continuations told, the likeliest."""

MOST_CONSIDERED = 16
"""Continuations whose likelihood is asked, those with the longest matches and the most places."""

OWN_FILE = 8.0
"""What a place of the document right beside the cursor counts, against 1 of another file."""

FADING = 0.3
"""Exponent by which that fades with the lines between: ten lines away it is half."""

_LINE = 40
"""Characters of a line."""

PHRASES = (5, 3, 2, 1)
"""Identifiers before the cursor that the index is asked for, in this order, until there are chunks enough."""

MOST_CHUNKS = 12
"""Twice as many, or all files, find the same (`models/evaluation/calibrate_continuations.py`)."""

NEAR = 30_000
"""Characters of the document above the cursor, and below it, in which places are looked for that are alike."""

EXCHANGE = 2
"""Matched tokens that one exchanged name costs."""

MOST_ALIKE = 24
"""Places whose continuation is told, the most alike ones."""

_WINDOW = 3000
"""Characters before the cursor in which its tokens lie."""

_AROUND = 400
"""Characters round a place in which something may say that it is a secret: a name, the lines of a key."""

_BEGUN = re.compile(r"\w*")
_BLANKS = re.compile(r"[^\S\n]*")
_LONG_RUN = re.compile(r"[\w+/=.~-]{15}")
"""Whatever `secrets.py` knows has as many characters in a row; looking closer costs more than all the rest here."""


@attrs.frozen
class Attested:
    """A continuation, and the place that says it behind the longest match: a path as in the index, a line from 0.

    verbatim: it stands there as it is; else with other names. matched: tokens before the place that agree, fewer where
    names differ. features: what its probability rests on, in the order of `likelihood.WEIGHTS`.
    """

    continuation: Continuation
    path: str
    line: int
    verbatim: bool = True
    matched: int = 0
    features: tuple[float, ...] = ()


def continuations(place: Place, reader: IndexReader | None, *, lines: int) -> tuple[Continuation, ...]:
    """What follows at other places, at most `lines` lines of it, the likeliest first; see `attested`."""
    return tuple(found.continuation for found in attested(place, reader, lines=lines))


def attested(place: Place, reader: IndexReader | None, *, lines: int, most: int = MOST_GROUPS) -> tuple[Attested, ...]:
    """The same with where it stands. Blocking, like the reader; without an index only the document is searched."""
    return among(place, related(place, reader), lines=lines, most=most)


def related(place: Place, reader: IndexReader | None) -> list[Chunk]:
    """Pieces of other files in which the last identifiers before the cursor follow each other, as many as possible."""
    found: dict[tuple[str, int], Chunk] = {}
    identifiers = _Sought.of(place).identifiers
    phrases = dict.fromkeys(identifiers[-length:] for length in PHRASES) if reader is not None else ()
    for phrase in filter(None, phrases):
        assert reader is not None
        for chunk in reader.holding(list(phrase), exclude=place.path, limit=MOST_CHUNKS):
            found.setdefault((chunk.path, chunk.line), chunk)
        if len(found) >= MOST_CHUNKS:
            break
    return list(found.values())[:MOST_CHUNKS]


def among(place: Place, chunks: Iterable[Chunk], *, lines: int, most: int = MOST_GROUPS) -> tuple[Attested, ...]:
    """What the document and these pieces of other files say.

    Texts have `\n` line ends and end with one unless they were cut; their indentation is made to fit the cursor's. No
    text holds anything that looks like a secret.
    """
    sought = _Sought.of(place)
    if len(sought.tokens) < LEAST:
        return ()
    sources = [*_document(place), *map(_Source.of, chunks)]
    alike = list(_alike(sought, sources, lines))
    # Where names are others further back and the text goes on with one of them, it means the cursor's.
    translated = {said.place for said in alike if said.translated}
    literal = (said for said in _said(sought, sources, lines) if said.place not in translated)
    texts: dict[str, list[_Said]] = {}
    for said in (*literal, *alike):
        texts.setdefault(said.text, []).append(said)
    groups = sorted(map(_Group.of, texts.values()), key=lambda group: (-group.candidate.lead, group.candidate.text))
    open_groups = (group for group in groups if not any(said.is_secret() for said in group.places))
    return _likeliest(list(islice(open_groups, MOST_CONSIDERED)), place, block=lines > 1)[:most]


@attrs.frozen
class _Sought:
    """What stands before the cursor. Its last token may be a word that the cursor touches, finished or not (`half`)."""

    tail: tuple[str, ...]
    """The last `analogies.DEPTH` tokens."""
    half: bool
    spaced: bool
    """White space stands between the last token and the cursor: what follows there is told without its own."""
    layout: Layout
    identifiers: tuple[str, ...]
    """The last finished ones, nearest last."""

    @classmethod
    def of(cls, place: Place) -> "_Sought":
        start = max(0, place.offset - _WINDOW)
        before = place.text[start : place.offset]
        if not start:
            before = f"\n{before}"
        tokens = tokens_of(before)[-analogies.DEPTH :]
        tail = tuple(map(normal, tokens))
        half = bool(tokens) and before[-1:] == tokens[-1][-1] and is_word(tokens[-1])
        finished = before[: len(before) - len(tokens[-1])] if half else before
        identifiers = [name for name in IDENTIFIER.findall(finished[-600:]) if len(name) > 1]
        return cls(
            tail=tail,
            half=half,
            spaced=before[-1:].isspace(),
            layout=Layout(
                indentation(before, len(before)), above(before, len(before)), begins_line=tail[-1:] == ("\n",)
            ),
            identifiers=tuple(identifiers[-max(PHRASES) :]),
        )

    @property
    def tokens(self) -> tuple[str, ...]:
        """Those that are searched for as they are."""
        return self.tail[-DEPTH:]


@attrs.frozen(eq=False)
class _Source:
    """A text to be searched: whole lines. `line` is the number of its first line in the file `path`."""

    path: str
    text: str
    line: int
    own: bool = False
    below: bool = False
    """In the document, below the cursor: what comes first is nearest."""

    @classmethod
    def of(cls, chunk: Chunk) -> "_Source":
        # The line's end in front makes the first line like any other.
        return cls(chunk.path, f"\n{chunk.text}", chunk.line - 1)


@attrs.frozen
class _Said:
    """What one place says."""

    text: str
    source: _Source
    position: int
    end: int
    """Where in the source what is told ends."""
    matched: int
    verbatim: bool = True
    translated: bool = False
    """It has names of the cursor's instead of its own, and not only in parts of other names."""

    @property
    def place(self) -> tuple[str, int, int]:
        return self.source.path, self.source.line, self.position

    @property
    def weight(self) -> float:
        """What it counts."""
        if not self.source.own:
            return 1.0
        between = self.position if self.source.below else len(self.source.text) - self.position
        return OWN_FILE / math.pow(1.0 + between / _LINE, FADING)

    def is_secret(self) -> bool:
        """Whether something in it is blanked in prompts, in the light of what stands before it."""
        before = self.source.text[max(0, self.position - _AROUND) : self.position]
        after = self.source.text[self.position : self.end + _AROUND]
        # Names that were exchanged may be secrets that stand before the cursor.
        candidates = (after,) if self.verbatim else (after, self.text)
        return any(
            _LONG_RUN.search(text) is not None and redacted_parts((before, text))[1] != text for text in candidates
        )


@attrs.frozen
class _Group:
    """The places that say the same, the best first."""

    places: tuple[_Said, ...]
    candidate: Candidate

    @classmethod
    def of(cls, places: list[_Said]) -> "_Group":
        ordered = tuple(sorted(places, key=lambda said: (-said.matched, -said.weight)))
        # A place may have been found as it is and, further back, but for some names.
        weights = {said.place: said.weight for said in ordered}
        best = ordered[0]
        candidate = Candidate(
            best.text,
            matched=best.matched,
            count=sum(weights.values()),
            nearest=max(weights.values()),
            verbatim=best.verbatim,
            spots=tuple(Spot(said.source.text, said.position, said.end) for said in ordered),
        )
        return cls(ordered, candidate)

    def attested(self, probability: float, features: tuple[float, ...]) -> Attested:
        best = self.places[0]
        # Where it stands as it is says more than where it stands with other names.
        shown = next((said for said in self.places if said.verbatim), best)
        line = shown.source.line + shown.source.text.count("\n", 0, shown.position)
        continuation = Continuation(best.text, probability)
        return Attested(continuation, shown.source.path, line, shown.verbatim, best.matched, features)


def _likeliest(groups: list[_Group], place: Place, *, block: bool) -> tuple[Attested, ...]:
    """All of them, the likeliest first."""
    here = Surroundings.of(place.text, place.offset, place.offset)
    features = list(likelihood.features([group.candidate for group in groups], here))
    probabilities = likelihood.probabilities(features, likelihood.situation(here, block=block))
    judged = zip(groups, probabilities, features, strict=True)
    found = [group.attested(probability, why) for group, probability, why in judged]
    return tuple(sorted(found, key=lambda each: (-each.continuation.probability, each.continuation.text)))


def _document(place: Place) -> Iterator[_Source]:
    """The document round the cursor's line: what is typed there is neither finished nor said elsewhere."""
    text = place.text
    stop = text.rfind("\n", 0, place.offset) + 1
    if stop <= FARTHEST:
        yield _Source(place.path, "\n" + text[:stop], -1, own=True)
    else:
        start = text.index("\n", stop - FARTHEST, stop)
        yield _Source(place.path, text[start:stop], text.count("\n", 0, start), own=True)
    start = text.find("\n", place.offset)
    if start >= 0:
        stop = len(text) if len(text) - start <= FARTHEST else text.rindex("\n", start, start + FARTHEST) + 1
        yield _Source(place.path, text[start:stop], text.count("\n", 0, start), own=True, below=True)


def _said(sought: _Sought, sources: list[_Source], lines: int) -> Iterator[_Said]:
    """What every place says, the longest matches and, where these are few, shorter ones."""
    places: list[tuple[_Source, int]] = []
    length = 0
    for length in sorted({min(length, len(sought.tokens)) for length in LENGTHS}, reverse=True):
        search = Search(sought.tokens[-length:], spaced=sought.spaced)
        places = [
            (source, position)
            for source in sources
            for position in search.ends(source.text, MOST_PLACES, from_start=source.below)
        ]
        if len(places) >= ENOUGH:
            break
    for source, position in places:
        there = told(source.text, position, sought.layout, lines=lines)
        if there is not None:
            # So many agree in any case, even where they are too long to be compared again.
            matched = max(length, agreeing(sought.tokens, source.text, position))
            yield _Said(there.text, source, position, there.end, matched)


def _alike(sought: _Sought, sources: list[_Source], lines: int) -> Iterator[_Said]:
    """What those places say that are like the cursor's but for some names, the most alike ones first."""
    found: list[tuple[int, _Source, int, analogies.Alike]] = []
    for source in sources:
        start, text = _near(source)
        tokens = analogies.Tokens(text)
        for place in analogies.alike(sought.tail, tokens, half=sought.half, from_start=source.below):
            matched = min(place.same - EXCHANGE * place.exchanged, DEPTH)
            if place.exchanged and matched >= LEAST:
                found.append((matched, source, start + _goes_on(sought, text, tokens, place.number), place))
    found.sort(key=lambda each: -each[0])
    for matched, source, position, place in found[:MOST_ALIKE]:
        there = told(source.text, position, sought.layout, lines=lines)
        if there is not None:
            # The rest of a word that the cursor touches is the end of a name, not a name.
            begun = _BEGUN.match(there.text) if sought.half else None
            lead, rest = (begun[0], there.text[begun.end() :]) if begun is not None else ("", there.text)
            text = lead + analogies.renamed(rest, place.names)
            translated = analogies.mentions(rest, place.names)
            verbatim = text == there.text
            yield _Said(text, source, position, there.end, matched, verbatim=verbatim, translated=translated)


def _near(source: _Source) -> tuple[int, str]:
    """The part of the source that is searched for what is alike, whole lines, and where it begins."""
    text = source.text
    if len(text) <= NEAR:
        return 0, text
    if source.below:
        return 0, text[: text.rindex("\n", 0, NEAR) + 1]
    start = max(0, text.find("\n", len(text) - NEAR))
    return start, text[start:]


def _goes_on(sought: _Sought, text: str, tokens: analogies.Tokens, number: int) -> int:
    """Where a text goes on in front of a token, white space left out that the cursor has typed; within it, where the
    cursor touches the word before."""
    if sought.half:
        return tokens.start(number - 1) + len(sought.tail[-1])
    end = tokens.end(number - 1)
    if sought.layout.begins_line:
        return tokens.start(number) if number < len(tokens.words) else len(text)
    if sought.spaced:
        blank = _BLANKS.match(text, end)
        assert blank is not None
        return blank.end()
    return end
