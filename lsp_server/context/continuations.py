"""What the repository itself goes on with, wherever the text before the cursor stands in it already: an n-gram cache.

A place *says* how the text goes on when the last tokens before the cursor (`token_runs.py`) stand before it too, and
indentation gets deeper or shallower there where it does here. It also does where the same tokens stand but for some
names (`places.py`), with the names exchanged. Places are looked for in the document and, through the index, in the rest
of the repository; those that say the same are one continuation, and how likely it is what comes next here is judged by
the surroundings of its places (`likelihood.py`). Never reads the disk. Pure given the index, on the context thread,
some ten milliseconds.
"""

from collections.abc import Iterable
from itertools import islice

import attrs

from lsp_server.context import likelihood
from lsp_server.context.gather import Place
from lsp_server.context.likelihood import Candidate, Spot, Surroundings
from lsp_server.context.nearby import Nearby
from lsp_server.context.places import LEAST, MOST_IDENTIFIERS, Said, Sought, all_said
from lsp_server.engine.protocol import Continuation
from lsp_server.index.values import Chunk, IndexReader

MOST_GROUPS = 8
"""Continuations told, the likeliest."""

MOST_CONSIDERED = 16
"""Continuations whose likelihood is asked, those with the longest matches and the most places."""

PHRASES = (MOST_IDENTIFIERS, 3, 2, 1)
"""Identifiers before the cursor that the index is asked for, in this order, until there are chunks enough."""

PHRASES_BELOW = (MOST_IDENTIFIERS, 3, 2)
"""And of the line below; one alone says too little."""

MOST_CHUNKS_BELOW = 6
"""That hold these, besides."""

MOST_SIMILAR = 6
"""Pieces that share identifiers with the lines round the cursor, in whatever order; twice as many find no more."""

MOST_CHUNKS = 12
"""That hold those before the cursor."""


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
    """Pieces of other files in which the last identifiers before the cursor follow each other, as many as possible, and
    those in which the identifiers of the line below do."""
    if reader is None:
        return []
    sought = Sought.of(place)
    found: dict[tuple[str, int], Chunk] = {}

    def look(phrases: Iterable[tuple[str, ...]], most: int) -> None:
        for phrase in filter(None, dict.fromkeys(phrases)):
            if len(found) >= most:
                break
            for chunk in reader.holding(list(phrase), exclude=place.path, limit=MOST_CHUNKS)[: most - len(found)]:
                found.setdefault((chunk.path, chunk.line), chunk)

    for scored in reader.similar(list(_words(place, sought)), exclude=place.path, limit=MOST_SIMILAR):
        found.setdefault((scored.chunk.path, scored.chunk.line), scored.chunk)
    most = len(found)
    look((sought.identifiers[-length:] for length in PHRASES), most + MOST_CHUNKS)
    look((sought.identifiers_below[:length] for length in PHRASES_BELOW), len(found) + MOST_CHUNKS_BELOW)
    return list(found.values())


def _words(place: Place, sought: Sought) -> dict[str, None]:
    return dict.fromkeys((*Nearby.of(place.text, place.offset, place.heads).query, *sought.identifiers_below))


def among(place: Place, chunks: Iterable[Chunk], *, lines: int, most: int = MOST_GROUPS) -> tuple[Attested, ...]:
    """What the document and these pieces of other files say.

    Texts have `\n` line ends and end with one unless they were cut; their indentation is made to fit the cursor's. No
    text holds anything that looks like a secret.
    """
    sought = Sought.of(place)
    if len(sought.tokens) < LEAST:
        return ()
    texts: dict[str, list[Said]] = {}
    for each in all_said(place, sought, chunks, lines=lines):
        texts.setdefault(each.text, []).append(each)
    groups = sorted(map(_Group.of, texts.values()), key=lambda group: (-group.candidate.lead, group.candidate.text))
    open_groups = (group for group in groups if not any(said.is_secret() for said in group.places))
    return _likeliest(list(islice(open_groups, MOST_CONSIDERED)), place, block=lines > 1)[:most]


@attrs.frozen
class _Group:
    """The places that say the same, the best first."""

    places: tuple[Said, ...]
    candidate: Candidate

    @classmethod
    def of(cls, places: list[Said]) -> "_Group":
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
            onward=max(said.onward for said in ordered),
            succeeds=any(said.succeeds for said in ordered),
            whole=any(said.translated for said in ordered),
            exchanged=min(said.exchanged for said in ordered),
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
