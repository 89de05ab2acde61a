"""Watches the editor's process: a server must not outlive an editor that died without closing its pipe.

Never ends anything itself; it calls back, on its own thread.
"""

import os
import select
import sys
import threading
import time
from collections.abc import Callable

_PERIOD = 2.0
"""Seconds between two looks, where the operating system cannot tell us at once."""


def watch(pid: int, on_death: Callable[[], None]) -> bool:
    """Calls `on_death` once when the process ends; False when there is no such process to watch.

    An editor in another process namespace (containers, WSL) announces an identifier that means nothing here: the end
    of the pipe must then be enough.
    """
    wait = _waiter(pid)
    if wait is None:
        return False

    def run() -> None:
        wait()
        on_death()

    threading.Thread(target=run, name="codehearth-parent", daemon=True).start()
    return True


def _waiter(pid: int) -> Callable[[], None] | None:
    """A function that returns when the process has ended, or `None` when it is not there now."""
    if pid <= 0:
        return None
    if sys.platform == "win32":
        return _windows_waiter(pid)
    if not _alive(pid):
        return None
    if hasattr(os, "pidfd_open"):  # Linux.
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:  # Kernels before 5.3, sandboxes.
            return lambda: _poll(pid)

        def wait_for_descriptor() -> None:
            # Readable as soon as the process has ended, even while nobody has reaped it.
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll()

        return wait_for_descriptor
    return lambda: _poll(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # POSIX only: on Windows this would end the process.
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _poll(pid: int) -> None:
    child_of_it = os.getppid() == pid
    # As its child we see its death even where it stays a zombie or its number is given to another process.
    while _alive(pid) and (not child_of_it or os.getppid() == pid):
        time.sleep(_PERIOD)


def _windows_waiter(pid: int) -> Callable[[], None] | None:
    import ctypes

    synchronize, infinite = 0x00100000, 0xFFFFFFFF
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined, unused-ignore]
    kernel32.OpenProcess.restype = ctypes.c_void_p
    kernel32.WaitForSingleObject.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    handle = kernel32.OpenProcess(synchronize, False, pid)
    if not handle:
        return None

    def wait_for_handle() -> None:
        kernel32.WaitForSingleObject(handle, infinite)

    return wait_for_handle
