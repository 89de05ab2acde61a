"""The machine that figures come from, and the processes on it: no figure without the place it was measured."""

import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

import attrs
import psutil

from lsp_server import __version__, paths


@attrs.frozen
class Machine:
    """load_average: processes that wanted a core, averaged over a minute, before the measurement began."""

    codehearth: str
    python: str
    system: str
    processor: str
    cores: int
    memory_gb: float
    load_average: float


def this_machine() -> Machine:
    return Machine(
        codehearth=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        load_average=round(psutil.getloadavg()[0], 2),
    )


def engines_below(home: Path) -> list[psutil.Process]:
    """The engine processes of this user that keep their things in `home`."""
    return [process for process in psutil.process_iter(["cmdline"]) if _is_engine(process, home)]


def resident_mb(processes: Iterable[psutil.Process]) -> list[float]:
    """Memory of each process that still runs, in megabytes (10^6 bytes), shared pages included."""
    found = []
    for process in processes:
        try:
            found.append(round(process.memory_info().rss / 1e6, 1))
        except psutil.NoSuchProcess:
            continue
    return found


def _is_engine(process: psutil.Process, home: Path) -> bool:
    words = process.info["cmdline"] or []
    if "lsp_server" not in words or "engine" not in words:
        return False
    try:
        return process.environ().get(paths.HOME_VARIABLE) == str(home)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
