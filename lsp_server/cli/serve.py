"""`codehearth serve`: the language server for one editor window. Wires the parts together; their logic is theirs."""

import argparse
import asyncio
import gc
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsp_server.completion.model import ModelState
    from lsp_server.errors import ServerError
    from lsp_server.index.indexer import Indexer
    from lsp_server.index.values import Coverage
    from lsp_server.server.parts import Core, Parts, ReaderOf
    from lsp_server.settings import IndexSettings, Settings

FAKE = "fake:"

SWITCH_SECONDS = 0.001
"""The event loop waits so long for a thread that holds the interpreter, e.g. while it builds snippets. Python's own
5 ms would be felt: a request passes through four threads."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "serve",
        help="the language server, on stdin and stdout (the default command)",
        description="Speaks the Language Server Protocol on stdin and stdout. Editors start it; people rarely do.",
    )
    parser.add_argument("--stdio", action="store_true", help="use stdin and stdout, as is done anyway")
    parser.add_argument("--log-file", type=Path, metavar="FILE", help="also write the log to this file")
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument(
        "-v",
        dest="verbosity",
        action="count",
        default=0,
        help="log everything but source text; -vv logs source text, too",
    )
    loudness.add_argument("-q", dest="verbosity", action="store_const", const=-1, help="log errors only")
    # For tests: answers from a script instead of a model. FILE is JSON, see engine/fake.py.
    parser.add_argument("--engine", type=_script, metavar="fake:FILE", help=argparse.SUPPRESS)
    # For `codehearth bench`: what a model of random weights is made to say. FILE is JSON, see completion/forced.py.
    parser.add_argument("--forced-texts", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    gc.disable()  # What is imported now stays for ever: nothing of it need be looked at before `freeze`.
    from lsp_server import paths
    from lsp_server.server import app, logs, transport

    if sys.stdin.isatty():
        sys.stderr.write("This is a language server; it expects an editor on its input. See `codehearth --help`.\n")
    reader, writer = transport.take_standard_streams()
    logs.configure(arguments.verbosity, arguments.log_file)
    made_of = parts(paths.config_folder(), arguments.engine, arguments.forced_texts)
    server = app.Server(made_of, transport.Transport(reader, writer))
    gc.freeze()
    gc.enable()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        asyncio.run(server.serve())
    except KeyboardInterrupt:
        os._exit(130)  # Worker threads may be inside native code; the interpreter would wait for them.
    return 0


def parts(config: Path, script: Path | None = None, forced_texts: Path | None = None) -> "Parts":
    """Everything that the server is made of. `script` answers instead of a model; a model of random weights says
    `forced_texts`.

    What the answer to `initialize` does not need is imported after it, by `prepare`: an editor waits for that.
    """
    from lsp_server import __version__, paths
    from lsp_server.server.parts import Parts
    from lsp_server.settings import UserFile
    from lsp_server.syntax.languages import LANGUAGES

    def prepare() -> None:
        for name in ("lsp_server.cli.core", "lsp_server.index.indexer"):
            importlib.import_module(name)

    def make_core(settings: "Settings", reader_of: "ReaderOf", on_state: "Callable[[ModelState], None]") -> "Core":
        from lsp_server.cli.core import ServedCore, engine_of, forced_texts_of

        core = ServedCore(engine_of(settings, script), reader_of, on_state, forced_texts_of(forced_texts))
        gc.freeze()
        return core

    def make_indexer(
        folder: Path,
        settings: "IndexSettings",
        progress: "Callable[[Coverage], None]",
        problem: "Callable[[ServerError], None]",
    ) -> "Indexer":
        from lsp_server.index.indexer import Indexer

        return Indexer(folder, settings, paths.cache_folder(), on_progress=progress, on_problem=problem)

    return Parts(
        version=__version__,
        user=UserFile(config),
        make_core=make_core,
        make_indexer=make_indexer,
        suffixes=[suffix for language in LANGUAGES for suffix in language.suffixes],
        strict=script is not None,
        prepare=prepare,
    )


def _script(text: str) -> Path:
    if not text.startswith(FAKE):
        raise argparse.ArgumentTypeError(f"must be {FAKE}FILE")
    return Path(text.removeprefix(FAKE)).resolve()
