"""What the server logs, where to, and what never gets there: the user's source text, at any level above TRACE."""

import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal

from lsp_server.errors import ServerError
from lsp_server.trace import TRACE

Level = Literal["error", "warning", "info", "debug"]

OURS = ("codehearth", "lsp_server")
"""The loggers that follow the chosen level; everybody else's speak from WARNING on."""

PROTOCOL = ("pygls", "lsprotocol")
"""Loggers that print whole messages, source text included: silent above TRACE, even in their errors."""

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class SafeFormatter(logging.Formatter):
    """Prints an exception as its type and the places it passed, since its words may quote the user's text."""

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802  # The name is logging's.
        kind, error, _ = ei
        if error is None or kind is None:
            return ""
        if logging.getLogger(OURS[0]).isEnabledFor(TRACE):
            return super().formatException(ei)
        return describe(error)


def describe(error: BaseException) -> str:
    """Type, places and causes of an exception, without a word of its message."""
    lines = [
        f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    ]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    inner = [f"caused by {describe(cause)}"] if cause is not None else []
    return "\n".join([type(error).__name__, *lines, *inner])


def configure(verbosity: int, file: Path | None) -> None:
    """Sets up logging for one process: quiet on stderr at start, since some editors show every line of it as an error.

    verbosity: -1 errors only, 0 warnings on stderr and information in the file, 1 everything but text, 2 TRACE.
    Raises ServerError where the file cannot be written.
    """
    level = {-1: logging.ERROR, 0: logging.INFO, 1: logging.DEBUG}.get(verbosity, TRACE)
    formatter = SafeFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setLevel(logging.WARNING if verbosity == 0 else level)
    handlers: list[logging.Handler] = [stderr]
    if file is not None:
        try:
            handlers.append(logging.FileHandler(file, encoding="utf-8"))
        except OSError as error:
            raise ServerError(
                f"The log cannot be written to {file} ({error.strerror}).", "Choose another --log-file."
            ) from error
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.handlers[:] = handlers
    for handler in handlers:
        handler.setFormatter(formatter)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    pin_protocol_loggers()


def pin_protocol_loggers() -> None:
    tracing = logging.getLogger(OURS[0]).isEnabledFor(TRACE)
    for name in PROTOCOL:
        logging.getLogger(name).setLevel(logging.DEBUG if tracing else logging.CRITICAL + 1)


class EditorHandler(logging.Handler):
    """Hands our own records to the editor's log window, from the level its user chose."""

    def __init__(self, send: Callable[[int, str], None]) -> None:
        """`send(level, message)` must accept calls from any thread and never raise."""
        super().__init__(logging.WARNING)
        self._send = send
        self.setFormatter(SafeFormatter("%(message)s"))

    def follow(self, level: Level) -> None:
        self.setLevel(level.upper())

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in OURS:
            self._send(record.levelno, self.format(record))
