"""`codehearth why [FILE]`: what the last suggestion in an open editor was built from, or why there was none.

Every running server keeps the explanations of its last answers in a file (`server/shelf.py`); this shows the newest
of all, or of FILE. `--json` prints

    {"file": str, "uri": str, "seconds_ago": float, "server": {"pid": int, "version": str},
     "why": {"mode": "none" | "line" | "block", "fromCache": bool, "silence": str or null, "detail": str,
             "alsoAt": "PATH:LINE" or null, "likeAt": "PATH:LINE" or null,
             "reused": int, "evaluated": int, "generated": int, "logprob": float or null, "reanchored": str or null,
             "milliseconds": {HOP: float},
             "snippets": [{"path": str, "source": str, "reason": str, "score": float,
                           "lines": [first, last] counted from 0, or null}]}}

Exit code 1 where there is nothing to explain.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from lsp_server import paths
from lsp_server.cli import output
from lsp_server.errors import ServerError

if TYPE_CHECKING:
    from lsp_server.evaluate.product import Why


@attrs.frozen
class Kept:
    """One explanation as a server keeps it; `at` is in seconds since the epoch."""

    uri: str
    at: float
    why: dict[str, Any]
    pid: int
    version: str


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "why",
        help="say what the last suggestion in an open editor was built from",
        description="Explains the last answer that an editor got, whichever it was, or the last in FILE.",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="a file that is open in an editor")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the newest explanation; returns the exit code."""
    kept = list(explanations(paths.runtime_folder()))
    if arguments.file is not None:
        wanted = arguments.file.resolve()
        kept = [one for one in kept if _same(one.uri, wanted)]
    if not kept:
        if arguments.file is None:
            raise ServerError(
                "No running server has answered yet.", "Open a file in your editor, type, and ask again within it."
            )
        raise ServerError(f"No suggestion was asked for in {arguments.file}.", "Open it in your editor and type.")
    newest = max(kept, key=lambda one: one.at)
    if arguments.json:
        _print_json(newest)
    else:
        _show(newest)
    return 0


def explanations(runtime: Path) -> Iterator[Kept]:
    """Those of all servers that still run. Files that others left behind are removed."""
    import psutil

    from lsp_server.server.shelf import FOLDER

    for file in (runtime / FOLDER).glob("*.json"):
        try:
            raw = json.loads(file.read_text(encoding="utf-8"))
            if not psutil.pid_exists(raw["pid"]):
                file.unlink(missing_ok=True)
                continue
            for entry in raw["explanations"]:
                yield Kept(entry["uri"], entry["at"], entry["why"], raw["pid"], raw["version"])
        except (OSError, ValueError, KeyError, TypeError):  # Gone meanwhile, or of another version of ours.
            continue


def lines(why: "Why") -> list[str]:
    """An explanation in sentences: whether something was shown, what it cost, what the model was given."""
    from lsp_server.cli import ghost

    said = []
    if why.silence is not None:
        said.append(f"Nothing was shown: {why.detail or why.silence}")
    elif why.from_cache:
        said.append("Shown from the cache: it continues an earlier suggestion.")
    else:
        said.append(f"A suggestion of one {why.mode} was shown.")
    if why.also_at is not None:
        said.append(f"It also stands in {why.also_at}.")
    elif why.like_at is not None:
        said.append(f"It stands in {why.like_at} with other names.")
    if why.reached_engine:
        said.append(
            f"Prompt: {why.reused:,} tokens reused, {why.evaluated:,} evaluated. Answer: {why.generated:,} tokens."
        )
    if why.logprob is not None:
        said.append(f"Mean log-probability per token: {why.logprob:.2f}.")
    if why.reanchored is not None:
        said.append(f"The prompt was begun anew: {why.reanchored}.")
    hops = sorted(why.milliseconds.items(), key=lambda hop: -hop[1])
    if hops:
        said.append("Milliseconds: " + ", ".join(f"{name} {spent:.1f}" for name, spent in hops) + ".")
    used = ghost.context_lines(why)
    said.append(
        "Code from the repository in the prompt:" if used else "No code from elsewhere in the repository was used."
    )
    said.extend(f"  {line}" for line in used)
    return said


def _same(uri: str, wanted: Path) -> bool:
    path = paths.path_of_uri(uri)
    return path is not None and path.resolve() == wanted


def _name(uri: str) -> str:
    path = paths.path_of_uri(uri)
    return str(path) if path is not None else uri


def _print_json(kept: Kept) -> None:
    output.emit_json(
        {
            "file": _name(kept.uri),
            "uri": kept.uri,
            "seconds_ago": round(time.time() - kept.at, 1),
            "server": {"pid": kept.pid, "version": kept.version},
            "why": kept.why,
        }
    )


def _show(kept: Kept) -> None:
    from lsp_server.evaluate.product import Why

    out = output.console()
    out.print(f"{_name(kept.uri)}, {_ago(time.time() - kept.at)}", style="bold")
    try:
        why = Why.read(kept.why)
    except (KeyError, TypeError) as error:
        raise ServerError(
            f"The server in the editor is of another version ({kept.version}).", "Restart the server in your editor."
        ) from error
    for line in lines(why):
        out.print(line)


def _ago(seconds: float) -> str:
    if seconds < 90:
        return f"{max(0, round(seconds))} seconds ago"
    return f"{seconds / 60:.0f} minutes ago" if seconds < 5400 else f"{seconds / 3600:.0f} hours ago"
