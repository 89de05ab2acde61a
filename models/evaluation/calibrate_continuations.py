"""How likely what a repository says itself is right, and by which signs: without a model, on undrawn packages.

Lines, arguments and blocks are opened (`undrawn.py`): half of them in finished files and half where the rest of the
block is not written yet; half of the lines where people stop typing and half anywhere. What `context/continuations.py`
finds is compared with what stood there. What comes out are the weights of `context/likelihood.py`; the product reads
nothing here.
"""

import argparse
import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import attrs
import numpy as np

from lsp_server.context import continuations, likelihood
from lsp_server.context.continuations import MOST_CONSIDERED, MOST_GROUPS, Attested
from lsp_server.context.gather import Place
from lsp_server.context.likelihood import SITUATIONS, WEIGHTS
from lsp_server.index.values import Chunk
from models.evaluation import undrawn
from models.evaluation.conditional_logit import Array, Choice, Logit, fit
from models.evaluation.holes import KINDS, Opened
from models.train.stage import TrainingError

BANDS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Lower ends of the bands of probability."""

FOLDS = 5
"""Parts of the packages, each judged by weights that were found on the others."""

BLOCK_LINES = 6
"""Lines asked for in a block, as many as the longest one that is opened has."""

_SHARE = 4
"""Lines opened per opened argument, and per block."""

_PACKAGES_SEED = "4"
"""The same packages as `calibrate_answers.py`, of which there are not enough for two sets."""


@attrs.frozen
class Asked:
    """One hole: what was found, which of it is right, the processor's seconds, and whether the first would be right
    if all files had been searched (None: not asked). way: how it was opened. situation: a number in SITUATIONS."""

    package: str
    way: str
    situation: int
    found: tuple[Attested, ...]
    right: int | None
    seconds: float
    exhaustive: bool | None = None


def ask(corpus: Path, name: str, count: int, seed: str, *, exhaustive: bool) -> list[Asked]:
    """Opens `count` lines of a package, and a few arguments and blocks. `exhaustive`: asks of all files, too."""
    texts = undrawn.files(corpus, name)
    everything = [Chunk(path, 0, text.count("\n"), "", text) for path, text in sorted(texts.items())]
    asked: list[Asked] = []
    with undrawn.repository(texts) as (_, reader):
        for way, one in _opened(name, texts, count, seed):
            lines = BLOCK_LINES if one.hole.kind == "block" else 1
            place = Place(one.hole.path, one.text, one.hole.start)
            began = time.thread_time()
            found = continuations.attested(place, reader, lines=lines, most=MOST_CONSIDERED)
            seconds = time.thread_time() - began
            best = None
            if exhaustive:
                others = [chunk for chunk in everything if chunk.path != one.hole.path]
                best = _right(continuations.among(place, others, lines=lines), one) == 0
            here = likelihood.Surroundings.of(place.text, place.offset, place.offset)
            situation = likelihood.situation(here, block=lines > 1)
            asked.append(Asked(name, way, situation, found, _right(found, one), seconds, best))
    return asked


def _opened(name: str, texts: Mapping[str, str], count: int, seed: str) -> Iterator[tuple[str, Opened]]:
    """Each hole once, opened in one of the ways, and how."""
    chance = random.Random(f"{seed} {name}")
    for kind in KINDS:
        wanted = count if kind == "line" else count // _SHARE
        for number, one in enumerate(undrawn.opened(name, texts, wanted, seed, kind=kind)):
            way: str = kind
            if kind == "line" and number % 4 >= 2:
                way, one = "begun line", undrawn.begun(one, chance)
            if number % 2:
                way, one = f"{way}, being written", undrawn.being_written(one)
            yield way, one


def _right(found: Sequence[Attested], one: Opened) -> int | None:
    """The number of the text that goes on as the file did, to the end of the line or block."""
    said = (one.truth + one.after.split("\n", 1)[0]).rstrip() + "\n"
    texts = [each.continuation.text for each in found]
    return next((number for number, text in enumerate(texts) if text.lstrip(" ").startswith(said.lstrip(" "))), None)


def fitted(asked: Sequence[Asked]) -> dict[int, Logit]:
    """By situation, where something was found in it."""
    choices: dict[int, list[Choice]] = {}
    for one in filter(lambda one: one.found, asked):
        choices.setdefault(one.situation, []).append(Choice(_features(one), one.right))
    return {situation: fit(mine) for situation, mine in sorted(choices.items())}


def crossed(asked: Sequence[Asked], seed: str) -> Iterator[bool]:
    """Of each hole whether its likeliest continuation is right, by weights that were found on other packages.

    Raises TrainingError where there is only one package."""
    names = sorted({one.package for one in asked if one.found})
    if len(names) < 2:
        raise TrainingError("Weights are judged on other packages, and there is one.", "Ask for more with --packages.")
    random.Random(seed).shuffle(names)
    folds = min(FOLDS, len(names))
    found = [fitted([one for one in asked if one.package not in names[fold::folds]]) for fold in range(folds)]
    for one in asked:
        logit = found[names.index(one.package) % folds].get(one.situation) if one.found else None
        yield logit is not None and int(np.argmax(logit.probabilities(_features(one))[:-1])) == one.right


def by_match(one: Asked) -> bool:
    """Whether the continuation with the longest match and the most places is right."""
    behind = list(WEIGHTS).index("behind")
    ordered = sorted(enumerate(one.found), key=lambda each: (-each[1].features[behind], each[1].continuation.text))
    return bool(ordered) and ordered[0][0] == one.right


def compared(asked: Sequence[Asked], seed: str) -> str:
    """Which holes are right by the longest match, and by weights that were found on other packages."""
    judged = list(zip(asked, map(by_match, asked), crossed(asked, seed), strict=True))
    rows = [f"{'opened':<28}{'holes':>7}{'longest match':>15}{'likeliest':>11}"]
    for way in dict.fromkeys(one.way for one in asked):
        mine = [right for one, *right in judged if one.way == way]
        matched, likeliest = (_percent(sum(column), len(mine)) for column in zip(*mine, strict=True))
        rows.append(f"{way:<28}{len(mine):>7}{matched:>15}{likeliest:>11}")
    return "\n".join(rows)


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
    """How many are right, also in searches of all files, and the time of a question."""
    times = sorted(one.seconds * 1000 for one in asked)
    known = [one for one in asked if one.exhaustive is not None]
    said = [
        f"{len(asked)} holes",
        f"something was found for {_percent(sum(bool(one.found) for one in asked), len(asked))}",
        f"the first is right for {_percent(sum(one.right == 0 for one in asked), len(asked))}",
        f"one that is told for {_percent(sum(one.right in range(MOST_GROUPS) for one in asked), len(asked))}",
        f"milliseconds of processor time: median {statistics.median(times):.2f}",
        f"95th percentile {times[len(times) * 95 // 100]:.2f}",
    ]
    if known:
        said.append(f"first of all files right for {_percent(sum(bool(one.exhaustive) for one in known), len(known))}")
    return "; ".join(said)


def weights(found: Mapping[int, Logit]) -> str:
    """As `context/likelihood.py` has them."""
    logits = [found.get(situation, Logit(np.zeros(len(WEIGHTS)), 0.0)) for situation in range(len(SITUATIONS))]
    none = ", ".join(f"{logit.none:.3f}" for logit in logits)
    rows = (
        f'    "{name}": ({", ".join(f"{logit.weights[number]:.3f}" for logit in logits)}),'
        for number, name in enumerate(WEIGHTS)
    )
    return "\n".join([f"NONE = ({none})", "WEIGHTS = {", *rows, "}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("work", type=Path, help="folder of the training's stages, with corpus/ and pack/")
    parser.add_argument("--packages", type=int, default=165, help="how many (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=70, help="opened per package (default: %(default)s)")
    parser.add_argument("--seed", default="9", help="of the drawing (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--fit", action="store_true", help="find the weights anew")
    parser.add_argument("--exhaustive", action="store_true", help="also search all files, for what the index loses")
    given = parser.parse_args()
    corpus = given.work / "corpus"
    names = undrawn.names(corpus, given.work / "pack", given.packages, _PACKAGES_SEED)
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
        print(f"\n{compared(everything, given.seed)}\n\n{weights(fitted(everything))}")


def _features(one: Asked) -> Array:
    return np.array([each.features for each in one.found])


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


if __name__ == "__main__":
    main()
