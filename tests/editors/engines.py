"""The engine processes that the editor tests leave behind them, found by their home."""

from pathlib import Path

import psutil


def engines(home: Path) -> list[psutil.Process]:
    """The engine processes of this home."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            if "engine" in (process.info["cmdline"] or []) and process.environ().get("CODEHEARTH_HOME") == str(home):
                found.append(process)
        except psutil.Error:  # It has ended, or belongs to somebody else.
            continue
    return found
