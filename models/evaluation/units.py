"""The work, in units that two processes share: one package's holes, one condition of a benchmark, one check.

A unit is a name and its function; what it returns is plain JSON, so that an interrupted run keeps what is finished.
Each process loads the model once and has one thread.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import attrs

from lsp_server.index.indexer import Indexer
from lsp_server.settings import IndexSettings
from models.evaluation import asking, baselines, crosscode, holes, infilling, metrics, selftest
from models.evaluation.asking import Arm, Case, Contexts
from models.evaluation.corpus_index import RepositoryTokens
from models.evaluation.engine import MeasuredModel
from models.evaluation.holes import Hole
from models.train.stage import TrainingError

Records = list[dict[str, Any]]

PARTS = 4
"""A benchmark is done in so many parts, so that both processes end at about the same time."""

FORMAT_HOLES = 2
"""Holes of each package by which prompt formats are compared."""

INDEX_SECONDS = 600.0


@attrs.frozen
class Plan:
    """What is measured. repositories: of each package by name. scratch: where indexes are kept between runs."""

    model: Path
    prompt_tokens: int
    repositories: Mapping[str, Path]
    holes: tuple[Hole, ...]
    arms: tuple[Arm, ...]
    scratch: Path
    quick: bool = False


@attrs.frozen
class Unit:
    """`kind` names a function of `KINDS`, `of` its part: a package, or a condition and a part."""

    kind: str
    of: str
    weight: float
    """Share of the work, roughly; the heaviest come first."""

    @property
    def name(self) -> str:
        return f"{self.kind} {self.of}"


def units_of(plan: Plan) -> list[Unit]:
    """Checks first, then the heaviest."""
    packages = sorted({hole.package for hole in plan.holes})
    if plan.quick:
        return [Unit("holes", package, 1.0) for package in packages]
    units = [Unit("check", "scores", 90.0), Unit("check", "formats", 91.0)]
    units += [Unit("check", f"infilling {part}", 80.0) for part in range(PARTS)]
    units += [Unit("holes", package, 50.0 if package == "networkx" else 40.0) for package in packages]
    units += [Unit("baselines", package, 45.0 if package == "networkx" else 5.0) for package in packages]
    conditions = range(len(crosscode.CONDITIONS))
    units += [Unit("crosscode", f"{condition} {part}", 20.0) for condition in conditions for part in range(PARTS)]
    units += [Unit("infilling", str(part), 20.0) for part in range(PARTS)]
    return sorted(units, key=lambda unit: -unit.weight)


def done(plan: Plan, unit: Unit) -> Records:
    """Does one unit, in whichever process this is. Raises ServerError."""
    os.environ["OMP_NUM_THREADS"] = "1"
    return KINDS[unit.kind](plan, unit.of)


def _holes(plan: Plan, package: str) -> Records:
    model = _model(plan.model, plan.prompt_tokens)
    repository = plan.repositories[package]
    records: Records = []
    indexer = Indexer(
        repository,
        IndexSettings(workers=0),
        plan.scratch / "indexes",
        on_progress=lambda coverage: None,
        on_problem=_raised,
    )
    indexer.start()
    try:
        reader = indexer.reader()
        if not indexer.wait_idle(INDEX_SECONDS) or not reader.coverage.finished:
            raise TrainingError(f"Indexing {package} took longer than {INDEX_SECONDS:.0f} s.", "Try again.")
        contexts = Contexts(reader, repository)
        for hole in plan.holes:
            if hole.package == package:
                case = Case(holes.opened(hole, repository), repository)
                records += [_answered(model, case, contexts, arm, plan) for arm in plan.arms]
    finally:
        indexer.close()
    return records


def _answered(model: MeasuredModel, case: Case, contexts: Contexts, arm: Arm, plan: Plan) -> dict[str, Any]:
    hole, truth = case.opened.hole, case.opened.truth
    # Only the model has a loss, and `alone` is led through the same prompt as `context`.
    loss = not plan.quick and arm != "alone"
    asked = asking.ask(model, case, contexts.choice(arm), contexts.voices(arm, case), loss=loss)
    wanted = metrics.first_identifier(truth)
    return {
        **_judged(case, asked.text, asked.inserted),
        "arm": arm,
        "shown": asked.shown,
        "ended": asked.written.reason in ("end", "stop"),
        "stop": metrics.stops(hole.kind, truth, asked.steps) if asked.steps else None,
        "loss": sum(step.loss for step in asked.steps) if asked.steps else None,
        "bytes": len(truth.encode()),
        "in_prompt": None if wanted is None else wanted in set(metrics.identifiers(asked.prompt)),
    }


def _baselines(plan: Plan, package: str) -> Records:
    repository = plan.repositories[package]
    tokens = RepositoryTokens(repository)
    records: Records = []
    for hole in plan.holes:
        if hole.package == package:
            case = Case(holes.opened(hole, repository), repository)
            for name, baseline in baselines.BASELINES.items():
                said = baseline(case.opened, tokens)
                text = said if hole.kind == "line" else case.cut(said)
                records.append({**_judged(case, text, case.inserted(case.cut(said))), "arm": name})
    return records


def _judged(case: Case, text: str, inserted: str) -> dict[str, Any]:
    hole = case.opened.hole
    return {
        "key": hole.key,
        "package": hole.package,
        "kind": hole.kind,
        "position": hole.position,
        "inserts": bool(inserted.strip()),
        **attrs.asdict(metrics.judged(case.opened, text, inserted)),
        "text": text,
    }


def _crosscode(plan: Plan, of: str) -> Records:
    condition, part = map(int, of.split())
    model = _model(plan.model, plan.prompt_tokens)
    records: Records = []
    for item in crosscode.items()[part::PARTS]:
        said = crosscode.answer(model, item, crosscode.CONDITIONS[condition])
        score = attrs.asdict(crosscode.score(item, said))
        records.append({"task": item.task, "repository": item.repository, "condition": condition, **score})
    return records


def _infilling(plan: Plan, of: str) -> Records:
    model = _model(plan.model, plan.prompt_tokens)
    return [
        {"task": item.task, **attrs.asdict(infilling.score(item, infilling.answer(model, item)))}
        for item in infilling.items()[int(of) :: PARTS]
    ]


def _check(plan: Plan, of: str) -> Records:
    what, _, part = of.partition(" ")
    if what == "infilling":
        selftest.check_infilling(infilling.items()[int(part) :: PARTS])
        return []
    opened = [holes.opened(hole, plan.repositories[hole.package]) for hole in plan.holes]
    if what == "scores":
        selftest.check_scores(opened)
        selftest.check_crosscode()
        cases = [Case(each, plan.repositories[each.hole.package]) for each in opened]
        survive = [metrics.exact(case.inserted(case.cut(case.opened.truth)), case.opened.truth) for case in cases]
        return [{"check": "truth survives", "items": len(cases), "right": sum(survive)}]
    model = _model(plan.model, plan.prompt_tokens)
    chosen: list[Case] = []
    for package, repository in sorted(plan.repositories.items()):
        lines = [each for each in opened if each.hole.package == package and each.hole.kind == "line"]
        chosen += [Case(each, repository) for each in lines[:FORMAT_HOLES]]
    found = selftest.formats(model, chosen)
    return [{"check": "formats", **attrs.asdict(found), "wrong_order_detected": found.wrong_order_detected}]


@cache
def _model(path: Path, prompt_tokens: int) -> MeasuredModel:
    return MeasuredModel(path, prompt_tokens=prompt_tokens)


def _raised(problem: Exception) -> None:
    raise problem


KINDS: Mapping[str, Callable[[Plan, str], Records]] = {
    "holes": _holes,
    "baselines": _baselines,
    "crosscode": _crosscode,
    "infilling": _infilling,
    "check": _check,
}


def quick_holes(found: Sequence[Hole], count: int) -> tuple[Hole, ...]:
    """Every n-th line hole, of all packages but the largest, whose index alone would take half of the time."""
    lines = [hole for hole in found if hole.kind == "line" and hole.package != "networkx"]
    return tuple(lines[number * len(lines) // count] for number in range(count))
