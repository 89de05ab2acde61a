"""Places at which the text before the cursor stands too, and what each of them says about how it goes on.

As it is; or but for some names (`analogies.py`), which the lines below a place may tell as well as those above; or as
the line above, with the next parameter (`parameters.py`). Which of them is right is judged elsewhere. Never reads the
disk; some milliseconds, in short steps.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from lsp_server.context import analogies, parameters
from lsp_server.context.gather import Place
from lsp_server.context.nearby import IDENTIFIER
from lsp_server.context.secrets import redacted_parts
from lsp_server.context.telling import Layout, above, indentation, told
from lsp_server.context.token_runs import Search, agreeing, is_word, normal, tokens_of
from lsp_server.index.values import Chunk

DEPTH = 16
"""Tokens before the cursor that are compared: two or three lines of code."""

LEAST = 2
"""Tokens that have to agree; what follows one token anywhere says nothing."""

LENGTHS = (6, 3, LEAST)
"""Tokens that are searched for, in this order, until there are places enough: more steps find nothing more."""

ENOUGH = 8
"""Places after which shorter matches are not looked for any more."""

LEAST_BELOW, MOST_BELOW = 3, 6
"""Tokens of the line below that have to be the same for a line above to be told, at least and at most."""

MOST_PLACES = 48
"""Places looked at of one text; of more, those nearest to the cursor."""

FARTHEST = 500_000
"""Characters of the document above the cursor, and below it, in which places are looked for."""

OWN_FILE = 8.0
"""What a place of the document right beside the cursor counts, against 1 of another file."""

FADING = 0.3
"""Exponent by which that fades with the lines between: ten lines away it is half."""

_LINE = 40
"""Characters of a line."""

NEAR = 30_000
"""Characters of the document above the cursor, and below it, in which places are looked for that are alike."""

EXCHANGE = 1
"""Matched tokens that one exchanged name costs."""

MOST_ALIKE = 32
"""Places whose continuation is told, the most alike ones."""

_WINDOW = 3000
"""Characters before the cursor in which its tokens lie."""

MOST_IDENTIFIERS = 5
"""Before the cursor, and on the line below, that are remembered."""

_BELOW = 400
"""Characters below a line that are compared."""

_AROUND = 400
"""Characters round a place in which something may say that it is a secret: a name, the lines of a key."""

_BEGUN = re.compile(r"\w*")
_BLANKS = re.compile(r"[^\S\n]*")
_LONG_RUN = re.compile(r"[\w+/=.~-]{15}")
"""Whatever `secrets.py` knows has as many characters in a row; looking closer costs more than all the rest here."""


@attrs.frozen
class Sought:
    """What stands before the cursor. Its last token may be a word that the cursor touches, finished or not (`half`)."""

    tail: tuple[str, ...]
    """The last `analogies.DEPTH` tokens."""
    half: bool
    spaced: bool
    """White space stands between the last token and the cursor: what follows there is told without its own."""
    layout: Layout
    identifiers: tuple[str, ...]
    """The last finished ones, nearest last."""
    identifiers_below: tuple[str, ...]
    """The first ones of the line below."""

    @classmethod
    def of(cls, place: Place) -> "Sought":
        start = max(0, place.offset - _WINDOW)
        before = place.text[start : place.offset]
        if not start:
            before = f"\n{before}"
        tokens = tokens_of(before)[-analogies.DEPTH :]
        tail = tuple(map(normal, tokens))
        half = bool(tokens) and before[-1:] == tokens[-1][-1] and is_word(tokens[-1])
        finished = before[: len(before) - len(tokens[-1])] if half else before
        identifiers = _identifiers(finished[-600:])
        return cls(
            tail=tail,
            half=half,
            spaced=before[-1:].isspace(),
            layout=Layout(
                indentation(before, len(before)), above(before, len(before)), begins_line=tail[-1:] == ("\n",)
            ),
            identifiers=tuple(identifiers[-MOST_IDENTIFIERS:]),
            identifiers_below=tuple(_identifiers(_line_below(place.text, place.offset))[:MOST_IDENTIFIERS]),
        )

    @property
    def finished(self) -> tuple[str, ...]:
        """Those that the cursor does not touch."""
        return self.tail[:-1] if self.half else self.tail

    @property
    def tokens(self) -> tuple[str, ...]:
        """Those that are searched for as they are."""
        return self.tail[-DEPTH:]


@attrs.frozen(eq=False)
class Source:
    """A text to be searched: whole lines. `line` is the number of its first line in the file `path`."""

    path: str
    text: str
    line: int
    own: bool = False
    below: bool = False
    """In the document, below the cursor: what comes first is nearest."""

    @classmethod
    def of(cls, chunk: Chunk) -> "Source":
        # The line's end in front makes the first line like any other.
        return cls(chunk.path, f"\n{chunk.text}", chunk.line - 1)


@attrs.frozen
class Said:
    """What one place says."""

    text: str
    source: Source
    position: int
    end: int
    """Where in the source what is told ends."""
    matched: int
    agreed: int = 0
    """Tokens before it that are the same, the last ones before the cursor; of places that are like it as it is."""
    verbatim: bool = True
    translated: bool = False
    """It has names of the cursor's instead of its own, and not only in parts of other names."""
    original: str = ""
    """As it stands there, where names are exchanged."""
    names: Mapping[str, str] = {}
    """What names of the place are at the cursor."""
    onward: int = 0
    """Tokens below that are the same once its names are exchanged, where it has some exchanged for that."""
    exchanged: int = 0
    """Names that are not the same there."""
    succeeds: bool = False
    """It is the line above with the next parameter."""

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


