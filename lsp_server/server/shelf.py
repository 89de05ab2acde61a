"""The last explanations of this server, in a file that `codehearth why` reads. Never holds source text.

`<runtime folder>/servers/<pid>.json`, private to the user like the folder, replaced at once and removed at the end:

    {"pid": int, "version": str, "explanations": [
        {"uri": str, "at": seconds since the epoch, "why": `codehearth/why`'s answer without the snippets' text}]}

One entry per document, the newest first. What a killed server leaves behind is removed by the next reader.
"""

import asyncio
import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from lsp_server import paths
from lsp_server.completion.query import Explanation
from lsp_server.errors import ServerError
from lsp_server.server.extensions import wire

logger = logging.getLogger("codehearth.server.shelf")

FOLDER = "servers"
ENTRIES = 20
SECONDS = 0.5
"""Between two writes: one per key would be for nothing, and a person who asks has stopped typing."""


class Shelf:
    """Filled on the event loop, written on a thread."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._entries: dict[str, dict[str, Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing = threading.Lock()
        self._closed = False

    def put(self, uri: str, explanation: Explanation) -> None:
        """Keeps it from now on, and in the file within half a second. Costs microseconds."""
        self._entries.pop(uri, None)
        self._entries[uri] = {"uri": uri, "at": time.time(), "explanation": explanation}
        if len(self._entries) > ENTRIES:
            del self._entries[next(iter(self._entries))]
        if self._timer is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SECONDS, self._hand_over, loop)

    def close(self) -> None:
        """Removes the file."""
        if self._timer is not None:
            self._timer.cancel()
        with self._writing:
            self._closed = True
            try:
                _place().unlink(missing_ok=True)
            except (OSError, ServerError):  # There never was a file, or it is somebody else's affair.
                pass

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        loop.run_in_executor(None, self._write, list(reversed(self._entries.values())))

    def _write(self, entries: list[dict[str, Any]]) -> None:
        body = {
            "pid": os.getpid(),
            "version": self._version,
            "explanations": [
                {"uri": entry["uri"], "at": entry["at"], "why": without_text(entry["explanation"])} for entry in entries
            ],
        }
        with self._writing:
            if self._closed:
                return
            try:
                place = _place()
                place.parent.mkdir(mode=0o700, exist_ok=True)
                new = place.with_suffix(".new")
                new.write_text(json.dumps(body), encoding="utf-8")
                new.replace(place)
            except (OSError, ServerError) as error:
                # `codehearth why` will find nothing; nobody's suggestions suffer.
                logger.info("The last explanations cannot be kept (%s).", error)


def without_text(explanation: Explanation) -> dict[str, Any]:
    """JSON of an explanation, its snippets named but not quoted."""
    answer: dict[str, Any] = wire(explanation)
    for snippet in answer["snippets"]:
        del snippet["text"]
    return answer


def _place() -> Path:
    return paths.runtime_folder() / FOLDER / f"{os.getpid()}.json"
