"""How the commands speak to a person and to a script. The only file, with the commands, that prints.

Findings go to stdout, progress and problems to stderr, so that a pipe receives findings only. On a terminal there
are colours and progress bars; otherwise plain lines, and of progress a line every few seconds at most. `--json`
prints exactly one object. `serve` uses none of this: its stdout belongs to the protocol.
"""

import io
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from lsp_server.errors import ServerError

if TYPE_CHECKING:
    from rich.console import Console

SECONDS_BETWEEN_LINES = 5.0
"""Without a terminal a log gets a line of progress this often, not one per step."""


def console(*, stderr: bool = False) -> "Console":
    """A console on stdout (or stderr) as it is now. Markup is off: names of users may contain `[brackets]`."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def emit_json(answer: Mapping[str, Any]) -> None:
    """Prints one JSON object, and nothing else, on stdout: in ASCII, which no locale and no odd file name spoils."""
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    sys.stdout.flush()


def prepare() -> None:
    """For commands that print: what the terminal's encoding lacks is written as an escape, not as a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def abandoned() -> int:
    """Whoever read our output has gone, as `head` does. Returns the exit code; what is still buffered is dropped."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def fail(error: ServerError) -> int:
    """Tells a user's problem on stderr, the sentence and then the next step. Returns the exit code, 1."""
    out = console(stderr=True)
    out.print(f"codehearth: {error.sentence}", style="bold red")
    if error.next_step:
        out.print(error.next_step)
    return 1


class Progress(Protocol):
    """A piece of work that tells how far it is."""

    def advance(self, amount: float = 1) -> None:
        """So much more is done."""

    def update(self, done: float, total: float | None = None, sentence: str | None = None) -> None:
        """So much is done altogether; the total and the description may become known on the way."""


@contextmanager
def progress(description: str, total: float | None = None, *, unit: str = "") -> Iterator[Progress]:
    """Shows how far a piece of work is, on stderr. `total` None means unknown; `unit` "bytes" shows sizes and rates."""
    if not sys.stderr.isatty():
        lines = _Lines(description, total, unit)
        yield lines
        lines.finish()
        return
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    counted = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), counted, TimeRemainingColumn())
    with Bars(*columns, console=console(stderr=True), transient=True) as bars:
        yield _Bar(bars, bars.add_task(description, total=total))


class _Bar:
    def __init__(self, bars: Any, task: Any) -> None:
        self._bars = bars
        self._task = task

    def advance(self, amount: float = 1) -> None:
        self._bars.advance(self._task, amount)

    def update(self, done: float, total: float | None = None, sentence: str | None = None) -> None:
        self._bars.update(self._task, completed=done, total=total, description=sentence)


class _Lines:
    """Progress for a log: the first line at once, then one every few seconds, and the last when it is finished."""

    def __init__(self, description: str, total: float | None, unit: str) -> None:
        self._description = description
        self._total = total
        self._unit = unit
        self._done = 0.0
        self._began = time.monotonic()
        self._spoke = self._began
        self._out = console(stderr=True)
        self._out.print(f"{description} …")

    def advance(self, amount: float = 1) -> None:
        self.update(self._done + amount)

    def update(self, done: float, total: float | None = None, sentence: str | None = None) -> None:
        self._done = done
        self._total = self._total if total is None else total
        self._description = sentence or self._description
        if time.monotonic() - self._spoke >= SECONDS_BETWEEN_LINES:
            self._spoke = time.monotonic()
            of_total = f" of {self._amount(self._total)}" if self._total is not None else ""
            self._out.print(f"{self._description}: {self._amount(self._done)}{of_total}")

    def finish(self) -> None:
        self._out.print(f"{self._description}: done in {time.monotonic() - self._began:.1f} s")

    def _amount(self, amount: float) -> str:
        return size(amount) if self._unit == "bytes" else f"{amount:,.0f}"


def size(count: float) -> str:
    """A number of bytes for a person: decimal units, as file managers show them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
