"""`codehearth engine`: the process that owns the model. Servers start it by themselves, detached; people rarely do."""

import argparse
import asyncio
import faulthandler
import logging
import sys

from lsp_server.settings import EngineSettings


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "engine",
        help="the process that owns the model; servers start it by themselves",
        description="Owns the model for every editor window of this user. Servers start it when they need it.",
    )
    parser.add_argument(
        "--idle-exit-seconds",
        type=_positive,
        default=60.0,
        metavar="SECONDS",
        help="exit after this time without any client (default: %(default)g)",
    )
    parser.add_argument(
        "--idle-unload-minutes",
        type=_positive,
        default=EngineSettings().idle_unload_minutes,
        metavar="MINUTES",
        help="take the model out of memory after this time without a request (default: %(default)g)",
    )
    parser.add_argument("--log-level", choices=("error", "warning", "info", "debug"), default="info")
    parser.add_argument("--stop", action="store_true", help="ask the running engine to finish its work and exit")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from lsp_server.engine.host import HostOptions, serve

    logging.basicConfig(
        stream=sys.stderr,
        level=arguments.log_level.upper(),
        format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s",
    )
    faulthandler.enable()
    if arguments.stop:
        return asyncio.run(_stop())
    options = HostOptions(
        idle_exit_seconds=arguments.idle_exit_seconds, idle_unload_minutes=arguments.idle_unload_minutes
    )
    return asyncio.run(serve(options))


async def _stop() -> int:
    from lsp_server.engine.client import drain_running_engine

    await drain_running_engine()
    return 0


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return value