def all_said(place: Place, sought: Sought, chunks: Iterable[Chunk], *, lines: int) -> list[Said]:
    """What the document and these pieces of other files say, each place once for each way in which it is like."""
    sources = [*_document(place), *map(Source.of, chunks)]
    below = _below(place.text, place.offset)
    alike = list(_alike(sought, sources, lines))
    # Where names are others further back and the text goes on with one of them, it means the cursor's.
    translated = {each.place for each in alike if each.translated}
    literal = [
        each
        for each in (*_said(sought, sources, lines), *(_preceding(place, sought, sources) if lines == 1 else ()))
        if each.place not in translated
    ]
    onward = (_onward(each, below, sought) for each in (*literal, *alike))
    return [*literal, *alike, *filter(None, onward), *_succeeding(place, sought)]


def _document(place: Place) -> Iterator[Source]:
    """The document round the cursor's line: what is typed there is neither finished nor said elsewhere."""
    text = place.text
    stop = text.rfind("\n", 0, place.offset) + 1
    if stop <= FARTHEST:
        yield Source(place.path, "\n" + text[:stop], -1, own=True)
    else:
        start = text.index("\n", stop - FARTHEST, stop)
        yield Source(place.path, text[start:stop], text.count("\n", 0, start), own=True)
    start = text.find("\n", place.offset)
    if start >= 0:
        stop = len(text) if len(text) - start <= FARTHEST else text.rindex("\n", start, start + FARTHEST) + 1
        yield Source(place.path, text[start:stop], text.count("\n", 0, start), own=True, below=True)


def _said(sought: Sought, sources: list[Source], lines: int) -> Iterator[Said]:
    """What every place says, the longest matches and, where these are few, shorter ones."""
    places: list[tuple[Source, int]] = []
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
            yield Said(there.text, source, position, there.end, matched, matched)


def _alike(sought: Sought, sources: list[Source], lines: int) -> Iterator[Said]:
    """What those places say that are like the cursor's but for some names, the most alike ones first."""
    # A word that the cursor touches may be finished, and then another name elsewhere.
    readings = (True, False) if sought.half else (False,)
    found: list[tuple[int, Source, int, analogies.Alike, bool]] = []
    for source in sources:
        start, text = _near(source)
        tokens = analogies.Tokens(text)
        for half in readings:
            for place in analogies.alike(sought.tail, tokens, half=half, from_start=source.below):
                matched = min(place.same - EXCHANGE * place.exchanged, DEPTH)
                if place.exchanged and matched >= LEAST:
                    position = start + _goes_on(sought, text, tokens, place.number, half=half)
                    found.append((matched, source, position, place, half))
    found.sort(key=lambda each: -each[0])
    for matched, source, position, place, half in found[:MOST_ALIKE]:
        there = told(source.text, position, sought.layout, lines=lines)
        if there is not None:
            text = _renamed(there.text, place.names, half=half)
            yield Said(
                text,
                source,
                position,
                there.end,
                matched,
                verbatim=text == there.text,
                translated=analogies.mentions(there.text, place.names),
                original=there.text,
                names=place.names,
                exchanged=place.exchanged,
            )


def _onward(said: Said, below: Sequence[str], sought: Sought) -> Said | None:
    """What a place says once more names are exchanged, so that the lines below it say what the cursor's say."""
    if not below:
        return None
    # What stands before both is called the same here and there.
    agreed = sought.finished[len(sought.tail) - said.agreed :]
    names = said.names or {word: word for word in agreed if is_word(word)}
    there = analogies.onward(names, below, _below(said.source.text, said.end - 1))
    if there is None:
        return None
    original = said.original or said.text
    text = _renamed(original, there.names, half=sought.half)
    if text == said.text:
        return None
    translated = analogies.mentions(original, there.names)
    return attrs.evolve(
        said,
        text=text,
        verbatim=False,
        translated=translated,
        names=there.names,
        onward=there.same,
        exchanged=said.exchanged + there.exchanged,
    )


