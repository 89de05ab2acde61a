"""One completion at one place, asked through the real server as an editor would. What `complete` and `demo` share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from lsp_server.evaluate import product
from lsp_server.evaluate.client import EditorClient
from lsp_server.evaluate.product import Why


@attrs.frozen
class Asking:
    """What came back. texts: what each item would insert, best first; empty where nothing is shown. milliseconds: from
    the request to the parsed answer."""

    texts: tuple[str, ...]
    milliseconds: float
    why: Why | None

    @property
    def text(self) -> str | None:
        return self.texts[0] if self.texts else None


async def ask_once(editor: EditorClient, path: Path, text: str, offset: int, language: str) -> Asking:
    """Opens the file with this text, asks at `offset` as somebody who pressed the key for it, and closes the file."""
    file = editor.open(path, text, language=language)
    await product.wait_until_ready(editor, 600)
    reply = await editor.inline(file, offset, automatic=False)
    explanation = await product.why(editor, file)
    editor.close(file)
    return Asking(tuple(str(item["insertText"]) for item in reply.items), reply.milliseconds, explanation)


def percentages(show: Callable[[float, str], None]) -> Callable[[str, Any], None]:
    """A listener for `EditorClient.on_notification` that hands each step of work-done progress on: (percent, what)."""

    titles: dict[Any, str] = {}

    def listen(method: str, params: Any) -> None:
        value = params.get("value") if method == "$/progress" else None
        if not isinstance(value, dict):
            return
        title = titles.setdefault(params["token"], value.get("title") or "Working")
        message = value.get("message")
        if value.get("kind") == "end":
            show(100.0, title)
        else:
            show(float(value.get("percentage") or 0), f"{title}: {message}" if message else title)

    return listen
