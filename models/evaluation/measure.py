"""Measures one model: `measure` for every figure, `quick` for one number while a model is being trained.

Two processes share the units; finished ones are written down at once and not done again. Summing up is in `figures`.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import attrs

from lsp_server.evaluate.machine import this_machine
from lsp_server.modelstore import facts
from models.evaluation import figures, holes, packages, speed, units
from models.evaluation.asking import ARMS
from models.evaluation.engine import PROMPT_TOKENS
from models.evaluation.units import Plan, Records, Unit
from models.train.stage import digest

PROCESSES = 2
QUICK_HOLES = 60

Tell = Callable[[str, int, int], None]
"""Progress: what was finished, how many units are done, of how many."""


def measure(
    model: Path,
    work: Path,
    *,
    package_folder: Path | None = None,
    prompt_tokens: int = PROMPT_TOKENS,
    processes: int = PROCESSES,
    llama_bench: Path | None = None,
    tell: Tell = lambda what, finished, total: None,
) -> dict[str, Any]:
    """Every figure, as plain JSON. Raises ServerError where something cannot be fetched, loaded or trusted."""
    began = time.perf_counter()
    machine = this_machine()
    speeds = speed.measure(model, llama_bench)  # first, while nothing else of ours runs
    plan = _plan(model, work, package_folder, prompt_tokens, quick=False)
    records = _all_done(plan, work, processes, tell)
    return {
        "model": _identity(model),
        "settings": {
            "prompt_tokens": prompt_tokens,
            "holes": len(plan.holes),
            "holes_sha256": packages.sha256_of(holes.LISTED),
            "packages": {package.name: package.version for package in packages.listed()},
        },
        "machine": attrs.asdict(machine),
        **figures.summed(records),
        "speed": attrs.asdict(speeds),
        "seconds": round(time.perf_counter() - began, 1),
    }


def quick(
    model: Path,
    work: Path,
    *,
    package_folder: Path | None = None,
    prompt_tokens: int = PROMPT_TOKENS,
    processes: int = PROCESSES,
    count: int = QUICK_HOLES,
    tell: Tell = lambda what, finished, total: None,
) -> dict[str, Any]:
    """Exact match and edit similarity of a few line holes with context: to compare checkpoints, not to be published."""
    plan = _plan(model, work, package_folder, prompt_tokens, quick=True, count=count)
    records = _all_done(plan, None, processes, tell)
    return {"model": _identity(model), **figures.quick(records)}


def _plan(
    model: Path, work: Path, folder: Path | None, prompt_tokens: int, *, quick: bool, count: int = QUICK_HOLES
) -> Plan:
    found = holes.listed()
    if quick:
        found = units.quick_holes(found, count)
    wanted = {hole.package for hole in found}
    chosen = [package for package in packages.listed() if package.name in wanted]
    repositories = packages.fetched(chosen, folder or work / "packages")
    arms = ARMS[:1] if quick else ARMS
    return Plan(model.resolve(), prompt_tokens, repositories, found, arms, work, quick)


def _all_done(plan: Plan, work: Path | None, processes: int, tell: Tell) -> dict[str, Records]:
    """The records of every unit by the unit's kind. With `work`, units of an interrupted run are taken from there."""
    wanted = units.units_of(plan)
    kept = work / f"units-{_state(plan)}.jsonl" if work is not None else None
    finished = _kept(kept) if kept is not None else {}
    for unit, records in _done(plan, [unit for unit in wanted if unit.name not in finished], processes):
        finished[unit.name] = records
        if kept is not None:
            with kept.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps({"unit": unit.name, "records": records}))  # what was cut off ends here
        tell(unit.name, len(finished), len(wanted))
    if kept is not None:
        kept.replace(kept.with_name("answers.jsonl"))  # to be looked at; another run measures anew
    found: dict[str, Records] = {}
    for unit in sorted(wanted, key=lambda unit: unit.name):
        found.setdefault(unit.kind, []).extend(finished[unit.name])
    return found


def _done(plan: Plan, wanted: list[Unit], processes: int) -> Iterator[tuple[Unit, Records]]:
    """In the order in which they are finished. The first failure stops what has not begun."""
    if processes <= 1:
        yield from ((unit, units.done(plan, unit)) for unit in wanted)
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"))
    try:
        waiting = {pool.submit(units.done, plan, unit): unit for unit in wanted}
        while waiting:
            complete, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in complete:
                yield waiting.pop(future), future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _state(plan: Plan) -> str:
    """Changes with everything that an answer depends on: model, list of holes, settings and our own code."""
    root = Path(__file__).parents[2]
    sources = [*sorted((root / "lsp_server").rglob("*.py")), *sorted(Path(__file__).parent.glob("*.py"))]
    code = digest([packages.sha256_of(source) for source in sources])
    return digest(packages.sha256_of(plan.model), packages.sha256_of(holes.LISTED), plan.prompt_tokens, plan.arms, code)


def _kept(path: Path) -> dict[str, Records]:
    """A last line that was cut off by the interruption is done again."""
    found: dict[str, Records] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            found[entry["unit"]] = entry["records"]
    return found


def _identity(model: Path) -> dict[str, Any]:
    known = facts.read(model)
    return {
        "file": model.name,
        "sha256": packages.sha256_of(model),
        "name": known.name,
        "parameters": known.parameters,
        "bytes": known.file_bytes,
        "quantisation": known.quantisation,
    }