def _below(text: str, offset: int) -> list[str]:
    """Normal tokens of what stands below the line of an offset and is not less deep than that."""
    start = text.find("\n", offset) + 1
    if not start:
        return []
    width = len(indentation(text, start - 1))
    found: list[str] = []
    lines = text[start : start + _BELOW].split("\n")
    # The last one may be cut.
    for line in lines[: len(lines) - (start + _BELOW < len(text))]:
        if line.strip():
            if len(line) - len(line.lstrip()) < width:
                break
            found += map(normal, tokens_of(f"{line}\n"))
    return found


def _identifiers(text: str) -> list[str]:
    return [name for name in IDENTIFIER.findall(text) if len(name) > 1]


def _line_below(text: str, offset: int) -> str:
    """The line directly below that of an offset."""
    start = text.find("\n", offset) + 1
    return text[start : start + _BELOW].split("\n", 1)[0] if start else ""


def _preceding(place: Place, sought: Sought, sources: list[Source]) -> Iterator[Said]:
    """What stands above lines that begin as the one directly below the cursor's."""
    start = place.text.rfind("\n", 0, place.offset) + 1
    typed = place.text[start : place.offset].lstrip()
    below = tokens_of(_line_below(place.text, place.offset))
    if len(below) < LEAST_BELOW:
        return
    search = Search(("\n", *below[:MOST_BELOW]), spaced=False)
    for source in sources:
        text = source.text
        for found in search.ends(text, MOST_PLACES, from_start=source.below):
            stop = text.rfind("\n", 0, found)
            begin = text.rfind("\n", 0, stop) + 1
            if stop - begin > analogies.LONGEST_LINE or not text[begin:stop].strip():
                continue
            position = begin + len(indentation(text, stop))
            if text.startswith(typed, position):
                position += len(typed)
                there = told(text, position, sought.layout, lines=1)
                if there is not None:
                    agreed = agreeing(sought.tokens, text, position)
                    yield Said(there.text, source, position, there.end, max(LEAST, agreed), agreed)


def _succeeding(place: Place, sought: Sought) -> Iterator[Said]:
    """The finished line above with the next parameter of its function, where the cursor's line begins like that."""
    start = place.text.rfind("\n", 0, place.offset) + 1
    first = max(0, start - parameters.FARTHEST)
    source = Source(place.path, "\n" + place.text[first:start], place.text.count("\n", 0, first) - 1, own=True)
    line = place.text[start : place.offset]
    typed = line.lstrip()
    lead = sought.layout.above.removeprefix(sought.layout.indentation)
    if len(lead) + len(sought.layout.indentation) != len(sought.layout.above) or (typed and lead):
        return
    end = len(source.text.rstrip())
    begin = source.text.rfind("\n", 0, end) + 1
    # The whole line is what may hold a secret, and where names begin and end in it is not the same as here.
    position = begin + len(sought.layout.above)
    for text in parameters.successors(source.text):
        if text.startswith(typed):
            goes_on = f"{lead}{text[len(typed) :]}\n"
            yield Said(goes_on, source, position, end + 1, LEAST, verbatim=False, succeeds=True)


def _renamed(text: str, names: Mapping[str, str], *, half: bool) -> str:
    """With names exchanged. The rest of a word that the cursor touches is the end of a name, not a name."""
    begun = _BEGUN.match(text) if half else None
    lead, rest = (begun[0], text[begun.end() :]) if begun is not None else ("", text)
    return lead + analogies.renamed(rest, names)


def _near(source: Source) -> tuple[int, str]:
    """The part of the source that is searched for what is alike, whole lines, and where it begins."""
    text = source.text
    if len(text) <= NEAR:
        return 0, text
    if source.below:
        return 0, text[: text.rindex("\n", 0, NEAR) + 1]
    start = max(0, text.find("\n", len(text) - NEAR))
    return start, text[start:]


def _goes_on(sought: Sought, text: str, tokens: analogies.Tokens, number: int, *, half: bool) -> int:
    """Where a text goes on in front of a token, white space left out that the cursor has typed; within it, where the
    cursor touches the word before and that is `half` a word."""
    if half:
        return tokens.start(number - 1) + len(sought.tail[-1])
    end = tokens.end(number - 1)
    if sought.layout.begins_line:
        return tokens.start(number) if number < len(tokens.words) else len(text)
    if sought.spaced:
        blank = _BLANKS.match(text, end)
        assert blank is not None
        return blank.end()
    return end
