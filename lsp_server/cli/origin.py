"""`codehearth origin [FILE]`: which packages of the embedded model's training text a text repeats, with their licences.

Reads FILE, or the standard input where there is none or it is `-`; works offline, on the fingerprint that lies beside
the model (`modelstore/provenance.py`). A repetition is one of at least 40 words and signs. `--json` prints

    {"tokens": int, "origins": [{"kind": "pypi" | "npm" | "debian" | "stdlib", "name": str, "version": str,
                                 "licence": str, "lines": [first, last] counted from 1, "runs": int}]}

Exit code 0 whether or not something is repeated, 1 where that cannot be said.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsp_server.cli import output
from lsp_server.errors import ServerError

if TYPE_CHECKING:
    from lsp_server.modelstore.provenance import Origin


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "origin",
        help="name the training packages of the embedded model that a text repeats",
        description="Names the packages that the embedded model learnt from and the text repeats, with their licences.",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="a text file; `-` is the standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the packages; returns the exit code."""
    from lsp_server.modelstore import provenance, store

    fingerprint = provenance.shipped(store.embedded())
    if fingerprint is None:
        raise ServerError(
            "The embedded model of this installation came without the fingerprint of its training text.",
            "Install a release of codehearth, or make the file with `python -m models.train fingerprint`.",
        )
    text = _read(arguments.file)
    tokens = sum(1 for _ in provenance.TOKEN.finditer(text))
    origins = fingerprint.origins(text)
    if arguments.json:
        output.emit_json({"tokens": tokens, "origins": [_described(text, origin) for origin in origins]})
        return 0
    out = output.console()
    for origin in origins:
        out.print(_sentence(text, origin))
    if tokens < fingerprint.shortest:
        needed = f"only repetitions of {fingerprint.shortest} or more are recognised"
        out.print(f"The text has {tokens} words and signs, and {needed}.")
    elif not origins:
        out.print(f"Repeats none of the {len(fingerprint.packages)} packages that the embedded model learnt from.")
    return 0


def _sentence(text: str, origin: "Origin") -> str:
    """One hash in common is a short repetition, or chance: one in 13 files of 2,000 words and signs meets one so."""
    first, last = _lines(text, origin)
    lines, one = (f"Line {first}", "s") if first == last else (f"Lines {first} to {last}", "")
    repeat = f"repeat{one}" if origin.runs > 1 else "may repeat"
    return f"{lines} {repeat} text of {origin.name} {origin.version} ({origin.kind}), licence {origin.licence}."


def _read(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return raw.decode("utf-8")
    except OSError as error:
        raise ServerError(f"{name} cannot be read ({error.strerror}).", "Name a text file, or `-`.") from error
    except UnicodeDecodeError as error:
        raise ServerError(f"{name} is not text in UTF-8.", "Name a text file, or `-`.") from error


def _described(text: str, origin: "Origin") -> dict[str, Any]:
    return {
        "kind": origin.kind,
        "name": origin.name,
        "version": origin.version,
        "licence": origin.licence,
        "lines": list(_lines(text, origin)),
        "runs": origin.runs,
    }


def _lines(text: str, origin: "Origin") -> tuple[int, int]:
    """The first and the last line that are shared, counted from 1."""
    return text.count("\n", 0, origin.start) + 1, text.count("\n", 0, max(origin.start, origin.end - 1)) + 1
