"""`codehearth act FILE:RANGE --kind KIND`: one code action through the real server; prints a diff or writes the file.

RANGE is LINE:COLUMN-LINE:COLUMN or, for a cursor, LINE:COLUMN. Both count from 1; a column is the character before
which the selection begins or ends. KIND is the kind as editors know it (`refactor.extract.variable`) or its last word
(`variable`). `--json` prints

    {"file": str, "kind": str, "title": str, "summary": str, "note": str, "diff": str, "applied": bool}

Exit code 0, or 1 with a sentence where the action is refused. Without `--apply` no file is touched.
"""

import argparse
import asyncio
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.actions.values import KINDS
from lsp_server.cli import output
from lsp_server.cli.complete import offset_of, workspace_of
from lsp_server.errors import ServerError
from lsp_server.text import Span

if TYPE_CHECKING:
    from lsp_server.evaluate.acting import Carried, Offered

_PLACE = re.compile(
    r"(?P<file>.+?):(?P<line>\d+):(?P<column>\d+)(?:-(?P<end_line>\d+):(?P<end_column>\d+))?", re.DOTALL
)


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "act",
        help="carry out a code action at FILE:RANGE and print the diff",
        description="Asks the server for one code action, as an editor would. Lines and columns count from 1.",
    )
    parser.add_argument("place", metavar="FILE:RANGE", help="for example src/main.py:12:5-12:20")
    parser.add_argument(
        "--kind", required=True, metavar="KIND", help=f"one of {', '.join(KINDS)}; the last word will do"
    )
    parser.add_argument("--all", action="store_true", help="all occurrences, where the action offers that")
    parser.add_argument("--apply", action="store_true", help="write the file")
    parser.add_argument("--workspace", metavar="DIR", type=Path, help="the folder of the repository; found by itself")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Asks, prints, writes; returns the exit code."""
    path, start, end = parsed(arguments.place)
    kind = kind_of(arguments.kind)
    workspace = arguments.workspace or workspace_of(path)
    if not workspace.is_dir():
        raise ServerError(f"There is no folder {workspace}.", "Name the folder of the repository.")
    content = _content(path)
    text = _decoded(path, content)
    span = span_of(text, start, end)
    offered, carried = asyncio.run(_asked(path, text, span, kind, workspace, everywhere=arguments.all))
    if carried.text is None:
        raise ServerError(carried.reason)
    from lsp_server.actions.edits import diff

    shown = diff(text, carried.text, path.name)
    if arguments.apply:
        write(path, carried.text, expected=content)
    if arguments.json:
        output.emit_json(
            {
                "file": str(path),
                "kind": kind,
                "title": offered.title,
                "summary": carried.summary,
                "note": carried.note,
                "diff": shown,
                "applied": bool(arguments.apply),
            }
        )
        return 0
    output.console().print(shown, end="")
    if carried.note:
        output.console(stderr=True).print(carried.note, style="yellow")
    return 0


def parsed(place: str) -> tuple[Path, tuple[int, int], tuple[int, int]]:
    """The parts of FILE:RANGE: line and column of both ends, from 1. Raises ServerError."""
    found = _PLACE.fullmatch(place)
    if found is None:
        raise ServerError(f"{place} is not FILE:RANGE.", "For example: src/main.py:12:5-12:20")
    start = (int(found["line"]), int(found["column"]))
    end = (int(found["end_line"]), int(found["end_column"])) if found["end_line"] else start
    if min(*start, *end) < 1 or end < start:
        raise ServerError(f"{place} is not FILE:RANGE.", "Lines and columns count from 1, and the end comes last.")
    return Path(found["file"]).absolute(), start, end


def kind_of(word: str) -> str:
    """The kind that is meant. Raises ServerError."""
    kinds = [kind for kind in KINDS if word in (kind, kind.rpartition(".")[2])]
    if len(kinds) != 1:
        raise ServerError(f"There is no action of the kind {word}.", f"Name one of {', '.join(KINDS)}.")
    return kinds[0]


def span_of(text: str, start: tuple[int, int], end: tuple[int, int]) -> Span:
    """The selection as offsets. Raises ServerError past the last line."""
    return Span(offset_of(text, *start), offset_of(text, *end))


def write(path: Path, text: str, *, expected: bytes) -> None:
    """Replaces the file's content at once, keeping its mode; a link's target is what is replaced. Raises ServerError
    where the file is no longer what it was."""
    target = path.resolve()
    if _content(target) != expected:
        raise ServerError(f"{path} has changed meanwhile.", "Run the command again.")
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
        shutil.copymode(target, temporary)
        Path(temporary).replace(target)
        temporary = None
    except OSError as error:
        raise ServerError(f"{path} cannot be written ({error.strerror}).", "Make it writable.") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ServerError(f"{path} cannot be read ({error.strerror}).", "Name an existing file.") from error


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ServerError(f"{path} is not UTF-8 text.", "Name a source file.") from error


async def _asked(
    path: Path, text: str, span: Span, kind: str, workspace: Path, *, everywhere: bool
) -> "tuple[Offered, Carried]":
    from lsp_server.evaluate import acting, product
    from lsp_server.evaluate.ask import percentages
    from lsp_server.evaluate.client import EditorClient
    from lsp_server.syntax import languages

    async with EditorClient([workspace]) as editor:
        with output.progress("Starting", 100) as bar:
            editor.on_notification = percentages(lambda done, sentence: bar.update(done, 100, sentence))
            language = languages.language_of(path, None)
            file = editor.open(path, text, language=language.identifiers[0] if language is not None else "plaintext")
            # An action that needs a model says so itself; others do without one.
            with suppress(ServerError):
                await product.wait_until_ready(editor, 600)
            offered = _chosen(await acting.offers(editor, file, span, [kind]), everywhere=everywhere)
            return offered, await acting.carry_out(editor, file, offered)


def _chosen(offers: "list[Offered]", *, everywhere: bool) -> "Offered":
    if not offers:
        raise ServerError("There is nothing to do at this place.", "Select what the action is for.")
    possible = [offer for offer in offers if not offer.reason]
    if not possible:
        raise ServerError(offers[0].reason)
    if everywhere:
        possible = [offer for offer in possible if offer.key == "all"]
        if not possible:
            raise ServerError("There is only one place that can be changed.", "Leave out --all.")
    return possible[0]
