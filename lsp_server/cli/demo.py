"""`codehearth demo`: completions at places of a real package, drawn by a seed, with the truth beside them.

The package is one of those kept out of training and is installed with codehearth. It is copied into a
workspace in the cache folder, so that its index is warm the second time, and the real server is started as an editor
would start it. Nothing is chosen by hand: misses are shown like hits. Exit code 1 when it could not run.
"""

import argparse
import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.cli import output
from lsp_server.errors import ServerError

if TYPE_CHECKING:
    from rich.console import Console

    from lsp_server.evaluate.ask import Asking
    from lsp_server.evaluate.places import Place, Verdict

PACKAGES = {
    "pygls": "pygls",
    "attrs": "attr",
    "cattrs": "cattrs",
    "lsprotocol": "lsprotocol",
    "platformdirs": "platformdirs",
    "rich": "rich",
    "watchdog": "watchdog",
}
"""Packages kept out of training that codehearth itself depends on, with the folder each is imported from."""

_KINDS = {"line": "the rest of a line", "arguments": "the arguments of a call", "body": "the body of a block"}
_VERDICTS: "dict[Verdict, tuple[str, str]]" = {
    "hit": ("hit", "bold green"),
    "start": ("right as far as it goes", "green"),
    "miss": ("miss", "bold red"),
    "nothing": ("nothing shown", "yellow"),
}


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the command."""
    parser = subparsers.add_parser(
        "demo",
        help="show completions for real code, the truth beside them",
        description="Asks the real server at places of a real package, drawn by a seed, and shows hits and misses.",
    )
    parser.add_argument("--package", choices=sorted(PACKAGES), default="pygls", help="whose code (pygls)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="draws the places (1)")
    parser.add_argument("--places", type=int, default=10, metavar="N", help="how many (10)")
    parser.add_argument("--model", metavar="NAME", default="embedded", help="name or path of a model; the embedded one")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Shows the places one after the other; returns the exit code."""
    from lsp_server.evaluate import places

    if arguments.places < 1:
        raise ServerError("There is nothing to show.", "Ask for one place at least.")
    workspace = laid_out(arguments.package)
    chosen = places.choose(workspace, arguments.seed, arguments.places)
    out = output.console()
    out.print(f"codehearth completes {arguments.package}", style="bold")
    verdicts = asyncio.run(_tour(chosen, workspace, arguments.model, out))
    _say_goodbye(verdicts, arguments.seed, out)
    return 0


def laid_out(package: str) -> Path:
    """The workspace with a copy of an installed package. What is there and equal stays, so that its index is warm."""
    from lsp_server import paths
    from lsp_server.evaluate.indexing import installed_package

    module = PACKAGES[package]
    source = installed_package(module)
    workspace = paths.cache_folder() / "demo" / package
    wanted = {workspace / module / path.relative_to(source): path for path in source.rglob("*.py*") if _is_source(path)}
    for path in [path for path in workspace.rglob("*") if path.is_file() and path not in wanted]:
        path.unlink()
    for target, path in wanted.items():
        content = path.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return workspace


async def _tour(chosen: "list[Place]", workspace: Path, model: str, out: "Console") -> "Counter[Verdict]":
    from lsp_server.evaluate import ask, product
    from lsp_server.evaluate.client import EditorClient
    from lsp_server.evaluate.places import verdict

    verdicts: Counter[Verdict] = Counter()
    async with EditorClient([workspace], options={"model": model}) as editor:
        with output.progress("Starting the server", 100) as bar:
            editor.on_notification = ask.percentages(lambda done, sentence: bar.update(done, 100, sentence))
            first = editor.open(chosen[0].path, chosen[0].text)
            status = await product.wait_until_ready(editor, 600)
            # Not one of the places: the first request of a server opens caches that every later one finds open.
            await editor.inline(first, 0, automatic=False)
            editor.close(first)
        editor.on_notification = None
        out.print(f"{status.model}, {len(chosen)} places, everything on this machine.", style="dim")
        for number, place in enumerate(chosen, 1):
            asked = await ask.ask_once(editor, place.path, place.text, place.offset, "python")
            judged = verdict(asked.text, place.truth)
            verdicts[judged] += 1
            _show(f"{number}/{len(chosen)}", place, asked, judged, workspace, out)
    return verdicts


def _show(number: str, place: "Place", asked: "Asking", judged: "Verdict", workspace: Path, out: "Console") -> None:
    from rich.text import Text

    from lsp_server.cli import ghost

    words, style = _VERDICTS[judged]
    out.print()
    name = place.path.relative_to(workspace).as_posix()
    out.print(Text.assemble((f"{number}  {name}:{place.line}", "bold"), (f"  {_KINDS[place.kind]}", "dim")))
    out.print(ghost.excerpt(place.text, place.offset, asked.text, before=4, after=2, terminal=out.is_terminal))
    verdict_line = Text.assemble((words, style))
    if asked.text is None and asked.why is not None:
        verdict_line.append(f": {asked.why.detail or asked.why.silence}")
    out.print(verdict_line)
    if judged != "hit":
        for count, line in enumerate(place.truth.rstrip().split("\n")):
            out.print(f"{'  truth' if count == 0 else '       '} │ {line.rstrip()}", style="cyan")
    if asked.why is None:
        return
    lines = ghost.context_lines(asked.why) or ["no other file"]
    for count, line in enumerate(lines):
        out.print(f"{'   used' if count == 0 else '       '} │ {line}", style="dim")
    out.print(f"   cost │ {ghost.cost_line(asked.why, asked.milliseconds)}", style="dim")


def _say_goodbye(verdicts: "Counter[Verdict]", seed: int, out: "Console") -> None:
    from rich.text import Text

    summary = Text("\n")
    for verdict, (words, style) in _VERDICTS.items():
        summary.append(f"{verdicts[verdict]} {words}   ", style if verdicts[verdict] else "dim")
    out.print(summary)
    out.print(
        "The embedded model is very small: it shows the route, not the quality. What next:\n"
        f"  codehearth demo --seed {seed + 1}       other places (--package rich: other code)\n"
        "  codehearth models list       models already on this machine; `codehearth models use NAME` takes one\n"
        "  codehearth doctor            what this machine could do, and how\n"
        "  In your editor: start `codehearth serve` as a language server. Neovim 0.12, in init.lua:\n"
        "    vim.lsp.config('codehearth', { cmd = { 'codehearth', 'serve' }, root_markers = { '.git' } })\n"
        "    vim.lsp.enable('codehearth'); vim.lsp.inline_completion.enable()"
    )


def _is_source(path: Path) -> bool:
    return path.suffix in (".py", ".pyi") and path.is_file()
