"""`codehearth models list | import PATH | use NAME`: the models of this machine, and which one completes.

`list --json` prints

    {"chosen": NAME or PATH or null, "models": [{
        "name": str, "path": str,
        "source": "embedded" | "codehearth" | "ollama" | "lm-studio" | "hugging-face" | "llama.cpp",
        "chosen": bool, "usable": bool, "why_not": str or null, "next_step": str or null, "title": str or null,
        "architecture": str or null, "family": str or null, "order": "spm" | "psm" | "self-test" | null,
        "parameters": int or null, "quantisation": str or null, "trained_context": int or null, "bytes": int}]}

`import --json` and `use --json` print one such model. Exit code 1 when something was refused.
"""

import argparse
from pathlib import Path
from typing import Any

from lsp_server.cli import output
from lsp_server.errors import ServerError


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Registers the command."""
    parser = subparsers.add_parser("models", help="find, import and choose models that are on this machine")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the models that were found, and which of them can complete")
    importing = actions.add_parser("import", help="take a GGUF file into codehearth's own folder")
    importing.add_argument("path", metavar="PATH", type=Path)
    using = actions.add_parser("use", help="choose the model that completes")
    which = using.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "name", metavar="NAME", nargs="?", help="a name of `codehearth models list`, or the path of a file"
    )
    which.add_argument("--embedded", action="store_true", help="the model that is shipped with codehearth")
    for action in (listing, importing, using):
        action.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Runs one of the three actions; returns the exit code."""
    try:
        if arguments.action == "import":
            return _import(arguments.path, as_json=arguments.json)
        if arguments.action == "use":
            return _use(None if arguments.embedded else arguments.name, as_json=arguments.json)
        return _list(as_json=arguments.json)
    except ServerError as error:
        return output.fail(error)


def _list(*, as_json: bool) -> int:
    from lsp_server.modelstore import find, store

    chosen = _chosen()
    found = find.find()
    try:
        found.insert(0, find.FoundModel(store.EMBEDDED, store.embedded(), "codehearth"))
    except ServerError as error:
        output.fail(error)
    with output.progress("Reading models", len(found)) as work:
        models = []
        for model in found:
            models.append(_described(model))
            work.advance()
    used = _resolved(chosen)
    for entry in models:
        entry["chosen"] = used is not None and Path(entry["path"]) == used
    if as_json:
        output.emit_json({"chosen": chosen, "models": models})
    elif output.console().is_terminal:
        _table(models)
    else:
        for entry in models:
            output.console().print(_line(entry))
    return 0


def _import(path: Path, *, as_json: bool) -> int:
    from lsp_server.modelstore import store

    with output.progress(f"Importing {path.name}", unit="bytes") as work:
        model = store.import_model(path, work.update)
    entry = _described(model)
    entry["chosen"] = _resolved(_chosen()) == model.path
    if as_json:
        output.emit_json(entry)
    else:
        output.console().print(f"{model.name} is imported. Choose it with: codehearth models use {model.name}")
    return 0


def _use(name: str | None, *, as_json: bool) -> int:
    from lsp_server.modelstore import find, store

    path = store.use(name)
    known = {model.path: model for model in find.find()}
    entry = _described(known.get(path) or find.FoundModel(name or store.EMBEDDED, path, "codehearth"))
    entry["chosen"] = True
    if as_json:
        output.emit_json(entry)
    else:
        output.console().print(
            f"{entry['title']} completes from now on, also in editors that are open. "
            "An editor whose own settings name a model keeps to those."
        )
    return 0


def _chosen() -> str | None:
    """The user's choice as it is written; None is the embedded model."""
    from lsp_server import paths, settings

    found, problems = settings.read_user_file(paths.config_folder())
    for problem in problems:
        output.fail(problem)
    return found.model


def _resolved(chosen: str | None) -> Path | None:
    """The file of the choice; None, and a sentence, where it is gone."""
    from lsp_server.modelstore import store

    try:
        return store.locate(chosen)
    except ServerError as error:
        output.fail(error)
        return None


def _described(model: Any) -> dict[str, Any]:
    """One entry of the JSON output for a `FoundModel`."""
    from lsp_server.modelstore import catalogue, facts, store

    shipped = model.name == store.EMBEDDED
    entry: dict[str, Any] = {
        "name": model.name,
        "path": str(model.path),
        "source": "embedded" if shipped else model.source,
        "chosen": False,
        "usable": False,
        "why_not": None,
        "next_step": None,
        "title": None,
        "architecture": None,
        "family": None,
        "order": None,
        "parameters": None,
        "quantisation": None,
        "trained_context": None,
        "bytes": 0,
    }
    try:
        entry["bytes"] = sum(part.stat().st_size for part in facts.parts(model.path))
        read = facts.read(model.path)
        entry |= {
            "title": read.name,
            "architecture": read.architecture,
            "parameters": read.parameters,
            "quantisation": read.quantisation,
            "trained_context": read.trained_context,
        }
        fim = store.check_facts(read).fim
        family = catalogue.recognise(read)
        entry |= {
            "usable": True,
            "family": family.name if family else None,
            "order": "self-test" if isinstance(fim, catalogue.Ambiguous) else fim.order,
        }
    except ServerError as error:
        entry |= {"why_not": error.sentence, "next_step": error.next_step or None}
    except OSError as error:
        entry |= {"why_not": f"{model.path} cannot be read ({error.strerror})."}
    return entry


def _table(models: list[dict[str, Any]]) -> None:
    """A table for a terminal, and below it why the refused ones are refused."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for heading in ("model", "where", "size", "parameters", "quantisation", "context", "completes"):
        numeric = heading in ("size", "parameters", "context")
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for entry in models:
        style = "bold green" if entry["chosen"] else "" if entry["usable"] else "dim"
        table.add_row("→" if entry["chosen"] else "", *_cells(entry), _verdict(entry), style=style)
    # The table folds within its own cells; the console's soft wrapping would tear its lines.
    out = output.console()
    out.print(table, soft_wrap=False)
    for entry in models:
        if not entry["usable"]:
            out.print(f"{entry['name']}: {entry['why_not']}", style="dim")


def _line(entry: dict[str, Any]) -> str:
    reason = "" if entry["usable"] else f": {entry['why_not']}"
    return f"{'*' if entry['chosen'] else ' '} {'  '.join((*_cells(entry), _verdict(entry)))}{reason}"


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    known = entry["parameters"] is not None
    return (
        entry["name"],
        entry["source"],
        output.size(entry["bytes"]),
        _count(entry["parameters"]) if known else "?",
        entry["quantisation"] or "?",
        f"{entry['trained_context']:,}" if known else "?",
    )


def _verdict(entry: dict[str, Any]) -> str:
    """Whether it completes, and in which order; `self-test` is found out when the model is loaded."""
    return f"yes, {entry['order']}" if entry["usable"] else "no"


def _count(parameters: int) -> str:
    """7.6 B or 8.4 M, as people speak of models."""
    if parameters >= 999_500_000:
        return f"{parameters / 1e9:.1f} B"
    return f"{parameters / 1e6:.1f} M"
