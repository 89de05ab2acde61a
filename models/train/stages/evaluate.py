"""Stage `evaluate`: measures a model on held-out packages and two benchmarks (`make eval-model`).

Fetches the packages once, then needs no network. An interrupted run goes on where it was. Writes the figures as JSON
and, with --card, the tables of the model's card.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from lsp_server.modelstore import catalogue, facts
from models.train.stage import Workplace, console, progress, replacing

DEFAULT_MODEL = Path("models/embedded")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, help="GGUF to measure (default: the one in models/embedded)")
    parser.add_argument("--out", type=Path, help="file for the figures (default: figures.json in the stage's folder)")
    parser.add_argument("--card", type=Path, help="model card whose tables are rewritten")
    parser.add_argument("--packages", type=Path, help="folder of the held-out packages (default: the stage's own)")
    parser.add_argument("--prompt-tokens", type=int, help="size of a prompt (default: as the model says, else 1024)")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each (default: %(default)s)")
    parser.add_argument("--llama-bench", type=Path, help="llama-bench to compare the speed with")
    parser.add_argument("--quick", action="store_true", help="60 line holes with context only; one line, no report")


def run(arguments: argparse.Namespace, workplace: Workplace) -> None:
    from models.evaluation import card, measure  # imports llama.cpp, which --help need not
    from models.evaluation.engine import PROMPT_TOKENS

    model = _model(arguments.model)
    options: dict[str, Any] = {
        "package_folder": arguments.packages,
        "prompt_tokens": arguments.prompt_tokens or catalogue.prompt_tokens(facts.read(model)) or PROMPT_TOKENS,
        "processes": arguments.processes,
    }
    work = workplace.folder("evaluate")
    with progress() as bar:
        task = bar.add_task("evaluate", total=None)

        def tell(what: str, finished: int, total: int) -> None:
            bar.update(task, description=what, completed=finished, total=total)

        if arguments.quick:
            found = measure.quick(model, work, tell=tell, **options)
        else:
            workplace.begin_again("evaluate")
            found = measure.measure(model, work, tell=tell, llama_bench=arguments.llama_bench, **options)
    out = arguments.out or work / ("quick.json" if arguments.quick else "figures.json")
    with replacing(out) as path:
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if arguments.quick:
        console.print(_quick_sentence(found), highlight=False)
        return
    if arguments.card is not None:
        card.rewrite(arguments.card, found)
    workplace.finish("evaluate", model=found["model"], figures=str(out), seconds=found["seconds"])
    console.print(f"{out} has the figures of {model.name}.", highlight=False)


def _model(given: Path | None) -> Path:
    """The model that was named, else the embedded one; the engine says what is wrong with a file that is none."""
    if given is not None:
        return given
    found = sorted(DEFAULT_MODEL.glob("*.gguf"))
    return found[0] if found else DEFAULT_MODEL / "codehearth.gguf"


def _quick_sentence(found: dict[str, Any]) -> str:
    exact, similarity = found["exact"], found["similarity"]
    return (
        f"{found['model']['file']}: {found['holes']} line holes, exact match {exact['value']} % "
        f"({exact['low']} … {exact['high']}), edit similarity {similarity['value']}."
    )
