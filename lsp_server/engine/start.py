"""Starts an engine process so that it outlives the client, the editor and whatever folder they stand in.

The editor starts us inside the workspace, where a file called `struct.py` would be imported and a detached child
would keep the editor's pipes open: hence `-P` in the command (the caller's), a folder of our own and null devices.
"""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsp_server import paths
from lsp_server.errors import EngineUnavailable

_LONGEST_LOG = 2**20
"""Bytes; a longer log is set aside once when an engine starts."""


def log_path() -> Path:
    return paths.log_folder() / "engine.log"


class EngineProcess:
    """A started engine. It is not ours to end; `exit_code` tells when it has ended by itself."""

    def __init__(self, command: Sequence[str]) -> None:
        try:
            log = log_path()
            with contextlib.suppress(OSError):
                if log.stat().st_size > _LONGEST_LOG:
                    log.replace(log.with_suffix(".old.log"))
            with log.open("ab") as errors:
                self._process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    cwd=paths.log_folder(),
                    **_detached(),
                )
        except OSError as error:
            raise EngineUnavailable(
                f"The engine cannot be started ({error.strerror}).", "Run `codehearth doctor`."
            ) from error
        # Somebody has to wait for the child, or it stays behind as a zombie for as long as the editor lives.
        threading.Thread(target=self._process.wait, name="engine-exit", daemon=True).start()

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode


def _detached() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}
