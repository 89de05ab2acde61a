"""`codehearth eval SUBJECT`: measures a code action on held-out packages, through the real server.

Works in a temporary home of its own: the user's engine, index and settings are neither used nor touched, and no file of
the packages is written. `--json` prints the subject's figures as one object, whose docstring names every field:
`evaluate.refactoring.RefactoringFigures` (`extract`), `evaluate.documenting.DocumentingFigures` (`documentation`).
Exit code 1 when something could not be measured, or when a change was wrong.
"""

import argparse
import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from lsp_server.cli import output

SUBJECTS = {"extract": 200, "documentation": 100}
"""What can be measured, and how many places by default."""


class Figures(Protocol):
    @property
    def faults(self) -> tuple[str, ...]: ...

    def as_json(self) -> dict[str, Any]: ...


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "eval",
        help="measure a code action on held-out packages",
        description="Carries out a code action in many places of installed packages, in memory, and checks it.",
    )
    parser.add_argument("subject", choices=list(SUBJECTS))
    parser.add_argument("--count", type=int, metavar="N", help="places (extract 200, documentation 100)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="decides which places (1)")
    parser.add_argument("--model", metavar="NAME", help="name or path of a model; the embedded one by default")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measures and prints; returns the exit code."""
    count = SUBJECTS[arguments.subject] if arguments.count is None else arguments.count
    home = Path(tempfile.mkdtemp(prefix="codehearth-eval-"))
    try:
        with output.progress("Measuring", count) as bar:
            figures = asyncio.run(
                _measured(
                    arguments.subject, arguments.model, home, arguments.seed, count, lambda done: bar.update(done)
                )
            )
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if arguments.json:
        output.emit_json(figures.as_json())
    else:
        _show(figures)
    return 1 if figures.faults else 0


async def _measured(
    subject: str, model: str | None, home: Path, seed: int, count: int, on_task: Callable[[int], None]
) -> Figures:
    from lsp_server.modelstore import store

    path = model or str(store.embedded())
    if subject == "extract":
        from lsp_server.evaluate import refactoring

        return await refactoring.measure_server(model=path, home=home, seed=seed, count=count, on_task=on_task)
    from lsp_server.evaluate import documenting

    workspace = home / "workspace"
    workspace.mkdir()
    return await documenting.measure_server(
        workspace, model=path, seed=seed, count=count, home=home / "home", on_task=on_task
    )


def _show(figures: Figures) -> None:
    out = output.console()
    for name, value in figures.as_json().items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            out.print(f"{label}:")
            for reason, count in value.items():
                out.print(f"    {count:4}  {reason}")
        elif isinstance(value, (list, tuple)):
            for item in value:
                out.print(f"{label}: {item}", style="bold red")
        else:
            out.print(f"{label}: {value}")
