"""How likely what a repository says itself is right, and by which signs: without a model, on undrawn packages.

Lines and arguments are opened as people stop typing (`undrawn.py`), and what `context/continuations.py` finds is
compared with what stood there. What comes out are the weights of `context/likelihood.py`; the product reads nothing
here.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import attrs
import numpy as np

from lsp_server.context import continuations
from lsp_server.context.continuations import MOST_CONSIDERED, Attested
from lsp_server.context.gather import Place
from lsp_server.context.likelihood import WEIGHTS
from lsp_server.index.values import Chunk
from models.evaluation import undrawn
from models.evaluation.conditional_logit import Choice, Logit, fit
from models.evaluation.holes import Opened

BANDS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Lower ends of the bands of probability."""

FOLDS = 5
_ARGUMENTS = 1 / 3
"""Opened per opened line."""


@attrs.frozen
class Asked:
    """One hole: what was found, which of it is right, the processor's seconds, and whether the first would be right
    if all files had been searched (None: not asked)."""

    package: str
    kind: str
    found: tuple[Attested, ...]
    right: int | None
    seconds: float
    exhaustive: bool | None = None

    @property
    def first(self) -> bool:
        return self.right == 0


def ask(corpus: Path, name: str, count: int, seed: str, *, exhaustive: bool) -> list[Asked]:
    """Opens `count` lines of a package, and a third as many arguments. `exhaustive`: asks of all files, too."""
    texts = undrawn.files(corpus, name)
    everything = [Chunk(path, 0, text.count("\n"), "", text) for path, text in sorted(texts.items())]
    asked: list[Asked] = []
    with undrawn.repository(texts) as (_, reader):
        for one in _opened(name, texts, count, seed):
            place = Place(one.hole.path, one.text, one.hole.start)
            began = time.thread_time()
            found = continuations.attested(place, reader, lines=1, most=MOST_CONSIDERED)
            seconds = time.thread_time() - began
            best = None
            if exhaustive:
                others = [chunk for chunk in everything if chunk.path != one.hole.path]
                best = _right(continuations.among(place, others, lines=1), one) == 0
            asked.append(Asked(name, one.hole.kind, found, _right(found, one), seconds, best))
    return asked


def _opened(name: str, texts: Mapping[str, str], count: int, seed: str) -> Iterator[Opened]:
    yield from undrawn.opened(name, texts, count, seed)
    yield from undrawn.opened(name, texts, round(count * _ARGUMENTS), seed, kind="arguments")


def _right(found: Sequence[Attested], one: Opened) -> int | None:
    """The number of the text that ends the line as it ended."""
    line = (one.truth + one.after.split("\n", 1)[0]).strip()
    texts = [each.continuation.text.strip() for each in found]
    return texts.index(line) if line in texts else None


def choices(asked: Sequence[Asked]) -> list[Choice]:
    """Those at which something was found."""
    return [Choice(np.array([each.features for each in one.found]), one.right) for one in asked if one.found]


def crossed(asked: Sequence[Asked], seed: str) -> float:
    """The share of lines whose likeliest continuation is right, by weights that were found on other packages."""
    names = sorted({one.package for one in asked})
    random.Random(seed).shuffle(names)
    right = 0
    for fold in range(FOLDS):
        held = set(names[fold::FOLDS])
        found = fit(choices([one for one in asked if one.package not in held]))
        mine = [one for one in asked if one.package in held and one.kind == "line" and one.found]
        right += sum(
            int(np.argmax(found.probabilities(choice.features)[:-1])) == choice.right for choice in choices(mine)
        )
    return right / max(1, sum(one.kind == "line" for one in asked))


def by_match(asked: Sequence[Asked]) -> float:
    """The share of lines whose continuation with the longest match and the most places is right."""
    behind = list(WEIGHTS).index("behind")
    lines = [one for one in asked if one.kind == "line"]
    leads = [int(np.argmax([each.features[behind] for each in one.found])) if one.found else None for one in lines]
    right = sum(lead is not None and lead == one.right for lead, one in zip(leads, lines, strict=True))
    return right / max(1, len(lines))


def reliability(asked: Sequence[Asked]) -> str:
    """By band of the probability that the product gives: how many continuations, and how many of them are right."""
    judged = [
        (each.continuation.probability, number == one.right)
        for one in asked
        for number, each in enumerate(one.found)
    ]  # fmt: skip
    rows = [f"{'probability':<14}{'continuations':>14}{'right':>9}"]
    for low, high in zip(BANDS, (*BANDS[1:], 1.01), strict=True):
        band = [right for probability, right in judged if low <= probability < high]
        share = f"{100 * sum(band) / len(band):.1f} %" if band else "-"
        rows.append(f"from {low:<9g}{len(band):>14}{share:>9}")
    return "\n".join(rows)


def summary(asked: Sequence[Asked]) -> str:
    """Exact lines, also of the searches of all files, and the time of a question."""
    times = sorted(one.seconds * 1000 for one in asked)
    lines = [one for one in asked if one.kind == "line"]
    known = [one for one in lines if one.exhaustive is not None]
    said = [
        f"{len(lines)} lines",
        f"something was found for {_percent(sum(bool(one.found) for one in lines), len(lines))}",
        f"the first is right for {_percent(sum(one.first for one in lines), len(lines))}",
        f"one of them for {_percent(sum(one.right is not None for one in lines), len(lines))}",
        f"milliseconds of processor time: median {statistics.median(times):.2f}",
        f"95th percentile {times[len(times) * 95 // 100]:.2f}",
    ]
    if known:
        said.append(f"first of all files right for {_percent(sum(bool(one.exhaustive) for one in known), len(known))}")
    return "; ".join(said)


def weights(found: Logit) -> str:
    """As `context/likelihood.py` has them."""
    named = dict(zip(WEIGHTS, (round(float(weight), 3) for weight in found.weights), strict=True))
    return f"NONE = {found.none:.3f}\nWEIGHTS = {json.dumps(named, indent=4)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("work", type=Path, help="folder of the training's stages, with corpus/ and pack/")
    parser.add_argument("--packages", type=int, default=165, help="how many (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=40, help="opened per package (default: %(default)s)")
    parser.add_argument("--seed", default="5", help="of the drawing (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--fit", action="store_true", help="find the weights anew")
    parser.add_argument("--exhaustive", action="store_true", help="also search all files, for what the index loses")
    given = parser.parse_args()
    corpus = given.work / "corpus"
    names = undrawn.names(corpus, given.work / "pack", given.packages, "4")
    everything: list[Asked] = []
    with ProcessPoolExecutor(given.processes, get_context("spawn")) as pool:
        waiting = [
            pool.submit(ask, corpus, name, given.lines, given.seed, exhaustive=given.exhaustive) for name in names
        ]
        for name, future in zip(names, waiting, strict=True):
            asked = future.result()
            if asked:
                print(f"{name}: {summary(asked)}", flush=True)
            everything += asked
    if not everything:
        return
    print(f"all: {summary(everything)}\n\n{reliability(everything)}")
    if given.fit:
        print(f"\nlines right by the longest match: {100 * by_match(everything):.2f} %")
        print(f"by weights found on other packages: {100 * crossed(everything, given.seed):.2f} %\n")
        print(weights(fit(choices(everything))))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


if __name__ == "__main__":
    main()
