"""`codehearth index DIR`: indexes a folder twice and says what was found and what it cost.

It measures in a temporary place: an editor's index of the folder is neither used nor touched. `--json` prints

    {"folder": str, "files": int, "lines": int, "symbols": int, "cold_seconds": float, "warm_seconds": float,
     "read_again": int, "memory_mb": float, "database_mb": float}

where `read_again` counts files that the warm start read anew, `memory_mb` is what this process and its workers took
at most, and megabytes are 10^6 bytes. Exit code 1 when the folder cannot be indexed.
"""

import argparse
import tempfile
from pathlib import Path

from lsp_server.cli import output


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "index",
        help="index a folder and say what was found and how long it took",
        description="Indexes a folder from nothing and again from the first result, in a temporary place.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Indexes and prints; returns the exit code."""
    import cattrs

    from lsp_server import paths, settings
    from lsp_server.evaluate import indexing

    chosen, _ = settings.read_user_file(paths.config_folder())
    with tempfile.TemporaryDirectory(prefix="codehearth-") as cache, output.progress("Indexing") as bar:
        found = indexing.measure_index(
            arguments.folder.absolute(),
            Path(cache) / "cache",
            lambda done, total: bar.update(done, max(total, done)),
            chosen.index,
        )
    if arguments.json:
        output.emit_json(cattrs.unstructure(found))
        return 0
    out = output.console()
    out.print(f"{found.files:,} files, {found.lines:,} lines, {found.symbols:,} symbols in {found.folder}")
    again = f" ({found.read_again:,} files were read again)" if found.read_again else ""
    out.print(f"cold {found.cold_seconds:.2f} s, warm {found.warm_seconds:.2f} s{again}")
    out.print(f"memory {found.memory_mb:.0f} MB, on disk {found.database_mb:.1f} MB")
    return 0
