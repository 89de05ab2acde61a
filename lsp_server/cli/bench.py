"""`codehearth bench`: replays a shipped editing trace through the real server and measures; the README's table.

It works in a temporary home of its own: the user's engine, index and settings are neither used nor touched.
`--json` prints one object: `evaluate.figures.Figures`, whose docstrings name every field and its unit. Exit code 1
when something could not be measured; a goal that is missed is reported and is no failure.

A model of random weights (`--model FILE`) is made to say what the trace records; `forced` is then true.
"""

import argparse
import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.cli import output
from lsp_server.errors import ServerError

if TYPE_CHECKING:
    from lsp_server.evaluate.figures import Figures, Options


_PLAIN_WIDTH = 120
"""Characters of the table where nobody tells how wide the page is."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "bench",
        help="replay an editing trace through the real server and measure",
        description="Types a few hundred keys into a held-out file, through the real server and engine, and measures.",
    )
    parser.add_argument("--quick", action="store_true", help="a third of the trace, fewer repetitions")
    parser.add_argument("--model", metavar="NAME", help="name or path of a model; the embedded one by default")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads for the model (1)")
    parser.add_argument("--shape", action="store_true", help="also measure cancelling on a random 0.5B model")
    parser.add_argument("--llama-server", type=Path, metavar="PATH", help="also replay into this llama-server")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="what to index; an installed package by default")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--markdown", action="store_true", help="print the README's table")
    form.add_argument("--update", type=Path, metavar="FILE", help="write that table between FILE's bench marks")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measures and prints; returns the exit code."""
    from lsp_server.evaluate import report
    from lsp_server.evaluate.figures import Options

    options = Options(
        quick=arguments.quick,
        threads=arguments.threads,
        model=arguments.model,
        shape=arguments.shape,
        llama_server=arguments.llama_server,
        index_folder=arguments.folder.absolute() if arguments.folder is not None else None,
    )
    if arguments.update is not None:
        report.with_table(_read(arguments.update), "")  # before ten minutes of measuring, not after
    figures = _measured(options)
    if arguments.json:
        output.emit_json(figures.as_json())
    elif arguments.markdown:
        output.console().print(report.markdown(figures))
    elif arguments.update is not None:
        text = report.with_table(_read(arguments.update), report.markdown(figures))
        arguments.update.write_bytes(text.encode("utf-8"))
    else:
        _show(figures)
    return 0


def _measured(options: "Options") -> "Figures":
    from lsp_server.evaluate import figures

    home = Path(tempfile.mkdtemp(prefix="codehearth-bench-"))
    try:
        with output.progress("Measuring") as bar:

            def tell(sentence: str, done: float, total: float | None) -> None:
                bar.update(done, total if total is not None else 1, sentence[:1].upper() + sentence[1:])

            return asyncio.run(figures.measure(options, home, tell))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ServerError(f"{path} cannot be read ({error.strerror}).", "Name an existing file.") from error


def _show(figures: "Figures") -> None:
    from rich.table import Table
    from rich.text import Text

    from lsp_server.evaluate import report

    out = output.console()
    table = Table("figure", "goal", "measured", box=None, pad_edge=False)
    for row in report.rows(figures):
        style = {True: "green", False: "bold red", None: ""}[row.met]
        missed = "  missed" if row.met is False else ""
        table.add_row(Text(row.figure.replace("`", "")), Text(row.goal), Text(row.measured + missed, style))
    if not out.is_terminal:
        out.width = _PLAIN_WIDTH
    out.print(table)
    for sentence in report.sentences(figures):
        out.print(sentence, style="dim")
