"""The entry of every command. Parses the command line; imports only the command that was asked for.

A command file has `add(subparsers)`, which adds its parser under its own name, and `run(arguments) -> int`, which
returns the exit code. Importing one must cost nothing that its `--help` does not need.
Codes: 0 done, 1 a problem that was told, 2 the command line makes no sense, 130 interrupted.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from lsp_server import __version__
from lsp_server.cli import output
from lsp_server.errors import ServerError

COMMANDS: Mapping[str, str] = {
    "serve": "the language server, on stdin and stdout (the default command)",
    "engine": "the process that owns the model; servers start it by themselves",
    "complete": "complete FILE:LINE:COLUMN once and print the text",
    "why": "say what the last suggestion in an open editor was built from",
    "act": "carry out a code action at FILE:RANGE and print the diff",
    "index": "index a folder and say what was found and how long it took",
    "origin": "name the training packages of the embedded model that a text repeats",
    "models": "find, import and choose models that are on this machine",
    "doctor": "check this machine and say what would make completion better",
    "bench": "replay an editing trace through the real server and measure",
    "eval": "measure a code action on held-out packages",
    "demo": "show completions for real code, the truth beside them",
}


class Command(Protocol):
    """A module of this package with the name of its command."""

    def add(self, subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> object: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "-V", "--version")):
        words.insert(0, "serve")  # Editors run `codehearth --stdio`.
    parser, command = _parser(words[0])
    arguments = parser.parse_args(words)
    assert command is not None  # argparse has refused every other word, with exit code 2.
    output.prepare()
    try:
        return command.run(arguments)
    except ServerError as error:
        return output.fail(error)
    except BrokenPipeError:
        return output.abandoned()
    except KeyboardInterrupt:
        return 130


def _parser(wanted: str) -> tuple[argparse.ArgumentParser, Command | None]:
    parser = argparse.ArgumentParser(
        prog="codehearth",
        description="Ghost text from a model on this machine, for any editor that speaks LSP. Nothing leaves it.",
        epilog="`codehearth COMMAND --help` describes one command; without a command it serves an editor.",
    )
    parser.add_argument("-V", "--version", action="version", version=f"codehearth {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    command: Command | None = None
    for name, sentence in COMMANDS.items():
        if name == wanted:
            command = cast(Command, importlib.import_module(f"lsp_server.cli.{name}"))
            command.add(subparsers)
        else:
            subparsers.add_parser(name, help=sentence)
    return parser, command
