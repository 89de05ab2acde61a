"""Runs a program that a model has had a part in: in a process of its own, for a few seconds, without network or files.

The process has an empty folder of its own and bounded time and memory. An audit hook, which the program cannot take
away, refuses sockets, processes and every change of files; where the system allows it the process has no network
devices either. Good enough for the words of a small model; no prison for an adversary.
"""

import ast
import subprocess
import sys
import warnings
from tempfile import TemporaryDirectory

TIMEOUT_S = 30.0
"""Of the clock, on a machine that may be busy; of the processor the program has `CPU_SECONDS`."""

CPU_SECONDS = 3

_GUARD = """\
import sys
program = sys.stdin.read()
if sys.platform == "linux":
    import ctypes, resource
    ctypes.CDLL(None).unshare(0x10000000 | 0x40000000)  # a user and a network of its own; not allowed everywhere
    seconds = int(sys.argv[1])
    for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_AS, 2**30)):
        resource.setrlimit(kind, (most, most))
def refuse(event, arguments):
    if event == "open" and (arguments[2] or 0) & 0x43:  # O_WRONLY, O_RDWR, O_CREAT
        raise PermissionError("no file is written here")
    room = event.partition(".")[0]
    if room in ("socket", "subprocess", "shutil", "ctypes") or (room == "os" and event not in allowed):
        raise PermissionError("not here")
allowed = ("os.listdir", "os.scandir")
compiled = compile(program, "program", "exec")
sys.addaudithook(refuse)
exec(compiled, {"__name__": "__main__"})
"""


def passes(program: str, timeout: float = TIMEOUT_S) -> bool:
    """Whether the program runs to its end without an exception within `timeout` seconds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    with TemporaryDirectory(prefix="codehearth-execution-") as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-B", "-c", _GUARD, str(CPU_SECONDS)],
                input=program,
                text=True,
                encoding="utf-8",
                errors="replace",
                cwd=folder,
                env={"OMP_NUM_THREADS": "1"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0
