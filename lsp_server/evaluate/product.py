"""codehearth's own requests, as its client sees them: status, why, loop lag; and waiting until it is ready.

The shapes are those of `server/extensions.py`, read here from plain JSON: this room stays outside the server.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from lsp_server.errors import ServerError
from lsp_server.evaluate.client import EditorClient, OpenFile
from lsp_server.evaluate.keystrokes import fingerprint
from lsp_server.evaluate.wire import METHOD_NOT_FOUND, RequestFailed


@attrs.frozen
class Status:
    """`codehearth/status`: `message` is a sentence for a person, `model` the name of the loaded model."""

    state: str
    busy: bool
    message: str
    silence: str | None
    model: str | None


@attrs.frozen
class Used:
    """A snippet of the repository that was in the prompt, with the reason a person is shown."""

    path: str
    source: str
    reason: str
    lines: tuple[int, int] | None


@attrs.frozen
class Why:
    """`codehearth/why`: what the last answer for a document was built from. Milliseconds per hop, counts of tokens."""

    mode: str
    snippets: tuple[Used, ...]
    from_cache: bool
    reanchored: str | None
    reused: int
    evaluated: int
    generated: int
    milliseconds: Mapping[str, float]
    logprob: float | None
    silence: str | None
    detail: str
    also_at: str | None = None
    like_at: str | None = None

    @property
    def reached_engine(self) -> bool:
        """Whether the engine worked for this answer; one that shares an earlier answer's generation does not."""
        return not self.from_cache and "prefill" in self.milliseconds

    @property
    def prompt_tokens(self) -> int:
        """0 where the engine did not come to count them."""
        return self.reused + self.evaluated

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> "Why":
        snippets = tuple(
            Used(used["path"], used["source"], used["reason"], tuple(used["lines"]) if used["lines"] else None)
            for used in raw["snippets"]
        )
        return cls(
            mode=raw["mode"],
            snippets=snippets,
            from_cache=raw["fromCache"],
            reanchored=raw["reanchored"],
            reused=raw["reused"],
            evaluated=raw["evaluated"],
            generated=raw["generated"],
            milliseconds=raw["milliseconds"],
            logprob=raw["logprob"],
            silence=raw["silence"],
            detail=raw["detail"],
            also_at=raw.get("alsoAt"),
            like_at=raw.get("likeAt"),
        )


@attrs.frozen
class Lag:
    """How long the server's event loop kept callers waiting, in milliseconds; `longer_than_5` counts such waits."""

    count: int
    maximum: float
    longer_than_5: int


def read_status(raw: Mapping[str, Any]) -> Status:
    return Status(raw["state"], raw["busy"], raw["message"], raw.get("silence"), raw.get("model"))


async def status(editor: EditorClient) -> Status:
    return read_status(await editor.request("codehearth/status", {}))


async def why(editor: EditorClient, file: OpenFile) -> Why | None:
    """The explanation of the last answer for `file`; None where there was none."""
    raw = await editor.request("codehearth/why", {"textDocument": {"uri": file.uri}})
    return Why.read(raw) if raw is not None else None


async def watch_lag(editor: EditorClient) -> None:
    """Starts counting anew."""
    await editor.request("codehearth/lag", {"on": True, "reset": True})


async def lag(editor: EditorClient) -> Lag:
    """What was counted since `watch_lag`; the probe is switched off."""
    raw = await editor.request("codehearth/lag", {"on": False})
    late = sum(slot["count"] for slot in raw["histogram"] if slot["upTo"] is None or slot["upTo"] > 5)
    return Lag(raw["count"], raw["maximum"], late)


async def wait_until_ready(
    editor: EditorClient, timeout: float, on_status: Callable[[Status], None] | None = None
) -> Status:
    """Waits until the workspace is indexed and the model loaded (a document must be open). `timeout` in seconds.

    Raises ServerError when the server says that it cannot get ready, TimeoutError when it says nothing.
    """
    seen = len(editor.received("codehearth/status"))
    current = await status(editor)
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        if on_status is not None:
            on_status(current)
        if current.state == "error":
            # The server's sentence ends with its own next step.
            raise ServerError(current.message or "The server cannot work. Run `codehearth doctor`.")
        if current.state == "ready" and current.model is not None and not current.busy:
            return current
        if current.state in ("off", "paused"):
            raise ServerError(current.message, "Switch `completion.enabled` on in your settings.")
        left = deadline - asyncio.get_running_loop().time()

        def moved(before: int = seen) -> bool:
            return len(editor.received("codehearth/status")) > before

        await editor.wait_for(moved, left, "getting ready")
        received = editor.received("codehearth/status")
        seen = len(received)
        current = read_status(received[-1])


async def same_text(editor: EditorClient, file: OpenFile) -> bool | None:
    """Whether the server's text is the editor's, by SHA-256; None where the server does not tell."""
    try:
        raw = await editor.request("codehearth/document", {"textDocument": {"uri": file.uri}})
    except RequestFailed as failed:
        if failed.code == METHOD_NOT_FOUND:
            return None
        raise
    return raw is not None and bool(raw["version"] == file.version and raw["sha256"] == fingerprint(file.text))
