"""Four editor windows on three workspaces: how many engines run, and what everything weighs in memory."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import psutil

from lsp_server.evaluate import product
from lsp_server.evaluate.client import EditorClient
from lsp_server.evaluate.machine import engines_below, resident_mb


@attrs.frozen
class WindowFigures:
    """Megabytes of 10^6 bytes. answered: windows whose request was answered. models: distinct models they named."""

    servers: int
    workspaces: int
    answered: int
    engines: int
    models: int
    server_mb: list[float]
    engine_mb: list[float]


async def measure_windows(
    files: Sequence[Path], home: Path, *, options: Mapping[str, Any] | None = None
) -> WindowFigures:
    """Opens one window per file, its workspace being the file's folder, all at the same time, and asks in each.

    home: the CODEHEARTH_HOME they share; only engines in it are counted.
    """
    async with contextlib.AsyncExitStack() as stack:
        editors = [
            await stack.enter_async_context(EditorClient([file.parent], home=home, options=options)) for file in files
        ]
        outcomes = await asyncio.gather(*(_ask(editor, file) for editor, file in zip(editors, files, strict=True)))
        servers = [psutil.Process(editor.process_id) for editor in editors]
        engines = engines_below(home)
        return WindowFigures(
            servers=len(editors),
            workspaces=len({file.parent for file in files}),
            answered=sum(answered for answered, _ in outcomes),
            engines=len(engines),
            models=len({model for _, model in outcomes}),
            server_mb=resident_mb(servers),
            engine_mb=resident_mb(engines),
        )


async def _ask(editor: EditorClient, path: Path) -> tuple[bool, str | None]:
    """Whether a request in the middle of the file was answered, and the model's name."""
    file = editor.open(path)
    status = await product.wait_until_ready(editor, 300)
    line = file.lines.end(file.text, len(file.lines) // 2)
    reply = await editor.inline(file, line)
    return not reply.superseded, status.model
