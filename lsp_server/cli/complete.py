"""`codehearth complete FILE:LINE:COLUMN`: one completion through the real server, and what it was built from.

LINE and COLUMN count from 1; COLUMN is the character before which text would be inserted. `--json` prints

    {"file": str, "line": int, "column": int, "model": str or null, "milliseconds": float,
     "texts": [str], "why": null or {
        "mode": "none" | "line" | "block", "from_cache": bool, "silence": str or null, "detail": str,
        "also_at": "PATH:LINE" or null, "like_at": "PATH:LINE" or null,
        "reused": int, "evaluated": int, "generated": int, "logprob": float or null, "reanchored": str or null,
        "milliseconds": {HOP: float},
        "snippets": [{"path": str, "source": str, "reason": str, "lines": [first, last] counted from 0, or null}]}}

where `texts` is what would be inserted, best first, and empty when nothing is shown; `silence` then says why. Exit
code 0 in both cases, 1 when the question could not be asked.
"""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.cli import output
from lsp_server.errors import ServerError

if TYPE_CHECKING:
    from lsp_server.evaluate.ask import Asking

_ROOTS = (".git", ".hg", "pyproject.toml", "package.json", "go.mod", "Cargo.toml")
"""What marks the folder of a workspace, nearest first."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "complete",
        help="complete FILE:LINE:COLUMN once and print the text",
        description="Asks the server for one completion, as an editor would. Lines and columns count from 1.",
    )
    parser.add_argument("place", metavar="FILE:LINE:COLUMN")
    parser.add_argument("--workspace", metavar="DIR", type=Path, help="the folder of the repository; found by itself")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Asks and prints; returns the exit code."""
    path, line, column = parsed(arguments.place)
    workspace = arguments.workspace or workspace_of(path)
    if not workspace.is_dir():
        raise ServerError(f"There is no folder {workspace}.", "Name the folder of the repository.")
    text = _text(path)
    offset = offset_of(text, line, column)
    asked, model = asyncio.run(_asked(path, text, offset, workspace))
    if arguments.json:
        _print_json(path, line, column, model, asked)
    else:
        _show(text, offset, asked)
    return 0


def parsed(place: str) -> tuple[Path, int, int]:
    """The parts of FILE:LINE:COLUMN; a path may hold colons itself. Raises ServerError."""
    name, _, rest = place.rpartition(":")
    name, _, line = name.rpartition(":")
    if not name or not line.isdecimal() or not rest.isdecimal() or int(line) < 1 or int(rest) < 1:
        raise ServerError(f"{place} is not FILE:LINE:COLUMN.", "For example: src/main.py:12:5")
    return Path(name).absolute(), int(line), int(rest)


def workspace_of(path: Path) -> Path:
    """The nearest folder above the file that looks like a repository or a project, else the file's own."""
    return next((above for above in path.parents if any((above / mark).exists() for mark in _ROOTS)), path.parent)


def offset_of(text: str, line: int, column: int) -> int:
    """Line and column from 1 to an offset; a column past the line's end is its end. ServerError past the last line."""
    from lsp_server.text import LineIndex

    lines = LineIndex.of(text)
    if line > len(lines):
        raise ServerError(f"The file has {len(lines)} lines.", "Name one of them.")
    return min(lines.start(line - 1) + column - 1, lines.end(text, line - 1))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ServerError(f"{path} cannot be read ({error.strerror}).", "Name an existing file.") from error
    except UnicodeDecodeError as error:
        raise ServerError(f"{path} is not UTF-8 text.", "Name a source file.") from error


async def _asked(path: Path, text: str, offset: int, workspace: Path) -> "tuple[Asking, str | None]":
    from lsp_server.evaluate import ask, product
    from lsp_server.evaluate.client import EditorClient
    from lsp_server.syntax import languages

    async with EditorClient([workspace]) as editor:
        with output.progress("Starting", 100) as bar:
            editor.on_notification = ask.percentages(lambda done, sentence: bar.update(done, 100, sentence))
            language = languages.language_of(path, None)
            identifier = language.identifiers[0] if language is not None else "plaintext"
            asked = await ask.ask_once(editor, path, text, offset, identifier)
        return asked, (await product.status(editor)).model


def _print_json(path: Path, line: int, column: int, model: str | None, asked: "Asking") -> None:
    import cattrs

    output.emit_json(
        {
            "file": str(path),
            "line": line,
            "column": column,
            "model": model,
            "milliseconds": round(asked.milliseconds, 1),
            "texts": list(asked.texts),
            "why": cattrs.unstructure(asked.why) if asked.why is not None else None,
        }
    )


def _show(text: str, offset: int, asked: "Asking") -> None:
    from lsp_server.cli import ghost

    out = output.console()
    out.print(ghost.excerpt(text, offset, asked.text, before=5, after=3, terminal=out.is_terminal))
    out.print()
    if asked.why is None:
        return
    if asked.text is None:
        out.print(
            f"Nothing is suggested here: {asked.why.detail or asked.why.silence or 'no reason was given'}",
            style="yellow",
        )
    out.print(ghost.cost_line(asked.why, asked.milliseconds), style="dim")
    if asked.why.also_at is not None:
        out.print(f"also stands in {asked.why.also_at}", style="dim")
    elif asked.why.like_at is not None:
        out.print(f"stands in {asked.why.like_at} with other names", style="dim")
    for line in ghost.context_lines(asked.why):
        out.print(f"used {line}", style="dim")
