"""How a model and the repository's votes complete lines together, for other ways of weighing them and other gates.

On undrawn packages (`undrawn.py`): lines are opened as people stop typing and completed as the product asks for them
(without the second choices of `completion/alternatives.py`), once for every way in `WEIGHINGS`, and once by the model
alone. What comes out are the constants of `engine/votes.py`, the thresholds of `completion/gate.py` and the length of
prompt that a model of ours asks for (`codehearth.prompt_tokens`); the product reads nothing here.
"""

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

import attrs

from lsp_server.completion import prompt
from lsp_server.completion.service import LINE_TOKENS
from lsp_server.context.continuations import continuations
from lsp_server.context.gather import Place
from lsp_server.engine import votes
from lsp_server.engine.protocol import Continuation, GenerateRequest, Segment
from lsp_server.engine.votes import WEIGHING, Weighing
from models.evaluation import metrics, undrawn
from models.evaluation.asking import Case
from models.evaluation.engine import PROMPT_TOKENS, MeasuredModel
from models.train.examples import rendering

PRODUCT, ALONE = "product", "alone"

WEIGHINGS: Mapping[str, Weighing] = {
    PRODUCT: WEIGHING,
    **{f"doubt {doubt:g}": attrs.evolve(WEIGHING, doubt=doubt) for doubt in (0.05, 0.2, 0.4, 1.0)},
    **{f"agreement {value:g}": attrs.evolve(WEIGHING, agreement=value) for value in (0.7, 1.0)},
    **{f"most {most:g}": attrs.evolve(WEIGHING, most=most) for most in (0.9, 0.995)},
}

THRESHOLDS = (-0.05, -0.1, -0.15, -0.2, -0.3, -0.4, -0.5, -0.6, -0.7, -0.9, -1.2, -1.6, -2.0)
"""Mean log-probabilities per token at which a gate could stand."""


@attrs.frozen
class Answered:
    """One way's answer to one line. way: a key of WEIGHINGS, or `alone`."""

    package: str
    line: int
    way: str
    exact: bool
    similarity: float
    logprob: float
    inserted: bool
    kept: bool
    """What is inserted is right to the last character."""
    parses: bool | None


def asked(model: Path, corpus: Path, name: str, lines: int, prompt_tokens: int, seed: str) -> list[Answered]:
    """Every way's answers to lines of one package."""
    measured = MeasuredModel(model, prompt_tokens=prompt_tokens)
    try:
        return list(_in_package(measured, name, undrawn.files(corpus, name), lines, seed))
    finally:
        votes.WEIGHING = WEIGHING
        measured.close()


def _in_package(
    measured: MeasuredModel, name: str, files: Mapping[str, str], lines: int, seed: str
) -> Iterator[Answered]:
    with undrawn.repository(files) as (root, reader):
        for number, opened in enumerate(undrawn.opened(name, files, lines, seed)):
            case = Case(opened, root)
            segments = prompt.render(measured.card, case.parts(measured.card, rendering.from_index(reader)))
            place = Place(opened.hole.path, case.document.text, opened.hole.start)
            voices = continuations(place, reader, lines=1)
            for way, weighing in WEIGHINGS.items():
                votes.WEIGHING = weighing
                yield _answer(measured, case, segments, voices, number, way)
            yield _answer(measured, case, segments, (), number, ALONE)


def _answer(
    measured: MeasuredModel,
    case: Case,
    segments: Sequence[Segment],
    voices: tuple[Continuation, ...],
    number: int,
    way: str,
) -> Answered:
    request = GenerateRequest(
        lane="line",
        segments=tuple(segments),
        max_tokens=LINE_TOKENS,
        stop=("\n",),
        stop_tokens=measured.card.fim.stop_tokens,
        heal=True,
        continuations=voices,
    )
    written = measured.write(request)
    text = "" if written.reason == "length" else written.text
    inserted = case.inserted(case.cut(text)) if text else ""
    judged = metrics.judged(case.opened, text, inserted)
    return Answered(
        package=case.opened.hole.package,
        line=number,
        way=way,
        exact=judged.exact,
        similarity=judged.similarity,
        logprob=-99.0 if written.logprob is None else written.logprob,
        inserted=bool(inserted),
        kept=judged.exact_inserted,
        parses=judged.parses,
    )


def ways(answers: Sequence[Answered]) -> str:
    """Each way's exact lines, against the product's on the same lines."""
    right = {way: {(a.package, a.line) for a in answers if a.way == way and a.exact} for way in (*WEIGHINGS, ALONE)}
    count = sum(answer.way == PRODUCT for answer in answers)
    rows = [f"{'weighing':<20}{'exact':>8}{'gained':>8}{'lost':>8}{'similarity':>12}{'parses':>8}"]
    for way, exact in sorted(right.items(), key=lambda entry: -len(entry[1])):
        mine = [answer for answer in answers if answer.way == way]
        similarity = fmean(answer.similarity for answer in mine)
        parses = fmean([answer.parses for answer in mine if answer.parses is not None] or [0.0])
        gained, lost = len(exact - right[PRODUCT]), len(right[PRODUCT] - exact)
        shares = f"{100 * len(exact) / count:>8.1f}{gained:>8}{lost:>8}{similarity:>12.1f}{100 * parses:>8.1f}"
        rows.append(f"{way:<20}{shares}")
    return "\n".join(rows)


def gates(answers: Sequence[Answered]) -> str:
    """What would be shown at each threshold: how many answers, and how many of them exactly right."""
    mine = [answer for answer in answers if answer.way == PRODUCT]
    rows = [f"{'threshold':<12}{'shown':>8}{'right':>8}{'of this step':>14}"]
    above = math.inf
    for threshold in THRESHOLDS:
        shown = [answer for answer in mine if answer.inserted and answer.logprob >= threshold]
        step = [answer for answer in shown if answer.logprob < above]
        rows.append(f"{threshold:<12g}{_percent(len(shown), len(mine)):>8}{_right(shown):>8}{_right(step):>14}")
        above = threshold
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("work", type=Path, help="folder of the training's stages, with corpus/ and pack/")
    parser.add_argument("--packages", type=int, default=40, help="how many (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=15, help="opened per package (default: %(default)s)")
    parser.add_argument("--prompt-tokens", type=int, default=PROMPT_TOKENS, help="default: %(default)s")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each (default: %(default)s)")
    parser.add_argument("--seed", default="4", help="of the drawing (default: %(default)s)")
    given = parser.parse_args()
    corpus = given.work / "corpus"
    names = undrawn.names(corpus, given.work / "pack", given.packages, given.seed)
    answers: list[Answered] = []
    with ProcessPoolExecutor(given.processes, get_context("spawn")) as pool:
        waiting = [
            pool.submit(asked, given.model, corpus, name, given.lines, given.prompt_tokens, given.seed)
            for name in names
        ]
        for name, future in zip(names, waiting, strict=True):
            answers += future.result()
            print(f"{name}: {sum(answer.way == PRODUCT for answer in answers)} lines so far", flush=True)
    if answers:
        print(f"\n{ways(answers)}\n\n{gates(answers)}")


def _right(answers: Sequence[Answered]) -> str:
    return _percent(sum(answer.kept for answer in answers), len(answers)) if answers else "-"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


if __name__ == "__main__":
    main()
